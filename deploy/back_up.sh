#!/usr/bin/env bash
# Backs up Dagster's state and a lake on disk to a folder: back_up.sh FOLDER.
# Runs may continue: Postgres is dumped in one transaction, SQLite with its backup API, and the lake's
# files are replaced atomically. A lake on S3 is protected by the bucket's versioning.
set -euo pipefail
to=$(realpath --canonicalize-missing "${1:?name the folder for the backup}")
cd "$(dirname "$0")/.."
# As the platform reads it: from the environment or from .env.
lake=$(.venv/bin/python -c 'from off_platform.settings import settings; print(settings().lake)')
mkdir -p "$to"
if [ -n "${DAGSTER_PG_HOST:-}" ]; then
    PGPASSWORD=$DAGSTER_PG_PASSWORD pg_dump --host "$DAGSTER_PG_HOST" --username "$DAGSTER_PG_USER" \
        --format custom --file "$to/dagster.dump.part" "$DAGSTER_PG_DB"
    mv "$to/dagster.dump.part" "$to/dagster.dump"
else
    .venv/bin/python deploy/back_up_sqlite.py var/dagster "$to/dagster"
fi
case $lake in
    *://*) echo "The lake is in a bucket, $lake: enable versioning there." ;;
    *)
        [ -d "$lake" ] || { echo "There is no lake at $lake; is OFF_PLATFORM_LAKE right?" >&2; exit 1; }
        mkdir -p "$to/lake"
        # Unchanged files of an older backup stay; the scratch folder is not backed up. tar exits with 1 if
        # files were replaced while it read them.
        (cd "$lake" && find . -type f -not -path './.scratch/*' -print0 |
            { tar --create --null --files-from - --ignore-failed-read || [ $? -eq 1 ]; }) |
            tar --extract --directory "$to/lake"
        echo "The lake at $lake is backed up."
        ;;
esac
echo "Backed up to $to."

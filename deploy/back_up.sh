#!/bin/sh
# Backs Dagster's state and a lake on disk up into a folder: back_up.sh FOLDER.
# Runs may go on: Postgres is dumped in one transaction, SQLite by its own backup, and the lake's
# files are replaced whole or not at all. A lake on S3 is backed up by the bucket's versions.
set -eu
to=${1:?name the folder that the backup goes to}
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$to"
if [ -n "${DAGSTER_PG_HOST:-}" ]; then
    PGPASSWORD=$DAGSTER_PG_PASSWORD pg_dump --host "$DAGSTER_PG_HOST" --username "$DAGSTER_PG_USER" \
        --format custom --file "$to/dagster.dump.part" "$DAGSTER_PG_DB"
    mv "$to/dagster.dump.part" "$to/dagster.dump"
else
    "$here/.venv/bin/python" "$here/deploy/back_up_sqlite.py" "$here/var/dagster" "$to/dagster"
fi
case ${OFF_PLATFORM_LAKE:-var/lake} in
    *://*) echo "The lake is in a bucket: keep its versions there." ;;
    *)
        lake=${OFF_PLATFORM_LAKE:-$here/var/lake}
        mkdir -p "$to/lake"
        # Unchanged files of an older backup are kept; the scratch is nobody's.
        (cd "$lake" && find . -type f -not -path './.scratch/*' -print0 |
            tar --create --null --files-from - --ignore-failed-read) | tar --extract --directory "$to/lake"
        ;;
esac
echo "Backed up into $to."

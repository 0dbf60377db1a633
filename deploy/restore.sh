#!/usr/bin/env bash
# Restores a backup: restore.sh FOLDER. Stop daemon and webserver first.
set -euo pipefail
from=$(realpath "${1:?name the folder of the backup}")
cd "$(dirname "$0")/.."
lake=$(.venv/bin/python -c 'from off_platform.settings import settings; print(settings().lake)')
if [ -n "${DAGSTER_PG_HOST:-}" ]; then
    PGPASSWORD=$DAGSTER_PG_PASSWORD pg_restore --host "$DAGSTER_PG_HOST" --username "$DAGSTER_PG_USER" \
        --dbname "$DAGSTER_PG_DB" --clean --if-exists --single-transaction "$from/dagster.dump"
elif [ -d "$from/dagster" ]; then
    # The previous state is kept until the next restore.
    rm -rf var/dagster.before
    [ ! -d var/dagster ] || mv var/dagster var/dagster.before
    mkdir -p var && cp -R "$from/dagster" var/dagster
fi
if [ -d "$from/lake" ]; then
    case $lake in
        *://*) echo "The backup contains a lake on disk, but the configured lake is in a bucket: $lake." >&2; exit 1 ;;
    esac
    mkdir -p "$lake" && cp -R "$from/lake/." "$lake"
fi
echo "Restored from $from."

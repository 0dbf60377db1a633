#!/bin/sh
# Puts a backup back: restore.sh FOLDER. Stop daemon and webserver before.
set -eu
from=${1:?name the folder of the backup}
here=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${DAGSTER_PG_HOST:-}" ]; then
    PGPASSWORD=$DAGSTER_PG_PASSWORD pg_restore --host "$DAGSTER_PG_HOST" --username "$DAGSTER_PG_USER" \
        --dbname "$DAGSTER_PG_DB" --clean --if-exists --single-transaction "$from/dagster.dump"
elif [ -d "$from/dagster" ]; then
    # What was there steps aside until the next restore.
    rm -rf "$here/var/dagster.before"
    [ -d "$here/var/dagster" ] && mv "$here/var/dagster" "$here/var/dagster.before"
    mkdir -p "$here/var" && cp -R "$from/dagster" "$here/var/dagster"
fi
if [ -d "$from/lake" ]; then
    lake=${OFF_PLATFORM_LAKE:-$here/var/lake}
    mkdir -p "$lake" && cp -R "$from/lake/." "$lake"
fi
echo "Restored from $from."

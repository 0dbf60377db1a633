"""Generates a home of Dagster with many imports: `python -m benchmarks.history_home FOLDER NUMBER`.

One file is imported by the platform, in a run of its own. Its rows in Dagster's tables are then
copied for each other file, with a run, a partition, ids and times of its own, as they are once
their logs were deleted: through Dagster, it would take hours. The inbox has all files, and the
sensor has seen them.
"""

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.measuring import REPOSITORY
from off_platform.automation.runs import opened_home
from off_platform.cli.imports_run import run_import
from off_platform.definitions import definitions
from off_platform.imports.intake.inbox import look
from off_platform.imports.intake.originals import key_of
from off_platform.settings import Settings
from off_platform.storage.objects import Source

INBOX, LAKE, CURSOR = "inbox", "lake", "cursor.json"
HISTORY = Path("var/dagster/storage/history")
# Of a run whose log was deleted, these are left.
_LEFT = "dagster_event_type LIKE 'ASSET_MATERIALIZATION%' OR dagster_event_type LIKE 'PIPELINE%'"
_INDEX = {
    "event_logs": _LEFT,
    "asset_event_tags": "true",
    "asset_check_executions": "true",
    "dynamic_partitions": "true",
}
_RUNS = {"runs": "true", "run_tags": "true"}
_EVENT_IDS = {"event_id", "evaluation_event_storage_id", "materialization_event_storage_id"}
_DATES = {"timestamp", "event_timestamp", "evaluation_event_timestamp", "create_timestamp",
          "update_timestamp"}  # fmt: skip
_MOMENTS = {"start_time", "end_time"}
# An import every half hour: 20,000 in more than a year.
_APART_SECONDS = 1800


def settings() -> Settings:
    """The settings of the home in the current folder."""
    return Settings(_env_file=None, lake=LAKE, inbox=INBOX, import_folders="/")


def make(number: int) -> None:
    """Makes the home in the current folder."""
    shutil.copy(REPOSITORY / "dagster.yaml", ".")
    files = _files(number)
    with opened_home(settings()) as instance:
        first, result = run_import(definitions(of=settings()), instance, files[0])
    if not result.success:
        raise ValueError(f"The import of {files[0]} failed.")
    names = {"import": first, "run": result.run_id}
    _copy(HISTORY / "runs" / "index.db", _INDEX, names, files[1:])
    _copy(HISTORY / "runs.db", _RUNS, names, files[1:])
    (HISTORY / "runs" / f"{result.run_id}.db").unlink()
    # At the second look, files that did not change are complete.
    seen = json.loads(look(Source(INBOX), None).cursor)["seen"]
    Path(CURSOR).write_text(json.dumps({"seen": "", "taken": seen}))


def _files(number: int) -> list[Path]:
    inbox = Path(INBOX)
    inbox.mkdir()
    files = [inbox / f"part{at:06d}.csv" for at in range(number)]
    for at, file in enumerate(files):
        file.write_text(f"code,product_name\n3017620422003,Spread {at}\n")
    return files


def _copy(path: Path, tables: dict[str, str], names: dict[str, str], files: list[Path]) -> None:
    """Copies rows of tables, once for each file."""
    with closing(sqlite3.connect(path)) as database, database:
        most = 1 + max(
            database.execute(f"SELECT max(id) FROM {table}").fetchone()[0] for table in tables
        )
        for table, which in tables.items():
            read = database.execute(f"SELECT * FROM {table} LIMIT 0")
            columns = [each[0] for each in read.description]
            values = ", ".join(map(_value, columns))
            database.execute(f"CREATE TEMP TABLE one AS SELECT * FROM {table} WHERE {which}")
            insert = f"INSERT INTO {table} SELECT {values} FROM one"
            database.executemany(insert, _changes(names, files, most))
            database.execute("DROP TABLE one")
        if "event_logs" in tables:
            # Dagster's cache of the partitions was made with one import.
            database.execute("UPDATE asset_keys SET cached_status_data = NULL")


def _value(column: str) -> str:
    """A column of a copy, as SQL."""
    if column == "id" or column in _EVENT_IDS:
        return f"{column} + :at * :most"
    if column in _DATES:
        return f"strftime('%Y-%m-%d %H:%M:%f', {column}, -:earlier || ' seconds')"
    if column in _MOMENTS:
        return f"{column} - :earlier"
    return (
        f"CASE typeof(\"{column}\") WHEN 'text' THEN "
        f'replace(replace("{column}", :old_import, :new_import), :old_run, :new_run) '
        f'ELSE "{column}" END'
    )


def _changes(names: dict[str, str], files: list[Path], most: int) -> Iterator[dict[str, Any]]:
    for at, file in enumerate(files, 1):
        yield {
            "at": at,
            "earlier": (len(files) - at) * _APART_SECONDS,
            "most": most,
            "old_import": names["import"],
            "new_import": key_of(file),
            "old_run": names["run"],
            "new_run": str(UUID(int=at)),
        }


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    make(int(sys.argv[2]))

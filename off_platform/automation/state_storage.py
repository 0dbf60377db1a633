"""Dagster's SQLite storage, whose files are created by one process at a time, whole or not at all.

Two processes that create Dagster's tables concurrently can leave a home that never opens again
("more than one head present"), and so can one that dies among them ("requires the dynamic
partitions table"): Dagster takes any existing file for a complete one. Configured in
`dagster.yaml`.
"""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from off_platform.automation.event_log import EventLog
from off_platform.storage.locks import locked
from off_platform.storage.syncing import sync_one

_FILES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
_EVENTS = ("history", "runs")
_NEW = ".new"


class LockedSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage; its folder is locked while its files are created or opened."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Opens the files, one process at a time.

        Args:
            base_dir: their folder.
            inst_data: see Dagster's own.
        """
        Path(base_dir).mkdir(parents=True, exist_ok=True)
        with locked(Path(base_dir), wait=True):
            _create_missing(Path(base_dir))
            super().__init__(base_dir, inst_data)
            self._event_log_storage = EventLog(str(Path(base_dir, *_EVENTS)))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "LockedSqliteStorage":
        """See Dagster's own, which makes its own class."""
        return cls(str(config_value["base_dir"]), inst_data)


def _create_missing(base: Path) -> None:
    """Creates the files that are missing, aside, and moves each into place when it is complete."""
    missing = [name for name in _FILES if not (base / name).exists()]
    if not missing:
        return
    aside = base / _NEW
    # The remains of a process that died here.
    shutil.rmtree(aside, ignore_errors=True)
    DagsterSqliteStorage(str(aside)).dispose()
    for name in missing:
        with closing(sqlite3.connect(aside / name)) as file:
            # What is still in the log beside the file would not be moved with it.
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sync_one(aside / name)
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).replace(base / name)
        sync_one((base / name).parent)
    shutil.rmtree(aside)

"""Dagster's event log in SQLite, with files that stay open.

Dagster's own makes an engine for each statement, which compiles the statement anew, opens the file
and writes its journal back: 300 results of checks took 2.7 times the CPU time with it, in one run.

Each run has a file of 115 kB and more. What is left of a run whose log was deleted is in the index.
`state_storage.py` uses it, and `history.py` deletes logs.
"""

import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, QueuePool, create_engine, select

from off_platform.automation.check_states import CheckStates
from off_platform.automation.known_partitions import KnownPartitions

# A run writes to its own file and the index; a webserver reads the files of several runs.
MOST_OPEN = 8


class EventLog(CheckStates, KnownPartitions, SqliteEventLogStorage):
    """See the module."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """See Dagster's own."""
        self._open: dict[str, Engine] = {}
        weakref.finalize(self, _close, self._open)
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _engine(self, shard: str) -> Engine:
        """The engine of a file; the least recently used one is closed."""
        engine = self._open.pop(shard, None) or create_engine(
            self.conn_string_for_shard(shard),
            # One thread at a time has the lock; Dagster opens a second one to create tables.
            poolclass=QueuePool,
            pool_size=1,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        self._open[shard] = engine
        if len(self._open) > MOST_OPEN:
            self._open.pop(next(iter(self._open))).dispose()
        return engine

    @cached_property
    def supports_asset_checks(self) -> bool:
        """See Dagster's own, which asks for the table at each result of a check."""
        return bool(super().supports_asset_checks)

    def run_connection(self, run_id: str | None = None) -> Any:
        """The file of a run, or the index, if it has none."""
        name = run_id or ""
        return self._connect(name if self._has_file(name) else INDEX_SHARD_NAME)

    def _has_file(self, run_id: str) -> bool:
        return Path(self.path_for_shard(run_id)).exists()

    def store_event(self, event: dg.EventLogEntry) -> None:
        """See Dagster's own; the webserver notices events by the time of the run's file."""
        if not self._has_file(event.run_id):
            if self._is_in_index(event.run_id):
                super().store_event(event)
                return
            self._initialized_dbs.discard(event.run_id)
            with self._connect(event.run_id):
                """Creates it."""
        super().store_event(event)
        # An open file is written to its journal only.
        os.utime(self.path_for_shard(event.run_id))

    def _is_in_index(self, run_id: str) -> bool:
        """Whether the run has begun; without a file, its log was deleted then."""
        of = SqlEventLogStorageTable.c
        query = select(of.id).where(of.run_id == run_id).limit(1)
        with self.index_connection() as connection:
            return connection.execute(query).first() is not None

    def move_to_index(self, run_id: str, event_types: Sequence[str]) -> None:
        """Deletes the file of a run; can be interrupted at any time.

        Args:
            run_id: of a run that has ended.
            event_types: of the events that are copied to the index. Dagster stores those of assets
                and of the status of runs there, too.
        """
        if not self._has_file(run_id):
            return
        columns = [each for each in SqlEventLogStorageTable.c if each.name != "id"]
        of_run = SqlEventLogStorageTable.c.run_id == run_id
        of_types = SqlEventLogStorageTable.c.dagster_event_type.in_(event_types)
        query = select(*columns).where(of_run, of_types).order_by(SqlEventLogStorageTable.c.id)
        with self.run_connection(run_id) as connection:
            events = [dict(each) for each in connection.execute(query).mappings()]
        with self.index_connection() as connection:
            there = {each["event"] for each in connection.execute(query).mappings()}
            if missing := [each for each in events if each["event"] not in there]:
                connection.execute(SqlEventLogStorageTable.insert(), missing)
        self.delete_file(run_id)

    def delete_file(self, run_id: str) -> None:
        """Deletes the file of a run with what is beside it, if there is one."""
        with self._db_lock:
            if engine := self._open.pop(run_id, None):
                engine.dispose()
            self._initialized_dbs.discard(run_id)
            for suffix in ("-wal", "-shm", ""):
                Path(f"{self.path_for_shard(run_id)}{suffix}").unlink(missing_ok=True)

    def dispose(self) -> None:
        """See Dagster's own."""
        super().dispose()
        with self._db_lock:
            _close(self._open)


def _close(engines: dict[str, Engine]) -> None:
    while engines:
        engines.popitem()[1].dispose()

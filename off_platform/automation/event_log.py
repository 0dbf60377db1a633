"""Dagster's event log in SQLite, with files that stay open.

Dagster's own makes an engine for each statement, which compiles the statement anew, opens the file
and writes its journal back: 300 results of checks took 2.7 times the CPU time with it, in one run.
`state_storage.py` uses it.
"""

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, QueuePool, create_engine

# A run writes to its own file and the index; a webserver reads the files of several runs.
MOST_OPEN = 8


class EventLog(SqliteEventLogStorage):
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

    def store_event(self, event: dg.EventLogEntry) -> None:
        """See Dagster's own; the webserver notices events by the time of the run's file."""
        super().store_event(event)
        # An open file is written to its journal only.
        os.utime(self.path_for_shard(event.run_id))

    def dispose(self) -> None:
        """See Dagster's own."""
        super().dispose()
        with self._db_lock:
            _close(self._open)


def _close(engines: dict[str, Engine]) -> None:
    while engines:
        engines.popitem()[1].dispose()

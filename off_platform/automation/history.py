"""Dagster's history, bounded: what is older than so many days and no longer needed is deleted.

A run is kept while it is the last to materialise or observe an asset or one of its partitions:
without its events, that month or import would be shown as missing. Of such a run, only the log is
deleted. Check results are stored apart from runs: of each check, the newest result of each
partition is kept. The platform's data is in the lake and is not touched.

Dagster's own `delete_run` would delete all of a run. The job is in `history_job.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import sqlalchemy
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import (
    SqlEventLogStorage,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME

from off_platform.automation.event_log import EventLog
from off_platform.storage.locks import locked

# SQLite and Dagster both limit the size of a query.
AT_ONCE = 500
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# Of Postgres; any number that no other program of the database uses.
_LOCK = 0x0FF_91A7_F023
# On a run whose log was deleted; its value is the run's id, as a repeated run copies all tags.
LOG_DELETED = "log_deleted"
# Of a run that is kept, these are deleted. The results of its checks are in a table of their own.
_LOG_ONLY = (
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.HANDLED_OUTPUT,
    dg.DagsterEventType.LOADED_INPUT,
    dg.DagsterEventType.LOGS_CAPTURED,
    dg.DagsterEventType.RESOURCE_INIT_STARTED,
    dg.DagsterEventType.RESOURCE_INIT_SUCCESS,
    dg.DagsterEventType.STEP_INPUT,
    dg.DagsterEventType.STEP_OUTPUT,
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_WORKER_STARTED,
    dg.DagsterEventType.STEP_WORKER_STARTING,
)
# The verdict, and why a step failed: in SQLite only in the file of the run.
_MOVED = (
    dg.DagsterEventType.ENGINE_EVENT,
    dg.DagsterEventType.STEP_FAILURE,
)


@dataclass(frozen=True)
class Forgotten:
    """What was deleted, or would be.

    Attributes:
        forgotten: ids of the old finished runs that were deleted.
        needed: ids of those that are kept.
        trimmed: those of the kept ones whose log was deleted now; of others it was before.
        results: number of results of checks with a newer result of the same partition.
    """

    forgotten: list[str]
    needed: list[str]
    trimmed: list[str]
    results: int


def forget_history(
    instance: dg.DagsterInstance, before: datetime, *, dry_run: bool = False
) -> Forgotten:
    """Deletes old runs, logs and results of checks. Can be interrupted at any time.

    While another process does the same, it waits.

    Args:
        instance: the Dagster instance with the runs.
        before: runs without an update since then, and results from before, are old.
        dry_run: only report what would be deleted.
    """
    with nullcontext() if dry_run else _alone(instance):
        return _forgotten(instance, before, dry_run=dry_run)


@contextmanager
def _alone(instance: dg.DagsterInstance) -> Iterator[None]:
    """One process at a time: two would delete the same files, and copy the same events.

    A lock of the database or the disk, which ends with the process.
    """
    events = _sql_events(instance)
    if isinstance(events, EventLog):
        with locked(Path(events.path_for_shard(INDEX_SHARD_NAME)).parent, wait=True):
            yield
        return
    with events.index_connection() as connection:
        connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_lock(_LOCK)))
        try:
            yield
        finally:
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_unlock(_LOCK)))


def _forgotten(instance: dg.DagsterInstance, before: datetime, *, dry_run: bool) -> Forgotten:
    old = _old_runs(instance, before)
    last = set(instance.get_run_ids(limit=1))
    needed = _needed_runs(instance) | last if old else set()
    trimmed = {run for _, runs in instance.get_run_tags([LOG_DELETED]) for run in runs} | last
    results = _superseded_results(instance, before)
    found = Forgotten(
        [run for run in old if run not in needed],
        [run for run in old if run in needed],
        [run for run in old if run in needed - trimmed],
        len(results),
    )
    if not dry_run:
        for run in found.forgotten:
            _forget(instance, run)
        for run in found.trimmed:
            _trim(instance, run)
        _delete_results(instance, results)
    if found.forgotten and not dry_run:
        # Dagster caches failed partitions per asset, and would keep them without their runs.
        instance.wipe_asset_cached_status(instance.get_asset_keys())
    return found


def _old_runs(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """All old runs, the oldest first; not in pages: one after a deleted run would be empty."""
    ended = dg.RunsFilter(statuses=FINISHED, updated_before=before)
    return list(reversed(instance.get_run_ids(ended)))


def _needed_runs(instance: dg.DagsterInstance) -> set[str]:
    """Runs with the last event of an asset or a partition.

    The last run of all is needed, too: without it, SQLite would reuse the ids of its events for
    the next run, and sensors would take those events for ones they have already seen.
    """
    needed: set[str] = set()
    looks = {
        dg.DagsterEventType.ASSET_MATERIALIZATION: instance.fetch_materializations,
        dg.DagsterEventType.ASSET_OBSERVATION: instance.fetch_observations,
    }
    for asset in instance.get_asset_keys():
        for event_type, fetch in looks.items():
            needed |= {record.run_id for record in fetch(asset, limit=1).records}
            last = sorted(instance.get_latest_storage_id_by_partition(asset, event_type).values())
            for start in range(0, len(last), AT_ONCE):
                some = dg.AssetRecordsFilter(asset, storage_ids=last[start : start + AT_ONCE])
                needed |= {record.run_id for record in fetch(some, limit=AT_ONCE).records}
    return needed


def _forget(instance: dg.DagsterInstance, run: str) -> None:
    """The run itself is deleted last, so that after an interruption the rest is found again."""
    instance.compute_log_manager.delete_logs(prefix=[run])
    events = instance.event_log_storage
    events.delete_events(run)
    if isinstance(events, EventLog):
        # SQLite has a file per run, which would keep its size after its rows are deleted.
        events.delete_file(run)
    instance.run_storage.delete_run(run)


def _trim(instance: dg.DagsterInstance, run: str) -> None:
    """Deletes the log of a run that is kept; its tag comes last, as above."""
    instance.compute_log_manager.delete_logs(prefix=[run])
    events = _sql_events(instance)
    of = SqlEventLogStorageTable.c
    # Without a type: messages of the code.
    is_log = of.dagster_event_type.is_(None) | of.dagster_event_type.in_(
        [each.value for each in _LOG_ONLY]
    )
    with events.index_connection() as connection:
        connection.execute(SqlEventLogStorageTable.delete().where(of.run_id == run, is_log))
    if isinstance(events, EventLog):
        events.move_to_index(run, [each.value for each in _MOVED])
    instance.add_run_tags(run, {LOG_DELETED: run})


def _superseded_results(instance: dg.DagsterInstance, before: datetime) -> list[int]:
    """Old results of checks with a newer one of the same check and partition.

    One that was only planned supersedes none that was found: its run may have failed.
    """
    of = AssetCheckExecutionsTable.c
    newest = sqlalchemy.select(sqlalchemy.func.max(of.id)).group_by(
        of.asset_key, of.check_name, of.partition
    )
    found = of.execution_status != AssetCheckExecutionRecordStatus.PLANNED.value
    old = sqlalchemy.select(of.id).where(
        of.create_timestamp < before.astimezone(UTC).replace(tzinfo=None),
        of.id.not_in(newest),
        of.id.not_in(newest.where(found)),
    )
    with _sql_events(instance).index_connection() as connection:
        return list(connection.execute(old).scalars())


def _delete_results(instance: dg.DagsterInstance, results: Sequence[int]) -> None:
    of = AssetCheckExecutionsTable.c
    for start in range(0, len(results), AT_ONCE):
        some = of.id.in_(results[start : start + AT_ONCE])
        with _sql_events(instance).index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.delete().where(some))


def _sql_events(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    """Dagster's tables of events; the API deletes no single events and no results of checks."""
    events = instance.event_log_storage
    if not isinstance(events, SqlEventLogStorage):
        raise TypeError(f"{type(events).__name__} has no tables of events.")
    return events

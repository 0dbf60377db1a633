"""Deletes old runs that are no longer needed: forget_old_runs.py [--days 180] [--dry-run].

A run is kept while it is the last to materialise or observe an asset or one of its partitions:
without its events, that month or import would be shown as missing. Check results are always kept,
as Dagster stores them separately from runs. The platform's data is in the lake and is not touched.
"""

import argparse
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage

DAYS = 180
# SQLite and Dagster both limit the size of a query.
AT_ONCE = 500
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class Forgotten:
    """The outcome for the old finished runs.

    Attributes:
        forgotten: ids of the runs that were deleted, or would be.
        needed: ids of those that are kept.
    """

    forgotten: list[str]
    needed: list[str]


def forget_old_runs(
    instance: dg.DagsterInstance, before: datetime, *, dry_run: bool = False
) -> Forgotten:
    """Deletes old finished runs and their logs. Can be interrupted at any time.

    Args:
        instance: the Dagster instance with the runs.
        before: runs without an update since then are old.
        dry_run: only report which would be deleted.
    """
    old = _old_runs(instance, before)
    needed = _needed_runs(instance) if old else set()
    found = Forgotten(
        [run for run in old if run not in needed], [run for run in old if run in needed]
    )
    if found.forgotten and not dry_run:
        for run in found.forgotten:
            _forget(instance, run)
        # Dagster caches failed partitions per asset, and would keep them without their runs.
        instance.wipe_asset_cached_status(instance.get_asset_keys())
    return found


def _old_runs(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """All old runs, the oldest first; not in pages: one after a deleted run would be empty."""
    ended = dg.RunsFilter(statuses=FINISHED, updated_before=before)
    return list(reversed(instance.get_run_ids(ended)))


def _needed_runs(instance: dg.DagsterInstance) -> set[str]:
    """Runs with the last event of an asset or a partition, and the last run of all.

    If the last run were deleted, SQLite would reuse the ids of its events for the next run, and
    sensors would take those events for ones they have already seen.
    """
    needed = set(instance.get_run_ids(limit=1))
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
    if isinstance(events, SqliteEventLogStorage):
        # SQLite has a file per run, which would keep its size after its rows are deleted.
        for suffix in ("", "-wal", "-shm"):
            Path(f"{events.path_for_shard(run)}{suffix}").unlink(missing_ok=True)
    instance.run_storage.delete_run(run)


def options_of(words: list[str] | None) -> argparse.Namespace:
    """The command's options; exits if they are invalid."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--days", type=int, default=DAYS, help=f"number of days to keep runs; default {DAYS}"
    )
    parser.add_argument("--dry-run", action="store_true", help="only print what would be deleted")
    parser.add_argument("--every", type=float, metavar="HOURS", help="repeat at this interval")
    options = parser.parse_args(words)
    if options.days < 0 or (options.every is not None and options.every <= 0):
        parser.error("days must be 0 or more, and hours more than 0")
    if not os.environ.get("DAGSTER_HOME"):
        parser.error("DAGSTER_HOME must name the folder with dagster.yaml")
    return options


def main(words: list[str] | None = None) -> None:
    """The command, with the given options or those of the command line."""
    options = options_of(words)
    while True:
        before = datetime.now(UTC) - timedelta(days=options.days)
        with dg.DagsterInstance.get() as instance:
            found = forget_old_runs(instance, before, dry_run=options.dry_run)
        verb = "would be" if options.dry_run else "were"
        print(  # noqa: T201 - the command's answer
            f"{len(found.forgotten):,} runs that ended before {before:%Y-%m-%d %H:%M} UTC {verb} "
            f"deleted; {len(found.needed):,} are kept, as they were the last to materialise or "
            "observe an asset or partition.",
            flush=True,
        )
        if options.every is None:
            return
        time.sleep(options.every * 3600)


if __name__ == "__main__":
    main()

"""Forgets runs of long ago that nothing needs: forget_old_runs.py [--days 180] [--dry-run].

A run stays while it was the last to make or to observe an asset, or a partition of one: without its
events that month or import would look as if it had never been made. The results of checks stay in
any case, as Dagster keeps them apart from runs. What the platform made lies in the lake and is not
touched.
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
# SQLite and Dagster both bound how much one query may ask for.
AT_ONCE = 500
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class Forgotten:
    """What became of the finished runs of long ago.

    Attributes:
        forgotten: ids of the runs that are forgotten, or would be.
        needed: ids of those that stay.
    """

    forgotten: list[str]
    needed: list[str]


def forget_old_runs(
    instance: dg.DagsterInstance, before: datetime, *, dry_run: bool = False
) -> Forgotten:
    """Forgets finished runs and what they wrote to their logs. May be stopped at any moment.

    Args:
        instance: where the runs are.
        before: runs in which nothing happened since then are old.
        dry_run: only tell which.
    """
    old = _old_runs(instance, before)
    needed = _needed_runs(instance) if old else set()
    found = Forgotten(
        [run for run in old if run not in needed], [run for run in old if run in needed]
    )
    if found.forgotten and not dry_run:
        for run in found.forgotten:
            _forget(instance, run)
        # Dagster remembers failed partitions beside the asset, and would after their run is gone.
        instance.wipe_asset_cached_status(instance.get_asset_keys())
    return found


def _old_runs(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """All of them at once, the oldest first: a page after a run that is gone would be empty."""
    ended = dg.RunsFilter(statuses=FINISHED, updated_before=before)
    return list(reversed(instance.get_run_ids(ended)))


def _needed_runs(instance: dg.DagsterInstance) -> set[str]:
    """Runs with the last event of an asset or a partition, and the last run of all.

    Were the last run forgotten, SQLite would give the numbers of its events to the next, which
    sensors would then take for what they have seen.
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
    """The run itself goes last: whatever is left of it when this is stopped is found again."""
    instance.compute_log_manager.delete_logs(prefix=[run])
    events = instance.event_log_storage
    events.delete_events(run)
    if isinstance(events, SqliteEventLogStorage):
        # Emptied, the file that SQLite has of each run would keep its size.
        for suffix in ("", "-wal", "-shm"):
            Path(f"{events.path_for_shard(run)}{suffix}").unlink(missing_ok=True)
    instance.run_storage.delete_run(run)


def options_of(words: list[str] | None) -> argparse.Namespace:
    """The command's options; ends the program where they make no sense."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--days", type=int, default=DAYS, help=f"how many days back runs stay; {DAYS} if not said"
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be forgotten")
    parser.add_argument("--every", type=float, metavar="HOURS", help="do it again and again")
    options = parser.parse_args(words)
    if options.days < 0 or (options.every is not None and options.every <= 0):
        parser.error("days and hours are counted from 0 upwards")
    if not os.environ.get("DAGSTER_HOME"):
        parser.error("DAGSTER_HOME must name the folder with dagster.yaml")
    return options


def main(words: list[str] | None = None) -> None:
    """The command; its words are the options, those of the command line if none are given."""
    options = options_of(words)
    while True:
        before = datetime.now(UTC) - timedelta(days=options.days)
        with dg.DagsterInstance.get() as instance:
            found = forget_old_runs(instance, before, dry_run=options.dry_run)
        verb = "would be" if options.dry_run else "are"
        print(  # noqa: T201 - the command's answer
            f"{len(found.forgotten):,} runs that ended before {before:%Y-%m-%d %H:%M} UTC {verb} "
            f"forgotten; {len(found.needed):,} stay, as they were the last to make or observe "
            "something.",
            flush=True,
        )
        if options.every is None:
            return
        time.sleep(options.every * 3600)


if __name__ == "__main__":
    main()

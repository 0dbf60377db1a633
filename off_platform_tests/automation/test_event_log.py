"""Dagster's event log with files that stay open: others read it as before, and notice events."""

import threading
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from off_platform.automation.event_log import MOST_OPEN, EventLog
from off_platform_tests.waiting import PATIENCE_SECONDS

# Each file is made with all its tables.
pytestmark = pytest.mark.slow

ASSET = dg.AssetKey("table")


def event(run: str, partition: str) -> dg.EventLogEntry:
    made = dg.DagsterEvent(
        dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        "job",
        event_specific_data=StepMaterializationData(
            dg.AssetMaterialization(ASSET, partition=partition), []
        ),
    )
    return dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level="INFO",
        user_message="",
        run_id=run,
        timestamp=time.time(),
        dagster_event=made,
    )


def test_dagsters_own_log_reads_what_is_written_while_the_files_are_open(tmp_path: Path) -> None:
    runs = [f"run{number}" for number in range(MOST_OPEN + 2)]
    log = EventLog(str(tmp_path))
    for run in runs * 2:
        log.store_event(event(run, run))
    plain = SqliteEventLogStorage(str(tmp_path))
    assert plain.get_materialized_partitions(ASSET) == {*runs}
    assert [len(plain.get_logs_for_run(run)) for run in runs] == [2] * len(runs)
    log.dispose()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here")
def test_only_a_few_files_stay_open_and_none_after_it_is_disposed_of(tmp_path: Path) -> None:
    def opened() -> set[str]:
        found = set()
        for link in Path("/proc/self/fd").iterdir():
            try:
                path = link.readlink()
            except OSError:
                continue
            if path.parent == tmp_path:
                found.add(path.name.split(".db")[0])
        return found

    log = EventLog(str(tmp_path))
    for number in range(MOST_OPEN + 1):
        log.store_event(event(f"run{number}", "a"))
    assert 1 < len(opened()) <= MOST_OPEN
    log.dispose()
    assert opened() == set()
    # It opens them again.
    assert log.get_materialized_partitions(ASSET) == {"a"}
    log.dispose()


def test_who_watches_a_run_is_told_of_events_that_another_process_keeps_open(
    tmp_path: Path,
) -> None:
    """The webserver shows a run's events as they come."""
    writes, watches, noticed = EventLog(str(tmp_path)), EventLog(str(tmp_path)), threading.Event()
    seen: list[str | None] = []

    def tell(entry: dg.EventLogEntry, _: str) -> None:
        seen.append(entry.get_dagster_event().partition)
        if len(seen) == 2:
            noticed.set()

    writes.store_event(event("run", "first"))
    watches.watch("run", None, tell)
    try:
        writes.store_event(event("run", "second"))
        assert noticed.wait(PATIENCE_SECONDS), seen
    finally:
        watches.end_watch("run", tell)
        watches.dispose()
        writes.dispose()
    assert seen == ["first", "second"]

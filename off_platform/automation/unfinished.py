"""Imports whose run ended without a verdict, and when each is retried.

A run that was killed, or could not reach its disk or database, says nothing about its file. A
failed check does, and is not retried. Months are not affected: their conditions request them daily.
"""

import time
from typing import Any

import dagster as dg
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG

JOB = "imports"
# Number of consecutive runs without a verdict; Dagster's own immediate retry has the same number.
ATTEMPT = "off_platform/attempt"
FIRST_WAIT_SECONDS = 60
LONGEST_WAIT_SECONDS = 24 * 3600
# Only the newest failed runs are examined, which takes 0.1 s.
MOST_LOOKED_AT = 1000
_VERDICTS = {"DagsterAssetCheckFailedError", "Failure"}


def wait_seconds(attempt: int) -> int:
    """Delay between an attempt and the next: a minute, then doubled each time."""
    # 2^11 minutes are more than a day.
    return min(FIRST_WAIT_SECONDS << min(attempt - 1, 11), LONGEST_WAIT_SECONDS)


def due_again(instance: dg.DagsterInstance, finished: set[str]) -> dict[str, int]:
    """The imports to retry now.

    Args:
        instance: where runs are stored.
        finished: partitions that have their report.

    Returns:
        Location of the file -> number of the last failed attempt, from 1.
    """
    failed = dg.RunsFilter(job_name=JOB, statuses=[dg.DagsterRunStatus.FAILURE])
    due: dict[str, int] = {}
    known = set(finished)
    for record in instance.get_run_records(failed, limit=MOST_LOOKED_AT):
        run = record.dagster_run
        partition, place = run.tags.get("dagster/partition"), _place(run)
        if partition is None or place is None or partition in known:
            continue
        known.add(partition)
        attempt = int(run.tags.get(ATTEMPT, 1))
        ended = record.end_time or record.update_timestamp.timestamp()
        if time.time() - ended < wait_seconds(attempt) or _has_verdict(instance, run):
            continue
        if _newest(instance, partition) == run.run_id:
            due[place] = attempt
    return due


def _place(run: dg.DagsterRun) -> str | None:
    """The file that the run was started for."""
    found: Any = run.run_config
    for name in ("ops", "import_file", "config", "path"):
        found = found.get(name) or {}
    return str(found) if found else None


def _has_verdict(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a check ended the run, or the platform on purpose."""
    if run.tags.get(RUN_FAILURE_REASON_TAG) != "STEP_FAILURE":
        return False
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        error = entry.dagster_event and entry.dagster_event.step_failure_data.error
        while error:
            if error.cls_name in _VERDICTS:
                return True
            error = error.cause
    return False


def _newest(instance: dg.DagsterInstance, partition: str) -> str:
    """The partition's newest run in any state: a running or queued one is not overtaken."""
    of = dg.RunsFilter(job_name=JOB, tags={"dagster/partition": partition})
    return instance.get_runs(of, limit=1)[0].run_id

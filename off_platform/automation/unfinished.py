"""Imports whose run ended without a verdict, and when each is retried.

A run that was killed, or could not reach its disk or database, says nothing about its file. A
failed check does, and is not retried. Months are not affected: their conditions request them daily.
"""

import time

import dagster as dg
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG

from off_platform.arrivals import BATCH, IMPORT, files_of

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
    due: dict[str, int] = {}
    known = set(finished)
    in_batches: dict[str, int] | None = None
    for record in _failed(instance):
        run = record.dagster_run
        files = {key: place for key, place in _files(run).items() if key not in known}
        known |= files.keys()
        attempt = int(run.tags.get(ATTEMPT, 1))
        ended = record.end_time or record.update_timestamp.timestamp()
        # Below 0, the clock was set back since; waiting for it could take years.
        waits = 0 <= time.time() - ended < wait_seconds(attempt)
        if not files or waits or _has_verdict(instance, run):
            continue
        in_batches = _in_batches(instance) if in_batches is None else in_batches
        for key, place in files.items():
            if record.storage_id >= max(_alone(instance, key), in_batches.get(key, 0)):
                due[place] = attempt
    return due


def _failed(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """The newest failed runs of both jobs, the newest first."""
    return sorted(
        (
            record
            for job in (IMPORT, BATCH)
            for record in instance.get_run_records(
                dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.FAILURE]),
                limit=MOST_LOOKED_AT,
            )
        ),
        key=lambda record: record.storage_id,
        reverse=True,
    )


def _files(run: dg.DagsterRun) -> dict[str, str]:
    """The files that a run was started for; import -> location."""
    return files_of(run.run_config, run.tags.get("dagster/partition"))


def _has_verdict(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a check ended the run, or the platform on purpose; neither ends one of several."""
    if run.tags.get(RUN_FAILURE_REASON_TAG) != "STEP_FAILURE":
        return False
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        error = entry.dagster_event and entry.dagster_event.step_failure_data.error
        while error:
            if error.cls_name in _VERDICTS:
                return True
            error = error.cause
    return False


def _alone(instance: dg.DagsterInstance, key: str) -> int:
    """The newest run of one import, in any state: a running or queued one is not overtaken."""
    of = dg.RunsFilter(job_name=IMPORT, tags={"dagster/partition": key})
    return max((each.storage_id for each in instance.get_run_records(of, limit=1)), default=0)


def _in_batches(instance: dg.DagsterInstance) -> dict[str, int]:
    """The newest run of several imports, in any state, for each of them."""
    newest: dict[str, int] = {}
    for record in instance.get_run_records(dg.RunsFilter(job_name=BATCH), limit=MOST_LOOKED_AT):
        for key in _files(record.dagster_run):
            newest[key] = max(newest.get(key, 0), record.storage_id)
    return newest

"""What is watched: the inbox of producers' files, and the key list for a new month.

The imports wing determines what is new in the inbox; alerts on runs are in `alert_sensors.py`.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import dagster as dg

from off_platform.arrivals import (
    BATCH,
    MOST_FILES,
    Arrival,
    Arrivals,
    batch_config,
    batches,
    import_config,
)
from off_platform.automation.jobs import imports
from off_platform.automation.unfinished import ATTEMPT, due_again
from off_platform.partitions import IMPORT_FILES, RUNS
from off_platform.words import few

INBOX_SECONDS = 15
# The files of a run, for the list of runs.
FILES = "off_platform/files"
# Number of runs without a verdict -> files of the next run; alone after more: a file that ends its
# process must not keep others from being imported.
MOST_TOGETHER = {0: MOST_FILES, 1: 10}


def inbox_sensor(
    look: Callable[[str | None, Collection[str]], Arrivals],
    batch: dg.JobDefinition,
    *,
    running: bool,
) -> dg.SensorDefinition:
    """The sensor of the inbox.

    Args:
        look: looks into the inbox; takes the cursor of the previous look, and locations to report
            again.
        batch: the job that imports several files.
        running: whether it runs from the first start.
    """

    @dg.sensor(
        jobs=[imports, batch],
        name="inbox_sensor",
        minimum_interval_seconds=INBOX_SECONDS,
        default_status=_status(running=running),
        description="Imports the new files of the inbox once they are complete, up to 100 in a "
        "run; the inbox is never modified.",
    )
    def inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        # Files imported from the command line need no run.
        have = context.instance.get_materialized_partitions(dg.AssetKey("import_report"))
        again = due_again(context.instance, have)
        looked = look(context.cursor, again)
        arrived = [each for each in looked.arrived if each.key not in have]
        if not arrived:
            waits = (
                f"{looked.waiting:,} are not complete yet." if looked.waiting else "Nothing is new."
            )
            return dg.SensorResult(skip_reason=waits, cursor=looked.cursor)
        return dg.SensorResult(
            run_requests=_requests(arrived, again),
            dynamic_partitions_requests=[
                IMPORT_FILES.build_add_request([each.key for each in arrived])
            ],
            cursor=looked.cursor,
        )

    return inbox


def _requests(arrived: Iterable[Arrival], again: Mapping[str, int]) -> list[dg.RunRequest]:
    """The run requests for files; `again`: location -> number of runs without a verdict."""
    by_attempts: dict[int, list[Arrival]] = {}
    for each in arrived:
        by_attempts.setdefault(again.get(each.place, 0), []).append(each)
    return [
        _request(files, attempts)
        for attempts, all_files in sorted(by_attempts.items())
        for files in batches(all_files, MOST_TOGETHER.get(attempts, 1))
    ]


def _request(files: Sequence[Arrival], attempts: int) -> dg.RunRequest:
    """The run request for a file, or several, after a number of runs without a verdict."""
    more = f"/{attempts}" if attempts else ""
    tags = {ATTEMPT: str(attempts + 1), FILES: few([each.key for each in files])}
    first = files[0]
    if len(files) == 1:
        return dg.RunRequest(
            job_name=imports.name,
            run_key=f"{first.key}/{first.state}{more}",
            partition_key=first.key,
            run_config=import_config(first.place),
            tags=tags,
        )
    states = "\n".join(f"{each.key}/{each.state}" for each in files)
    return dg.RunRequest(
        job_name=BATCH,
        run_key=f"{len(files)} files/{hashlib.sha256(states.encode()).hexdigest()[:16]}{more}",
        run_config=batch_config({each.key: each.place for each in files}),
        tags=tags,
    )


def key_list_sensor(*, running: bool) -> dg.AutomationConditionSensorDefinition:
    """Evaluates the automation conditions of the monthly assets."""
    return dg.AutomationConditionSensorDefinition(
        name="key_list_sensor",
        target=dg.AssetSelection.tag(RUNS, "monthly"),
        default_status=_status(running=running),
        description="Builds the month as soon as a key list without a snapshot is seen upstream.",
    )


def _status(*, running: bool) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED

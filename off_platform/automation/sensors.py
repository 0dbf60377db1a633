"""What is watched: the inbox of producers' files, and the key list for a new month.

The imports wing determines what is new in the inbox; alerts on runs are in `alert_sensors.py`.
"""

from collections.abc import Callable, Collection

import dagster as dg

from off_platform.arrivals import Arrival, Arrivals
from off_platform.automation.jobs import imports
from off_platform.automation.unfinished import ATTEMPT, due_again
from off_platform.partitions import IMPORT_FILES, RUNS

INBOX_SECONDS = 15


def inbox_sensor(
    look: Callable[[str | None, Collection[str]], Arrivals], *, running: bool
) -> dg.SensorDefinition:
    """The sensor of the inbox.

    Args:
        look: looks into the inbox; takes the cursor of the previous look, and locations to report
            again.
        running: whether it runs from the first start.
    """

    @dg.sensor(
        job=imports,
        name="inbox_sensor",
        minimum_interval_seconds=INBOX_SECONDS,
        default_status=_status(running=running),
        description="Imports each new file of the inbox once it is complete; the inbox is never "
        "modified.",
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
            run_requests=[_request(each, again.get(each.place, 0)) for each in arrived],
            dynamic_partitions_requests=[
                IMPORT_FILES.build_add_request([each.key for each in arrived])
            ],
            cursor=looked.cursor,
        )

    return inbox


def _request(arrived: Arrival, attempts: int) -> dg.RunRequest:
    """The run request for a file, after a number of runs without a verdict."""
    more = f"/{attempts}" if attempts else ""
    return dg.RunRequest(
        run_key=f"{arrived.key}/{arrived.state}{more}",
        partition_key=arrived.key,
        run_config={"ops": {"import_file": {"config": {"path": arrived.place}}}},
        tags={ATTEMPT: str(attempts + 1)},
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

"""The schedules: the month, and a daily observation of the key list.

`month_of` maps a tick to its partition.
"""

from datetime import UTC, datetime

import dagster as dg

from off_platform.automation.jobs import monthly, observe_key_list
from off_platform.partitions import MONTHS

MONTHLY_SCHEDULE = "monthly_schedule"
DAILY_CRON = "30 2 * * *"


def month_of(moment: datetime) -> str:
    """The partition that a tick runs: its own month, as upstream has only the current list.

    Raises:
        ValueError: there is no such partition.
    """
    month = f"{moment.astimezone(UTC):%Y-%m-01}"
    if month not in MONTHS.get_partition_keys(current_time=moment):
        raise ValueError(f"{month} is not a partition of the monthly assets.")
    return month


def schedules(*, monthly_cron: str, running: bool) -> list[dg.ScheduleDefinition]:
    """All schedules.

    Args:
        monthly_cron: when the month is built; the bucket is updated in its first days.
        running: whether they run from the first start; otherwise they are started in the UI.
    """
    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        job=monthly,
        name=MONTHLY_SCHEDULE,
        cron_schedule=monthly_cron,
        execution_timezone="UTC",
        default_status=status,
        description="Once a month: copies and indexes the key list, and updates the bins.",
    )
    def monthly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        month = month_of(context.scheduled_execution_time)
        return dg.RunRequest(run_key=month, partition_key=month)

    daily = dg.ScheduleDefinition(
        name="observe_key_list_schedule",
        job=observe_key_list,
        cron_schedule=DAILY_CRON,
        execution_timezone="UTC",
        default_status=status,
        description="Every day: observes the key list upstream, with one request.",
    )
    return [monthly_schedule, daily]

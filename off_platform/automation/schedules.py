"""The schedules: the month, a daily observation of the key list, and what is open each week.

`month_of` maps a tick to its partition.
"""

from datetime import UTC, datetime

import dagster as dg

from off_platform.automation.jobs import monthly, observe_key_list, weekly
from off_platform.automation.ticks import DAILY_CRON
from off_platform.partitions import MONTHS

MONTHLY_SCHEDULE = "monthly_schedule"
WEEKLY_SCHEDULE = "weekly_schedule"


def month_of(moment: datetime) -> str:
    """The partition that a tick runs: its own month, as upstream has only the current list.

    Raises:
        ValueError: there is no such partition.
    """
    month = f"{moment.astimezone(UTC):%Y-%m-01}"
    if month not in MONTHS.get_partition_keys(current_time=moment):
        raise ValueError(f"{month} is not a partition of the monthly assets.")
    return month


def schedules(
    *, monthly_cron: str, weekly_cron: str = "", running: bool
) -> list[dg.ScheduleDefinition]:
    """All schedules.

    Args:
        monthly_cron: when the month is built; the bucket is updated in its first days.
        weekly_cron: when what is open is summed up; empty for never.
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
    sums_up = dg.ScheduleDefinition(
        name=WEEKLY_SCHEDULE,
        job=weekly,
        cron_schedule=weekly_cron or DAILY_CRON,
        execution_timezone="UTC",
        default_status=status,
        description="Once a week: sums up what is open, in one alert.",
    )
    return [monthly_schedule, daily, *([sums_up] if weekly_cron else [])]

"""The job that bounds Dagster's history, and its schedule; the work is in `history.py`."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from off_platform.automation.history import Forgotten, forget_history
from off_platform.settings import Settings

# The job, and its only op: within a location, Dagster takes no name twice.
FORGET, FORGET_STEP = "forget_history", "delete_old_history"
# Once a week, in UTC.
CRON = "30 2 * * 0"
SettingsParam = dg.ResourceParam[Settings]


class HistoryConfig(dg.Config):
    """How much of the history is deleted."""

    days: int | None = Field(
        default=None,
        ge=0,
        le=36_500,
        description="What is older than so many days; by default OFF_PLATFORM_HISTORY_DAYS.",
    )
    dry_run: bool = Field(default=False, description="Only say what would be deleted.")


@dg.op(
    name=FORGET_STEP,
    out=dg.Out(dg.Nothing),
    description="Deletes old runs, logs and results of checks that are no longer needed.",
)
def forget(context: dg.OpExecutionContext, config: HistoryConfig, settings: SettingsParam) -> None:
    """Deletes what is old, and says so in the log."""
    days = settings.history_days if config.days is None else config.days
    before = datetime.now(UTC) - timedelta(days=days)
    found = forget_history(context.instance, before, dry_run=config.dry_run)
    context.log.info(said(found, before, dry_run=config.dry_run))


def said(found: Forgotten, before: datetime, *, dry_run: bool) -> str:
    """What was deleted, or would be, as a sentence."""
    verb = "would be" if dry_run else "were"
    return (
        f"Of the runs that ended before {before:%Y-%m-%d %H:%M} UTC, {len(found.forgotten):,} "
        f"{verb} deleted; {len(found.needed):,} are kept, as they were the last to materialise or "
        f"observe an asset or partition, and the logs of {len(found.trimmed):,} of them {verb} "
        f"deleted, and {found.results:,} superseded results of checks."
    )


forget_graph = dg.GraphDefinition(
    FORGET,
    node_defs=[forget],
    description="Once a week: delete runs, logs and results of checks that are older than "
    "OFF_PLATFORM_HISTORY_DAYS and no longer needed.",
)


def history_schedule(job: dg.JobDefinition, *, running: bool) -> dg.ScheduleDefinition:
    """The schedule of the job.

    Args:
        job: that deletes what is old.
        running: whether it runs from the first start.
    """
    return dg.ScheduleDefinition(
        name=f"{FORGET}_schedule",
        job=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING
        if running
        else dg.DefaultScheduleStatus.STOPPED,
        description="Once a week: deletes old runs and logs that are no longer needed.",
    )

"""The schedules: the month of a tick is the month that it runs, and nothing is made up."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from off_platform.automation.jobs import monthly
from off_platform.automation.schedules import month_of, schedules
from off_platform.definitions import definitions
from off_platform.partitions import MONTHS
from off_platform.settings import Settings


def monthly_schedule() -> dg.ScheduleDefinition:
    made = schedules(monthly_cron="0 3 4 * *", running=True)
    return next(each for each in made if each.name == "monthly_schedule")


@pytest.mark.parametrize("months", range(24))
def test_each_tick_runs_the_partition_of_its_own_month(months: int) -> None:
    year, month = divmod(months, 12)
    tick = datetime(2026 + year, month + 1, 4, 3, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=tick)
    request = monthly_schedule()(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == f"{tick:%Y-%m-01}"
    assert request.partition_key in MONTHS.get_partition_keys(current_time=tick)
    # The month after has no partition yet, whatever the clock of the machine says.
    later = (tick.replace(day=28) + timedelta(days=5)).strftime("%Y-%m-01")
    assert later not in MONTHS.get_partition_keys(current_time=tick)


def test_the_job_has_the_partitions_that_the_schedule_asks_for() -> None:
    defs = definitions(of=Settings(_env_file=None))
    assert defs.resolve_job_def(monthly.name).partitions_def == MONTHS
    (schedule,) = [each for each in defs.schedules or () if each.name == "monthly_schedule"]
    assert schedule.cron_schedule == "0 3 4 * *"


def test_there_is_no_month_before_the_first() -> None:
    with pytest.raises(ValueError, match="2025-12-01 is not a partition"):
        month_of(datetime(2025, 12, 4, tzinfo=UTC))


@pytest.mark.parametrize("running", [True, False])
def test_what_runs_from_the_first_start_is_a_setting(running: bool) -> None:  # noqa: FBT001
    defs = definitions(of=Settings(_env_file=None, unattended=running, inbox="inbox"))
    states = {
        each.default_status.value for each in [*(defs.schedules or ()), *(defs.sensors or ())]
    }
    assert states == {"RUNNING" if running else "STOPPED"}
    assert len(list(defs.sensors or ())) == 7

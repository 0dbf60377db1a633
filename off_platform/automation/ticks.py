"""When schedules tick, in UTC, and when a month is overdue; without Dagster, which loads slowly.

The schedules are in `schedules.py`. Settings allow five fields of numbers, lists, ranges and steps.
"""

from datetime import UTC, datetime, timedelta

from off_platform.cron import schedule_of

DAILY_CRON = "30 2 * * *"
# How long after its scheduled time a month may still be built, by a retry or by hand.
GRACE = timedelta(days=6)
# A 29 February that is a certain weekday returns after at most 40 years.
_MOST_DAYS = 41 * 366
_DAYS, _SUNDAY = 31, 7


def next_tick(cron: str, after: datetime) -> datetime | None:
    """The first tick after a moment; None if there is none, as for 30 February.

    Args:
        cron: minute, hour, day, month and weekday. If both day and weekday are limited, either
            is enough, as everywhere.
        after: the moment.

    Raises:
        ValueError: a field is not one of cron.
    """
    minutes, hours, of_month, in_months, weekdays = schedule_of(cron)
    at = sorted((hour, minute) for hour in hours for minute in minutes)
    of_week = {day % _SUNDAY for day in weekdays}
    either = len(of_month) < _DAYS and len(of_week) < _SUNDAY
    start = after.astimezone(UTC)
    for number in range(_MOST_DAYS):
        day = start.date() + timedelta(days=number)
        fits = (day.day in of_month, day.isoweekday() % _SUNDAY in of_week)
        if day.month not in in_months or not (any(fits) if either else all(fits)):
            continue
        for hour, minute in at:
            tick = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
            if tick > start:
                return tick
    return None


def month_due(cron: str, now: datetime) -> datetime | None:
    """When the month of a moment was scheduled; None if there is time left.

    Args:
        cron: of the monthly run.
        now: the moment.
    """
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    first = next_tick(cron, start - timedelta(microseconds=1))
    return first if first and first + GRACE <= now else None

"""Cron schedules: five fields of numbers, lists, ranges and steps. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

# Name, least and most of each field; 7 is Sunday too.
_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 7),
)
_WEEKDAYS = 7
_LONGEST = 31
_DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


class Schedule(NamedTuple):
    """The values of each field."""

    minutes: set[int]
    hours: set[int]
    days: set[int]
    months: set[int]
    weekdays: set[int]

    @property
    def comes(self) -> bool:
        """Whether it ever ticks; 30 February does not, but a weekday beside it does."""
        if (
            len({day % _WEEKDAYS for day in self.weekdays}) < _WEEKDAYS
            and len(self.days) < _LONGEST
        ):
            return True
        return any(day <= _DAYS.get(month, _LONGEST) for month in self.months for day in self.days)


def schedule_of(cron: str) -> Schedule:
    """The values of the fields of a schedule such as `0 3 4 * *`.

    Raises:
        ValueError: it has another number of fields, or one is not one of cron.
    """
    fields = cron.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            "must have five fields, such as 0 3 4 * *: minute, hour, day, month, weekday"
        )
    return Schedule(*map(_values, fields, _FIELDS))


def _values(field: str, of: tuple[str, int, int]) -> set[int]:
    name, least, most = of
    try:
        return {value for part in field.split(",") for value in _part(part, least, most)}
    except ValueError:
        raise ValueError(
            f"the {name} {field[:40]!r} must be numbers from {least} to {most}, such as "
            f"{least}, *, {least}-{most} or */2"
        ) from None


def _part(part: str, least: int, most: int) -> Iterator[int]:
    """The values of `*`, `5`, `1-5`, `*/10` or `1-30/2`; `5/10` goes on to the largest."""
    spread, _, step = part.partition("/")
    first, _, last = spread.partition("-")
    low = least if first == "*" else int(first)
    high = most if first == "*" or (step and not last) else int(last or first)
    if not least <= low <= high <= most or (step and int(step) < 1):
        raise ValueError(part)
    yield from range(low, high + 1, int(step or 1))

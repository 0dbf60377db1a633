"""Ticks of cron schedules, compared with the library that Dagster uses."""

from datetime import UTC, datetime, timedelta

import pytest
from dagster._vendored.croniter import croniter
from hypothesis import assume, given
from hypothesis import strategies as st

from off_platform.automation.ticks import GRACE, month_due, next_tick
from off_platform.cron import schedule_of


def fields(least: int, most: int) -> st.SearchStrategy[str]:
    """A field of cron: anything, a number, a range, steps, or a list of them."""
    number = st.integers(least, most)
    # croniter takes 0-0 of weekdays for all of them.
    pairs = st.lists(number, min_size=2, max_size=2, unique=True)
    spread = pairs.map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.builds("{}/{}".format, st.one_of(st.just("*"), spread), st.integers(1, 20))
    one = st.one_of(number.map(str), spread, steps)
    return st.one_of(st.just("*"), st.lists(one, min_size=1, max_size=3).map(",".join))


CRONS = st.tuples(fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 6))
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1))  # noqa: DTZ001 - made UTC below


@given(CRONS.map(" ".join), MOMENTS)
def test_ticks_are_those_of_croniter(cron: str, moment: datetime) -> None:
    days, weekdays = (croniter.expand(cron)[0][field] for field in (2, 4))
    # Of days that are all, but not written as an asterisk, croniter does not make the same always.
    assume(days == ["*"] or len({*days}) < 31)
    assume(weekdays == ["*"] or len({*weekdays}) < 7)
    after = moment.replace(tzinfo=UTC)
    assert next_tick(cron, after) == croniter(cron, after).get_next(datetime)


@pytest.mark.parametrize("cron", ["0 3 31 2 *", "0 0 30 2 *"])
def test_a_day_that_never_comes(cron: str) -> None:
    assert next_tick(cron, datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert not schedule_of(cron).comes


@given(CRONS.map(" ".join))
def test_a_schedule_comes_if_it_has_a_tick(cron: str) -> None:
    tick = next_tick(cron, datetime(2026, 1, 1, tzinfo=UTC))
    assert schedule_of(cron).comes is (tick is not None)


@pytest.mark.parametrize("cron", ["60 * * * *", "* * 5-1 * *", "*/0 * * * *", "- * * * *"])
def test_a_field_that_is_not_cron(cron: str) -> None:
    with pytest.raises(ValueError, match="must be numbers from"):
        next_tick(cron, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_month_is_due_days_after_its_tick() -> None:
    tick = datetime(2026, 11, 4, 3, tzinfo=UTC)
    assert month_due("0 3 4 * *", tick + GRACE - timedelta(seconds=1)) is None
    assert month_due("0 3 4 * *", tick + GRACE) == tick
    # A tick at the very beginning of a month is one of that month.
    assert month_due("0 0 1 * *", tick + GRACE) == datetime(2026, 11, 1, tzinfo=UTC)

"""What `off-platform status` does: reads the lake, and prints a page or JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import typer
from rich.markup import escape
from rich.table import Table

from off_platform.automation.ticks import DAILY_CRON, month_due, next_tick
from off_platform.cli.configured import the_lake
from off_platform.cli.context import DONE, INCOMPLETE, out
from off_platform.open_findings.overview import ImportsShown, Overview, SetShown, overview
from off_platform.open_findings.state import OpenItem, sentence
from off_platform.settings import Settings
from off_platform.words import counted, share, visible

# More would not fit on a screen; `--json` has all.
MOST_SETS = 8
MOST_OPEN = 10
_DAY = timedelta(days=1)


class Next(NamedTuple):
    """What runs next.

    Attributes:
        what: in a few words.
        at: when; None for whatever happens all the time.
    """

    what: str
    at: datetime | None


def show_status(of: Settings, *, as_json: bool, now: datetime | None = None) -> int:
    """Prints the status and returns the exit code.

    Args:
        of: the settings.
        as_json: whether to print JSON.
        now: the time; by default from the clock.
    """
    now = now or datetime.now(UTC)
    lake = the_lake(of)
    with lake.connect(of.duckdb_memory, of.threads) as connection:
        is_due = month_due(of.monthly_cron, now) is not None
        found = overview(lake, connection, f"{now:%Y-%m-01}", is_due=is_due)
    runs = list(_next(of, now))
    if as_json:
        typer.echo(json.dumps(_as_json(of, found, runs, now), indent=2, default=_text))
    else:
        _print(of, found, runs, now)
    return INCOMPLETE if found.wants_attention else DONE


def _next(of: Settings, now: datetime) -> Iterator[Next]:
    """What runs next by schedule while the daemon runs, the earliest first."""
    if not of.unattended:
        return
    crons = [
        ("month: copy the key list, compare it, update the bins", of.monthly_cron),
        ("look for a new key list", DAILY_CRON),
        ("sum up what is open", of.weekly_cron),
    ]
    ticks = [(next_tick(cron, now), what) for what, cron in crons if cron]
    for at, what in sorted((at, what) for at, what in ticks if at):
        yield Next(what, at)
    if of.inbox:
        yield Next("import what arrives in the inbox", None)


def _print(of: Settings, found: Overview, runs: list[Next], now: datetime) -> None:
    page = Table.grid(padding=(0, 2))
    page.add_column(style="bold", no_wrap=True)
    page.add_column(overflow="fold")
    sections = (
        ("Lake", [escape(of.lake)]),
        ("Month", _month(found)),
        ("Sets", _sets(found.sets)),
        ("Imports", _imports(found.imports, now)),
        ("Open", _open(found.open, now)),
        ("Next", _runs(of, runs, now)),
    )
    for name, lines in sections:
        for place, line in enumerate(lines):
            page.add_row("" if place else name, line)
    out.print(page, highlight=False)


def _month(found: Overview) -> Iterator[str]:
    if found.month is None:
        yield "No key list has been copied yet; `off-platform run` makes the first month."
    else:
        yield f"{found.month[:7]}, the newest of {counted(found.months, 'snapshot')}"
    if figures := found.figures:
        at = "" if figures.month == found.month else f"{figures.month[:7]}: "
        of_photos = share(figures.photos_with_ocr, figures.photos) if figures.photos else "none"
        yield (
            f"{at}{counted(figures.products, 'product')}, {counted(figures.photos, 'photo')}, "
            f"{of_photos} with OCR"
        )
        if figures.since:
            yield (
                f"since {figures.since[:7]}: {figures.products_new:,} products new, "
                f"{figures.products_gone:,} gone"
            )
    if found.bins is not None:
        yield counted(found.bins, "bin")


def _sets(sets: list[SetShown]) -> Iterator[str]:
    if not sets:
        yield "none"
    for each in sets[:MOST_SETS]:
        of = f" of {each.month[:7]}" if each.month else ""
        begun = ", being built" if each.is_unfinished else ""
        yield (
            f"{escape(each.name)} ({each.of}{of}): {each.fetched:,} of "
            f"{counted(each.objects, 'object')}{begun}"
        )
    yield from _more(len(sets) - MOST_SETS)


def _imports(found: ImportsShown, now: datetime) -> Iterator[str]:
    if not found.number or not found.newest or not found.imported_at:
        yield "none"
        return
    yield (
        f"{counted(found.number, 'import')}, {counted(found.products, 'product')} accepted"
        + (f", {found.refused:,} refused" if found.refused else "")
    )
    yield f"newest: {escape(visible(found.newest))}, {_ago(found.imported_at, now)}"


def _open(found: list[OpenItem], now: datetime) -> Iterator[str]:
    yield f"[{'yellow' if found else 'green'}]{sentence(found)}[/]"
    for item in found[:MOST_OPEN]:
        since = f", {_ago(item.since, now)}" if item.since else ""
        yield escape(f"{item.kind} {visible(item.name)}{since}: {visible(item.what)}")
    yield from _more(len(found) - MOST_OPEN)


def _runs(of: Settings, runs: list[Next], now: datetime) -> Iterator[str]:
    if not of.unattended:
        yield "nothing by itself (OFF_PLATFORM_UNATTENDED=false), unless it was started in the UI"
        return
    for each in runs:
        at = f"{each.at:%Y-%m-%d %H:%M} UTC, {_ahead(each.at - now)}" if each.at else "always"
        yield f"{at}: {each.what}"
    yield "as long as Dagster's daemon runs (`off-platform ui`)"


def _more(number: int) -> Iterator[str]:
    if number > 0:
        yield f"... and {number:,} more; --json has all"


def _ago(moment: datetime, now: datetime) -> str:
    days = (now - moment) // _DAY
    return "today" if days < 1 else f"{counted(days, 'day')} ago"


def _ahead(left: timedelta) -> str:
    hours = left // timedelta(hours=1)
    if left >= _DAY:
        return f"in {counted(left // _DAY, 'day')}"
    return f"in {counted(hours, 'hour')}" if hours else "within the hour"


def _as_json(of: Settings, found: Overview, runs: list[Next], now: datetime) -> dict[str, Any]:
    return {
        "at": now,
        "lake": of.lake,
        "attention": found.wants_attention,
        "summary": sentence(found.open),
        **asdict(found),
        "next": [each._asdict() for each in runs],
    }


def _text(value: object) -> str:
    """What JSON has no type for: times."""
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} is not expected in the status.")
    return value.astimezone(UTC).isoformat(timespec="seconds")

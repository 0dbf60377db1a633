"""How open items are shown and summed up: the chart in the UI, the text of the weekly alert."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg
from matplotlib.figure import Figure

from off_platform.open_findings.state import KINDS, OpenItem
from off_platform.previews import picture
from off_platform.words import shortened

MOST_BARS = 12
MOST_LINES = 30
_MOST_NAME = 40
_COLORS = dict(zip(KINDS, ("#31618c", "#a4442f", "#2a7f62"), strict=True))


def chart(found: Sequence[OpenItem], now: datetime) -> dg.MarkdownMetadataValue:
    """How long the oldest items have been open, in days."""
    dated = [(item, (now - item.since).total_seconds() / 86_400) for item in found if item.since]
    oldest = sorted(dated, key=lambda each: -each[1])[:MOST_BARS]
    if not oldest:
        return dg.MetadataValue.md("Nothing with a known date is open.")
    figure = Figure(figsize=(7, 0.6 + 0.28 * len(oldest)), layout="constrained")
    axes = figure.subplots()
    places = range(len(oldest))
    axes.barh(places, [days for _, days in oldest], color=[_COLORS[i.kind] for i, _ in oldest])
    # A dollar sign would start a formula.
    names = [shortened(item.name, _MOST_NAME).replace("$", r"\$") for item, _ in oldest]
    axes.set_yticks(places, names, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("days open (blue: import, red: month, green: image set)", fontsize="small")
    return picture(figure, "days that items have been open")


def summary(found: Sequence[OpenItem]) -> str:
    """One line per item and what to do, for a message."""
    lines = [
        f"- {item.kind} {item.name}{_since(item)}: {item.what} {item.to_do}"
        for item in found[:MOST_LINES]
    ]
    more = len(found) - len(lines)
    return "\n".join([*lines, *([f"... and {more:,} more"] if more else [])])


def _since(item: OpenItem) -> str:
    return f", since {item.since:%Y-%m-%d}" if item.since else ""

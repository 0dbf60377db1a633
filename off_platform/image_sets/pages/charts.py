"""The charts of a data card as SVG; the same figures always give the same bytes."""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from off_platform.image_sets.pages.card_statistics import SIDES, CardStatistics
from off_platform.words import readable, shortened

GREEN, BLUE = "#2a7f62", "#31618c"
SPLIT_COLORS = ("#31618c", "#e0a33e", "#b5483a", "#2a7f62", "#7b5ea7", "#6b7280")
MOST_NAME = 32
BAR_INCHES = 0.24
_STYLE: dict[Any, Any] = {
    # The ids of clip paths are a hash of this instead of a random number.
    "svg.hashsalt": "off-platform",
    # Texts stay texts: smaller, searchable, and independent of the fonts here.
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


TITLES = {
    "chart_classes.svg": "Samples by class",
    "chart_photo_sizes.svg": "Photos by size",
    "chart_languages.svg": "Samples by language",
    "chart_splits.svg": "Splits of each class",
}


def charts(statistics: CardStatistics) -> dict[str, bytes]:
    """The charts that the figures allow, by the names of their files in the set."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # Names in scripts that the font here lacks are drawn by the reader's font.
        warnings.filterwarnings("ignore", message="Glyph ", category=UserWarning)
        return {f"chart_{name}.svg": _svg(made) for name, made in figures(statistics)}


def figures(statistics: CardStatistics) -> Iterator[tuple[str, Figure]]:
    """The charts that the figures allow, by name."""
    classes = statistics.classes
    if classes and classes.top:
        yield "classes", _bars(classes.top, f"samples by {_name(classes.label)}", GREEN)
    if any(statistics.sides):
        yield "photo_sizes", _columns(_ranges(), statistics.sides, "longer side, in pixels")
    if statistics.languages:
        yield "languages", _bars(statistics.languages, "samples by language of the text", BLUE)
    if classes and classes.by_split:
        splits = [each.name for each in statistics.splits if each.samples]
        yield "splits", _stacked(dict(classes.top), classes.by_split, splits)


def _svg(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()


def _ranges() -> list[str]:
    within = [f"{low}-{high - 1}" for low, high in pairwise(SIDES)]
    return [f"< {SIDES[0]}", *within, f"≥ {SIDES[-1]}"]


def _name(text: str) -> str:
    """A value from outside as a label: one line, shortened, allowed in XML."""
    return shortened(" ".join(readable(text).split()), MOST_NAME) or "(empty)"


def _rows(names: Sequence[str]) -> tuple[Figure, Axes]:
    """A figure with one row for each name, from above."""
    height = 0.7 + BAR_INCHES * len(names)
    figure = Figure(figsize=(6.4, height), layout="constrained")
    axes = figure.subplots()
    axes.set_yticks(range(len(names)), [_name(each) for each in names])
    axes.invert_yaxis()
    return figure, axes


def _bars(counts: Sequence[tuple[str, int]], label: str, color: str) -> Figure:
    figure, axes = _rows([name for name, _ in counts])
    axes.barh(range(len(counts)), [count for _, count in counts], color=color)
    axes.set_xlabel(label)
    return figure


def _columns(names: Sequence[str], counts: Sequence[int], label: str) -> Figure:
    figure = Figure(figsize=(6.4, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(names)), counts, color=BLUE)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlabel(label)
    axes.set_ylabel("photos")
    return figure


def _stacked(
    classes: Mapping[str, int], by_split: Sequence[tuple[str, str, int]], splits: Sequence[str]
) -> Figure:
    """The share of each split in each class."""
    counts = {(name, split): count for name, split, count in by_split}
    figure, axes = _rows(list(classes))
    start = [0.0] * len(classes)
    for number, split in enumerate(splits):
        shares = [counts.get((name, split), 0) / max(count, 1) for name, count in classes.items()]
        color = SPLIT_COLORS[number % len(SPLIT_COLORS)]
        axes.barh(range(len(classes)), shares, left=start, label=_name(split), color=color)
        start = [left + share for left, share in zip(start, shares, strict=True)]
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the samples of a class by split")
    figure.legend(loc="outside upper center", ncols=min(len(splits), 6), frameon=False)
    return figure

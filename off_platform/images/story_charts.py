"""The charts of a month's story: products by country, and the snapshots over the months."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

from off_platform.images.months import MonthFigures, OfCountry
from off_platform.images.story import MOST_COUNTRIES, MOST_MONTHS
from off_platform.previews import GREEN, RED, picture


def countries_chart(of: Sequence[OfCountry]) -> dg.MarkdownMetadataValue:
    """A bar chart of the new and gone products by country."""
    if not of:
        return dg.MetadataValue.md("No product is new or gone.")
    shown = of[:MOST_COUNTRIES][::-1]
    figure = Figure(figsize=(6, 0.8 + 0.28 * len(shown)), layout="constrained")
    axes = figure.subplots()
    names = [each.country for each in shown]
    axes.barh(names, [each.new for each in shown], color=GREEN, label="new")
    axes.barh(names, [-each.gone for each in shown], color=RED, label="gone")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("products")
    axes.legend(frameon=False, fontsize="small")
    return picture(figure, "products new and gone, by country of the GS1 prefix")


def coverage_chart(months: Sequence[MonthFigures]) -> dg.MarkdownMetadataValue:
    """A line of the share of photos with OCR over the months."""
    drawn = [(each.month[:7], each.coverage) for each in months if each.coverage is not None]
    if not drawn:
        return dg.MetadataValue.md("No month has photos.")
    figure = Figure(figsize=(6, 2), layout="constrained")
    axes = figure.subplots()
    _line(axes, drawn[-MOST_MONTHS:], "photos with OCR")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    return picture(figure, "share of photos with OCR, by month")


def months_chart(months: Sequence[MonthFigures]) -> dg.MarkdownMetadataValue:
    """Lines of products and photos over the months, one below the other."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    shown = months[-MOST_MONTHS:]
    for axes, name in ((above, "products"), (below, "photos")):
        _line(axes, [(each.month[:7], getattr(each, name)) for each in shown], name)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    above.tick_params(axis="x", labelbottom=False)
    return picture(figure, "products and photos, by month")


def _line(axes: Axes, points: Sequence[tuple[str, Any]], title: str) -> None:
    """A line with a point per month; few of the months are named."""
    names, values = zip(*points, strict=True)
    axes.plot(range(len(names)), values, color=GREEN, marker="o", markersize=3)
    every = -(-len(names) // 8)
    axes.set_xticks(range(0, len(names), every), names[::every], fontsize="small")
    axes.set_title(title, loc="left", fontsize="small")
    axes.grid(axis="y", linewidth=0.3)

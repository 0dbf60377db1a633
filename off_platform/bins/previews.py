"""Previews of the bins wing's assets in the UI: charts of items and visits."""

from typing import TYPE_CHECKING

import dagster as dg
from matplotlib.figure import Figure

from off_platform.previews import picture

if TYPE_CHECKING:
    import duckdb

LARGEST_BAR = 20
TOP_ITEMS = 12
MOST_NAME = 48
GREEN = "#2a7f62"
BLUE = "#31618c"


def bins_chart(connection: "duckdb.DuckDBPyConnection", bins: str) -> dg.MarkdownMetadataValue:
    """Two histograms: expected items per bin, and different items (SKUs) per bin."""
    figure = Figure(figsize=(7, 2.4), layout="constrained")
    columns = (("expected_quantity", "items expected", GREEN), ("skus", "SKUs", BLUE))
    for axes, (column, label, color) in zip(figure.subplots(1, 2), columns, strict=True):
        found = connection.execute(f"""
            SELECT least({column}, {LARGEST_BAR}), count(*) FROM {bins} GROUP BY 1 ORDER BY 1
        """).fetchall()
        axes.bar([value for value, _ in found], [count for _, count in found], color=color)
        axes.set_xlabel(f"{label} ({LARGEST_BAR} and more in the last)")
        axes.set_ylabel("bins")
    return picture(figure, "quantity and SKUs per bin")


def items_chart(connection: "duckdb.DuckDBPyConnection", items: str) -> dg.MarkdownMetadataValue:
    """A bar chart of the items that are in the most bins."""
    found = connection.execute(f"""
        SELECT coalesce(name, asin)[:{MOST_NAME}], bins FROM {items}
        ORDER BY bins DESC, asin LIMIT {TOP_ITEMS}""").fetchall()
    if not found:
        return dg.MetadataValue.md("There are no items.")
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    # A dollar sign would start a formula.
    names = [name.replace("$", r"\$") for name, _ in found]
    places = range(len(found))
    axes.barh(places, [bins for _, bins in found], color=GREEN)
    axes.set_yticks(places, names, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("bins")
    return picture(figure, "items in most bins")


def visits_chart(connection: "duckdb.DuckDBPyConnection", visits: str) -> dg.MarkdownMetadataValue:
    """A histogram of photos per visit."""
    found = connection.execute(
        f"SELECT least(photos, 10), count(*) FROM {visits} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    figure = Figure(figsize=(4.5, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.bar([str(photos) for photos, _ in found], [count for _, count in found], color=BLUE)
    axes.set_xlabel("photos per visit (10 and more in the last)")
    axes.set_ylabel("visits")
    return picture(figure, "photos per visit")

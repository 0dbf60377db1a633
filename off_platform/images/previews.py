"""Previews of the images wing's assets in the UI: photos, changes, and what can be chosen by."""

from typing import TYPE_CHECKING

import dagster as dg
from matplotlib.figure import Figure

from off_platform.images.facets import FACETS, Tables, counted
from off_platform.previews import GREEN, PREVIEW_ROWS, RED, markdown_table, picture
from off_platform.storage.objects import Source

if TYPE_CHECKING:
    import duckdb

# Tags of a facet that are shown.
TOP_TAGS = 5


def index_preview(
    connection: "duckdb.DuckDBPyConnection", index: str, source: Source
) -> dg.MarkdownMetadataValue:
    """A few rows from all parts of the key index, each with its photo if browsers can reach it."""
    found = connection.execute(f"""
        SELECT key, barcode, image_id, kind FROM (
            SELECT *, row_number() OVER (PARTITION BY barcode) AS nth FROM (
                FROM {index} WHERE kind = '400' USING SAMPLE reservoir({PREVIEW_ROWS * 4} ROWS)
                REPEATABLE (1)))
        WHERE nth = 1 ORDER BY key LIMIT {PREVIEW_ROWS}""").fetchall()
    addresses = [source.public_url(key) for key, *_ in found]
    rows: list[tuple[object, ...]] = [
        (f"![]({address})", barcode, image_id, kind, f"[{key}]({address})")
        for address, (key, barcode, image_id, kind) in zip(addresses, found, strict=True)
    ]
    names = ["photo", "barcode", "image_id", "kind", "key"]
    if not all(address.startswith("http") for address in addresses):
        # A browser cannot reach photos of a local bucket.
        names, rows = names[1:], [row[1:] for row in rows]
    return dg.MetadataValue.md(markdown_table(names, rows, escape=False))


def changes_chart(
    connection: "duckdb.DuckDBPyConnection", changes: str
) -> dg.MarkdownMetadataValue:
    """A bar chart of added and removed objects by kind."""
    found = connection.execute(f"""
        SELECT kind, coalesce(sum(objects) FILTER (change = 'added'), 0)::BIGINT,
            coalesce(sum(objects) FILTER (change = 'removed'), 0)::BIGINT
        FROM {changes} GROUP BY kind ORDER BY kind""").fetchall()
    if not found:
        return dg.MetadataValue.md("Nothing was added or removed.")
    kinds, added, removed = zip(*found, strict=True)
    figure = Figure(figsize=(5, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.barh(kinds, added, color=GREEN, label="added")
    axes.barh(kinds, [-number for number in removed], color=RED, label="removed")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("objects")
    axes.legend(frameon=False, fontsize="small")
    return picture(figure, "added and removed")


def facets_preview(
    connection: "duckdb.DuckDBPyConnection", products: str, product_photos: str
) -> dg.MarkdownMetadataValue:
    """The tags that most products have, by facet."""
    tables = Tables(products, product_photos)
    rows = [
        (facet, tag, f"{number:,}", f"{photos:,}")
        for facet in FACETS
        for tag, number, photos in counted(connection, tables, facet, TOP_TAGS)
    ]
    return dg.MetadataValue.md(markdown_table(["facet", "tag", "products", "photos"], rows))

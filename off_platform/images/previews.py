"""What the images wing's assets show of themselves in the UI: small tables, photos, a chart."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from off_platform.storage.objects import Source

if TYPE_CHECKING:
    import duckdb

# Every byte of metadata is stored about five times over; thumbnails are links, which cost nothing.
PREVIEW_ROWS = 8
MOST_CELL = 60


def table_preview(connection: "duckdb.DuckDBPyConnection", rows: str) -> dg.MarkdownMetadataValue:
    """The first rows of a query as a Markdown table."""
    cursor = connection.cursor()
    found = cursor.execute(f"FROM ({rows}) LIMIT {PREVIEW_ROWS}").fetchall()
    names = [column[0] for column in cursor.description or []]
    return dg.MetadataValue.md(_markdown_table(names, found))


def index_preview(
    connection: "duckdb.DuckDBPyConnection", index: str, source: Source
) -> dg.MarkdownMetadataValue:
    """A few rows of the key index from all over it, each with its photo where browsers reach it."""
    found = connection.execute(f"""
        SELECT key, barcode, image_id, kind FROM (
            SELECT *, row_number() OVER (PARTITION BY barcode) AS nth FROM (
                FROM {index} WHERE kind = '400' USING SAMPLE reservoir({PREVIEW_ROWS * 4} ROWS)
                REPEATABLE (1)))
        WHERE nth = 1 ORDER BY key LIMIT {PREVIEW_ROWS}""").fetchall()
    rows = []
    for key, barcode, image_id, kind in found:
        address = source.public_url(key)
        photo = f"![]({address})" if address.startswith("http") else ""
        rows.append((photo, barcode, image_id, kind, f"[{key}]({address})"))
    return dg.MetadataValue.md(
        _markdown_table(["photo", "barcode", "image_id", "kind", "key"], rows, escape=False)
    )


def changes_chart(
    connection: "duckdb.DuckDBPyConnection", changes: str
) -> dg.MarkdownMetadataValue:
    """Added and removed objects by kind as bars."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.6 s, only where it is drawn

    found = connection.execute(f"""
        SELECT kind, coalesce(sum(objects) FILTER (change = 'added'), 0)::BIGINT,
            coalesce(sum(objects) FILTER (change = 'removed'), 0)::BIGINT
        FROM {changes} GROUP BY kind ORDER BY kind""").fetchall()
    if not found:
        return dg.MetadataValue.md("Nothing came and nothing left.")
    kinds, added, removed = zip(*found, strict=True)
    figure = Figure(figsize=(5, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.barh(kinds, added, color="#2a7f62", label="added")
    axes.barh(kinds, [-number for number in removed], color="#b5483a", label="removed")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("objects")
    axes.legend(frameon=False, fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    encoded = base64.b64encode(picture.getvalue()).decode()
    return dg.MetadataValue.md(f"![added and removed](data:image/png;base64,{encoded})")


def _markdown_table(
    names: Sequence[str], rows: Sequence[tuple[object, ...]], *, escape: bool = True
) -> str:
    head = f"| {' | '.join(names)} |\n|{'---|' * len(names)}"
    lines = (
        f"| {' | '.join(_cell(value) if escape else str(value) for value in row)} |" for row in rows
    )
    return "\n".join([head, *lines])


def _cell(value: object) -> str:
    """A value from outside as a code span: nothing in it is markup."""
    text = "" if value is None else str(value)
    text = " ".join(text.replace("`", "'").replace("|", "¦").split())
    return f"`{text[:MOST_CELL]}`" if text else ""

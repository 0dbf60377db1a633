"""Previews of assets in the UI, for every wing: the first rows of a table, a chart."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    import duckdb
    from matplotlib.figure import Figure

# Every byte of metadata is stored about five times.
PREVIEW_ROWS = 8
MOST_CELL = 60
# Metadata of a materialization that the verdict of its run repeats (`automation/verdicts.py`): a
# sentence, and the path of a page.
VERDICT = "verdict"
REPORT_AT = "report"
# The same of `open_findings`: the text of the weekly alert.
SUMMARY = "summary"
# Of charts: more and less, new and gone.
GREEN, RED = "#2a7f62", "#b5483a"


def table_preview(connection: "duckdb.DuckDBPyConnection", rows: str) -> dg.MarkdownMetadataValue:
    """The first rows of a query as a Markdown table."""
    cursor = connection.cursor()
    found = cursor.execute(f"FROM ({rows}) LIMIT {PREVIEW_ROWS}").fetchall()
    names = [column[0] for column in cursor.description or []]
    return dg.MetadataValue.md(markdown_table(names, found))


def picture(figure: "Figure", what: str) -> dg.MarkdownMetadataValue:
    """A chart, embedded in the metadata."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110)
    encoded = base64.b64encode(drawn.getvalue()).decode()
    return dg.MetadataValue.md(f"![{what}](data:image/png;base64,{encoded})")


def markdown_table(
    names: Sequence[str], rows: Sequence[tuple[object, ...]], *, escape: bool = True
) -> str:
    """A Markdown table; values are escaped unless they are Markdown themselves."""
    head = f"| {' | '.join(names)} |\n|{'---|' * len(names)}"
    lines = (
        f"| {' | '.join(_cell(value) if escape else str(value) for value in row)} |" for row in rows
    )
    return "\n".join([head, *lines])


def _cell(value: object) -> str:
    """A value from outside as a code span, so that it cannot be markup."""
    text = "" if value is None else str(value)
    text = " ".join(text.replace("`", "'").replace("|", "¦").split())
    return f"`{text[:MOST_CELL]}`" if text else ""

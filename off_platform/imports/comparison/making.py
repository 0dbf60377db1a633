"""The table `products_compared`, what the UI shows of it, and its check.

`compared.py` compares, `contradictions.py` looks for wrong columns.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from matplotlib.figure import Figure

from off_platform.dumps.known import read_known
from off_platform.dumps.published_files import access_of, at_hand
from off_platform.imports.comparison.compared import (
    ADDS,
    DIFFERS,
    NEW,
    SAME,
    STATUSES,
    codes_query,
    compare,
    table_query,
)
from off_platform.imports.comparison.contradictions import (
    Contradiction,
    contradictions,
    counts,
    records_in,
    stored_contradictions,
)
from off_platform.imports.specification.tables import PRODUCTS_COMPARED, PRODUCTS_IMPORTED
from off_platform.previews import markdown_table, picture, table_preview
from off_platform.quality import SHAPE, Finding
from off_platform.settings import Settings
from off_platform.storage.lake import Lake, NoSuchTableError
from off_platform.storage.progress import Display
from off_platform.words import counted, few

Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
AGREES = "agrees_with_what_is_known"
NO_DUMP = "No dump is set (OFF_PLATFORM_PRODUCTS_DUMP), so records are not compared."
_COLOURS = {SAME: "#4c956c", ADDS: "#4f86c6", DIFFERS: "#d1495b"}


@dataclass(frozen=True)
class Comparison:
    """Records compared with a dump.

    Attributes:
        statuses: number of records that are new, the same, add values or differ.
        fields: number of values by field and outcome.
        contradictions: the columns that contradict most of what is known.
        unread: number of lines of the dump that are not read, by reason.
    """

    statuses: Counter[str]
    fields: Mapping[str, Counter[str]]
    contradictions: list[Contradiction]
    unread: Mapping[str, int]

    @property
    def of_unread(self) -> str:
        """What the dump could not tell, in a sentence; empty if nothing."""
        if not self.unread:
            return ""
        reasons = few([f"{reason} ({lines:,})" for reason, lines in self.unread.items()])
        lines = counted(sum(self.unread.values()), "line")
        return f"Of the dump, {lines} cannot be read, so their products count as new: {reasons}."

    @property
    def sentence(self) -> str:
        """The number of records with each status, in words."""
        of = self.statuses
        return (
            f"{of[NEW]:,} new, {of[SAME]:,} the same, {of[ADDS]:,} add values, "
            f"{of[DIFFERS]:,} differ"
        )

    @property
    def reasons(self) -> dict[tuple[str, str], str]:
        """The likely reasons of contradictions, by import and field."""
        return {(each.key, each.field): each.reason for each in self.contradictions if each.reason}


def compare_with(connection: duckdb.DuckDBPyConnection, records: str, dump: Path) -> Comparison:
    """Compares records with a dump; the tables of `compared.py` stay in the connection.

    Args:
        connection: DuckDB that can read the records.
        records: SQL for rows of accepted records with `import`, to use after FROM.
        dump: a local file.

    Raises:
        off_platform.dumps.formats.UnknownDumpError: it is not a dump of Open Food Facts.
    """
    unread = read_known(connection, dump, codes_query(records))
    compare(connection, records)
    statuses = connection.execute(f"SELECT status, count(*) FROM {STATUSES} GROUP BY 1").fetchall()
    found = contradictions(connection)
    return Comparison(Counter(dict(statuses)), counts(connection), found, unread)


def make_products_compared(
    lake: Lake, connect: Connect, settings: Settings, display: Display | None = None
) -> tuple[dict[str, Any], Mapping[str, Finding]]:
    """Compares the newest accepted records with the configured dump, and writes the table.

    Returns:
        The asset's metadata, and the findings of its checks; without a dump only a note.

    Raises:
        off_platform.dumps.published_files.NoFileError: the dump does not exist.
        off_platform.storage.download.DownloadError: the dump cannot be fetched.
        off_platform.dumps.formats.UnknownDumpError: it is not a dump of Open Food Facts.
    """
    if settings.products_dump is None:
        return {"what": NO_DUMP}, _nothing()
    how = (*access_of(settings), display)
    with at_hand(lake, settings.products_dump, "products_dump", *how) as dump, connect() as of:
        made = compare_with(of, lake.rows_of(PRODUCTS_IMPORTED.name), dump)
        number = lake.replace_from_query(
            PRODUCTS_COMPARED.name, None, PRODUCTS_COMPARED.arrow, of, table_query(made.reasons)
        )
        rows = lake.rows_of(PRODUCTS_COMPARED.name)
        metadata = {
            "dump": settings.products_dump,
            "dagster/row_count": number,
            **_metadata(made),
            "preview": table_preview(of, f"SELECT * FROM {rows} ORDER BY outcome DESC NULLS LAST"),
            "path": dg.MetadataValue.path(lake.address(PRODUCTS_COMPARED.name)),
        }
        found = findings(of, rows)
    return metadata, found


def stored_findings(lake: Lake, connect: Connect, settings: Settings) -> Mapping[str, Finding]:
    """The findings of the checks of `products_compared`; only a note if no dump was ever set.

    Raises:
        off_platform.storage.lake.NoSuchTableError: a dump is set, and nothing was compared; or by
            an earlier version, which kept less.
    """
    if settings.products_dump is None and not lake.has(PRODUCTS_COMPARED.name):
        return _nothing()
    rows = lake.rows_of(PRODUCTS_COMPARED.name)
    with connect() as connection:
        if {*PRODUCTS_COMPARED.arrow.names} - {*connection.sql(f"FROM {rows} LIMIT 0").columns}:
            raise NoSuchTableError(
                f"The table {PRODUCTS_COMPARED.name} in the lake {lake.url} is of an earlier "
                "version, which did not keep what its checks need; materialise it again."
            )
        return findings(connection, rows)


def _nothing() -> Mapping[str, Finding]:
    return {rule.id: Finding(note=NO_DUMP) for rule in PRODUCTS_COMPARED.rules}


def findings(connection: duckdb.DuckDBPyConnection, rows: str) -> Mapping[str, Finding]:
    """The findings of the checks of `products_compared`, from its rows."""
    ((records, known),) = connection.execute(f"""
        SELECT count(DISTINCT product), count(DISTINCT product) FILTER (status <> '{NEW}')
        FROM {rows}""").fetchall()
    found = stored_contradictions(connection, rows)
    agrees = Finding(records_in(connection, rows, found), known)
    if found:
        said = [f"{each.key}: {each.sentence}" for each in found]
        agrees.note = f"Most of what is known is contradicted: {few(said)}."
        agrees.add(0, said)
    return {SHAPE: Finding(of=records), AGREES: agrees}


def _metadata(made: Comparison) -> dict[str, Any]:
    rows = [(field, of[SAME], of[ADDS], of[DIFFERS]) for field, of in made.fields.items()]
    return {
        "verdict": f"{made.sentence}.",
        "new": made.statuses[NEW],
        "same": made.statuses[SAME],
        "adds": made.statuses[ADDS],
        "differs": made.statuses[DIFFERS],
        **({"not_read": made.of_unread} if made.unread else {}),
        "by_field": dg.MetadataValue.md(
            markdown_table(("field", SAME, ADDS, DIFFERS), rows) if rows else "Nothing is known."
        ),
        **({"chart": picture(_chart(made.fields), "Values by field")} if rows else {}),
    }


def _chart(fields: Mapping[str, Counter[str]]) -> Figure:
    """A bar per field: values that are the same, that are added, that differ."""
    figure = Figure(figsize=(6, 0.6 + 0.24 * len(fields)), layout="constrained")
    axes = figure.subplots()
    names, start = [*fields][::-1], [0] * len(fields)
    for outcome, colour in _COLOURS.items():
        values = [fields[name][outcome] for name in names]
        axes.barh(names, values, left=start, color=colour, label=outcome)
        start = [a + b for a, b in zip(start, values, strict=True)]
    axes.set_xlabel("values")
    axes.legend(fontsize=7)
    axes.tick_params(labelsize=7)
    return figure

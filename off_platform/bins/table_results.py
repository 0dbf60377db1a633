"""Builds the tables made from listing and metadata, and the results of all table assets."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from off_platform.bins import checks, previews, tables
from off_platform.bins.declared_pairs import declared_choices
from off_platform.bins.schemas import (
    BIN_ITEMS,
    BIN_METADATA,
    BIN_OBJECTS,
    BIN_ODDITIES,
    BIN_SPLITS,
    BIN_VISITS,
    BINS,
    ITEMS,
)
from off_platform.bins.splits import shares_from
from off_platform.previews import table_preview
from off_platform.quality import Finding, Table
from off_platform.settings import Settings
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb


class _Making(NamedTuple):
    """How a table is built, checked and shown."""

    make: "Callable[[Lake, duckdb.DuckDBPyConnection], int]"
    check: "Callable[[Lake, duckdb.DuckDBPyConnection], dict[str, Finding]]"
    chart: "Callable[[duckdb.DuckDBPyConnection, str], dg.MarkdownMetadataValue] | None" = None


_MAKING = {
    BIN_ODDITIES.name: _Making(tables.make_oddities, checks.of_oddities),
    BIN_ITEMS.name: _Making(tables.make_bin_items, partial(checks.of_table, table=BIN_ITEMS)),
    BINS.name: _Making(tables.make_bins, checks.of_bins, previews.bins_chart),
    ITEMS.name: _Making(
        tables.make_items, partial(checks.of_table, table=ITEMS), previews.items_chart
    ),
    BIN_VISITS.name: _Making(tables.make_visits, checks.of_visits, previews.visits_chart),
}


def made_of_tables(
    table: Table, lake: Lake, connection: "duckdb.DuckDBPyConnection", settings: Settings
) -> "dg.MaterializeResult[Any]":
    """Builds a table from other tables of the lake, checks and shows it."""
    if table is BIN_SPLITS:
        return _splits(lake, connection, settings)
    making = _MAKING[table.name]
    making.make(lake, connection)
    found = stored_findings(table, lake, connection, settings)
    rows = lake.rows_of(table.name)
    chart = {"chart": making.chart(connection, rows)} if making.chart else {}
    return table_result(lake, connection, table, found, chart)


def stored_findings(
    table: Table, lake: Lake, connection: "duckdb.DuckDBPyConnection", settings: Settings
) -> dict[str, Finding]:
    """The findings of a table's rules in what is stored.

    Raises:
        off_platform.storage.lake.NoSuchTableError: it is not in the lake.
    """
    if table is BIN_OBJECTS:
        return checks.of_objects(lake, connection)
    if table is BIN_METADATA:
        return checks.of_metadata(lake, connection)
    if table is BIN_SPLITS:
        shares = shares_from(settings)
        declared = declared_choices(settings.image_sets)
        return checks.of_splits(lake, connection, shares, declared)
    return _MAKING[table.name].check(lake, connection)


def _splits(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", settings: Settings
) -> "dg.MaterializeResult[Any]":
    shares = shares_from(settings)
    tables.make_splits(lake, connection, shares)
    found = stored_findings(BIN_SPLITS, lake, connection, settings)
    shown = {"shares": dg.MetadataValue.json(dict(shares))}
    return table_result(lake, connection, BIN_SPLITS, found, shown)


def table_result(
    lake: Lake,
    connection: "duckdb.DuckDBPyConnection",
    table: Table,
    findings: Mapping[str, Finding],
    more: Mapping[str, Any],
) -> "dg.MaterializeResult[Any]":
    """The result of every table's asset: rows, preview, path, checks; and more metadata."""
    rows = lake.rows_of(table.name)
    ((number,),) = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()
    return dg.MaterializeResult(
        metadata={
            **more,
            "dagster/row_count": int(number),
            "preview": table_preview(connection, f"FROM {rows}"),
            "path": dg.MetadataValue.path(lake.address(table.name)),
        },
        check_results=table.check_results(table.name, findings),
    )

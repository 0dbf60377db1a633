"""What the steps of the wing's tables do, and what the UI shows of it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from off_platform.bins import checks, previews, tables
from off_platform.bins.collect import collect_metadata
from off_platform.bins.declared_pairs import declared_choices
from off_platform.bins.listing import list_objects
from off_platform.bins.object_schemas import BIN_METADATA, BIN_OBJECTS, BIN_ODDITIES
from off_platform.bins.schemas import BIN_ITEMS, BIN_SPLITS, BIN_VISITS, BINS, ITEMS
from off_platform.bins.splits import SplitShares, shares_from
from off_platform.quality import Finding, Table
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.storage.transfer import limits_from
from off_platform.table_assets import Step

if TYPE_CHECKING:
    import duckdb


class _Making(NamedTuple):
    """How a table is built from others, checked and shown."""

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


class TableStep(Step):
    """The step of a table of this wing."""

    def list_objects(self, source: Source) -> "dg.MaterializeResult[Any]":
        """Lists the bucket; if nothing changed, the table is kept."""
        limits = limits_from(self.settings)
        listed = list_objects(self.lake, source, self.connection, limits, self.display)
        self.log(listed.sentence)
        return self._made(BIN_OBJECTS, {"what": listed.sentence})

    def collect_metadata(self, source: Source) -> "dg.MaterializeResult[Any]":
        """Fetches new and changed metadata."""
        limits = limits_from(self.settings)
        collected = collect_metadata(self.lake, source, self.connection, limits, self.display)
        what = collected.tally.sentence() if collected.changed else "Nothing has changed."
        return self._made(BIN_METADATA, {"this_run": what})

    def make(self, table: Table) -> "dg.MaterializeResult[Any]":
        """Builds a table from other tables of the lake."""
        if table is BIN_SPLITS:
            tables.make_splits(self.lake, self.connection, self._shares)
            return self._made(table, {"shares": dg.MetadataValue.json(dict(self._shares))})
        making = _MAKING[table.name]
        making.make(self.lake, self.connection)
        chart, rows = making.chart, self.rows_of(table)
        return self._made(table, {"chart": chart(self.connection, rows)} if chart else {})

    def stored(self, table: Table) -> dict[str, Finding]:
        """The findings of a table's rules in what is stored.

        Raises:
            off_platform.storage.lake.NoSuchTableError: it is not in the lake.
        """
        if table is BIN_OBJECTS:
            return checks.of_objects(self.lake, self.connection)
        if table is BIN_METADATA:
            return checks.of_metadata(self.lake, self.connection)
        if table is BIN_SPLITS:
            declared = declared_choices(self.settings.image_sets)
            return checks.of_splits(self.lake, self.connection, self._shares, declared)
        return _MAKING[table.name].check(self.lake, self.connection)

    @property
    def _shares(self) -> SplitShares:
        return shares_from(self.settings)

    def _made(self, table: Table, shown: Mapping[str, Any]) -> "dg.MaterializeResult[Any]":
        return self.made(table, self.stored(table), shown)

"""The tables made from `bin_metadata`, each from earlier ones, replaced as a whole.

Their queries are in `inventory.py`, `visits.py` and `splits.py`; no Dagster here.
"""

from typing import TYPE_CHECKING

from off_platform.bins import inventory, splits, visits
from off_platform.bins.object_schemas import BIN_METADATA, BIN_OBJECTS, BIN_ODDITIES
from off_platform.bins.schemas import BIN_ITEMS, BIN_SPLITS, BIN_VISITS, BINS, ITEMS
from off_platform.bins.splits import SplitShares
from off_platform.bins.units import UNCONVERTED
from off_platform.quality import Table
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

# Rows of `bin_items` aggregated at once, so that memory does not depend on the number of bins.
ITEMS_AT_ONCE = 300_000


def make_all(lake: Lake, connection: "duckdb.DuckDBPyConnection", shares: SplitShares) -> None:
    """Builds all tables, in order."""
    make_oddities(lake, connection)
    make_bin_items(lake, connection)
    make_bins(lake, connection)
    make_items(lake, connection)
    make_visits(lake, connection)
    make_splits(lake, connection, shares)


def are_current(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> bool:
    """Whether the tables exist and were built from the current metadata and listing.

    A run killed between fetching and building leaves older ones.
    """
    made = (BIN_ODDITIES, BIN_ITEMS, BINS, ITEMS, BIN_VISITS, BIN_SPLITS)
    if not all(lake.has(table.name) for table in made):
        return False
    bins, metadata, objects, dealt = (
        lake.rows_of(table.name) for table in (BINS, BIN_METADATA, BIN_OBJECTS, BIN_SPLITS)
    )
    columns = connection.execute(f"DESCRIBE FROM {bins}").fetchall()
    if {column[0] for column in columns} != {column.name for column in BINS.columns}:
        return False
    ((other,),) = connection.execute(f"""
        SELECT count(*) FROM (
            SELECT id, concat_ws(' ', metadata_md5, etag, visit_id) AS made
            FROM {bins}) AS b
        FULL JOIN (
            SELECT m.id, concat_ws(' ', m.md5, o.etag, s.visit_id) AS wanted FROM {metadata} AS m
            LEFT JOIN (SELECT id, etag FROM {objects} WHERE part = 'image') AS o USING (id)
            LEFT JOIN (SELECT id, visit_id FROM {dealt}) AS s USING (id)
            WHERE usable) AS n USING (id)
        WHERE made IS DISTINCT FROM wanted""").fetchall()
    return not other


def make_oddities(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> int:
    """Builds `bin_oddities`: odd keys, photos or metadata without the other, unusable metadata."""
    objects = lake.rows_of(BIN_OBJECTS.name)
    has_bin = f"FROM {objects} WHERE id IS NOT NULL AND part"
    return _replace(
        lake,
        BIN_ODDITIES,
        connection,
        f"""
        SELECT key, id, 'id_no_number' AS oddity, false AS usable,
            'the key is not that of a bin: its stem is not an id' AS reason
        FROM {objects} WHERE id IS NULL
        UNION ALL SELECT key, id, 'no_image', true, 'the bin has no photo'
        {has_bin} = 'metadata' AND id NOT IN (SELECT id {has_bin} = 'image')
        UNION ALL SELECT key, id, 'no_metadata', false, 'the photo has no metadata'
        {has_bin} = 'image' AND id NOT IN (SELECT id {has_bin} = 'metadata')
        UNION ALL SELECT key, id, oddity, usable, reason
        FROM {lake.rows_of(BIN_METADATA.name)} WHERE oddity IS NOT NULL
        ORDER BY key, oddity""",
    )


def make_bin_items(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> int:
    """Builds `bin_items`; returns its number of rows."""
    inventory.let_clean_names(connection)
    query = inventory.bin_items_query(lake.rows_of(BIN_METADATA.name))
    return _replace(lake, BIN_ITEMS, connection, query)


def unknown_units(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> str:
    """A message about items with an unknown unit; empty when there are none."""
    ((items, of, example),) = connection.execute(f"""
        SELECT count(*), count(DISTINCT bin_id), min(concat(bin_id, ': ', concat_ws(' and ',
            coalesce(unit_length, 'no unit'), coalesce(unit_weight, 'no unit'))))
        FROM {lake.rows_of(BIN_ITEMS.name)} WHERE {UNCONVERTED}""").fetchall()
    return (
        f"{items:,} items of {of:,} bins have a measure in an unknown unit, such as "
        f"{example[:80]}: it is kept as given, and has no value in millimetres or grams."
        if items
        else ""
    )


def make_bins(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> int:
    """Builds `bins`, each with its visit; returns its number of rows."""
    items = lake.rows_of(BIN_ITEMS.name)
    query = inventory.bins_query(
        lake.rows_of(BIN_METADATA.name), items, lake.rows_of(BIN_OBJECTS.name)
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE bins_without_visits AS {query}").fetchall()
    of_bins = visits.visits_query("bins_without_visits", items)
    return _replace(
        lake,
        BINS,
        connection,
        f"""
        SELECT b.*, visit_id FROM bins_without_visits AS b JOIN ({of_bins}) USING (id)
        ORDER BY id_space, position""",
    )


def make_items(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> int:
    """Builds `items`, one part of the ASINs after another; returns its number of rows."""
    rows = lake.rows_of(BIN_ITEMS.name)
    ((number,),) = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()
    parts = 1 + int(number) // ITEMS_AT_ONCE
    for part in range(parts):
        query = inventory.items_query(rows, part, parts)
        made = (
            "CREATE OR REPLACE TEMP TABLE made_items AS" if not part else "INSERT INTO made_items"
        )
        connection.execute(f"{made} {query}").fetchall()
    return _replace(lake, ITEMS, connection, "FROM made_items ORDER BY asin")


def make_visits(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> int:
    """Builds `bin_visits`; returns its number of rows."""
    query = visits.bin_visits_query(lake.rows_of(BINS.name), lake.rows_of(BIN_ITEMS.name))
    return _replace(lake, BIN_VISITS, connection, query)


def make_splits(lake: Lake, connection: "duckdb.DuckDBPyConnection", shares: SplitShares) -> int:
    """Builds `bin_splits`; returns its number of rows."""
    query = splits.splits_query(lake.rows_of(BINS.name), shares)
    return _replace(lake, BIN_SPLITS, connection, query)


def _replace(lake: Lake, table: Table, connection: "duckdb.DuckDBPyConnection", query: str) -> int:
    columns = ", ".join(
        f'"{column.name}"::{column.sql} AS "{column.name}"' for column in table.columns
    )
    typed = f"SELECT {columns} FROM ({query})"
    return lake.replace_from_query(table.name, None, table.arrow, connection, typed)

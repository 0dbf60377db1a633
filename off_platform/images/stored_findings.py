"""The findings of the rules of the wing's tables, in what is stored: the making, and checks alone.

The rules are evaluated by `checks.py`.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from off_platform.images import checks
from off_platform.images.key_index import KeyIndexFacts
from off_platform.images.monthly import counts_of_changes, counts_of_month
from off_platform.images.months import all_months
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.images.products import stored_facts
from off_platform.images.schemas import (
    KEY_CHANGES,
    KEY_INDEX,
    KEY_INDEX_ODDITIES,
    MONTH_FIGURES,
    PHOTOS,
    SNAPSHOTS,
)
from off_platform.images.snapshots import demand_snapshot, month_before, snapshot_of
from off_platform.images.sync import bounds_from
from off_platform.quality import Finding, Table
from off_platform.settings import Settings
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

Findings = dict[str, Finding]
# The asset of the table `snapshots`; those of the others are named like their tables.
SYNC = "bucket_sync"
NO_DUMP = "No dump is set (OFF_PLATFORM_PRODUCTS_DUMP); filters over products cannot be used."


def of_assets(
    lake: Lake,
    connection: "duckdb.DuckDBPyConnection",
    settings: Settings,
    assets: Collection[str],
    month: str,
) -> Iterator[tuple[Table, str, Findings]]:
    """The findings on assets of one step, in what is stored: table, asset, and findings by rule.

    Args:
        lake: with the tables.
        connection: DuckDB that can read the lake.
        settings: the tolerated shares, and whether there is a dump of products.
        assets: whose findings are wanted; those made together with them may be given too.
        month: its first day; not used for `products` and `product_photos`.

    Raises:
        off_platform.images.snapshots.NoSnapshotError: the month has no snapshot.
        off_platform.storage.lake.NoSuchTableError: a table is not in the lake.
    """
    wanted = set(assets)
    if SYNC in wanted:
        yield SNAPSHOTS, SYNC, of_snapshot(lake, month, connection, settings)
    if wanted & {table.name for table in (KEY_INDEX, KEY_INDEX_ODDITIES, PHOTOS)}:
        for table, found in of_month(lake, month, connection, settings):
            yield table, table.name, found
    if KEY_CHANGES.name in wanted:
        yield KEY_CHANGES, KEY_CHANGES.name, of_changes(lake, month, connection)
    if MONTH_FIGURES.name in wanted:
        yield MONTH_FIGURES, MONTH_FIGURES.name, of_figures(lake, month, connection)
    if wanted & {PRODUCTS.name, PRODUCT_PHOTOS.name}:
        for table, found in of_dump(lake, connection, settings):
            yield table, table.name, found


def of_snapshot(
    lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection", settings: Settings
) -> Findings:
    """The findings on the month's snapshot, compared with the previous one.

    Raises:
        off_platform.images.snapshots.NoSnapshotError: there is none.
    """
    snapshot = demand_snapshot(lake, month, connection)
    since = month_before(lake, SNAPSHOTS.name, month)
    before = snapshot_of(lake, since, connection) if since else None
    rows = lake.rows_of(SNAPSHOTS.name, ("month", month))
    most = settings.shrunk_share_most
    return checks.of_snapshot(connection, rows, snapshot, before, most, month, since)


def of_month(
    lake: Lake,
    month: str,
    connection: "duckdb.DuckDBPyConnection",
    settings: Settings,
    facts: KeyIndexFacts | None = None,
) -> Iterator[tuple[Table, Findings]]:
    """The findings on `key_index`, `key_index_oddities` and `photos`, in this order.

    Args:
        lake: with the tables.
        month: its first day.
        connection: DuckDB that can read the lake.
        settings: the share of lines that may not be keys.
        facts: counted while they were made; None to count them in the snapshot again.

    Raises:
        off_platform.images.snapshots.NoSnapshotError: the month has no snapshot.
        off_platform.storage.lake.NoSuchTableError: it was not indexed.
    """
    index, oddities, photos = (
        lake.rows_of(table.name, ("month", month))
        for table in (KEY_INDEX, KEY_INDEX_ODDITIES, PHOTOS)
    )
    if facts is None:
        bounds = bounds_from(settings, lake)
        facts = counts_of_month(lake, month, connection, bounds.unpacked_most)
    snapshot = snapshot_of(lake, month, connection)
    lines = snapshot.keys if snapshot else 0
    share = settings.oddities_share_most
    yield KEY_INDEX, checks.of_index(connection, index, facts, lines, share)
    yield KEY_INDEX_ODDITIES, checks.of_oddities(connection, oddities)
    yield PHOTOS, checks.of_photos(connection, photos, facts)


def of_changes(lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection") -> Findings:
    """The findings on the month's changes."""
    rows = lake.rows_of(KEY_CHANGES.name, ("month", month))
    return checks.of_changes(connection, rows, counts_of_changes(lake, month, connection))


def of_figures(lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection") -> Findings:
    """The findings on the month's row of `months`."""
    rows = lake.rows_of(MONTH_FIGURES.name, ("month", month))
    return checks.of_months(connection, rows, all_months(lake, connection, month))


def of_dump(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", settings: Settings
) -> Iterator[tuple[Table, Findings]]:
    """The findings on `products` and `product_photos`; only notes if no dump was ever set.

    Raises:
        off_platform.storage.lake.NoSuchTableError: a dump is set, and was not read.
    """
    if settings.products_dump is None and not lake.has(PRODUCTS.name):
        for table in (PRODUCTS, PRODUCT_PHOTOS):
            yield table, checks.nothing_to_check(table, NO_DUMP)
        return
    rows, photos = (lake.rows_of(table.name) for table in (PRODUCTS, PRODUCT_PHOTOS))
    facts = stored_facts(lake, connection)
    yield PRODUCTS, checks.of_products(connection, rows, facts, datetime.now(UTC))
    yield PRODUCT_PHOTOS, checks.of_product_photos(connection, photos, rows)

"""The findings of the rules of a month's tables, in what is stored: the making, and checks alone.

The rules are evaluated by `checks.py`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from off_platform.images import checks
from off_platform.images.key_index import KeyIndexFacts
from off_platform.images.monthly import (
    bounds_from,
    counts_of_changes,
    counts_of_month,
    demand_snapshot,
)
from off_platform.images.schemas import (
    KEY_CHANGES,
    KEY_INDEX,
    KEY_INDEX_ODDITIES,
    PHOTOS,
    SNAPSHOTS,
)
from off_platform.images.snapshots import month_before, snapshot_of
from off_platform.quality import Finding, Table
from off_platform.settings import Settings
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

Findings = dict[str, Finding]


def of_snapshot(
    lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection", settings: Settings
) -> Findings:
    """The findings on the month's snapshot, compared with the previous one.

    Raises:
        off_platform.images.monthly.NoSnapshotError: there is none.
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
        off_platform.images.monthly.NoSnapshotError: the month has no snapshot.
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

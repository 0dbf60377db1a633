"""The tables of a month, made from its snapshot and from the month before. No Dagster here.

`sync.py` makes the snapshot, `key_index.py` reads it, `key_changes.py` compares two indexes.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off_platform.images import key_changes
from off_platform.images.key_index import KeyIndexFacts, write_key_index
from off_platform.images.photos import Photos
from off_platform.images.schemas import (
    KEY_CHANGES,
    KEY_INDEX,
    KEY_INDEX_ODDITIES,
    PHOTOS,
)
from off_platform.images.snapshots import NoSnapshotError, demand_snapshot, month_before
from off_platform.storage.engine import copy_query
from off_platform.storage.lake import Lake
from off_platform.storage.progress import Display
from off_platform.storage.sql import file_literal, literal

if TYPE_CHECKING:
    import duckdb


def index_month(
    lake: Lake,
    month: str,
    connection: "duckdb.DuckDBPyConnection",
    unpacked_most: int,
    display: Display | None = None,
) -> KeyIndexFacts:
    """Builds `key_index`, `key_index_oddities` and `photos` of a month from its snapshot.

    Raises:
        NoSnapshotError: the month has none.
        off_platform.images.key_list.RefusedKeyListError: the snapshot in the lake is damaged.
        off_platform.storage.locks.FolderInUseError: another run builds them.
    """
    file = _list_of(lake, month, connection)
    partition = ("month", month)
    with (
        lake.locked(KEY_INDEX.name, partition),
        lake.root.local(file) as path,
        lake.root.scratch() as scratch,
    ):
        made, odd = scratch / "index.parquet", scratch / "oddities.parquet"
        photos = Photos()
        facts = write_key_index(path, made, odd, unpacked_most, display, photos.add)
        if facts.out_of_order:
            made = _sorted(made, scratch / "sorted.parquet", connection)
        lake.replace(KEY_INDEX_ODDITIES.name, partition, KEY_INDEX_ODDITIES.arrow, odd.replace)
        lake.replace(PHOTOS.name, partition, PHOTOS.arrow, photos.write)
        # The last: a month with an index can be chosen from.
        lake.replace(KEY_INDEX.name, partition, KEY_INDEX.arrow, made.replace)
    return replace(facts, doubled=photos.doubled)


def counts_of_month(
    lake: Lake,
    month: str,
    connection: "duckdb.DuckDBPyConnection",
    unpacked_most: int,
    display: Display | None = None,
) -> KeyIndexFacts:
    """The counts of `index_month`, from the month's snapshot; the lake's tables stay as they are.

    The list is parsed again, as the tables do not say in which order its lines were.

    Raises:
        NoSnapshotError: the month has no snapshot.
    """
    file = _list_of(lake, month, connection)
    with lake.root.local(file) as path, lake.root.scratch() as scratch:
        photos = Photos()
        aside = (scratch / "index.parquet", scratch / "oddities.parquet")
        facts = write_key_index(path, *aside, unpacked_most, display, photos.add)
        photos.write(scratch / "photos.parquet")
    return replace(facts, doubled=photos.doubled)


def _list_of(lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection") -> str:
    """The file of a month's snapshot in the lake; raises as `index_month`."""
    file = demand_snapshot(lake, month, connection).file
    if not lake.root.exists(file):
        raise NoSnapshotError(
            f"The snapshot of {month[:7]} has lost its file {file}; restore it from a backup, or, "
            "in its own month, materialise bucket_sync again."
        )
    return file


def _sorted(made: Path, to: Path, connection: "duckdb.DuckDBPyConnection") -> Path:
    copy_query(connection, f"FROM read_parquet({file_literal(made)}) ORDER BY key", to)
    return to


def compare_month(
    lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection"
) -> dict[str, Any]:
    """Builds `key_changes` of a month against the previous snapshot, if there is one.

    Returns:
        since (month or None), before and now (rows), added, removed.
    """
    since = month_before(lake, KEY_INDEX.name, month)
    now = lake.rows_of(KEY_INDEX.name, ("month", month))
    before = lake.rows_of(KEY_INDEX.name, ("month", since)) if since else None
    query = (
        key_changes.changes_query(now, before, literal(since))
        if since and before
        else key_changes.NO_CHANGES
    )
    lake.replace_from_query(
        KEY_CHANGES.name, ("month", month), KEY_CHANGES.arrow, connection, query
    )
    return counts_of_changes(lake, month, connection)


def counts_of_changes(
    lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection"
) -> dict[str, Any]:
    """What `compare_month` returns, from the tables in the lake."""
    since = month_before(lake, KEY_INDEX.name, month)
    now = lake.rows_of(KEY_INDEX.name, ("month", month))
    before = lake.rows_of(KEY_INDEX.name, ("month", since)) if since else None
    changes = lake.rows_of(KEY_CHANGES.name, ("month", month))
    ((added, removed),) = connection.execute(f"""
        SELECT coalesce(sum(objects) FILTER (change = 'added'), 0)::BIGINT,
            coalesce(sum(objects) FILTER (change = 'removed'), 0)::BIGINT FROM {changes}
    """).fetchall()
    return {
        "since": since,
        "now": key_changes.distinct_keys(connection, now),
        "before": key_changes.distinct_keys(connection, before) if before else 0,
        "added": added,
        "removed": removed,
    }

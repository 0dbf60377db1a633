"""The monthly work of the images wing: copy, index and compare the key list. No Dagster here.

`key_list.py` and `key_index.py` read a list, `key_changes.py` compares two.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.images import key_changes, key_list
from off_platform.images.key_index import KeyIndexFacts, write_key_index
from off_platform.images.keys import KEY_LIST
from off_platform.images.photos import Photos
from off_platform.images.schemas import (
    KEY_CHANGES,
    KEY_INDEX,
    KEY_INDEX_ODDITIES,
    PHOTOS,
    SNAPSHOTS,
)
from off_platform.images.snapshots import LISTS, Snapshot, month_before, snapshot_of
from off_platform.settings import Settings
from off_platform.storage.download import LOOKS, Seen, download, look_patiently
from off_platform.storage.engine import copy_query
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display
from off_platform.storage.sql import file_literal, literal

if TYPE_CHECKING:
    import duckdb


class NoSnapshotError(LookupError):
    """A month has no snapshot and none can be made; the message is one sentence."""


@dataclass(frozen=True)
class Synced:
    """The outcome of a sync: the snapshot, and a message."""

    snapshot: Snapshot
    copied: bool
    sentence: str


@dataclass(frozen=True)
class SyncRequest:
    """The month to copy.

    Attributes:
        month: its first day, `2026-11-01`.
        replace: whether a newer list replaces this month's snapshot.
        today: the current day; by default from the clock.
    """

    month: str
    replace: bool = False
    today: date | None = None

    @property
    def is_now(self) -> bool:
        """Whether the month is the current one, the only one whose list is still upstream."""
        return self.month == (self.today or datetime.now(UTC).date()).strftime("%Y-%m-01")


@dataclass(frozen=True)
class Bounds:
    """Limits of a sync: unpacked bytes, attempts while the list is missing, attempts to copy it."""

    unpacked_most: int
    list_attempts: int
    attempts: int


def bounds_from(settings: Settings, lake: Lake) -> Bounds:
    """The limits from the settings, and from the disk on which the lake's tables are built."""
    with lake.root.scratch() as scratch:
        room = key_list.room_beside(scratch, settings.key_list_disk_share)
    return Bounds(room, LOOKS, settings.attempts)


def sync_month(
    lake: Lake,
    source: Source,
    request: SyncRequest,
    connection: "duckdb.DuckDBPyConnection",
    bounds: Bounds,
    say: Callable[[str], object] = print,
    display: Display | None = None,
) -> Synced:
    """Copies the key list of a month into the lake, unless that was done.

    The bucket keeps only its current list, so only the current month can be copied. A snapshot is
    replaced by a later list only on request, and never by that of another month.

    Args:
        lake: the destination.
        source: the bucket.
        request: the month.
        connection: DuckDB that can read the lake.
        bounds: limits of the sync.
        say: logs a message.
        display: shows the progress.

    Raises:
        NoSnapshotError: the month is past and has no snapshot, or should be replaced.
        off_platform.storage.download.DownloadError: the list is missing upstream or cannot be read.
        off_platform.images.key_list.RefusedKeyListError: the file is not a complete key list.
        off_platform.storage.locks.FolderInUseError: another run copies the month.
    """
    if not request.is_now:
        return _past(lake, request, snapshot_of(lake, request.month, connection))
    seen = look_patiently(source, KEY_LIST, bounds.list_attempts, say)
    with lake.locked(SNAPSHOTS.name, ("month", request.month)):
        have = snapshot_of(lake, request.month, connection)
        if have and _is_kept(lake, have, seen, request):
            synced = Synced(have, copied=False, sentence=_kept(have, seen))
        else:
            synced = _filed_anew(lake, source, request.month, seen, connection, bounds, display)
        if request.replace:
            _drop_unused(lake, connection)
    return synced


def _is_kept(lake: Lake, have: Snapshot, seen: Seen, request: SyncRequest) -> bool:
    """Whether the month's snapshot is kept; one whose file was lost is copied again."""
    if have.etag == seen.etag:
        return lake.root.exists(have.file)
    return not request.replace


def _filed_anew(
    lake: Lake,
    source: Source,
    month: str,
    seen: Seen,
    connection: "duckdb.DuckDBPyConnection",
    bounds: Bounds,
    display: Display | None,
) -> Synced:
    same = _same_list(lake, seen, connection)
    snapshot = same or _copy(lake, source, bounds, display)
    _file(lake, month, snapshot)
    what = "has been copied before" if same else "was copied"
    return Synced(
        snapshot, copied=not same, sentence=f"The key list {what}: {_described(snapshot)}."
    )


def _past(lake: Lake, request: SyncRequest, have: Snapshot | None) -> Synced:
    is_whole = have is not None and lake.root.exists(have.file)
    if have and is_whole and not request.replace:
        return Synced(have, copied=False, sentence="The month is past; its snapshot is kept.")
    what = "no snapshot"
    if have:
        what = "a snapshot that cannot be replaced" if is_whole else f"lost its file {have.file}"
    raise NoSnapshotError(
        f"{request.month[:7]} has {what}: the bucket keeps only its current key list, "
        "and today's is not filed under another month."
    )


def _kept(have: Snapshot, seen: Seen) -> str:
    if have.etag == seen.etag:
        return "The key list has not changed since it was copied; nothing was copied."
    return (
        f"There is a newer key list upstream ({seen.last_modified:%Y-%m-%d %H:%M}); the month's "
        "snapshot is kept. Run with replace to take the newer one."
    )


def _described(snapshot: Snapshot) -> str:
    return f"{snapshot.keys:,} keys in {snapshot.bytes:,} bytes"


def _same_list(lake: Lake, seen: Seen, connection: "duckdb.DuckDBPyConnection") -> Snapshot | None:
    """A snapshot of another month with the same list, which need not be copied again."""
    for month in reversed(lake.partitions(SNAPSHOTS.name)):
        other = snapshot_of(lake, month, connection)
        if other and seen.etag and other.etag == seen.etag and lake.root.exists(other.file):
            return Snapshot(**{**vars(other), "copied_at": datetime.now(UTC)})
    return None


def _copy(lake: Lake, source: Source, bounds: Bounds, display: Display | None) -> Snapshot:
    with lake.root.scratch() as scratch:
        path = scratch / "data_keys.gz"
        seen = download(source.store, KEY_LIST, path, bounds.attempts, display)
        facts = key_list.inspect(path, bounds.unpacked_most)
        snapshot = Snapshot(
            url=source.public_url(KEY_LIST),
            etag=seen.etag or "",
            bytes=facts.packed_bytes,
            unpacked_bytes=facts.unpacked_bytes,
            last_modified=seen.last_modified,
            md5=facts.md5,
            keys=facts.keys,
            copied_at=datetime.now(UTC),
        )
        lake.root.place(path, snapshot.file)
    return snapshot


def _file(lake: Lake, month: str, snapshot: Snapshot) -> None:

    table = pa.Table.from_pylist([vars(snapshot)], SNAPSHOTS.arrow)
    lake.replace(
        SNAPSHOTS.name,
        ("month", month),
        SNAPSHOTS.arrow,
        lambda path: pq.write_table(table, path),
    )


def _drop_unused(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> None:
    """Removes lists that no month uses, including those left by killed runs."""
    months = lake.partitions(SNAPSHOTS.name)
    used = {found.file for month in months if (found := snapshot_of(lake, month, connection))}
    for name in lake.root.names(LISTS):
        if name not in used:
            lake.root.remove(name)


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


def demand_snapshot(lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection") -> Snapshot:
    """The snapshot of a month.

    Raises:
        NoSnapshotError: there is none.
    """
    snapshot = snapshot_of(lake, month, connection)
    if snapshot is None:
        raise NoSnapshotError(f"{month[:7]} has no snapshot; materialise bucket_sync first.")
    return snapshot


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

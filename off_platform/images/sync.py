"""Copies the key list of a month into the lake, as its snapshot. No Dagster here.

`key_list.py` reads a list, `snapshots.py` says which there are; `monthly.py` makes tables of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.images import key_list
from off_platform.images.keys import KEY_LIST
from off_platform.images.schemas import SNAPSHOTS
from off_platform.images.snapshots import LISTS, NoSnapshotError, Snapshot, snapshot_of
from off_platform.settings import Settings
from off_platform.storage.download import LOOKS, Seen, download, look_patiently
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display

if TYPE_CHECKING:
    import duckdb


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
        NoSnapshotError: the month is past and has no snapshot, or should be replaced; or the clock
            was set back, so that it only seems to be the current one.
        off_platform.storage.download.DownloadError: the list is missing upstream or cannot be read.
        off_platform.images.key_list.RefusedKeyListError: the file is not a complete key list.
        off_platform.storage.locks.FolderInUseError: another run copies the month.
    """
    if not request.is_now:
        return _past(lake, request, snapshot_of(lake, request.month, connection))
    seen = look_patiently(source, KEY_LIST, bounds.list_attempts, say)
    if request.today is None:
        _demand_clock(request.month, seen)
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


def _demand_clock(month: str, seen: Seen) -> None:
    """Refuses a list that is newer than the month which is the current one by this clock."""
    if f"{seen.last_modified:%Y-%m-01}" > month:
        raise NoSnapshotError(
            f"The clock of this machine says {month[:7]}, but the bucket's key list is of "
            f"{seen.last_modified:%Y-%m-%d %H:%M}; it is not filed under an earlier month. Set the "
            "clock and run again."
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

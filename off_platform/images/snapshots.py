"""The snapshots in a lake: which months have one, which were missed. Reads only, and loads fast.

`sync.py` makes them.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from off_platform.images.schemas import SNAPSHOTS
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

LISTS = "snapshots"


class NoSnapshotError(LookupError):
    """A month has no snapshot and none can be made; the message is one sentence."""


@dataclass(frozen=True)
class Snapshot:
    """A month's key list as stored in the lake; the columns of the table `snapshots`."""

    url: str
    etag: str
    bytes: int
    unpacked_bytes: int
    last_modified: datetime
    md5: str
    keys: int
    copied_at: datetime

    @property
    def file(self) -> str:
        """Its name in the lake: identical lists are stored once."""
        return f"{LISTS}/{self.md5}.gz"


def snapshot_of(lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection") -> Snapshot | None:
    """The month's snapshot, or None when there is none."""
    if not lake.has(SNAPSHOTS.name, ("month", month)):
        return None
    columns = ", ".join(column.name for column in SNAPSHOTS.columns)
    rows = lake.rows_of(SNAPSHOTS.name, ("month", month))
    (row,) = connection.execute(f"SELECT {columns} FROM {rows}").fetchall()
    return Snapshot(*row)


def demand_snapshot(lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection") -> Snapshot:
    """The snapshot of a month.

    Raises:
        NoSnapshotError: there is none.
    """
    snapshot = snapshot_of(lake, month, connection)
    if snapshot is None:
        raise NoSnapshotError(f"{month[:7]} has no snapshot; materialise bucket_sync first.")
    return snapshot


def month_before(lake: Lake, table: str, month: str) -> str | None:
    """The newest earlier month for which the table has a partition."""
    return max((other for other in lake.partitions(table) if other < month), default=None)


def missed_months(since: str | None, month: str) -> list[str]:
    """The months between the previous snapshot and this one, oldest first.

    Args:
        since: month of the previous snapshot, from `month_before`.
        month: first day of this snapshot's month.
    """
    if since is None:
        return []
    first, last = (date.fromisoformat(each) for each in (since, month))
    between = range(first.year * 12 + first.month, last.year * 12 + last.month - 1)
    return [f"{number // 12}-{number % 12 + 1:02d}-01" for number in between]

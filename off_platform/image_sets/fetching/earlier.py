"""The existing set before a refresh: which files have the wrong size, how much would be lost.

`build.py` decides what to do about either.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from tarfile import BLOCKSIZE
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.image_sets.construction.lake_objects import IN_LAKE
from off_platform.image_sets.construction.plans import rows_name
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal
from off_platform.storage.threads import in_order

if TYPE_CHECKING:
    import duckdb

ROWS_AT_ONCE = 10_000
# In a bucket, looking at a shard's end is one request.
SHARDS_AT_ONCE = 32
# Column of the rows of a group: whether the existing set has the object.
HAD = "had"


def damaged_paths(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> frozenset[str]:
    """The shards and loose files that are missing, or whose size differs from the manifest.

    Their bytes are not read: damage that keeps the size is found by comparing the manifest's MD5s,
    as the data card shows.
    """
    if not folder.exists(MANIFEST):
        return frozenset()
    manifest = f"read_parquet({file_literal(folder.address(MANIFEST))})"
    shards = _rows(
        connection,
        f"""SELECT path, max("offset" + stored_bytes) FROM {manifest}
            WHERE path LIKE '%.tar' GROUP BY path""",
    )
    tables = _rows(
        connection,
        f"""SELECT path, max("offset") FROM {manifest}
            WHERE path LIKE '%.parquet' GROUP BY path""",
    )
    files = _rows(
        connection,
        f"SELECT path, stored_bytes FROM {manifest} WHERE path LIKE '%/%' ORDER BY path",
    )
    ends = in_order(lambda each: (each[0], _ends_at(folder, *each)), shards, SHARDS_AT_ONCE)
    found = {path for path, is_whole in ends if not is_whole}
    found |= {path for path, last in tables if not _has_row(folder, path, last)}
    for container, of_container in groupby(files, lambda row: row[0].split("/")[0]):
        sizes = folder.sizes(container)
        found |= {path for path, size in of_container if sizes.get(path) != size}
    return frozenset(found)


def _rows(connection: "duckdb.DuckDBPyConnection", query: str) -> Iterator[tuple[str, int]]:
    cursor = connection.cursor().execute(query)
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield from rows


def _ends_at(folder: Folder, shard: str, end: int) -> bool:
    """Whether a shard's last member is followed by the end of a TAR file only."""
    try:
        rest = folder.read(shard, end + -end % BLOCKSIZE, 2 * BLOCKSIZE + 1)
    except FileNotFoundError:
        return False
    return rest == bytes(2 * BLOCKSIZE)


def _has_row(folder: Folder, table: str, row: int) -> bool:
    """Whether a Parquet file can be opened, and has a row of this number."""
    if not folder.exists(table):
        return False
    with folder.local(table) as path:
        try:
            return bool(pq.read_metadata(path).num_rows > row)
        except pa.ArrowInvalid:
            return False


@dataclass(frozen=True)
class Losses:
    """Losses of groups against the existing set, objects from the lake apart.

    Attributes:
        planned: objects of the plan.
        received: objects received, new or unchanged.
        had: objects of the plan that the existing set has.
        lost: those of them that were not received this time.
        groups: groups that contain these.
        reason: of an object that was not received.
    """

    planned: int = 0
    received: int = 0
    had: int = 0
    lost: int = 0
    groups: tuple[int, ...] = ()
    reason: str = ""

    def __add__(self, other: "Losses") -> "Losses":
        """Those of both; the reason is that of the first group that has one."""
        return Losses(
            self.planned + other.planned,
            self.received + other.received,
            self.had + other.had,
            self.lost + other.lost,
            self.groups + other.groups,
            self.reason or other.reason,
        )


def losses_of(group: int, rows: Iterable[dict[str, Any]]) -> Losses:
    """The losses of a finished group, from its rows."""
    asked = [row for row in rows if not row.get(IN_LAKE)]
    absent = [row for row in asked if row["status"] != "fetched" or row["reason"] is not None]
    lost = sum(row[HAD] for row in absent)
    had = sum(row[HAD] for row in asked)
    reason = (absent[0]["reason"] or "") if absent else ""
    groups = (group,) if lost else ()
    return Losses(len(asked), len(asked) - len(absent), had, lost, groups, reason)


def losses_before(
    folder: Folder, digest: str, groups: Iterable[int], connection: "duckdb.DuckDBPyConnection"
) -> Losses:
    """The losses of groups that an earlier run has finished, read back."""
    names = ", ".join(file_literal(folder.address(rows_name(group, digest))) for group in groups)
    if not names:
        return Losses()
    ((planned, received, had, lost, files, reason),) = connection.execute(f"""
        SELECT count(*), count_if(received), count_if({HAD}), count_if({HAD} AND NOT received),
            list(DISTINCT filename) FILTER ({HAD} AND NOT received),
            arg_min(reason, position) FILTER (NOT received)
        FROM (SELECT *, status = 'fetched' AND reason IS NULL AS received
            FROM read_json([{names}], format = 'newline_delimited', filename = true, columns = {{
                position: 'BIGINT', status: 'VARCHAR', reason: 'VARCHAR', {IN_LAKE}: 'BOOLEAN',
                {HAD}: 'BOOLEAN'}})
            WHERE position IS NOT NULL AND NOT coalesce({IN_LAKE}, false))""").fetchall()
    lost_in = (int(file.rpartition("/")[2].split("-")[0]) for file in files or ())
    return Losses(planned, received, had, lost, tuple(sorted(lost_in)), reason or "")

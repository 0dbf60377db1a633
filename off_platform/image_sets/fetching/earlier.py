"""The existing set before a refresh: which files have the wrong size, how much would be lost.

`build.py` decides what to do about either.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from tarfile import BLOCKSIZE
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.image_sets.fetching.building import PLAN, ROWS
from off_platform.image_sets.fetching.lake_objects import IN_LAKE
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.storage.folders import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb

ROWS_AT_ONCE = 10_000


def damaged_paths(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> frozenset[str]:
    """The shards and loose files that are missing, or whose size differs from the manifest.

    Their bytes are not read: damage that keeps the size is found by comparing the manifest's MD5s,
    as the data card shows.
    """
    if not folder.exists(MANIFEST):
        return frozenset()
    manifest = f"read_parquet({literal(folder.address(MANIFEST))})"
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
    found = {path for path, end in shards if not _ends_at(folder, path, end)}
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
    """Losses of a finished transfer against the existing set, objects from the lake apart.

    Attributes:
        planned: objects of the plan.
        received: objects received, new or unchanged.
        had: objects of the plan that the existing set has.
        lost: those of them that were not received this time.
        groups: groups that contain these.
        reason: of the first object that was not received.
    """

    planned: int
    received: int
    had: int
    lost: int
    groups: tuple[int, ...]
    reason: str


def losses(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> Losses:
    """Compares the outcomes of all objects of a plan with the existing set."""
    had = (
        f"SELECT key, kind FROM read_parquet({literal(folder.address(MANIFEST))}) "
        "WHERE status = 'fetched'"
        if folder.exists(MANIFEST)
        else "SELECT NULL::VARCHAR AS key, NULL::VARCHAR AS kind WHERE false"
    )
    rows = literal(folder.address(f"{BUILDING}/*{ROWS}"))
    ((planned, received, of_set, lost, groups, reason),) = connection.execute(f"""
        SELECT count(*), count_if(received), count_if(had), count_if(had AND NOT received),
            list(DISTINCT "group") FILTER (had AND NOT received),
            arg_min(reason, position) FILTER (NOT received)
        FROM (SELECT p."group", position, r.reason, h.key IS NOT NULL AS had,
                r.status = 'fetched' AND r.reason IS NULL AS received
            FROM read_parquet({literal(folder.address(PLAN))}) AS p
            JOIN read_json({rows}, format = 'newline_delimited', columns = {{
                position: 'BIGINT', status: 'VARCHAR', reason: 'VARCHAR', {IN_LAKE}: 'BOOLEAN'}})
                AS r USING (position)
            LEFT JOIN ({had}) AS h USING (key, kind)
            WHERE NOT coalesce({IN_LAKE}, false))""").fetchall()
    return Losses(planned, received, of_set, lost, tuple(sorted(groups or ())), reason or "")

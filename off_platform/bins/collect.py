"""`bin_metadata`: the unchanged JSON of every bin, fetched if it is new or changed.

Objects are written part by part, so that a killed run can be resumed. `listing.py` lists the
bucket; `inventory.py` interprets the JSON.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.bins.inspection import SOUND, Inspection, inspect
from off_platform.bins.object_schemas import BIN_METADATA, BIN_OBJECTS
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display, Tally
from off_platform.storage.sql import literal
from off_platform.storage.transfer import Limits, Outcome, Wanted, transfer

if TYPE_CHECKING:
    import duckdb

# Folder of the parts until all metadata is fetched.
COLLECTING_FOLDER = "collecting"
COLLECTING = f"{COLLECTING_FOLDER}/bin_metadata"
# At 2 kB each: 16 MB in memory, which is also the most that a killed run loses.
PART_OBJECTS = 8192
ROW_GROUP = 8192
RANGE_OBJECTS = 32_768
# "One SKU" takes 700 bytes; the largest bin has 22.
METADATA_BYTES_MOST = 2**20
# Objects are so small that nearly all of the time is latency: 10,000 of them took 5.7 s
# with 64 at once and 30 ms of latency.
MORE_AT_ONCE = 4
BATCH_ROWS = 4096


@dataclass(frozen=True)
class Collected:
    """What fetching the metadata led to.

    Attributes:
        tally: objects by outcome.
        rows: rows of the table now.
        changed: whether the table was rewritten.
    """

    tally: Tally
    rows: int
    changed: bool


def collect_metadata(
    lake: Lake,
    source: Source,
    connection: "duckdb.DuckDBPyConnection",
    limits: Limits,
    display: Display | None = None,
) -> Collected:
    """Updates `bin_metadata`: fetches objects of `bin_objects` that the table lacks.

    Failed objects are recorded without an ETag, so that the next run requests them again. So are
    unreadable objects, unless the ETag shows that the bucket has exactly these bytes.

    Raises:
        off_platform.storage.lake.NoSuchTableError: the bucket has not been listed yet.
        off_platform.storage.locks.FolderInUseError: another run is collecting.
    """
    with lake.root.below(COLLECTING_FOLDER).locked():
        return _collected(lake, source, connection, limits, display)


def _collected(
    lake: Lake,
    source: Source,
    connection: "duckdb.DuckDBPyConnection",
    limits: Limits,
    display: Display | None,
) -> Collected:
    wanted = _wanted_query(lake, _had(lake))
    ((total,),) = connection.execute(f"SELECT count(*) FROM ({wanted})").fetchall()
    tally = Tally(total=total)
    had = lake.root.names(COLLECTING)
    number = max((_number(name) for name in had), default=-1) + 1
    with closing(_rows(connection, wanted, source, limits, display, tally)) as rows:
        while part := list(islice(rows, PART_OBJECTS)):
            _put_down(lake, number, part)
            number += 1
    parts = lake.root.names(COLLECTING)
    changed = bool(parts) or _has_stale(lake, connection)
    if changed:
        _merge(lake, connection)
        # Only those in the table: a part of a run that lost its lock is kept for the next.
        lake.root.remove_all(parts)
    ((found,),) = connection.execute(
        f"SELECT count(*) FROM {lake.rows_of(BIN_METADATA.name)}"
    ).fetchall()
    return Collected(tally, int(found), changed)


@dataclass(frozen=True)
class Unreadable:
    """Listed metadata that cannot be used: count, and a message; empty when there is none."""

    objects: int
    sentence: str


def unreadable(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", id_space: str = "both"
) -> Unreadable:
    """The unreadable metadata of one id space or both."""
    within = "true" if id_space == "both" else f"id_space = {literal(id_space)}"
    rows = f"{lake.rows_of(BIN_METADATA.name)} WHERE {within}"
    kinds = connection.execute(f"""
        SELECT oddity, count(*), min(key), count(*) FILTER (NOT {_SETTLED})
        FROM {rows} AND NOT usable GROUP BY 1 ORDER BY 2 DESC, 1
    """).fetchall()
    number, again = (sum(kind[at] for kind in kinds) for at in (1, 3))
    if not number:
        return Unreadable(0, "")
    ((total,),) = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()
    named = "; ".join(f"{count:,} {oddity}, such as {key}" for oddity, count, key, _ in kinds)
    if again == number:
        hint = "Run again to retry them."
    elif again:
        hint = f"Run again to retry {again:,} of them; the others are so in the bucket."
    else:
        hint = "They are so in the bucket, and are not fetched again until they change there."
    return Unreadable(
        number,
        f"{number:,} of {total:,} metadata objects could not be read ({named}): their bins are not "
        f"in the tables, see bin_oddities. {hint}",
    )


_EMPTY = """(SELECT NULL::VARCHAR AS key, NULL::VARCHAR AS etag, NULL::VARCHAR AS md5,
    NULL::BOOLEAN AS usable, NULL::VARCHAR AS oddity, NULL::VARCHAR AS filename WHERE false)"""
# Fetching again is useless: it is too large, or the bucket's ETag is the MD5 of these bytes.
_SETTLED = """(usable OR oddity = 'too_large' OR coalesce(trim(etag, '"') = md5, false))"""


def _had(lake: Lake) -> str:
    """SQL for the existing rows: of the table, and of the parts of a killed run."""
    files = [lake.address(BIN_METADATA.name)] if lake.has(BIN_METADATA.name) else []
    files += [lake.root.address(name) for name in lake.root.names(COLLECTING)]
    listed = ", ".join(literal(file) for file in files)
    return f"read_parquet([{listed}], filename = true)" if files else _EMPTY


def _wanted_query(lake: Lake, had: str) -> str:
    return f"""
        SELECT key, id, id_space, bytes, o.etag, old_etag, old_md5, old_oddity
        FROM {lake.rows_of(BIN_OBJECTS.name)} AS o
        LEFT JOIN (
            SELECT key, max_by(etag, filename) AS old_etag, max_by(md5, filename) AS old_md5,
                max_by(oddity, filename) AS old_oddity
            FROM {had} WHERE NOT usable GROUP BY key) AS b USING (key)
        WHERE part = 'metadata' AND id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM {had} AS h WHERE h.key = o.key AND h.etag IS NOT DISTINCT FROM o.etag
            AND h.etag IS NOT NULL AND {_SETTLED})
        ORDER BY key"""


def _rows(
    connection: "duckdb.DuckDBPyConnection",
    wanted: str,
    source: Source,
    limits: Limits,
    display: Display | None,
    tally: Tally,
) -> Generator[dict[str, Any]]:
    """The table's rows of the fetched objects."""
    reader = connection.cursor().sql(wanted).to_arrow_reader(BATCH_ROWS)
    listed = (row for batch in reader for row in batch.to_pylist())
    few_bytes = Limits(limits.concurrency * MORE_AT_ONCE, limits.attempts, METADATA_BYTES_MOST)
    objects = (Wanted(row["key"], row, _check_of(row["id"])) for row in listed)
    with closing(transfer(source.store, objects, few_bytes, display, tally)) as outcomes:
        for outcome in outcomes:
            row, listed = _row(outcome), outcome.tag
            had = (listed["old_etag"], listed["old_md5"], listed["old_oddity"])
            # Unreadable and unchanged objects do not cause the table to be rewritten.
            if listed["old_oddity"] is None or had != (row["etag"], row["md5"], row["oddity"]):
                yield row


def _check_of(bin_id: str) -> Any:
    def look(data: bytes) -> tuple[None, Inspection]:
        return None, inspect(data, bin_id)

    return look


def _row(outcome: Outcome[dict[str, Any], Inspection]) -> dict[str, Any]:
    listed, data = outcome.tag, outcome.data
    look = outcome.facts or _not_there(outcome)
    too_large = look.oddity == "too_large"
    return {
        "key": listed["key"],
        "id": listed["id"],
        "id_space": listed["id_space"],
        # An object that is too large need not be requested again while its ETag is the same.
        "etag": listed["etag"] if too_large else outcome.etag,
        "last_modified": outcome.last_modified,
        "bytes": listed["bytes"] if data is None else len(data),
        "md5": outcome.md5,
        "text": None if data is None or look.oddity == "not_utf8" else data.decode("utf-8"),
        "usable": look.usable,
        "oddity": look.oddity,
        "reason": look.reason,
    }


def _not_there(outcome: Outcome[dict[str, Any], Inspection]) -> Inspection:
    if outcome.data is not None:
        return SOUND
    is_large = outcome.status == "refused" and (outcome.reason or "").startswith("larger")
    oddity = "too_large" if is_large else outcome.status
    return Inspection(usable=False, oddity=oddity, reason=outcome.reason or outcome.status)


def _number(part: str) -> int:
    return int(part.rpartition("/")[2][:6])


def _put_down(lake: Lake, number: int, rows: list[dict[str, Any]]) -> None:
    """Places a part; no other run's has its name, even if a lock was lost."""
    with lake.root.scratch() as scratch:
        made = scratch / "rows.parquet"
        pq.write_table(pa.Table.from_pylist(rows, BIN_METADATA.arrow), made, compression="zstd")
        lake.root.place(made, f"{COLLECTING}/{number:06d}-{token_hex(4)}.parquet")


def _has_stale(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> bool:
    """Whether the table is missing, or has rows of objects that are no longer listed."""
    if not lake.has(BIN_METADATA.name):
        return True
    ((stale,),) = connection.execute(f"""
        SELECT count(*) FROM {lake.rows_of(BIN_METADATA.name)} WHERE key NOT IN (
            SELECT key FROM {lake.rows_of(BIN_OBJECTS.name)} WHERE id IS NOT NULL)""").fetchall()
    return bool(stale)


def _merge(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> None:
    """Writes the table with the newest row of each listed object, in order.

    One range of keys after another: the texts are a gigabyte, and sorting would hold all in memory.
    The parts are sorted by key, so each range reads only a few row groups.
    """
    had = _had(lake)

    def write(path: Path) -> None:
        _write_stream(
            (
                batch
                for least, most in _ranges(lake, connection)
                for batch in connection.cursor()
                .sql(_newest_query(lake, had, least, most))
                .to_arrow_reader(ROW_GROUP)
            ),
            path,
        )

    lake.replace(BIN_METADATA.name, None, BIN_METADATA.arrow, write)


def _ranges(
    lake: Lake, connection: "duckdb.DuckDBPyConnection"
) -> Iterator[tuple[str, str | None]]:
    """First key of each range and of the next range; None after the last."""
    found = connection.execute(f"""
        SELECT key FROM (
            SELECT key, row_number() OVER (ORDER BY key) AS place
            FROM {lake.rows_of(BIN_OBJECTS.name)} WHERE part = 'metadata' AND id IS NOT NULL)
        WHERE place % {RANGE_OBJECTS} = 1 ORDER BY key""").fetchall()
    starts = [key for (key,) in found]
    return zip(starts, [*starts[1:], None], strict=True)


def _newest_query(lake: Lake, had: str, least: str, most: str | None) -> str:
    """The newest rows of listed objects; names of parts sort by time.

    Parts are newer than the table's file.
    """
    table = lake.address(BIN_METADATA.name) if lake.has(BIN_METADATA.name) else ""
    within = f"key >= {literal(least)}" + (f" AND key < {literal(most)}" if most else "")
    columns = ", ".join(f'"{column.name}"' for column in BIN_METADATA.columns)
    return f"""
        SELECT {columns} FROM {had} WHERE {within} AND key IN (
            SELECT key FROM {lake.rows_of(BIN_OBJECTS.name)} WHERE {within} AND id IS NOT NULL)
        QUALIFY row_number() OVER (
            PARTITION BY key ORDER BY filename <> {literal(table)} DESC, filename DESC) = 1
        ORDER BY key"""


def _write_stream(batches: Iterable[pa.RecordBatch], path: Path) -> None:
    with pq.ParquetWriter(path, BIN_METADATA.arrow, compression="zstd") as file:
        for batch in batches:
            file.write_batch(batch.cast(BIN_METADATA.arrow), ROW_GROUP)

"""Objects of a set whose bytes are in the lake: copied from there instead of fetched.

A plan names them by their MD5 in its column `known_md5`. Objects that are missing there, or no
longer match the plan, are fetched like all others.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from off_platform.storage.fetch import Received, md5_hex

if TYPE_CHECKING:
    import duckdb

# Rows of the plan per scan of the lake's table: 17 scans for the largest set, and at most 130 MB in
# memory at 2 kB per text.
ROWS_AT_ONCE = 65_536
# Column of the rows of a plan and of a journal.
IN_LAKE = "in_lake"


def with_texts(
    batches: Iterable[pa.RecordBatch],
    texts: str,
    batch_rows: int,
    connection: "duckdb.DuckDBPyConnection",
) -> Iterator[pa.RecordBatch]:
    """The rows of a plan, each with its object from the lake.

    Args:
        batches: rows of the plan in order.
        texts: SQL of a table with key, md5, etag, last_modified and text, to use after FROM.
        batch_rows: rows per returned batch.
        connection: DuckDB that can read the table.
    """
    for batch in batches:
        with connection.cursor() as cursor:
            cursor.register("planned", pa.Table.from_batches([batch]))
            yield from cursor.sql(f"""
                SELECT p.*, t.etag AS known_etag, text AS known_text,
                    epoch_us(t.last_modified) AS known_last_modified
                FROM planned AS p LEFT JOIN (
                    SELECT key, md5, etag, last_modified, text FROM {texts}
                    WHERE key IN (SELECT key FROM planned WHERE known_md5 IS NOT NULL)) AS t
                ON p.key = t.key AND p.known_md5 = t.md5
                ORDER BY position""").to_arrow_reader(batch_rows)


def with_object(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its object under `IN_LAKE`: None if its exact bytes are not known."""
    row[IN_LAKE] = None
    text = row.pop("known_text", None)
    if text is None:
        return row
    etag, modified = row.pop("known_etag"), row.pop("known_last_modified")
    if md5_hex(data := text.encode()) == row["known_md5"]:
        row[IN_LAKE] = Received(data, row["known_md5"], etag, modified and _moment(modified))
    return row


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)

"""Compares two months: objects added to and removed from the key list, by product and kind.

`key_index.py` builds the index.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def changes_query(now: str, before: str, since: str) -> str:
    """SQL for the rows of `key_changes`.

    Two lists of 30 million keys are nearly the same, and joining them key by key would spill for a
    minute. So products are compared first, by the number and two sums over the hashes of their
    keys, and only products that differ are compared key by key. DuckDB's hash is sufficient, as it
    is not stored.

    Args:
        now: SQL for the rows of this month's index, to use after FROM.
        before: the same for the previous snapshot.
        since: SQL literal of that snapshot's month.
    """
    return f"""
        WITH differing AS (
            SELECT barcode
            FROM (SELECT barcode, {_SIGNATURE} FROM {now} GROUP BY barcode) AS n
            FULL JOIN (SELECT barcode, {_SIGNATURE} FROM {before} GROUP BY barcode) AS b
                USING (barcode)
            WHERE (n.number, n.folded, n.summed) IS DISTINCT FROM (b.number, b.folded, b.summed)
        ),
        n AS (SELECT DISTINCT key, barcode, kind FROM {now} SEMI JOIN differing USING (barcode)),
        b AS (SELECT DISTINCT key, barcode, kind FROM {before} SEMI JOIN differing USING (barcode))
        SELECT barcode, kind, change, count(*) AS objects, {since} AS since
        FROM (
            SELECT barcode, kind, 'added' AS change FROM n ANTI JOIN b USING (key)
            UNION ALL
            SELECT barcode, kind, 'removed' AS change FROM b ANTI JOIN n USING (key)
        )
        GROUP BY ALL
        ORDER BY barcode, kind, change
    """


def distinct_keys(connection: "duckdb.DuckDBPyConnection", rows: str) -> int:
    """Number of distinct keys of a sorted index."""
    counted = connection.execute(f"""
        SELECT count(*) - count_if(key = before) FROM (
            SELECT key, lag(key) OVER () AS before FROM {rows})""").fetchall()
    return int(counted[0][0])


_SIGNATURE = (
    "count(*) AS number, bit_xor(hash(key)) AS folded, sum(hash(key) >> 32)::UBIGINT AS summed"
)

# The first snapshot has nothing to compare with, so there are no rows.
NO_CHANGES = """
    SELECT NULL::VARCHAR AS barcode, NULL::VARCHAR AS kind, NULL::VARCHAR AS change,
        NULL::BIGINT AS objects, NULL::VARCHAR AS since WHERE false"""

"""Leaks counted independently of visits: from the raw metadata of neighbours. Pure SQL.

Only the JSON texts are read, so that mistakes in the tables between them and `bin_splits` are
detected. The rule of visits is in `visits.py`.
"""


def neighbours_query(metadata: str, splits: str) -> str:
    """Neighbours of the main set that show one bin according to their metadata, by split.

    Columns: earlier, later (ids), across (whether they are in different splits).

    Args:
        metadata: SQL of `bin_metadata`.
        splits: SQL of `bin_splits`.
    """
    return f"""
        WITH bins AS (
            SELECT id, id::BIGINT AS position, split,
                json_keys(json_extract(text, '$.BIN_FCSKU_DATA')) AS items
            FROM {metadata} JOIN (SELECT id, split FROM {splits}) USING (id)
            WHERE usable AND id_space = 'main'),
        pairs AS (
            SELECT id AS earlier, lead(id) OVER by_id AS later, split <> lead(split) OVER by_id
                AS across, lead(position) OVER by_id - position AS apart,
                list_has_any(items, lead(items) OVER by_id)
                    AND lead(position) OVER by_id - position <= 2 AS shared,
                len(items) = 0 OR len(lead(items) OVER by_id) = 0 AS with_empty
            FROM bins WINDOW by_id AS (ORDER BY position)),
        adjacent AS (
            SELECT *, coalesce(lag(shared) OVER by_id, false)
                OR coalesce(lead(shared) OVER by_id, false) AS other_shares
            FROM pairs WINDOW by_id AS (ORDER BY earlier::BIGINT))
        SELECT earlier, later, across FROM adjacent
        WHERE shared OR (with_empty AND apart = 1 AND NOT other_shares)"""

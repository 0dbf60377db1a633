"""Visits: photos of one bin taken after one another, told by neighbouring ids that share an item.

"Before and after" photos of a bin follow one another in the main set; 75 % of its first 10,000 are
in a visit of two or more. Pure SQL: nothing is read or written here.
"""


def visits_query(bins: str, bin_items: str) -> str:
    """The visit of every bin, as id and visit_id: the id of the visit's first bin.

    A bin of the main set goes on with the visit of the bin before it when both share an item. Bins
    of the pilot set, and empty ones, stand alone.

    Args:
        bins: SQL with id, id_space, position.
        bin_items: SQL with bin_id, fcsku.
    """
    return f"""
        WITH main AS (SELECT id, position FROM {bins} WHERE id_space = 'main'),
        placed AS (SELECT position, fcsku FROM {bin_items} JOIN main ON bin_id = id),
        linked AS (
            SELECT DISTINCT later.position FROM placed AS earlier
            JOIN placed AS later ON later.fcsku = earlier.fcsku
                AND later.position = earlier.position + 1),
        begun AS (
            SELECT id, position, CASE WHEN l.position IS NULL THEN id END AS first
            FROM main LEFT JOIN linked AS l USING (position))
        SELECT id, last_value(first IGNORE NULLS) OVER (
            ORDER BY position ROWS UNBOUNDED PRECEDING) AS visit_id FROM begun
        UNION ALL SELECT id, id FROM {bins} WHERE id_space = 'pilot'"""


def bin_visits_query(bins: str, bin_items: str) -> str:
    """A row a visit; see the table `bin_visits`.

    Args:
        bins: SQL of `bins`, with visit_id.
        bin_items: SQL of `bin_items`.
    """
    return f"""
        WITH visits AS (
            SELECT visit_id, min_by(id, position) AS first, max_by(id, position) AS last,
                count(*) AS photos,
                (max_by(skus, position) - min_by(skus, position))::BIGINT AS sku_delta,
                (max_by(expected_quantity, position)
                    - min_by(expected_quantity, position))::BIGINT AS quantity_delta
            FROM {bins} GROUP BY visit_id),
        shared AS (
            SELECT visit_id, count(*) AS shared_items FROM visits
            JOIN {bin_items} AS f ON f.bin_id = first
            JOIN {bin_items} AS l ON l.bin_id = last AND l.fcsku = f.fcsku
            GROUP BY visit_id)
        SELECT visit_id, first, last, photos, coalesce(shared_items, 0) AS shared_items,
            sku_delta, quantity_delta
        FROM visits LEFT JOIN shared USING (visit_id) ORDER BY first"""

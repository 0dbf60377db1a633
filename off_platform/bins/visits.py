"""Visits: photos of one bin taken after one another, found by neighbouring ids. Pure SQL.

"Before and after" photos of a bin are adjacent in the main set; 75 % of its first 10,000 are in a
visit of two or more. `splits.py` assigns visits to splits; `leaks.py` counts leaking neighbours
independently.

Photos of the first 10,000 bins, compared by keypoints (SIFT with RANSAC, 8 inliers and more), show
the same bin in 88 % of the pairs within a visit and in 2 % of random pairs. An empty bin shares no
items. With a neighbour that would otherwise be alone, 120 of 225 pairs show the same bin; with a
neighbour that is in a visit, 6 of 124, which is chance. So an empty bin joins only the former. Two
ids apart nothing is gained (6 %). The rule misses empty bins that belong to a neighbour in a visit,
at most 5 % of those pairs, and pairs that show one bin with different items.
"""

# A visit continues across one unreadable bin: in 332 of 338 visits of three, the first and the last
# bin share an item. There are no visits of four, so two unreadable bins end a visit.
LONGEST_STEP = 2


def visits_query(bins: str, bin_items: str) -> str:
    """The visit of every bin, as id and visit_id: the id of the visit's first bin.

    A bin of the main set continues the visit of the previous bin if they share an item; if the
    previous id has no row, because its metadata is missing or unreadable, that of the bin before
    it. An empty bin joins each direct neighbour that would otherwise be alone; on both sides, as it
    may belong to either. Each bin of the pilot set is a separate visit.

    Args:
        bins: SQL with id, id_space, position.
        bin_items: SQL with bin_id, fcsku.
    """
    return f"""
        WITH main AS (
            SELECT id, position, position - lag(position) OVER (ORDER BY position) AS step
            FROM {bins} WHERE id_space = 'main'),
        placed AS (SELECT position, step, fcsku FROM {bin_items} JOIN main ON bin_id = id),
        sharing AS (
            SELECT DISTINCT later.position FROM placed AS earlier
            JOIN placed AS later ON later.fcsku = earlier.fcsku
                AND later.position - later.step = earlier.position
            WHERE later.step <= {LONGEST_STEP}),
        marked AS (
            SELECT id, position, step, position IN (FROM sharing) AS shares,
                position NOT IN (SELECT position FROM placed) AS empty
            FROM main),
        alone AS (
            SELECT *, NOT shares AND NOT lead(shares, 1, false) OVER (ORDER BY position) AS alone
            FROM marked),
        begun AS (
            SELECT id, position, CASE WHEN NOT shares AND NOT coalesce(
                step = 1 AND alone AND lag(alone) OVER (ORDER BY position)
                AND (empty OR lag(empty) OVER (ORDER BY position)), false) THEN id END AS first
            FROM alone)
        SELECT id, last_value(first IGNORE NULLS) OVER (
            ORDER BY position ROWS UNBOUNDED PRECEDING) AS visit_id FROM begun
        UNION ALL SELECT id, id FROM {bins} WHERE id_space = 'pilot'"""


def bin_visits_query(bins: str, bin_items: str) -> str:
    """One row per visit; see the table `bin_visits`.

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

"""Pairs of a photo and an item, in the photo's bin or not, to train and check verification. SQL.

"Is this item in the bin, and how many of it" is the bins' second task beside counting. Negatives
are items of other bins of the set, of the same split, which are in no bin of the same visit.
"""

# Of so many draws for each negative wanted the first that fit are taken.
DRAWS = 4


def pairs_query(labelled: str, bins: str, bin_items: str) -> str:
    """One row per pair: sample, visit_id, split, asin, name, present, quantity (0 if absent).

    Each photo has as many negatives as positives, unless hardly any items are left to draw. An item
    is drawn as often as it is in bins. Draws follow from hashes of the bins and items, so that few
    change when the set grows.

    Args:
        labelled: SQL of the set's bins: id, visit_id, split.
        bins: SQL of all bins, with visit_id.
        bin_items: SQL of the items of all bins.
    """
    return f"""
        WITH of_set AS (SELECT id AS sample, visit_id, split FROM ({labelled})),
        positives AS (
            SELECT sample, any_value(visit_id) AS visit_id, any_value(split) AS split, asin,
                arg_min(clean_name, fcsku) AS name, sum(quantity)::BIGINT AS quantity
            FROM of_set JOIN {bin_items} ON bin_id = sample
            WHERE asin IS NOT NULL GROUP BY sample, asin),
        in_visits AS (
            SELECT DISTINCT visit_id, unnest([asin, fcsku]) AS code
            FROM {bin_items} JOIN (SELECT id, visit_id FROM {bins}) ON bin_id = id
            WHERE visit_id IN (SELECT visit_id FROM of_set)),
        ring AS (
            SELECT split, asin, name, {_place("sample || ' has ' || asin")} AS place
            FROM positives),
        draws AS (
            SELECT sample, visit_id, split, draw, {_place("sample || ' draws ' || asin || draw")}
                AS place
            FROM positives, range({DRAWS}) AS r(draw)),
        drawn AS (
            SELECT d.*, coalesce(r.asin, f.asin) AS asin, coalesce(r.name, f.name) AS name
            FROM draws AS d ASOF LEFT JOIN ring AS r
                ON d.split = r.split AND d.place <= r.place
            JOIN (SELECT split, arg_min(asin, place) AS asin, arg_min(name, place) AS name
                FROM ring GROUP BY split) AS f ON f.split = d.split),
        absent AS (
            SELECT sample, any_value(visit_id) AS visit_id, any_value(split) AS split, asin,
                any_value(name) AS name, min((draw, place)) AS turn
            FROM drawn
            WHERE NOT EXISTS (
                FROM in_visits WHERE in_visits.visit_id = drawn.visit_id AND code = drawn.asin)
            GROUP BY sample, asin)
        SELECT * FROM (
            SELECT sample, visit_id, split, asin, name, true AS present, quantity FROM positives
            UNION ALL
            SELECT sample, visit_id, split, asin, name, false, 0
            FROM absent JOIN (SELECT sample, count(*) AS wanted FROM positives GROUP BY sample)
                USING (sample)
            QUALIFY row_number() OVER (PARTITION BY sample ORDER BY turn, asin) <= wanted)
        ORDER BY sample, present DESC, asin"""


def _place(text: str) -> str:
    """SQL for a number that follows from a text, the same with any version of DuckDB."""
    return f"('0x' || substr(md5({text}), 1, 15))::BIGINT"

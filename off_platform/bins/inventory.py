"""`bins`, `bin_items`, `items`: SQL over the metadata's JSON. Pure: nothing is read or written.

`inspection.py` decides which JSON is usable, `visits.py` which bins are one visit.
"""

import html
from typing import TYPE_CHECKING

from off_platform.bins.schemas import HARD_FROM
from off_platform.bins.units import INCH_MM, LENGTHS, POUND_G, WEIGHTS, factor_sql

if TYPE_CHECKING:
    import duckdb

_MEASURE = "STRUCT(unit VARCHAR, value DOUBLE)"
_ITEM = (
    "STRUCT(asin VARCHAR, name VARCHAR, normalizedName VARCHAR, quantity BIGINT, "
    f"length {_MEASURE}, width {_MEASURE}, height {_MEASURE}, weight {_MEASURE})"
)
# Not `html_unescape`: a function of an extension, which DuckDB would try to download.
_UNESCAPE = "entities_resolved"
# White space and separators of all scripts, control characters and others without a glyph.
_BLANKS = r"[\s\p{Z}\p{C}]+"


def let_clean_names(connection: "duckdb.DuckDBPyConnection") -> None:
    """Registers the function that `bin_items_query` needs: Python's decoder of HTML entities."""
    known = connection.execute(
        f"SELECT count(*) FROM duckdb_functions() WHERE function_name = '{_UNESCAPE}'"
    ).fetchall()
    if not known[0][0]:
        connection.create_function(_UNESCAPE, _resolved, ["VARCHAR"], "VARCHAR")


def _resolved(name: str) -> str:
    try:
        return html.unescape(name)
    except ValueError:
        # From Python's limit on the digits of an integer: no entity has this many.
        return name


def bin_items_query(metadata: str) -> str:
    """One row per item; see the table `bin_items`.

    Args:
        metadata: SQL of `bin_metadata`, to use after FROM.
    """
    # Only one name in 160 has an entity, and Python is called only for those.
    unescaped = f"CASE WHEN contains(name, '&') THEN {_UNESCAPE}(name) ELSE name END"
    squeezed = f"nullif(trim(regexp_replace({unescaped}, '{_BLANKS}', ' ', 'g')), '')"
    sides = ", ".join(f"item.{side}.value AS {side}" for side in ("length", "width", "height"))
    metric = ", ".join(f"{side}_mm" for side in ("length", "width", "height"))
    in_mm = ", ".join(
        f"item.{side}.value * {factor_sql(f'item.{side}.unit', LENGTHS)} AS {side}_mm"
        for side in ("length", "width", "height")
    )
    return f"""
        SELECT bin_id, id_space, fcsku, asin, quantity, length, width, height, {metric},
            weight, weight_g, unit_length, unit_weight, name,
            normalized_name, {squeezed} AS clean_name
        FROM (
            SELECT bin_id, id_space, fcsku, item.asin AS asin, item.quantity AS quantity, {sides},
                {in_mm}, item.weight.value AS weight,
                item.weight.value * {factor_sql("item.weight.unit", WEIGHTS)} AS weight_g,
                nullif(array_to_string(list_sort(list_distinct(
                    [item.length.unit, item.width.unit, item.height.unit])), ', '), '')
                    AS unit_length,
                item.weight.unit AS unit_weight, item.name AS name,
                item.normalizedName AS normalized_name
            FROM (
                SELECT bin_id, id_space, entry.key AS fcsku, entry.value AS item FROM (
                    SELECT id AS bin_id, id_space, unnest(map_entries(from_json(
                        json_extract(text, '$.BIN_FCSKU_DATA'), '"MAP(VARCHAR, {_ITEM})"')))
                        AS entry
                    FROM {metadata} WHERE usable)))"""


def bins_query(metadata: str, bin_items: str, objects: str) -> str:
    """One row per bin, without its visit; see the table `bins`.

    Args:
        metadata: SQL of `bin_metadata`.
        bin_items: SQL of `bin_items`.
        objects: SQL of `bin_objects`.
    """
    return f"""
        SELECT m.id, m.id_space, m.id::BIGINT AS position, expected_quantity,
            coalesce(items_quantity, 0)::BIGINT AS items_quantity,
            (expected_quantity - coalesce(items_quantity, 0))::BIGINT AS difference,
            coalesce(skus, 0) AS skus, coalesce(skus, 0) = 0 AS empty,
            CASE WHEN expected_quantity < {HARD_FROM} THEN 'moderate' ELSE 'hard' END
                AS difficulty,
            o.key AS image_key, o.etag, m.metadata_md5
        FROM (
            SELECT id, id_space, md5 AS metadata_md5,
                json_extract(text, '$.EXPECTED_QUANTITY')::BIGINT
                AS expected_quantity
            FROM {metadata} WHERE usable) AS m
        LEFT JOIN (
            SELECT bin_id AS id, sum(quantity) AS items_quantity, count(*) AS skus
            FROM {bin_items} GROUP BY bin_id) AS i USING (id)
        LEFT JOIN (SELECT id, key, etag FROM {objects} WHERE part = 'image') AS o USING (id)"""


def items_query(bin_items: str, part: int = 0, parts: int = 1) -> str:
    """One row per ASIN; see the table `items`. Of equally common names the first in order is taken.

    Distinct values are grouped first: sets within groups, as of `count(DISTINCT ...)`, cannot
    spill, and took a gigabyte for the whole dataset.

    Args:
        bin_items: SQL of `bin_items`.
        part: number of the part of the ASINs, from 0.
        parts: number of parts.
    """
    # Measures given in inches and pounds are unchanged, to the last bit.
    same = ", ".join(
        f"CASE WHEN {metric} = {name} * {factor} THEN {name} ELSE {metric} / {factor} END AS {name}"
        for name, metric, factor in (
            *((side, f"{side}_mm", INCH_MM) for side in ("length", "width", "height")),
            ("weight", "weight_g", POUND_G),
        )
    )
    return f"""
        WITH with_asin AS (SELECT * REPLACE ({same}) FROM {bin_items}
            WHERE asin IS NOT NULL AND hash(asin) % {parts} = {part}),
        in_bins AS (SELECT asin, bin_id, sum(quantity) AS units FROM with_asin GROUP BY ALL),
        names AS (
            SELECT asin, clean_name, count(*) AS times FROM with_asin
            WHERE clean_name IS NOT NULL GROUP BY ALL),
        sides AS (
            SELECT asin, length, width, height, count(*) AS times FROM with_asin
            WHERE length IS NOT NULL GROUP BY ALL),
        variants AS (
            SELECT asin, max(weight) AS heaviest, max(length * width * height) AS largest
            FROM with_asin GROUP BY asin, clean_name, length, width, height)
        SELECT * FROM (
            SELECT asin, count(*) AS bins, sum(units)::BIGINT AS units
            FROM in_bins GROUP BY asin)
        LEFT JOIN (SELECT asin, arg_min(clean_name, (-times, clean_name)) AS name
            FROM names GROUP BY asin) USING (asin)
        LEFT JOIN (SELECT asin, side.length, side.width, side.height FROM (
            SELECT asin, arg_min({{length: length, width: width, height: height}},
                (-times, length, width, height)) AS side
            FROM sides GROUP BY asin)) USING (asin)
        LEFT JOIN (SELECT asin, count(*) AS variants, max(heaviest) AS heaviest,
                max(largest) AS largest
            FROM variants GROUP BY asin) USING (asin)"""

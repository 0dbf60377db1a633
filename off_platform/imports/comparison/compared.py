"""Each accepted record compared with a products dump, field by field, in DuckDB.

The dump keeps nutrients in grams, kJ and kcal, whatever the label's unit; they are converted to the
units of the specification first. `dumps/known.py` reads the dump, `contradictions.py` looks for
columns that are wrong as a whole.
"""

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from off_platform.dumps.known import KNOWN, KNOWN_NUTRIENTS
from off_platform.imports.specification.bounds import GRAMS_IN
from off_platform.imports.specification.fields import BY_NAME, FIELDS
from off_platform.imports.values.quantities import amounts
from off_platform.storage.sql import literal

NEW, SAME, ADDS, DIFFERS = "new", "same", "adds", "differs"
# Sodium is salt / 2.5 in a dump, and `energy` is one of those with a unit.
NUMBERS = tuple(
    field.name
    for field in FIELDS
    if field.type == "number" and field.name not in {"energy", "sodium_g"}
)
# Numbers that differ by less are rounded differently.
ROUNDING = 0.001
TEXTS = ("product_name", "generic_name", "brand", "quantity", "serving_size", "ingredients_text")
# Tables of the connection: one row per value of a record, with the known one; and per record.
VALUES, STATUSES = "compared_values", "compared_statuses"
# Cut for the table; compared as a whole.
MOST_SHOWN = 500


def codes_query(records: str) -> str:
    """SQL of the products to look up in the dump."""
    return f"SELECT product FROM {records}"


def compare(connection: duckdb.DuckDBPyConnection, records: str) -> None:
    """Makes the tables `VALUES` and `STATUSES` of the connection.

    Args:
        connection: in which `dumps.known.read_known` has read the dump.
        records: SQL for rows of accepted records with `import`, to use after FROM.
    """
    _read_amounts(connection)
    for table in (VALUES, STATUSES):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}").fetchall()
    numbers = " UNION ALL ".join(_number(field) for field in NUMBERS)
    texts = " UNION ALL ".join(_text(field) for field in TEXTS)
    connection.execute(f"""CREATE TEMP TABLE {VALUES} AS
        WITH both_sides AS (
            SELECT r.*, k.* EXCLUDE (code), a.amount AS k_amount, a.unit AS k_unit
            FROM {records} AS r JOIN {KNOWN} AS k ON k.code = r.product
            LEFT JOIN known_amounts AS a ON a.text = k.k_quantity)
        SELECT *, CASE WHEN theirs IS NULL THEN '{ADDS}'
            WHEN abs(number - known) <= {ROUNDING} * greatest(abs(number), abs(known))
            THEN '{SAME}' WHEN number IS NULL AND is_same THEN '{SAME}'
            ELSE '{DIFFERS}' END AS outcome
        FROM ({numbers} UNION ALL {texts}) WHERE ours IS NOT NULL""").fetchall()
    connection.execute(f"""CREATE TEMP TABLE {STATUSES} AS
        SELECT r.product, r."import", CASE WHEN k.code IS NULL THEN '{NEW}'
            WHEN coalesce(v.differs, 0) > 0 THEN '{DIFFERS}'
            WHEN coalesce(v.adds, 0) > 0 THEN '{ADDS}' ELSE '{SAME}' END AS status
        FROM {records} AS r LEFT JOIN {KNOWN} AS k ON k.code = r.product
        LEFT JOIN (SELECT product, count(*) FILTER (outcome = '{DIFFERS}') AS differs,
            count(*) FILTER (outcome = '{ADDS}') AS adds FROM {VALUES} GROUP BY product) AS v
            USING (product)""").fetchall()


def _read_amounts(connection: duckdb.DuckDBPyConnection) -> None:
    """The known quantities in g or ml, as an import has them: 1 kg is 1000 g."""
    found = connection.sql(f"SELECT DISTINCT k_quantity FROM {KNOWN} WHERE k_quantity NOT NULL")
    texts = found.to_arrow_table()["k_quantity"].combine_chunks().cast(pa.string())
    amount, unit = amounts(texts)
    connection.register("known_amounts", pa.table({"text": texts, "amount": amount, "unit": unit}))


def known_in_unit(field: str) -> str:
    """SQL of the known value of a nutrient in the unit of its field."""
    grams = GRAMS_IN.get(BY_NAME[field].unit or "", 1.0)
    return f"(k_{field} / {grams!r})"


def says_something(number: str, known: str) -> str:
    """SQL of whether two numbers can contradict: two zeros are the same in any unit."""
    return f"NOT coalesce({number} = 0 AND {known} = 0, false)"


def _number(field: str) -> str:
    known = known_in_unit(field)
    return f"""SELECT product, "import", '{field}' AS field, {field}::DOUBLE AS number,
        {known}::DOUBLE AS known, {field}::VARCHAR AS ours, round({known}, 9)::VARCHAR AS theirs,
        false AS is_same FROM both_sides"""


def _text(field: str) -> str:
    ours, theirs, same = _COMPARED[field]
    return f"""SELECT product, "import", '{field}', NULL, NULL, left({ours}, {MOST_SHOWN}),
        left({theirs}, {MOST_SHOWN}), coalesce({same}, false) FROM both_sides"""


def _plain(text: str) -> str:
    return f"trim(regexp_replace({text}, '\\s+', ' ', 'g'))"


def _of_all_languages(field: str, known: str) -> tuple[str, str, str]:
    """Texts in any language: same if one of the record's is one of the known ones."""
    of_map = f"""list_transform(list_filter(map_entries(coalesce(by_language, MAP {{}})),
        lambda each: left(each.key, -3) = {literal(field)}), lambda each: each.value)"""
    own = f"list_filter(list_concat([{field}], {of_map}), lambda each: each IS NOT NULL)"
    plain = [f"list_transform({texts}, lambda each: {_plain('each')})" for texts in (own, known)]
    return f"({own})[1]", f"({known})[1]", f"list_has_any({plain[0]}, {plain[1]})"


def _as_set(texts: str) -> str:
    return (
        f"list_sort(list_distinct(list_transform({texts}, lambda each: lower({_plain('each')}))))"
    )


def _without_spaces(text: str) -> str:
    return f"lower(replace({text}, ' ', ''))"


_AMOUNTS = "amount IS NOT NULL AND k_amount IS NOT NULL"
_SAME_AMOUNT = f"""CASE WHEN {_AMOUNTS} THEN amount_unit = k_unit
    AND abs(amount - k_amount) <= {ROUNDING} * greatest(amount, k_amount)
    ELSE {_without_spaces("quantity")} = {_without_spaces("k_quantity")} END"""
# The record's text, the known text, and whether they say the same.
_COMPARED: Mapping[str, tuple[str, str, str]] = {
    "product_name": _of_all_languages("product_name", "k_names"),
    "generic_name": _of_all_languages("generic_name", "k_generic_names"),
    "ingredients_text": _of_all_languages("ingredients_text", "k_ingredients"),
    "brand": (
        "list_aggregate(brand, 'string_agg', ', ')",
        "list_aggregate(k_brands, 'string_agg', ', ')",
        f"{_as_set('brand')} = {_as_set('k_brands')}",
    ),
    "quantity": (
        "quantity",
        "k_quantity",
        _SAME_AMOUNT,
    ),
    "serving_size": (
        "serving_size",
        "k_serving_size",
        f"{_without_spaces('serving_size')} = {_without_spaces('k_serving_size')}",
    ),
}

if {*NUMBERS} != {*KNOWN_NUTRIENTS}:
    raise ImportError("the nutrients of the specification and those read from dumps differ")


_NO_REASON = "(NULL::VARCHAR, NULL::VARCHAR, NULL::VARCHAR)"


def table_query(reasons: Mapping[tuple[str, str], str] | None = None) -> str:
    """SQL of the table `products_compared`: what each record would change, or that nothing.

    Args:
        reasons: the likely reasons of columns in which most values differ, by import and field.
    """
    listed = [(*column, reason) for column, reason in (reasons or {}).items()]
    rows = ", ".join(f"({', '.join(map(literal, each))})" for each in listed)
    why = f'(VALUES {rows or _NO_REASON}) AS why("import", field, reason)'
    return f"""SELECT s.product, s."import", s.status, v.field, v.outcome, v.ours AS value,
            v.theirs AS known, v.number / NULLIF(v.known, 0) AS factor, n.compared,
            why.reason
        FROM {STATUSES} AS s LEFT JOIN (FROM {VALUES} WHERE outcome <> '{SAME}') AS v
            USING (product)
        LEFT JOIN (
            SELECT "import", field, count(*) FILTER (
                outcome <> '{ADDS}' AND {says_something("number", "known")}) AS compared
            FROM {VALUES} GROUP BY ALL) AS n ON n."import" = s."import" AND n.field = v.field
        LEFT JOIN {why} ON why."import" = s."import" AND why.field = v.field
        ORDER BY s.product, v.field"""

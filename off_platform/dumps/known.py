"""What a dump has of some products, to compare with: names, texts, nutrients per 100 g.

A dump keeps nutrients in grams, kJ and kcal, whatever the unit on the label. Columns have `k_`
before the field of product imports.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.barcodes import sql as barcode_sql
from off_platform.dumps.facts import plain_text, plain_texts, unescaped
from off_platform.dumps.formats import Dump, UnknownDumpError, damage_named, recognised
from off_platform.dumps.reading import (
    UNREADABLE_LINE,
    count_unreadable_lines,
    forget_unreadable_lines,
    source_sql,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KNOWN = "known_products"
_LINES = "known_lines"
# By the field of a product import: the name of the nutrient in a dump.
KNOWN_NUTRIENTS: Mapping[str, str] = {
    "energy_kj": "energy-kj",
    "energy_kcal": "energy-kcal",
    "fat_g": "fat",
    "saturated_fat_g": "saturated-fat",
    "carbohydrates_g": "carbohydrates",
    "sugars_g": "sugars",
    "fiber_g": "fiber",
    "proteins_g": "proteins",
    "salt_g": "salt",
    "vitamin_a": "vitamin-a",
    "vitamin_c": "vitamin-c",
    "vitamin_d": "vitamin-d",
    "calcium": "calcium",
    "iron": "iron",
    "omega_3_fat": "omega-3-fat",
    "cholesterol": "cholesterol",
}
# More characters than any text has that is compared.
MOST_TEXT = 10_000
_PER_100 = "_100g"


def read_known(connection: "DuckDBPyConnection", dump: Path, codes: str) -> Mapping[str, int]:
    """Reads some products of a dump, once, into the temporary table `KNOWN`.

    Of several rows of a product the last modified one is taken. Memory and space depend on the
    number of codes, not on the dump.

    Args:
        connection: an open connection.
        dump: a local file, in any of the published formats.
        codes: SQL of the products in normal form, one column.

    Returns:
        Number of lines that are not read, by reason: their products seem to be unknown.

    Raises:
        off_platform.dumps.formats.UnknownDumpError: it is not a dump, is cut off or damaged, or
            no line of it can be read.
    """
    found = recognised(dump)
    for table in (KNOWN, _LINES):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}").fetchall()
    nutrients = ", ".join(
        f"{_value(found, name)} AS k_{field}" for field, name in KNOWN_NUTRIENTS.items()
    )
    texts = ", ".join(
        f"{_texts_of(found, name)} AS {column}"
        for name, column in (
            ("generic_name", "k_generic_names"),
            ("ingredients_text", "k_ingredients"),
        )
    )
    serving = _place(found, "serving_size")
    extra = f"{nutrients}, {texts}, {serving} AS serving_size"
    source = source_sql(found, extra, ("nutriments", "serving_size", "generic_name"))
    numbers = ", ".join(f"k_{field}" for field in KNOWN_NUTRIENTS)
    names = "list_concat([product_name], list_transform(names, lambda each: each[4:]))"
    why = f"coalesce(fault, {barcode_sql.fault('code')})"
    code = f"CASE WHEN fault IS NULL THEN {barcode_sql.normal_form('code')} END"
    forget_unreadable_lines(connection)
    with damage_named(dump):
        connection.execute(f"""CREATE TEMP TABLE {_LINES} AS
            SELECT {code} AS code, {why} AS reason, TRY_CAST(last_modified_t AS BIGINT) AS modified,
                {_listed(names)} AS k_names, {_listed("k_generic_names")} AS k_generic_names,
                {_listed("k_ingredients")} AS k_ingredients,
                {plain_texts("coalesce(string_split(brands, ','), brands_tags)", 0)} AS k_brands,
                {plain_text("quantity", MOST_TEXT)} AS k_quantity,
                {plain_text("serving_size", MOST_TEXT)} AS k_serving_size, {numbers}
            FROM ({source}) WHERE {why} IS NOT NULL OR {code} IN ({codes})""").fetchall()
        unread = _unread(connection, found, source, f"{why} IS NULL")
    connection.execute(f"""CREATE TEMP TABLE {KNOWN} AS
        SELECT * EXCLUDE (modified, reason) FROM {_LINES} WHERE reason IS NULL
        QUALIFY row_number() OVER (PARTITION BY code
            ORDER BY modified DESC NULLS LAST, k_names, {numbers}) = 1""").fetchall()
    connection.execute(f"DROP TABLE temp.{_LINES}").fetchall()
    return unread


def _unread(
    connection: "DuckDBPyConnection", dump: Dump, source: str, is_read: str
) -> Mapping[str, int]:
    """Number of lines that are not read, by reason."""
    unread: dict[str, int] = dict(
        connection.execute(
            f"SELECT reason, count(*) FROM {_LINES} WHERE reason IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
    )
    if dump.shape == "csv" and (lines := count_unreadable_lines(connection, dump.path)):
        unread[UNREADABLE_LINE] = lines
    if unread and not connection.execute(f"FROM ({source}) WHERE {is_read} LIMIT 1").fetchall():
        reason = max(unread, key=unread.__getitem__)
        raise UnknownDumpError(f"No line of {dump.path.name} can be read: {reason}.")
    return unread


def _listed(texts: str) -> str:
    """A list of texts; null if there are none."""
    plain = f"list_transform({texts}, lambda each: {plain_text(unescaped('each'), MOST_TEXT)})"
    return f"NULLIF(list_filter({plain}, lambda each: each IS NOT NULL), [])"


def _place(dump: Dump, name: str) -> str:
    """SQL of a column of the dump; null if it has none."""
    if name not in dump.columns:
        return "NULL::VARCHAR"
    if dump.shape == "jsonl" and name not in dump.forms:
        return f"json_extract_string({name}, '$')"
    return f"c{dump.columns.index(name)}" if dump.shape == "csv" else name


def _texts_of(dump: Dump, name: str) -> str:
    """SQL of a text in all languages that the column itself has."""
    place = _place(dump, name)
    if (
        dump.shape == "parquet"
        and name in dump.columns
        and dump.forms.get("product_name") == "texts"
    ):
        return f"list_transform({place}, lambda each: each.text)"
    return f"[{place}::VARCHAR]"


def _value(dump: Dump, nutrient: str) -> str:
    """SQL of a nutrient per 100 g as a number; null if it is missing, or not a finite number."""
    if dump.shape == "csv":
        text = _place(dump, f"{nutrient}{_PER_100}")
    elif "nutriments" not in dump.columns:
        text = "NULL::VARCHAR"
    elif dump.shape == "jsonl":
        text = f"json_extract_string(nutriments, '$.\"{nutrient}{_PER_100}\"')"
    else:
        # Single precision: its shortest text is the number that was written.
        entry = f"list_filter(nutriments, lambda each: each.name = '{nutrient}')[1]"
        text = f'{entry}."100g"::VARCHAR'
    # Of a column alone, DuckDB would make the cast while it reads CSV, and reject what fails.
    number = f"TRY_CAST(trim({text}) AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"

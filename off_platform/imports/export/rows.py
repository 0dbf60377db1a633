"""SQL of accepted records as rows of the Open Food Facts CSV format, and of what it cannot express.

All values are texts, as in the file; `columns.py` has the columns. Pure.
"""

import re
from collections.abc import Sequence

from off_platform.imports.export import columns
from off_platform.imports.export.columns import (
    ENGLISH,
    IN_ENGLISH,
    LISTS,
    NOT_IMPORTED,
    NUTRIENTS,
    OF_LANGUAGE,
    OTHER_NAMES,
    PICTURE_URLS,
    TEXTS,
)
from off_platform.imports.export.options import NutrientColumns
from off_platform.imports.records.identity import OWN_ID
from off_platform.imports.specification.characters import CONTROLS
from off_platform.storage.sql import identifier, literal

# Where the language of a record comes from.
GIVEN, ONLY_NAME, ONLY_LANGUAGE, ASSUMED = "lc", "product_name", "languages", "assumed"
# Columns beside those of the file; a column of the format has no such name.
PRODUCT, IMPORT, LANGUAGE_FROM, LEFT_OUT = "@product", "@import", "@language_from", "@left_out"
CLEANED = "@cleaned"
# More decimals than any number of a label has; a number that needs more is left out.
_DECIMAL = "DECIMAL(38, 15)"
# Nor digits before the decimal point; `validate` reads no longer numbers.
_MOST = "1e15"

# As escapes, since SQL cannot contain NUL.
_CONTROL_CLASS = literal(
    re.sub(r"[^-]", lambda each: f"\\x{{{ord(each[0]):x}}}", CONTROLS).join("[]")
)

Texts = Sequence[tuple[str, str]]


def without_controls(records: str) -> str:
    """SQL of the records, their texts without control characters, which break the importer's files.

    Args:
        records: SQL for rows of accepted records, to use after FROM.

    Returns:
        SQL to use after FROM; `cleaned` says whether a text of the record had any.
    """
    texts = {field: field for field in (*TEXTS, *OF_LANGUAGE)}
    lists = {field: field for field in (*LISTS, *IN_ENGLISH.values())}
    cleaned = {field: _clean(field) for field in texts} | {
        field: f"list_transform({field}, lambda each: {_clean('each')})" for field in lists
    }
    cleaned["by_language"] = f"""map_from_entries(list_transform(map_entries(by_language),
        lambda each: {{'key': each.key, 'value': {_clean("each.value")}}}))"""
    changed = " OR ".join(f"{sql} IS DISTINCT FROM {field}" for field, sql in cleaned.items())
    replaced = ", ".join(f"{sql} AS {field}" for field, sql in cleaned.items())
    return f"(SELECT * REPLACE ({replaced}), {changed} AS cleaned FROM {records})"


def _clean(text: str) -> str:
    return f"trim(regexp_replace({text}, {_CONTROL_CLASS}, '', 'g'))"


def languages(records: str, assumed: str) -> str:
    """SQL of the records with their language in `of_language`, and its origin in `language_from`.

    Rows without a language are skipped by the importer. It is the record's `lc`, else that of its
    only name, else the only one of `languages`, else the assumed one.

    Args:
        records: SQL for rows of accepted records, to use after FROM.
        assumed: a language code.
    """
    named = """list_transform(list_filter(map_keys(by_language),
        lambda name: starts_with(name, 'product_name_')), lambda name: right(name, 2))"""
    return f"""SELECT *, coalesce(lc, only_name, only_language, assumed) AS of_language,
        CASE WHEN lc IS NOT NULL THEN '{GIVEN}' WHEN only_name IS NOT NULL THEN '{ONLY_NAME}'
            WHEN only_language IS NOT NULL THEN '{ONLY_LANGUAGE}' ELSE '{ASSUMED}'
        END AS language_from
    FROM (SELECT *,
        CASE WHEN product_name IS NULL AND len(named) = 1 THEN named[1] END AS only_name,
        CASE WHEN len(languages) = 1 THEN languages[1] END AS only_language,
        CASE WHEN product_name IS NULL AND NOT coalesce(list_contains(named, {literal(assumed)}),
            false) THEN coalesce(list_min(named), {literal(assumed)})
            ELSE {literal(assumed)} END AS assumed
        FROM (SELECT *, {named} AS named FROM {without_controls(records)}))"""


def texts_query(records: str) -> str:
    """SQL of the texts with a language: `field` and `language`, each once, in order.

    Args:
        records: SQL of `languages`.
    """
    own = " UNION ALL ".join(
        f"SELECT '{field}' AS field, of_language AS language FROM of WHERE {field} IS NOT NULL"
        for field in (*OF_LANGUAGE, *PICTURE_URLS)
    )
    return f"""WITH of AS ({records}), named AS (
            SELECT DISTINCT unnest(map_keys(by_language)) AS name FROM of)
        SELECT DISTINCT field, language FROM (
            SELECT left(name, -3) AS field, right(name, 2) AS language FROM named
            UNION ALL {own})
        ORDER BY field, language"""


def rows_query(records: str, texts: Texts, form: NutrientColumns) -> str:
    """SQL of the rows, by product: the columns of the file, and those that begin with `@`.

    Args:
        records: SQL of `languages`.
        texts: from `texts_query`.
        form: the form of nutrients.
    """
    made = {
        PRODUCT: "product",
        IMPORT: '"import"',
        LANGUAGE_FROM: "language_from",
        LEFT_OUT: _left_out(texts),
        CLEANED: "cleaned",
        "code": f"CASE WHEN NOT starts_with(product, '{OWN_ID}') THEN product END",
        "lc": "of_language",
        **_of_languages(texts),
        **{OTHER_NAMES.get(field, field): field for field in TEXTS},
        **{OTHER_NAMES.get(field, field): _list(field) for field in LISTS},
        **_nutrients(form),
    }
    selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in made.items())
    return f"SELECT {selected} FROM ({records}) ORDER BY product"


def _of_languages(texts: Texts) -> dict[str, str]:
    made = {
        f"{field}_{language}": f"coalesce({_of_map(field, language)}, {_own(field, language)})"
        for field, language in texts
        if field in OF_LANGUAGE
    }
    addresses = {
        f"{PICTURE_URLS[field]}_{language}": _own(field, language)
        for field, language in texts
        if field in PICTURE_URLS
    }
    return made | addresses


def _of_map(field: str, language: str) -> str:
    return f"by_language[{literal(f'{field}_{language}')}]"


def _own(field: str, language: str) -> str:
    return f"CASE WHEN of_language = {literal(language)} THEN {field} END"


def _list(field: str) -> str:
    """A list as text; English values, and codes of countries, with the prefix of the language."""
    if field == "countries":
        coded = f"""list_transform(coalesce(countries, countries_en), lambda each:
            CASE WHEN regexp_full_match(each, '[A-Z]{{2}}')
                OR each IN ('World', 'European Union') THEN '{ENGLISH}' || each ELSE each END)"""
        return f"list_aggregate({coded}, 'string_agg', ',')"
    joined = f"list_aggregate({field}, 'string_agg', ',')"
    if field not in IN_ENGLISH:
        return joined
    english = f"list_transform({IN_ENGLISH[field]}, lambda each: '{ENGLISH}' || each)"
    return f"coalesce({joined}, list_aggregate({english}, 'string_agg', ','))"


def _nutrients(form: NutrientColumns) -> dict[str, str]:
    made = {}
    for field in NUTRIENTS:
        value, unit = columns.nutrient_columns(field, form)
        made[value] = _value(field)
        made[unit] = f"CASE WHEN {_value(field)} IS NOT NULL THEN '{columns.unit_of(field)}' END"
    return made


_SALT_COMPUTED = "coalesce(list_contains(derived, 'salt_g'), false)"


def _value(field: str) -> str:
    """A nutrient's value as text; of salt and sodium the one that was given, salt if both were."""
    plain = _plain(field)
    fits = f"abs({field}) < {_MOST} AND TRY_CAST({plain} AS DOUBLE) = {field}"
    text = f"CASE WHEN {fits} THEN {plain} END"
    if field == "salt_g":
        return f"CASE WHEN NOT {_SALT_COMPUTED} THEN {text} END"
    if field == "sodium_g":
        return f"CASE WHEN {_SALT_COMPUTED} OR salt_g IS NULL THEN {text} END"
    return text


def _plain(field: str) -> str:
    """A number in decimal notation, with as few digits as it needs; -0 is 0."""
    number = f"({field} + 0)"
    shortest = f"{number}::VARCHAR"
    decimal = f"rtrim(rtrim(TRY_CAST({number} AS {_DECIMAL})::VARCHAR, '0'), '.')"
    return f"""CASE WHEN contains({shortest}, 'e') THEN {decimal}
        ELSE regexp_replace({shortest}, '[.]0$', '') END"""


def _left_out(texts: Texts) -> str:
    """The fields of a record that the format cannot express, as a list."""
    cases = {field: f"{field} IS NOT NULL" for field in NOT_IMPORTED}
    cases["product_id"] += f" AND NOT starts_with(product, '{OWN_ID}')"
    for field, english in IN_ENGLISH.items():
        differs = f"{english} IS DISTINCT FROM {field}"
        cases[english] = f"{field} IS NOT NULL AND len({english}) > 0 AND {differs}"
    cases["energy"] = (
        "energy IS NOT NULL AND energy IS DISTINCT FROM energy_kj "
        "AND energy IS DISTINCT FROM energy_kcal"
    )
    cases |= {field: f"{field} IS NOT NULL AND ({_value(field)}) IS NULL" for field in NUTRIENTS}
    cases["salt_g"] += f" AND NOT ({_SALT_COMPUTED} AND ({_value('sodium_g')}) IS NOT NULL)"
    for field in OF_LANGUAGE:
        own = " OR ".join(
            f"(of_language = {literal(language)} AND {_of_map(field, language)} <> {field})"
            for each, language in texts
            if each == field
        )
        if own:
            cases[field] = own
    listed = ", ".join(f"CASE WHEN {sql} THEN '{field}' END" for field, sql in cases.items())
    return f"list_filter([{listed}], lambda each: each IS NOT NULL)"

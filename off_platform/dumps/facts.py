"""The facts of a product, as SQL over the columns of a dump. Pure.

Which columns a dump has, and how it is read, is in `reading.py`; its photos are in `photos.py`.
Texts come from outside: they are bounded and have no control characters.
"""

from collections.abc import Iterable, Mapping

from off_platform.barcodes import sql as barcode_sql
from off_platform.dumps.languages import code_of
from off_platform.dumps.photos import (
    ENTRY,
    from_json,
    from_parquet,
    with_entries_apart,
    with_photos,
)

# Before the language in a column's name, such as `product_name_fr`; and all of these columns.
NAME = "product_name_"
NAMES = f"{NAME}*"
# The columns of the table `products`: type, and the columns of a dump to read, best first.
FACTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "code": ("VARCHAR", ("code",)),
    "last_editor": ("VARCHAR", ("last_editor", "last_modified_by")),
    "last_modified": ("TIMESTAMP", ("last_modified_t",)),
    "last_image": ("DATE", ("last_image_t", "images", "last_image_dates_tags")),
    "photos": ("INTEGER", ("images",)),
    "countries": ("VARCHAR[]", ("countries_tags",)),
    "categories": ("VARCHAR[]", ("categories_tags", "categories_hierarchy")),
    "languages": ("VARCHAR[]", ("languages_codes", "languages_tags", "lang", "lc")),
    "name": ("VARCHAR", ("product_name",)),
    "names": ("VARCHAR[]", (NAMES,)),
    "brands": ("VARCHAR[]", ("brands", "brands_tags")),
    "category": ("VARCHAR", ("main_category", "categories_tags", "categories_hierarchy")),
    "product_labels": ("VARCHAR[]", ("labels_tags",)),
    "quantity": ("VARCHAR", ("quantity",)),
    "nutriscore": ("VARCHAR", ("nutriscore_grade", "nutrition_grades", "nutrition_grade_fr")),
    "nova": ("INTEGER", ("nova_group", "nova_groups")),
    "ingredients_text": ("VARCHAR", ("ingredients_text",)),
}
LISTS = ("_tags", "_codes", "_hierarchy")
# Bounds in characters, and of a list's items; longer ones are cut.
MOST_TEXT = {"name": 500, "quantity": 100, "ingredients_text": 10_000, "last_editor": 300}
_MOST_TAG, _MOST_TAGS = 300, 500
GRADES = ("a", "b", "c", "d", "e")
MOST_NOVA = 4

# The SQL that reads a column, by the form of its values; lists become VARCHAR[], `images` a list of
# entries.
_READ = {
    "text": "{0}::VARCHAR",
    "list": "{0}",
    "split": "string_split({0}, ',')",
    "array": "json_extract_string({0}, '$[*]')",
    "keys": "json_keys({0})",
    "texts": "coalesce(list_filter({0}, lambda each: each.lang = 'main')[1].text, {0}[1].text)",
    "photo list": from_parquet("{0}"),
    "photo object": from_json("{0}"),
}
# TIMESTAMP in UTC from seconds since 1970, null outside 1970 to 2100.
_WHOLE = "TRY_CAST({0} AS BIGINT)"
_MOMENT = f"CASE WHEN {_WHOLE} BETWEEN 1 AND 4102444800 THEN make_timestamp({_WHOLE} * 1000000) END"
# The two-letter codes of a list, sorted, null if there are none (`xx` means unknown).
_KNOWN = "list_filter({0}, lambda code: regexp_full_match(code, '[a-z]{{2}}') AND code <> 'xx')"
_CODES = f"NULLIF(list_sort(list_distinct({_KNOWN})), [])"


def column(name: str, form: str | None, place: str) -> str:
    """SQL of a dump's column: a text, a list of texts, or the entries of `images`.

    Args:
        name: of the column.
        form: of its values, a key of the forms that `reading.py` recognises; None if it is missing.
        place: SQL of the column as it is read.
    """
    kind = f"{ENTRY}[]" if name == "images" else "VARCHAR[]" if name.endswith(LISTS) else "VARCHAR"
    if form is None:
        return f"NULL::{kind}"
    read = _READ[form].replace("{0}", place)
    empty = f"[]::{kind}"
    return f"CASE WHEN {place} IS NULL THEN {empty} ELSE {read} END" if kind != "VARCHAR" else read


def names(columns: Mapping[str, str], several: str | None) -> str:
    """SQL of the names per language, such as `fr:Camembert`.

    Args:
        columns: SQL by language, where each has its column.
        several: SQL of the list of structs that has all, if there is one.
    """
    if several:
        known = f"list_filter({several}, lambda each: regexp_full_match(each.lang, '[a-z]{{2,3}}'))"
        listed = f"list_transform({known}, lambda each: each.lang || ':' || each.text)"
        return f"coalesce({listed}, [])"
    listed = ", ".join(f"'{language}:' || {place}" for language, place in columns.items())
    return f"[{listed}]" if listed else "NULL::VARCHAR[]"


def rows(source: str, filled: Iterable[str]) -> str:
    """SQL with one row per line of a dump: facts, photos, and why it is not a product, or null.

    Args:
        source: SQL of the dump's columns, with `names`, and `fault` if a line is unreadable.
        filled: the dump's columns; what needs others is null.
    """
    return with_photos(_facts(with_entries_apart(source), set(filled)))


def _facts(source: str, filled: set[str]) -> str:
    tagged = f"list_transform(languages_tags, lambda tag: {code_of('tag')})"
    times = f"list_transform(uploaded, lambda each: {_WHOLE.format('each.uploaded_t')})"
    dates = "list_filter(last_image_dates_tags, lambda tag: length(tag) = 10)"
    languages = ", ".join(map(_CODES.format, ("languages_codes", tagged, "[lang]", "[lc]")))
    no_languages, no_brands = (
        "NULL" if filled.isdisjoint(FACTS[name][1]) else "[]" for name in ("languages", "brands")
    )
    categories = _tags(
        "coalesce(NULLIF(categories_tags, []), categories_hierarchy, categories_tags)"
    )
    grade = "coalesce(nutriscore_grade, nutrition_grades, nutrition_grade_fr)"
    nova = "TRY_CAST(coalesce(nova_group, nova_groups) AS INTEGER)"
    return f"""
SELECT
  coalesce(fault, {barcode_sql.fault("code")}) AS reason,
  CASE WHEN fault IS NULL THEN {barcode_sql.normal_form("code")} END AS code,
  {_text("coalesce(NULLIF(trim(last_editor), ''), last_modified_by)", "last_editor")},
  {_MOMENT.format("last_modified_t")} AS last_modified,
  coalesce(
    {_MOMENT.format("last_image_t")}::DATE,
    {_MOMENT.format(f"list_max({times})")}::DATE,
    list_max(list_transform({dates}, lambda tag: TRY_CAST(tag AS DATE)))
  ) AS last_image,
  len(uploaded)::INTEGER AS photos,
  {_tags("countries_tags")} AS countries,
  {categories} AS categories,
  coalesce({languages}, {no_languages}) AS languages,
  {_text(unescaped("product_name"), "name")},
  list_sort(list_distinct({_texts("names", 3)})) AS names,
  {_texts(f"coalesce(string_split(brands, ','), brands_tags, {no_brands})", 0)} AS brands,
  list_filter(list_append(categories, left(main_category, {_MOST_TAG})),
    lambda tag: NOT regexp_full_match(tag, '([a-z]+:)?(null)?'))[-1] AS category,
  {_tags("labels_tags")} AS product_labels,
  {_text("quantity", "quantity")},
  CASE WHEN lower({grade}) IN {GRADES} THEN lower({grade}) END AS nutriscore,
  CASE WHEN {nova} BETWEEN 1 AND {MOST_NOVA} THEN {nova} END AS nova,
  {_text(unescaped("ingredients_text"), "ingredients_text")},
  uploaded,
  selections
FROM ({source})"""


def plain_text(text: str, most: int) -> str:
    """A text without control characters and double spaces, cut; null if it is empty."""
    return f"NULLIF({_plain(text, most)}, '')"


def plain_texts(texts: str, least: int) -> str:
    """A list of texts, without those that have up to so many characters; null for none."""
    return f"NULLIF({_texts(texts, least)}, [])"


def _plain(text: str, most: int) -> str:
    """A text without control characters and double spaces, cut."""
    # A pattern that also matches single spaces takes three times as long.
    spaces = "[\\x00-\\x1f\\x7f][\\x00-\\x20\\x7f]*| [\\x00-\\x20\\x7f]+"
    return f"trim(regexp_replace(left({text}, {most}), '{spaces}', ' ', 'g'))"


def _text(text: str, name: str) -> str:
    return f"NULLIF({_plain(text, MOST_TEXT[name])}, '') AS {name}"


def unescaped(text: str) -> str:
    """Open Food Facts keeps quotes and angle brackets of texts as HTML entities."""
    plain = text
    for entity, character in {"quot": '"', "lt": "<", "gt": ">", "#39": "''", "amp": "&"}.items():
        plain = f"replace({plain}, '&{entity};', '{character}')"
    return f"CASE WHEN contains({text}, '&') THEN {plain} ELSE {text} END"


def _tags(tags: str) -> str:
    """A list of tags without empty ones."""
    cut = f"list_transform({tags}[:{_MOST_TAGS}], lambda tag: left(trim(tag), {_MOST_TAG}))"
    return f"list_filter({cut}, lambda tag: tag <> '')"


def _texts(texts: str, least: int) -> str:
    """A list of texts, without those that have up to so many characters."""
    plain = _plain(unescaped("each"), MOST_TEXT["name"])
    cut = f"list_transform({texts}[:{_MOST_TAGS}], lambda each: {plain})"
    return f"list_filter({cut}, lambda each: length(each) > {least})"

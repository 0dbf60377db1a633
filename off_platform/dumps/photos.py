"""The field `images` of a dump in its three forms, and what it says of each photo. SQL only.

A key of it is the number of a photo, or a selection such as `front_fr`, which names a photo by its
number and has the size of the part selected. Legacy JSON has both side by side, newer JSON has
`uploaded` and `selected` apart, the Parquet export has a list of both.
"""

# Of an image id.
MOST_ID_DIGITS = 9
PICTURES = ("front", "ingredients", "nutrition", "packaging")
SELECTED = f"({'|'.join(PICTURES)})(_[a-z]{{2,3}})?"
"""The pattern of a selection: what the photo shows, and the language, if given."""

# One entry of `images`, whatever its form; values are texts, as older entries have them.
ENTRY = "STRUCT(key VARCHAR, imgid VARCHAR, uploaded_t VARCHAR, w VARCHAR, h VARCHAR)"
PHOTO = "STRUCT(image_id INTEGER, selected VARCHAR[], width INTEGER, height INTEGER)"
# More photos and selections than any product has, as they are compared with each other; pixels.
_MOST_ENTRIES = 1_000
_MOST_PIXELS = 100_000
_MOST_ID = 10**MOST_ID_DIGITS - 1

_MEMBERS = 'imgid VARCHAR, uploaded_t VARCHAR, sizes STRUCT("full" STRUCT(w VARCHAR, h VARCHAR))'
_IN_PARQUET = f"STRUCT(key VARCHAR, {_MEMBERS})[]"
_OLD = f"MAP(VARCHAR, STRUCT({_MEMBERS}))"
_NEW = f"STRUCT(uploaded {_OLD}, selected MAP(VARCHAR, {_OLD}))"


def _entry(key: str, value: str) -> str:
    size = f"{value}.sizes.full"
    return (
        f"{{'key': {key}, 'imgid': {value}.imgid, "
        f"'uploaded_t': {value}.uploaded_t, "
        f"'w': {size}.w, 'h': {size}.h}}"
    )


def _entries(photos: str, key: str = "each.key") -> str:
    return f"list_transform(map_entries({photos}), lambda each: {_entry(key, 'each.value')})"


def from_json(images: str) -> str:
    """SQL of the entries of `images` as JSON of either form; null if it is damaged.

    Args:
        images: SQL of the text or JSON.
    """
    parsed = f"TRY_CAST({images} AS JSON)"
    new = f"TRY_CAST({parsed} AS {_NEW})"
    of_language = _entries("kind.value", "kind.key || '_' || each.key")
    selected = f"flatten(list_transform(map_entries({new}.selected), lambda kind: {of_language}))"
    is_new = f"json_exists({parsed}, '$.uploaded') OR json_exists({parsed}, '$.selected')"
    return (
        f"CASE WHEN {is_new} THEN list_concat({_entries(f'{new}.uploaded')}, {selected}) "
        f"ELSE {_entries(f'TRY_CAST({parsed} AS {_OLD})')} END"
    )


def from_parquet(images: str) -> str:
    """SQL of the entries of `images` as the Parquet export has them.

    Args:
        images: SQL of the list of structs, which may lack some members.
    """
    named = f"CAST({images} AS {_IN_PARQUET})"
    return f"list_transform({named}, lambda each: {_entry('each.key', 'each')})"


def with_entries_apart(query: str) -> str:
    """SQL with the entries in two columns: `uploaded`, the photos, and `selections` of them.

    Args:
        query: SQL with the column `images`, the entries.
    """

    def those(pattern: str) -> str:
        return f"list_filter(images, lambda each: regexp_full_match(each.key, '{pattern}'))"

    return f"""SELECT * EXCLUDE (images), {those("[0-9]+")} AS uploaded,
        {those(SELECTED)} AS selections FROM ({query})"""


def with_photos(query: str) -> str:
    """SQL with a column `shown` instead, the photos of a product by number, a `PHOTO` each.

    Photos that are only selected are among them; width and height are null unless both are known.

    Args:
        query: SQL with the columns of `with_entries_apart`.
    """
    number = "TRY_CAST({0} AS INTEGER)"
    pixels = f"CASE WHEN {number} BETWEEN 1 AND {_MOST_PIXELS} THEN {number} END"
    listed = f"""SELECT * EXCLUDE (uploaded, selections),
        list_filter(list_transform(uploaded[:{_MOST_ENTRIES}], lambda each: {{
            'of': {number.format("each.key")},
            'w': {pixels.format("each.w")}, 'h': {pixels.format("each.h")}}}),
            lambda each: each.of BETWEEN 0 AND {_MOST_ID}) AS sized,
        list_filter(list_transform(selections[:{_MOST_ENTRIES}], lambda each: {{
            'of': {number.format("each.imgid")}, 'key': each.key}}),
            lambda each: each.of BETWEEN 0 AND {_MOST_ID}) AS chosen
        FROM ({query})"""
    numbers = ", ".join(
        f"list_transform({entries}, lambda each: each.of)" for entries in ("sized", "chosen")
    )
    size = "list_filter(sized, lambda each: each.of = number AND each.w > 0 AND each.h > 0)[1]"
    return f"""SELECT * EXCLUDE (sized, chosen),
        list_transform(list_sort(list_distinct(list_concat({numbers}))), lambda number: {{
            'image_id': number,
            'selected': list_sort(list_distinct(list_transform(
                list_filter(chosen, lambda each: each.of = number), lambda each: each.key))),
            'width': {size}.w,
            'height': {size}.h}}) AS shown
        FROM ({listed})"""

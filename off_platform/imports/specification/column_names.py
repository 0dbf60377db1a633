"""The field of a column by its name, and the likely field of a misspelt name. Pure."""

import re
from dataclasses import dataclass
from functools import cache

import pycountry
from rapidfuzz import fuzz, process

from off_platform.imports.specification.fields import BY_NAME, FIELDS, NAMES, NESTED, Field

# Names of identifiers in other programs, as a word of a column's name.
_OTHER_NAMES = {
    "ean": "barcode",
    "ean13": "barcode",
    "upc": "barcode",
    "barcodes": "barcode",
    "gtin": "gtin",
    "gtin13": "gtin",
    "gtin14": "gtin",
}

_WITH_LANGUAGE = re.compile(
    f"({'|'.join(field.name for field in FIELDS if field.by_language)})_([A-Za-z]{{2,3}})"
)


@dataclass(frozen=True, slots=True)
class ColumnField:
    """The field of a column, and the language if its name ends in one."""

    field: Field
    language: str | None = None


def field_of(column: str) -> ColumnField | None:
    """The field of a column by its exact name; None if it is not a field.

    Only the language at its end may be in capitals.

    Args:
        column: the header's cell, or the path in a JSON object such as `nutrition.fat_g`.
    """
    if known := NAMES.get(column.removeprefix(NESTED)):
        return ColumnField(known) if not column.startswith(NESTED) or known.unit else None
    if found := _WITH_LANGUAGE.fullmatch(column):
        language = found[2].lower()
        return ColumnField(BY_NAME[found[1]], language) if language in language_codes() else None
    return None


def language_suffix(column: str) -> str | None:
    """The suffix of a column's name that looks like a language code but is not one."""
    found = _WITH_LANGUAGE.fullmatch(column)
    return found[2] if found and found[2].lower() not in language_codes() else None


def nearest_name(column: str) -> str | None:
    """The name in the document that is most like a column's; None if none is similar.

    It is only proposed (requested in openfoodfacts-server issue 12556); the column is not imported.
    """
    plain = re.sub(r"[\s:_.-]+", "_", column[:200].strip().lower()).strip("_")
    if plain in NAMES:
        return plain
    for word in plain.split("_"):
        if word in _OTHER_NAMES:
            return _OTHER_NAMES[word]
    for ending in ("_100g", "_value", "_unit"):
        if plain.endswith(ending) and plain.removesuffix(ending) in NAMES:
            return plain.removesuffix(ending)
    near = process.extractOne(plain, list(NAMES), scorer=fuzz.ratio, score_cutoff=82)
    return str(near[0]) if near else None


@cache
def language_codes() -> frozenset[str]:
    """The codes of ISO 639-1."""
    return frozenset(
        language.alpha_2 for language in pycountry.languages if hasattr(language, "alpha_2")
    )

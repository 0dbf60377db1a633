"""The field of a column by its name, and the likely field of a misspelt name. Pure."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

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

# Columns of other formats, such as Product Opener's, that say how nutrients are given. The
# specification has none: its nutrients have one unit, and are exact, per 100 g or 100 ml, as sold.
_PER = "nutrition_data_per"
_HOW_GIVEN = re.compile("nutrition_data(?:_prepared|_prepared_per)?")
# Other amounts than those of the specification, such as `fat_serving` and `fat_prepared_100g`.
_OTHER_AMOUNT = re.compile(".+_serving|.+_prepared(?:_.+)?")


@dataclass(frozen=True, slots=True)
class Qualifier:
    """What a column outside the specification says about nutrients besides their numbers.

    Attributes:
        says: the unit of a nutrient, a sign such as `<` before it, or the amount of the product to
            which all nutrients refer.
        field: the nutrient; None for all.
        name: the nutrient as the column names it.
    """

    says: Literal["unit", "modifier", "per"]
    field: Field | None = None
    name: str = ""

    @property
    def assumed(self) -> str:
        """How the nutrients are read, whatever the column says; the end of a sentence."""
        if self.field is None:
            return "Nutrients are read per 100 g or 100 ml"
        of_unit = f"in {self.field.unit}" if self.says == "unit" else "as exact"
        return f"'{self.name}' is read {of_unit}"


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
    plain = _plain(column)
    if plain in NAMES:
        return plain
    if qualifier_of(column) or any(each.fullmatch(plain) for each in (_HOW_GIVEN, _OTHER_AMOUNT)):
        return None
    for word in plain.split("_"):
        if word in _OTHER_NAMES:
            return _OTHER_NAMES[word]
    for ending in ("_100g", "_value"):
        if plain.endswith(ending) and plain.removesuffix(ending) in NAMES:
            return plain.removesuffix(ending)
    near = process.extractOne(plain, list(NAMES), scorer=fuzz.ratio, score_cutoff=82)
    return str(near[0]) if near else None


def qualifier_of(column: str) -> Qualifier | None:
    """What a column says about nutrients besides their numbers; None if it says nothing.

    Args:
        column: a name that is not a field's.
    """
    plain = _plain(column.removeprefix(NESTED))
    if plain == _PER:
        return Qualifier("per")
    name, _, says = plain.rpartition("_")
    known = NAMES.get(name)
    if known is None or known.type != "number":
        return None
    match says:
        case "unit" | "modifier":
            return Qualifier(says, known, name)
        case _:
            return None


def _plain(column: str) -> str:
    """A column's name in lower case, with underscores between its words."""
    return re.sub(r"[\s:_.-]+", "_", column[:200].strip().lower()).strip("_")


@cache
def language_codes() -> frozenset[str]:
    """The codes of ISO 639-1."""
    return frozenset(
        language.alpha_2 for language in pycountry.languages if hasattr(language, "alpha_2")
    )

"""Package sizes: a number and a metric unit. Pure; nutrients are in `numbers/`."""

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.specification.characters import SPACES
from off_platform.imports.values.reading import Reading, read_on
from off_platform.imports.values.spreadsheet_conversions import converted_into
from off_platform.imports.values.texts import repaired_text, text_sound
from off_platform.imports.values.whole_columns import Column, matches, one_array

if TYPE_CHECKING:
    from off_platform.imports.values.whole_columns import Bools

_S = f"[{SPACES}]*"
_METRIC_WORDS = (
    "[kK][gG]|[mM\u00b5\u03bc]?[gG]|[mMcCdDhH]?[lL]|[gG][rR]|[gG][rR][aA][mM](?:[mM]?[eE])?[sS]?"
    "|[gG][rR][aA][mM][mM]|[lL][iI][tT](?:[eE][rR]|[rR][eE])[sS]?|[kK][iI][lL][oO][sS]?"
)
# Valid in Python and RE2; a letter after the unit would make it another word.
METRIC = f"[0-9]{_S}[.,]?{_S}(?:{_METRIC_WORDS})(?:[^a-zA-Z\u00c0-\u024f]|$)"
# Negative quantities do not exist.
_NOT_POSITIVE = (
    f"^[-\u2212\u2013]{_S}[0-9]|^0+{_S}[xX\u00d7*]{_S}[0-9]"
    f"|^(?:[0-9]+{_S}[xX\u00d7*]{_S})?0+(?:[.,]0+)?{_S}(?:{_METRIC_WORDS})(?:[^a-zA-Z\u00c0-\u024f]|$)"
)
_NEVER_SOLD = re.compile(_NOT_POSITIVE.replace("$", r"\Z"))
_METRIC = re.compile(METRIC.replace("$", r"\Z"))
# International pound, US fluid ounce, pint, quart and gallon; a proposal is never certain.
_IN_METRIC = {
    "oz": ("g", "28.349523125"),
    "lb": ("g", "453.59237"),
    "floz": ("ml", "29.5735295625"),
    "pt": ("ml", "473.176473"),
    "qt": ("ml", "946.352946"),
    "gal": ("ml", "3785.411784"),
}
_SPELLINGS = {
    "oz": "oz ozs ounce ounces",
    "lb": "lb lbs pound pounds",
    "pt": "pt pint pints",
    "qt": "qt quart quarts",
    "gal": "gal gallon gallons",
}
_SPELLED = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}
_OTHER_WORDS = "|".join(sorted(_SPELLED, key=len, reverse=True))
_FLUID = rf"(?:fl(?:uid|\.)?{_S})?"
_NOT_METRIC = re.compile(
    rf"([0-9]{{1,9}}(?:[.,][0-9]{{1,9}})?){_S}({_FLUID})({_OTHER_WORDS})\b\.?", re.IGNORECASE
)
_POUNDS_AND_OUNCES = re.compile(rf"(?:lb|pound)s?\.?[,&{SPACES}]*[0-9]", re.IGNORECASE)
_FRACTION = re.compile("[/\u00bc-\u00be\u2150-\u215e]")
_MOST_CONVERTED = 200
_AMOUNT = (
    f"^(?:(?P<count>[0-9]{{1,4}}){_S}[xX\u00d7*]{_S})?"
    f"(?P<size>[0-9]{{1,9}}(?:\\.[0-9]{{1,9}}|,[0-9]{{1,2}})?){_S}"
    f"(?P<prefix>[kKmMcCdDhH\u00b5\u03bc]?)(?P<unit>[gGlL])$"
)
# Factors to g and ml by the letter before g and l.
_PREFIXES = {
    "g": {"": 1.0, "k": 1e3, "m": 1e-3, "\u00b5": 1e-6, "\u03bc": 1e-6},
    "l": {"": 1e3, "m": 1.0, "c": 10.0, "d": 100.0, "h": 1e5},
}
_WHOLE_FROM = 10


def quantity(text: str) -> Reading:
    """A package size.

    Returns:
        The trimmed text; anything around number and unit is kept.
    """
    return read_on(repaired_text(text), _quantity)


def quantities_sound(column: Column) -> "Bools":
    """Which texts of a column have no finding in `quantity`."""
    empty = matches(column, "^$", absent=True)
    sized = matches(column, METRIC, absent=True)
    sized &= ~matches(column, _NOT_POSITIVE, absent=False)
    sound: Bools = text_sound(column) & (empty | sized)
    return sound


def amounts(column: Column) -> tuple[pa.Array, pa.Array]:
    """The amount in each package, if the text is only an amount.

    Args:
        column: texts such as `400g` or `6 x 125 g`.

    Returns:
        The total amounts of all pieces, and `g` or `ml`; null if unknown.
    """
    found = pc.extract_regex(one_array(column), _AMOUNT)
    count, size, prefix, unit = (
        pc.struct_field(found, name) for name in ("count", "size", "prefix", "unit")
    )
    pieces = pc.if_else(pc.equal(count, ""), "1", count).cast(pa.float64())
    each = pc.replace_substring(size, ",", ".").cast(pa.float64())
    words = pc.binary_join_element_wise(pc.utf8_lower(prefix), pc.utf8_lower(unit), "")
    known = {
        head + tail: (factor, "g" if tail == "g" else "ml")
        for tail, heads in _PREFIXES.items()
        for head, factor in heads.items()
    }
    at = pc.index_in(words, pa.array(list(known), words.type))
    factor = pa.array([each[0] for each in known.values()], pa.float64()).take(at)
    units = pa.array([each[1] for each in known.values()], pa.string()).take(at)
    return pc.multiply(pc.multiply(pieces, each), factor), units


def package_of(text: str) -> tuple[int, Decimal, str] | str:
    """Pieces, size of each and `g` or `ml`; equal for equal packages, such as `1 kg` and `1000 g`.

    Args:
        text: trimmed; if it is not only an amount, the result is the text without white space, in
            lower case.
    """
    found = re.fullmatch(_AMOUNT, text)
    heads = _PREFIXES[found["unit"].lower()] if found else {}
    if found is None or found["prefix"].lower() not in heads:
        return "".join(text.split()).casefold()
    factor = Decimal(repr(heads[found["prefix"].lower()]))
    unit = "g" if found["unit"] in "gG" else "ml"
    return int(found["count"] or 1), Decimal(found["size"].replace(",", ".")) * factor, unit


def _quantity(text: str) -> Reading:
    if _NEVER_SOLD.search(text):
        return Reading(text, "quantity_not_positive")
    if _METRIC.search(text):
        return Reading(text)
    if len(text) > _MOST_CONVERTED:
        return Reading(text, "quantity_without_unit")
    if kind := converted_into(text):
        return Reading(text, "text_converted", detail=f"it is {kind}")
    if not _NOT_METRIC.search(text):
        return Reading(text, "quantity_without_unit")
    # One pound and four ounces are one amount; "1/2" is not the number 2.
    sure = not _POUNDS_AND_OUNCES.search(text) and not _FRACTION.search(text)
    proposal = _NOT_METRIC.sub(_converted, text) if sure else None
    return Reading(text, "quantity_not_metric", proposal)


def _converted(found: re.Match[str]) -> str:
    unit = _SPELLED[found[3].lower()]
    metric, factor = _IN_METRIC["floz" if found[2] and unit == "oz" else unit]
    amount = Decimal(found[1].replace(",", ".")) * Decimal(factor)
    exact = amount.quantize(Decimal(1) if amount >= _WHOLE_FROM else Decimal("0.1"))
    return f"{exact} {metric}"

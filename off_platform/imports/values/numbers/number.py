"""Parses numbers as producers write them. Pure.

Bounds are in `specification/bounds.py`, package sizes in `quantities.py`.
"""

import re
from collections.abc import Callable
from decimal import Context, Decimal
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.specification.characters import SPACES
from off_platform.imports.values.numbers.other_digits import (
    fraction,
    other_digit,
    with_latin_digits,
)
from off_platform.imports.values.reading import Reading, read_on, seen
from off_platform.imports.values.spreadsheet_conversions import converted_into
from off_platform.imports.values.whole_columns import Column, matches, one_array, whole

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from off_platform.imports.values.whole_columns import Bools

# Valid in Python and RE2. Programs write small numbers with exponents; the counts keep every number
# finite and its text short.
NUMBER = r"-?(?:[0-9]{1,15}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?"
_NUMBER = re.compile(NUMBER)
# A longer text is not a number with other characters around it.
_MOST_CHARACTERS = 80

_S = f"[{SPACES}]"
_NOT_FINITE = re.compile(
    r"[+-]?(?:nan|inf(?:inity)?|∞|[0-9]+(?:[.,][0-9]*)?e[+-]?[0-9]{3,})", re.IGNORECASE
)
_TRACE = re.compile(r"(?:traces?|tr\.?|spuren?|tracce|trazas|sporen)", re.IGNORECASE)
_MODIFIER = re.compile(
    rf"(<=|>=|[<>≤≥~≈±]|(?:ca|circa|approx|about|env|environ|less than|max)(?:\.|(?={_S}|[0-9])))"
    rf"{_S}*",
    re.IGNORECASE,
)
# Typographic hyphens are minus signs in a column of numbers.
_SIGN = re.compile(rf"([+\uff0b]|[\u2212\u2013]){_S}*")
_PARTS = re.compile(
    rf"(-?)((?:[0-9]|[.,][0-9])(?:[0-9.,'\u2019{SPACES}]*[0-9.])?)(e[+-]?[0-9]{{1,2}}(?![0-9]))?"
    rf"{_S}*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_PER_100 = re.compile(rf"{_S}*(?:/|per|pro|pour|por|je){_S}*100{_S}*(?:g|ml){_S}*", re.IGNORECASE)

_ONLY_PER_100 = re.compile(f"(?:{_PER_100.pattern})+", re.IGNORECASE)

_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_COMMA = re.compile(r"([0-9]*),([0-9]+)")
# The same as whole texts, for RE2.
_ONE_COMMA, _EITHER = "^[0-9]{1,15},[0-9]{1,30}$", "^[1-9][0-9]{0,2},[0-9]{3}$"
_AMBIGUOUS = re.compile(r"([1-9][0-9]{0,2}),([0-9]{3})")
_GROUPED = (
    re.compile(r"[1-9][0-9]{0,2}((?:,[0-9]{3})+\.[0-9]*|(?:,[0-9]{3}){2,})"),
    re.compile(r"[1-9][0-9]{0,2}((?:\.[0-9]{3})+,[0-9]+|(?:\.[0-9]{3}){2,})"),
    re.compile(rf"[1-9][0-9]{{0,2}}(?:({_S}|['\u2019])[0-9]{{3}})(?:\1[0-9]{{3}})*(?:[.,][0-9]+)?"),
)

_HEXADECIMAL = re.compile("0[xX][0-9a-fA-F]{1,12}")
_RANGE = re.compile(rf"[0-9.,]+{_S}*(?:[-\u2013\u2014~]|\u00e0|a|bis|to|\.\.\.?){_S}*[0-9.,]+")

_WORDS = {
    "g": ("g", "gr", "gram", "grams", "gramm", "gramme", "grammes"),
    "kg": ("kg",),
    "mg": ("mg", "milligram", "milligrams", "milligramm", "milligramme", "milligrammes"),
    "µg": ("µg", "μg", "ug", "mcg", "microgram", "micrograms", "mikrogramm"),
    "kJ": ("kj", "kilojoule", "kilojoules"),
    "kcal": ("kcal", "cal", "kilocalorie", "kilocalories", "kilokalorien", "calories"),
    "%": ("%",),
    "ml": ("ml",),
    "IU": ("iu", "ie", "ui", "i.u.", "i.e."),
}
_UNITS = {word: unit for unit, words in _WORDS.items() for word in words}
_POWERS = {"kg": 3, "g": 0, "mg": -3, "µg": -6}
_KJ_PER_KCAL = Decimal("4.184")
# More digits than any number here, so that shifting the decimal point never rounds.
_EXACT = Context(prec=200)
ENERGY_UNITS = ("kJ", "kcal", "kJ or kcal")

_ENERGY_NUMBER = rf"([0-9][0-9.,{SPACES}]{{0,15}})"
_BETWEEN = rf"[{SPACES}/|,;()=\u2013-]*"
_KJ_WORD = rf"(?:kj|kilojoules?){_BETWEEN}"
_KCAL_WORD = rf"(?:k?cal|kilocalories?){_BETWEEN}"
_KJ_FIRST = re.compile(
    f"{_ENERGY_NUMBER}{_KJ_WORD}{_ENERGY_NUMBER}{_KCAL_WORD}"
    f"|{_ENERGY_NUMBER}/{_ENERGY_NUMBER}{_KJ_WORD}{_KCAL_WORD}",
    re.IGNORECASE,
)
_KCAL_FIRST = re.compile(
    f"{_ENERGY_NUMBER}{_KCAL_WORD}{_ENERGY_NUMBER}{_KJ_WORD}"
    f"|{_ENERGY_NUMBER}/{_ENERGY_NUMBER}{_KCAL_WORD}{_KJ_WORD}",
    re.IGNORECASE,
)


class _Step(NamedTuple):
    """One problem of a number."""

    rule: str
    certain: bool
    detail: str = ""


class _Core(NamedTuple):
    """Digits with at most one period; None if ambiguous or not a number."""

    text: str | None
    step: _Step | None = None


def number(text: str, unit: str | None = None) -> Reading:
    """One number.

    Args:
        text: as in the file.
        unit: the field's: `g`, `mg`, `µg`, `kJ`, `kcal`, `kJ or kcal`; None when it has none.

    Returns:
        A finite float, in the field's unit.
    """
    return read_on(seen(text), lambda inner: _number(inner, unit))


def energy_pair(text: str) -> Reading:
    """Both values of a cell such as `852KJ/ 203Kcal`.

    Returns:
        The rule `energy_two_values` with the value (kJ, kcal), None if unclear; no rule if it is
        not such a cell.
    """
    inner = text.strip()
    if len(inner) > _MOST_CHARACTERS:
        return Reading()
    found, turned = _KJ_FIRST.fullmatch(inner), False
    if not found:
        found, turned = _KCAL_FIRST.fullmatch(inner), True
    if not found:
        return Reading()
    cores = [_core(part.strip()).text for part in found.groups() if part]
    kj, kcal = cores[::-1] if turned else cores
    if not (kj and kcal and _NUMBER.fullmatch(kj) and _NUMBER.fullmatch(kcal)):
        return Reading((None, None), "energy_two_values")
    both = f"{kj} kJ is for energy_kj, {kcal} kcal for energy_kcal"
    return Reading(
        (float(kj), float(kcal)), "energy_two_values", f"{kj} kJ / {kcal} kcal", detail=both
    )


def number_values(column: Column) -> "tuple[npt.NDArray[np.float64], Bools]":
    """Parses all numbers of a column.

    Returns:
        The numbers, NaN if there is none; and which texts are sound, including missing ones.
    """
    texts = one_array(column)
    sound = whole(texts, NUMBER)
    full = pa.array(sound & (pc.binary_length(texts).fill_null(0).to_numpy() > 0))
    numbers = pc.if_else(full, texts, pa.scalar(None, texts.type)).cast(pa.float64())
    # Minus zero is zero.
    return numbers.to_numpy(zero_copy_only=False) + 0.0, sound


def decimal_commas(column: Column) -> pa.StringArray:
    """Numbers with a decimal comma and nothing else to correct, with a period; null for others."""
    texts = one_array(column)
    fit = matches(texts, _ONE_COMMA, absent=False) & ~matches(texts, _EITHER, absent=False)
    return pc.if_else(pa.array(fit), pc.replace_substring(texts, ",", "."), None)


def _number(text: str, unit: str | None) -> Reading:
    if _NUMBER.fullmatch(text):
        return Reading(float(text) + 0.0)
    if len(text) > _MOST_CHARACTERS:
        return Reading(None, "not_a_number", detail=f"it has {len(text)} characters")
    if digit := other_digit(text):
        return _of_other_digits(text, digit, unit)
    return _of_form(text, unit) or _peeled(text, unit)


def _of_form(text: str, unit: str | None) -> Reading | None:
    """The reading of a text in one of the complete forms; None for others."""
    if unit in ENERGY_UNITS and (pair := energy_pair(text)).rule:
        kj, kcal = pair.value
        meant = kcal if unit == "kcal" else kj
        proposal = None if meant is None else _plain(Decimal(str(meant)))
        return pair._replace(value=None, proposal=proposal)
    if _NOT_FINITE.fullmatch(text):
        return Reading(None, "number_not_finite")
    if _TRACE.fullmatch(text):
        return Reading(None, "number_trace", "0", detail="it may be 0")
    value = fraction(text)
    return None if value is None else _of_fraction(text, value)


def _of_other_digits(text: str, digit: str, unit: str | None) -> Reading:
    """The reading of digits of other scripts; certain if there are only problems of form."""
    latin = with_latin_digits(text)
    inner = _number(latin, unit)
    detail = f"'{digit}' (U+{ord(digit):04X}) is {with_latin_digits(digit)}"
    if inner.detail:
        detail += f"; {inner.detail}"
    if inner.rule is None:
        return Reading(inner.value, "number_other_digits", latin, certain=True, detail=detail)
    return inner._replace(rule="number_other_digits", detail=detail)


def _of_fraction(text: str, value: Decimal) -> Reading:
    """The reading of a fraction: certain for a single character; `1/2` may have been a date."""
    written = _plain(value.quantize(Decimal("0.001"), context=_EXACT))
    is_typed = "/" in text
    certain = not is_typed and Decimal(written) == value
    detail = f"it is a fraction{', or was a date' if is_typed else ''}"
    return Reading(float(value) if certain else None, "not_a_number", written, certain, detail)


def _reason(text: str, rest: str = "") -> str:
    """Why a text is not a number, as the end of a sentence; `rest` is the text after its digits."""
    if kind := converted_into(text):
        return f"it is {kind}, which spreadsheets make out of numbers"
    if _HEXADECIMAL.fullmatch(text):
        return f"it is {int(text, 16)} in hexadecimal"
    if _RANGE.fullmatch(text):
        return "it is a range"
    return f"it says {rest!r}" if rest else ""


def _peeled(text: str, unit: str | None) -> Reading:
    """Removes text around a number, and other separators."""
    steps: list[_Step] = []
    whole_text = text
    if modifier := _MODIFIER.match(text):
        steps.append(_Step("number_with_modifier", certain=False, detail=f"it has {modifier[1]!r}"))
        text = text[modifier.end() :]
    if sign := _SIGN.match(text):
        is_plus = sign[1] in "+\uff0b"
        detail = "" if sign[1] == "+" else f"it has U+{ord(sign[1]):04X}"
        steps.append(_Step("number_with_sign", certain=True, detail=detail))
        text = ("" if is_plus else "-") + text[sign.end() :]
    parts = _PARTS.fullmatch(text)
    core = _core(parts[2].strip()) if parts else _Core(None)
    if not parts or (core.text is None and core.step is None):
        return Reading(None, "not_a_number", detail=_reason(whole_text))
    if core.step:
        steps.append(core.step)
    convert: Callable[[Decimal], str | None] | None = None
    if parts[4]:
        measured = _unit_step(parts[4], unit)
        if measured is None:
            return Reading(None, "not_a_number", detail=_reason(whole_text, parts[4]))
        step, convert = measured
        steps.append(step)
    return _concluded(steps, core.text and parts[1] + core.text + (parts[3] or ""), convert)


def _concluded(
    steps: list[_Step], plain: str | None, convert: Callable[[Decimal], str | None] | None
) -> Reading:
    """The reading of a number after its problems were removed."""
    if plain is not None and convert is not None:
        plain = convert(Decimal(plain))
    sound = plain is not None and _NUMBER.fullmatch(plain) is not None
    if not steps:
        return Reading(None, "not_a_number", detail="it has more digits than any measurement")
    # Uncertain problems are named before certain ones.
    worst = min(steps, key=lambda step: step.certain)
    detail = "; ".join(step.detail for step in steps if step.detail)
    certain = sound and worst.certain
    value = float(plain) + 0.0 if certain and plain else None
    return Reading(value, worst.rule, plain if sound else None, certain, detail)


def _core(text: str) -> _Core:
    """The possible meaning of digits and separators."""
    if _PLAIN.fullmatch(text):
        return _Core(text)
    if found := _AMBIGUOUS.fullmatch(text):
        either = f"it may be {found[1]}.{found[2]} or {found[1]}{found[2]}"
        return _Core(None, _Step("number_thousands", certain=False, detail=either))
    if found := _COMMA.fullmatch(text):
        return _Core(f"{found[1] or 0}.{found[2]}", _Step("number_decimal_comma", certain=True))
    for place, pattern in enumerate(_GROUPED):
        if pattern.fullmatch(text):
            return _Core(_ungrouped(text, place), _Step("number_thousands", certain=True))
    return _Core(None)


def _ungrouped(text: str, place: int) -> str:
    if place == 0:
        return text.replace(",", "")
    if place == 1:
        return text.replace(".", "").replace(",", ".")
    return re.sub(f"{_S}|['\u2019]", "", text).replace(",", ".")


def unit_of(word: str) -> str | None:
    """The unit that a word means, such as `µg` for `mcg/100 g`; None if it is not a unit."""
    return _UNITS.get(_PER_100.sub("", word[:_MOST_CHARACTERS]).strip().lower())


def is_modifier(text: str) -> bool:
    """Whether a text makes a number inexact or a bound, such as `<` and `approx.`."""
    # Words need something behind them.
    found = _MODIFIER.match(f"{text[:_MOST_CHARACTERS]} ")
    return found is not None and found.end() > len(text)


def is_per_100(text: str) -> bool:
    """Whether a text says "per 100 g" or "per 100 ml", such as `100g` and `pro 100 g / 100 ml`."""
    short = text[:_MOST_CHARACTERS]
    return any(_ONLY_PER_100.fullmatch(each) for each in (short, f"/{short}"))


def _unit_step(
    word: str, unit: str | None
) -> tuple[_Step, Callable[[Decimal], str | None] | None] | None:
    """The problem of a unit; None if it is not a unit.

    Nutrients are per 100 g in the document, so "/100 g" is redundant.
    """
    written = unit_of(word)
    if written is None:
        return None
    detail = f"it is in {written}"
    if written == unit or (written == "kJ" and unit == "kJ or kcal"):
        return _Step("number_with_unit", certain=True, detail=detail), None
    if unit in _POWERS and written in _POWERS:
        shift = _POWERS[written] - _POWERS[unit]
        step = _Step("number_with_unit", certain=True, detail=f"{detail}, the field in {unit}")
        return step, lambda given: _plain(given.scaleb(shift, _EXACT))
    step = _Step("number_with_unit", certain=False, detail=detail)
    if (written, unit) == ("%", "g") or (written, unit) == ("kcal", "kJ or kcal"):
        return step, None
    factors = {("kcal", "kJ"): _KJ_PER_KCAL, ("kJ", "kcal"): 1 / _KJ_PER_KCAL}
    if factor := factors.get((written, unit or "")):
        return step, lambda given: _plain(_rounded(given * factor))
    return step, lambda _given: None


def _rounded(energy: Decimal) -> Decimal:
    """Rounded to a tenth, as on labels."""
    return energy.quantize(Decimal("0.1"), context=_EXACT)


def _plain(given: Decimal) -> str:
    """Digits without exponent and insignificant zeros."""
    text = format(given, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

"""Barcodes as producers write them, and what short ones stand for. Pure.

Kinds and the normal form by which products are told apart are in `off_platform.barcodes`; what
happened to the barcodes of a whole file is in `damage.py`.
"""

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from stdnum import ean

from off_platform.barcodes import check_digit_holds
from off_platform.imports.specification.characters import SPACES
from off_platform.imports.values.reading import Reading, read_on, seen
from off_platform.imports.values.whole_columns import Column, one_array

if TYPE_CHECKING:
    import numpy.typing as npt

    from off_platform.imports.values.whole_columns import Bools

UPC_E_SHORT, EAN_8, UPC_A, EAN_13, GTIN_14 = 6, 8, 12, 13, 14
LENGTHS = (UPC_E_SHORT, EAN_8, UPC_A, EAN_13)
# Digits that a code has left after leading zeros were lost -> how many it had.
_BEFORE_LOSS = {7: EAN_8, 9: UPC_A, 10: UPC_A, 11: UPC_A}
# GS1 General Specifications, 1.4.2 and 2.1: what a company or a shop numbers by itself.
_RESTRICTED = ("02", "04", "2")
# What is longer is no code with something around it.
_MOST_CHARACTERS = 64

_DIGITS = re.compile("[0-9]+")
_SCIENTIFIC = re.compile(r"([0-9])(?:[.,]([0-9]*))?[eE]\+?([0-9]{1,3})")
_FRACTION = re.compile(r"([0-9]+)[.,]0+")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
# Spaces, dashes, dots; quotes and equals signs by which spreadsheets are told that it is text;
# characters that cannot be seen.
_AROUND = re.compile(
    f"[{SPACES}.\u00b7'\"`\u2018\u2019=*\u200b-\u200f\u2060\ufeff\u00ad_\u2010-\u2015\u2212-]+"
)


def barcode(text: str, *, gtin: bool = False) -> Reading:
    """One barcode.

    Args:
        text: as it stands in the file.
        gtin: whether the field takes 14 digits.

    Returns:
        The digits, as many as there are; `off_platform.barcodes.normal_form` compares them.
    """
    return read_on(seen(text), lambda inner: _barcode(inner, gtin=gtin))


def expanded_upc_e(code: str) -> str | None:
    """The UPC-A that a UPC-E stands for.

    GS1 General Specifications, 5.2.2.4: UPC-E leaves out zeros, its last digit but the check digit
    tells where they were.

    Args:
        code: 8 digits, or the 6 between number system 0 and check digit.

    Returns:
        12 digits; None when the code is no UPC-E, as with another number system than 0 and 1, or a
        check digit that does not hold.
    """
    if not _DIGITS.fullmatch(code) or len(code) not in (UPC_E_SHORT, EAN_8):
        return None
    short = len(code) == UPC_E_SHORT
    system, six, check = ("0", code, None) if short else (code[0], code[1:7], code[7])
    if system not in "01":
        return None
    last = six[5]
    if last in "012":
        body = six[:2] + last + "0000" + six[2:5]
    elif last == "3":
        body = six[:3] + "00000" + six[3:5]
    elif last == "4":
        body = six[:4] + "00000" + six[4]
    else:
        body = six[:5] + "0000" + last
    whole_code = system + body + _check_digit(system + body)
    return whole_code if check in (None, whole_code[-1]) else None


def with_check_digit(body: str) -> str:
    """A code without its last digit, with the check digit that belongs there.

    Args:
        body: only digits.
    """
    return body + _check_digit(body)


def candidates(code: str) -> tuple[str, ...]:
    """What a code of 6 or 8 digits may stand for: EAN-8 and UPC-E cannot be told apart.

    Args:
        code: only digits.

    Returns:
        The code itself where its check digit holds, then the UPC-A that it expands to; of other
        lengths the code itself.
    """
    if len(code) not in (UPC_E_SHORT, EAN_8):
        return (code,)
    own = (code,) if len(code) == EAN_8 and _holds(code) else ()
    expanded = expanded_upc_e(code)
    return (*own, expanded) if expanded else own


def barcode_checks(column: Column, *, gtin: bool = False) -> "Bools":
    """Which texts of a column are barcodes about which nothing is to be said.

    Args:
        column: texts; absent and empty ones are sound.
        gtin: whether the field takes 14 digits.
    """
    texts = one_array(column)
    starts, lengths = _places(texts)
    sound: Bools = lengths == 0
    for length in (EAN_8, UPC_A, EAN_13, *((GTIN_14,) if gtin else ())):
        rows = np.flatnonzero(lengths == length)
        if len(rows):
            sound[rows] = _sound_of_length(_digits(texts, starts[rows], length))
    return sound


def _barcode(text: str, *, gtin: bool) -> Reading:
    if len(text) > _MOST_CHARACTERS:
        return Reading(None, "barcode_length", detail=f"it has {len(text)} characters")
    if _DIGITS.fullmatch(text):
        return _of_digits(text, gtin=gtin)
    if scientific := _SCIENTIFIC.fullmatch(text):
        return _scientific(scientific, gtin=gtin)
    if (cleaned := _cleaned(text)) is None:
        return Reading(None, "barcode_not_digits")
    inner = _of_digits(cleaned, gtin=gtin)
    if inner.value is None:
        detail = f"and its digits alone, {cleaned}, are not a barcode either"
        return Reading(None, "barcode_not_digits", detail=detail)
    # Six digits have no check digit to hold.
    certain = len(cleaned) != UPC_E_SHORT
    return Reading(inner.value if certain else None, "barcode_not_digits", cleaned, certain)


def _of_digits(code: str, *, gtin: bool) -> Reading:
    if not code.strip("0"):
        return Reading(None, "barcode_all_zeros")
    if len(code) not in LENGTHS and not (gtin and len(code) == GTIN_14):
        return _gtin_elsewhere(code) if len(code) == GTIN_14 else _wrong_length(code)
    if len(code) == UPC_E_SHORT:
        expanded = expanded_upc_e(code) or ""
        detail = f"with number system 0 it expands to {expanded}"
        return Reading(code, "barcode_short_upc_e", f"0{code}{expanded[-1:]}", detail=detail)
    if not candidates(code) or (len(code) != EAN_8 and not _holds(code)):
        detail = f"with these digits it would end in {_check_digit(code[:-1])}"
        return Reading(None, "barcode_check_digit", detail=detail)
    if len(code) == GTIN_14 and code[0] != "0":
        return Reading(code, "barcode_trade_unit", detail=f"its indicator is {code[0]}")
    return Reading(code, "barcode_restricted" if _is_restricted(code) else None)


def _is_restricted(code: str) -> bool:
    """Whether a shop numbered by itself; of 8 digits 0 begins UPC-E too, and says nothing."""
    if len(code) == EAN_8:
        return code[0] == "2"
    return code.zfill(GTIN_14)[1:].startswith(_RESTRICTED)


def _gtin_elsewhere(code: str) -> Reading:
    detail = "14 digits are for `gtin`"
    if code[0] == "0" and _holds(code):
        return Reading(code[1:], "barcode_length", code[1:], certain=True, detail=detail)
    return Reading(None, "barcode_length", detail=detail)


def _wrong_length(code: str) -> Reading:
    detail = f"it has {len(code)} digits"
    if padded_length := _BEFORE_LOSS.get(len(code)):
        padded = code.zfill(padded_length)
        if padded_length != EAN_8 and _holds(padded):
            return Reading(None, "barcode_lost_zero", padded, detail=detail)
        if padded_length == EAN_8 and candidates(padded):
            return Reading(None, "barcode_lost_zero", padded, detail=detail)
    return Reading(None, "barcode_length", detail=detail)


def _scientific(found: re.Match[str], *, gtin: bool) -> Reading:
    """A number as a spreadsheet shows it; rarely all digits are still there."""
    digits, exponent = found[1] + (found[2] or ""), int(found[3])
    if len(digits) == exponent + 1 and _of_digits(digits, gtin=gtin).value == digits:
        return Reading(None, "barcode_scientific", digits, detail="all its digits are still there")
    return Reading(None, "barcode_scientific", detail="its last digits are lost")


def _cleaned(text: str) -> str | None:
    """The digits of a code that has other characters around or between them."""
    # The ".0" of a number is no part of the code.
    if fraction := _FRACTION.fullmatch(text.strip("'\"= ")):
        return fraction[1]
    text = unicodedata.normalize("NFKC", _AROUND.sub("", text))
    if _THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    return text if _DIGITS.fullmatch(text) else None


def _holds(code: str) -> bool:
    return bool(code.strip("0")) and check_digit_holds(code)


def _check_digit(body: str) -> str:
    return str(ean.calc_check_digit(body))


def _places(texts: Column) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]":
    """Where each text begins in the column's bytes, and how many it has; absent ones have none."""
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    offsets = np.frombuffer(texts.buffers()[1] or b"", dtype=width)
    starts = offsets[texts.offset : texts.offset + len(texts)].astype(np.int64)
    lengths = pc.binary_length(texts).fill_null(0).to_numpy(zero_copy_only=False)
    return starts, lengths.astype(np.int64)


def _digits(
    texts: Column, starts: "npt.NDArray[np.int64]", length: int
) -> "list[npt.NDArray[np.uint8]]":
    """The digits at each place, a vector a place; what is no digit is above 9."""
    characters = np.frombuffer(texts.buffers()[2], dtype=np.uint8)
    return [characters[starts + place] - np.uint8(ord("0")) for place in range(length)]


def _sound_of_length(digits: "list[npt.NDArray[np.uint8]]") -> Any:
    """Of codes of one length, a vector a place."""
    only_digits = np.logical_and.reduce([place <= 9 for place in digits])  # noqa: PLR2004 - digits
    not_zero = np.logical_or.reduce([place > 0 for place in digits])
    holds = _sum(digits) % 10 == 0
    if len(digits) == EAN_8:
        own = digits[0] == 2  # noqa: PLR2004 - digits of the specification
        holds = ~own & (holds | _upc_e_holds(digits))
        return np.logical_and.reduce([only_digits, not_zero, holds])
    zero = np.zeros_like(digits[0])
    indicator, first, second = ([zero] * (GTIN_14 - len(digits)) + digits)[:3]
    restricted = (first == 2) | ((first == 0) & ((second == 2) | (second == 4)))  # noqa: PLR2004
    return np.logical_and.reduce([only_digits, not_zero, holds, indicator == 0, ~restricted])


def _sum(digits: "list[npt.NDArray[np.uint8]]") -> "npt.NDArray[np.uint16]":
    """The GS1 weighted sum, from the right: the check digit once, the next thrice, and so on."""
    total = np.zeros(len(digits[0]), dtype=np.uint16)
    for place, digit in enumerate(reversed(digits)):
        total += digit * np.uint16(3 if place % 2 else 1)
    return total


def _upc_e_holds(digits: "list[npt.NDArray[np.uint8]]") -> "Bools":
    """Whether 8 digits are a UPC-E with a check digit that holds; see `expanded_upc_e`."""
    system, *six, check = digits
    a, b, c, d, e, last = six
    zero = np.zeros_like(a)
    cases = [last <= 2, last == 3, last == 4]  # noqa: PLR2004 - digits of the specification

    def place(
        *digit: "npt.NDArray[np.uint8]",
    ) -> "npt.NDArray[np.uint8]":
        return np.select(cases, list(digit[:3]), digit[3])

    expanded = [
        system, a, b,
        place(last, c, c, c), place(zero, zero, d, d), place(zero, zero, zero, e),
        zero, zero,
        place(c, zero, zero, zero), place(d, d, zero, zero), place(e, e, e, last),
        check,
    ]  # fmt: skip
    holds: Bools = (system <= 1) & (_sum(expanded) % 10 == 0)
    return holds

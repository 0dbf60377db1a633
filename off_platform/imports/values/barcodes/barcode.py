"""Barcodes as producers write them, and the meaning of short ones. Pure.

Kinds, check digits and the normal form of products are in `off_platform.barcodes`; damage to all
barcodes of a file is in `whole_file/damage.py`.
"""

import re
import unicodedata

import numpy as np
import pyarrow as pa

from off_platform.barcodes.columns import SameLength, by_length
from off_platform.barcodes.text import (
    EAN_8,
    EAN_13,
    GTIN_14,
    UPC_A,
    UPC_E_SHORT,
    check_digit_holds,
    expanded_upc_e,
    with_check_digit,
)
from off_platform.imports.specification.characters import SPACES
from off_platform.imports.values.reading import Reading, read_on, seen
from off_platform.imports.values.whole_columns import Bools, Column, matches, one_array

LENGTHS = (UPC_E_SHORT, EAN_8, UPC_A, EAN_13)
# Number of digits of a code that lost its leading zeros -> original number.
_BEFORE_LOSS = {7: EAN_8, 9: UPC_A, 10: UPC_A, 11: UPC_A}
# GS1 General Specifications, 1.4.2 and 2.1: internal numbers of companies and shops.
_RESTRICTED = ("02", "04", "2")
# A longer text is not a code with other characters around it.
_MOST_CHARACTERS = 64

_DIGITS = re.compile("[0-9]+")
_SCIENTIFIC = re.compile(r"([0-9])(?:[.,]([0-9]*))?[eE]\+?([0-9]{1,3})")
_FRACTION = re.compile(r"([0-9]+)[.,]0+")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
# Spaces, dashes, dots; quotes and equals signs that mark text for spreadsheets; invisible
# characters.
_AROUND = re.compile(
    f"[{SPACES}.\u00b7'\"`\u2018\u2019=*\u200b-\u200f\u2060\ufeff\u00ad_\u2010-\u2015\u2212-]+"
)


def barcode(text: str, *, gtin: bool = False) -> Reading:
    """One barcode.

    Args:
        text: as in the file.
        gtin: whether the field takes 14 digits.

    Returns:
        The digits as given; `off_platform.barcodes.text.normal_form` makes them comparable.
    """
    return read_on(seen(text), lambda inner: _barcode(inner, gtin=gtin))


def candidates(code: str) -> tuple[str, ...]:
    """The possible meanings of a code of 6 or 8 digits: EAN-8 and UPC-E look alike.

    Args:
        code: only digits.

    Returns:
        The code itself if its check digit is valid, then the UPC-A it expands to; for other lengths
        the code itself.
    """
    if len(code) not in (UPC_E_SHORT, EAN_8):
        return (code,)
    own = (code,) if len(code) == EAN_8 and _holds(code) else ()
    expanded = expanded_upc_e(code)
    return (*own, expanded) if expanded else own


def barcode_checks(column: Column, *, gtin: bool = False) -> Bools:
    """Which texts of a column are barcodes without a finding.

    Args:
        column: texts; missing and empty ones are sound.
        gtin: whether the field takes 14 digits.
    """
    texts = one_array(column)
    sound = matches(texts, "^$", absent=True)
    for codes in by_length(texts, (EAN_8, UPC_A, EAN_13, *((GTIN_14,) if gtin else ()))):
        sound[codes.rows] = ~codes.zeros & _sound(codes)
    return sound


def barcodes(texts: pa.StringArray, *, gtin: bool = False) -> list[Reading]:
    """`barcode` of each; valid numbers of shops, often a tenth of a file, are vectorised."""
    restricted = np.zeros(len(texts), dtype=bool)
    for codes in by_length(texts, (EAN_8, UPC_A, EAN_13)):
        restricted[codes.rows] = codes.holds & _shops_own(codes)
    return [
        Reading(text, "barcode_restricted") if own else barcode(text, gtin=gtin)
        for text, own in zip(texts.to_pylist(), restricted.tolist(), strict=True)
    ]


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
    # Six digits have no check digit.
    certain = len(cleaned) != UPC_E_SHORT
    return Reading(inner.value if certain else None, "barcode_not_digits", cleaned, certain)


def _of_digits(code: str, *, gtin: bool) -> Reading:
    upc_a = expanded_upc_e(code) if len(code) == UPC_E_SHORT else code
    if not upc_a or not code.strip("0"):
        return Reading(None, "barcode_all_zeros")
    if len(code) not in LENGTHS and not (gtin and len(code) == GTIN_14):
        return _gtin_elsewhere(code) if len(code) == GTIN_14 else _wrong_length(code)
    if len(code) == UPC_E_SHORT:
        detail = f"with number system 0 it expands to {upc_a}"
        return Reading(code, "barcode_short_upc_e", f"0{code}{upc_a[-1]}", detail=detail)
    if not candidates(code) or (len(code) != EAN_8 and not _holds(code)):
        detail = f"with these digits it would end in {with_check_digit(code[:-1])[-1]}"
        return Reading(None, "barcode_check_digit", detail=detail)
    if len(code) == GTIN_14 and code[0] != "0":
        return Reading(code, "barcode_trade_unit", detail=f"its indicator is {code[0]}")
    return Reading(code, "barcode_restricted" if _is_restricted(code) else None)


def _is_restricted(code: str) -> bool:
    """Whether it is a shop's internal number; of 8 digits, a leading 0 is also that of UPC-E."""
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
    """A number as shown by a spreadsheet; rarely all digits are present."""
    digits, exponent = found[1] + (found[2] or ""), int(found[3])
    if len(digits) == exponent + 1 and _of_digits(digits, gtin=gtin).value == digits:
        return Reading(None, "barcode_scientific", digits, detail="all its digits are present")
    return Reading(None, "barcode_scientific", detail="its last digits are lost")


def _cleaned(text: str) -> str | None:
    """The reading of a code with other characters around or between its digits."""
    # The ".0" of a number is not part of the code.
    if fraction := _FRACTION.fullmatch(text.strip("'\"= ")):
        return fraction[1]
    text = unicodedata.normalize("NFKC", _AROUND.sub("", text))
    if _THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    return text if _DIGITS.fullmatch(text) else None


def _holds(code: str) -> bool:
    return bool(code.strip("0")) and check_digit_holds(code)


def _sound(codes: SameLength) -> Bools:
    """Which have a valid check digit and are numbers of products; see `_of_digits`."""
    sound = codes.holds & ~_shops_own(codes)
    if len(codes.digits) == EAN_8:
        sound |= codes.upc_a[1]
    if len(codes.digits) == GTIN_14:
        sound &= codes.digits[0] == 0
    return sound


def _shops_own(codes: SameLength) -> Bools:
    """`_is_restricted` of each; for 14 digits with any indicator."""
    if len(codes.digits) == EAN_8:
        own: Bools = codes.digits[0] == 2  # noqa: PLR2004 - a digit
        return own
    zero = np.zeros_like(codes.digits[0])
    first, second = ([zero] * (GTIN_14 - len(codes.digits)) + codes.digits)[1:3]
    restricted: Bools = (first == 2) | ((first == 0) & ((second == 2) | (second == 4)))  # noqa: PLR2004
    return restricted

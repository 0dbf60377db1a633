"""Repairs a code of a column that a program damaged as a whole. Pure.

`whole_file/damage.py` detects damaged columns.
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal

from off_platform.barcodes.text import (
    EAN_8,
    KIND_OF_LENGTH,
    UPC_E_SHORT,
    least_padded,
    with_check_digit,
)
from off_platform.imports.specification.rules import BY_ID
from off_platform.imports.values.barcodes.barcode import barcode
from off_platform.imports.values.reading import Reading

# The zeros that a spreadsheet writes for lost digits; one check digit in ten is valid by chance.
EXPANDED = r"^\s*[1-9][0-9]{2,6}0{6,}\s*$"
WHOLE = tuple(KIND_OF_LENGTH)

Damage = Literal[
    "scientific", "shortened", "appended", "prefixed", "padded", "unfinished", "fraction"
]


def repaired_code(text: str, damage: Damage, *, gtin: bool) -> Reading:
    """The reading of a code in a damaged column; never the code itself if it may be damaged.

    Args:
        text: as in the file.
        damage: of the column.
        gtin: whether the field takes 14 digits.

    Returns:
        The repaired code as a proposal, certain if it is valid and follows from the damage.
    """
    inner = text.strip()
    if damage == "scientific":
        return _expanded(text, gtin=gtin)
    if damage == "shortened":
        return _shortened(text, gtin=gtin)
    before = _REPAIRS[damage](inner, gtin)
    if before is None:
        return barcode(text, gtin=gtin)
    read = barcode(before, gtin=gtin)
    sound = read.rule is None or BY_ID[read.rule].level != "error"
    if not sound:
        detail = f"without the damage it would be {before}, which is not a barcode either"
        return Reading(None, "barcode_damaged", detail=detail)
    certain = damage != "unfinished"
    return Reading(before if certain else None, "barcode_damaged", before, certain)


def _expanded(text: str, *, gtin: bool) -> Reading:
    if re.fullmatch(EXPANDED, text):
        return Reading(None, "barcode_damaged", detail="a spreadsheet wrote zeros for its digits")
    return barcode(text, gtin=gtin)


def _shortened(text: str, *, gtin: bool) -> Reading:
    """Repairs a code without leading zeros; 6 digits are a UPC-E or an EAN-8, as most others."""
    padded = text.strip().zfill(EAN_8)
    if len(text.strip()) == UPC_E_SHORT and barcode(padded, gtin=gtin).value == padded:
        return Reading(
            None, "barcode_lost_zero", padded, detail="as most codes of 6 digits in the column do"
        )
    return barcode(text, gtin=gtin)


def _of_digits(repair: Callable[[str], str]) -> Callable[[str, bool], str | None]:
    return lambda text, _: repair(text) if text.isascii() and text.isdigit() else None


def _without_fraction(text: str, gtin: bool) -> str | None:  # noqa: FBT001 - of all repairs
    code = text.replace(",", ".").split(".")[0]
    if not (code.isascii() and code.isdigit()) or code == text:
        return None
    padded = (code, *(code.zfill(length) for length in WHOLE[:-1] if length > len(code)))
    return next((each for each in padded if barcode(each, gtin=gtin).value), code)


_REPAIRS: Mapping[Damage, Callable[[str, bool], str | None]] = {
    "appended": _of_digits(lambda text: text[:-1]),
    "prefixed": _of_digits(lambda text: text[1:]),
    "padded": _of_digits(least_padded),
    "unfinished": _of_digits(with_check_digit),
    "fraction": _without_fraction,
}

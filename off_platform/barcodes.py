"""Barcodes as text: their kind, check digit and normal form. Pure; knows no file, no bucket.

Where a barcode's photos lie in a bucket is the images wing's affair (`images/keys.py`).
"""

import re
from typing import Literal

from stdnum import ean

BarcodeKind = Literal["EAN-8", "UPC-A", "EAN-13", "GTIN-14", "other"]

_DIGITS = re.compile(r"[0-9]+")
_KIND_OF_LENGTH: dict[int, BarcodeKind] = {8: "EAN-8", 12: "UPC-A", 13: "EAN-13", 14: "GTIN-14"}

EAN_8_DIGITS = 8
EAN_13_DIGITS = 13

# Beyond this no code on any product is genuine; the bound keeps hostile text out of keys and SQL.
MOST_DIGITS = 24


class NotABarcodeError(ValueError):
    """The text cannot be a barcode; the message is one sentence for a person."""


def digits_of(code: str) -> str:
    """The code as it stands, once it is sure to be a code.

    Raises:
        NotABarcodeError: it is empty, too long, only zeros, or holds anything but ASCII digits.
    """
    if not _DIGITS.fullmatch(code):
        shown = code[:40]
        raise NotABarcodeError(
            f"{shown!r} is no barcode: only digits are allowed, no spaces, dashes or letters."
        )
    if len(code) > MOST_DIGITS:
        raise NotABarcodeError(
            f"{code[:40]!r} is no barcode: it has {len(code)} digits, more than {MOST_DIGITS}."
        )
    if not code.strip("0"):
        raise NotABarcodeError(f"{code!r} is no barcode: it is all zeros.")
    return code


def normal_form(code: str) -> str:
    """One spelling for one product, so that tables of different origin can be joined.

    Leading zeros are stripped; what is left is padded to 8 digits when it has 8 or fewer, else to
    13; longer codes stay as they are (Open Food Facts' own rule, openfoodfacts-server pull request
    10472). `03017620422003` and `3017620422003` are one product, `20065034` stays an EAN-8.

    Raises:
        NotABarcodeError: see `digits_of`.
    """
    significant = digits_of(code).lstrip("0")
    return significant.zfill(EAN_8_DIGITS if len(significant) <= EAN_8_DIGITS else EAN_13_DIGITS)


def kind_of(code: str) -> BarcodeKind:
    """The kind that the number of digits tells; it says nothing about the check digit.

    Raises:
        NotABarcodeError: see `digits_of`.
    """
    return _KIND_OF_LENGTH.get(len(digits_of(code)), "other")


def check_digit_holds(code: str) -> bool:
    """Whether the last digit is the GS1 check digit of those before it.

    Raises:
        NotABarcodeError: see `digits_of`.
    """
    return ean.calc_check_digit(digits_of(code)[:-1]) == code[-1]

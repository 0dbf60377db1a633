"""One barcode as text: its kind, check digit, normal form, and what a UPC-E stands for. Pure.

How producers write barcodes is in `imports/values/barcodes/`, how a bucket's keys are made of them
in `images/keys.py`.
"""

import re
from typing import Literal

from stdnum import ean

BarcodeKind = Literal["EAN-8", "UPC-A", "EAN-13", "GTIN-14", "other"]

# Numbers of digits; a UPC-E has six without number system and check digit, and 8 with them.
UPC_E_SHORT, EAN_8, UPC_A, EAN_13, GTIN_14 = 6, 8, 12, 13, 14
KIND_OF_LENGTH: dict[int, BarcodeKind] = {
    EAN_8: "EAN-8",
    UPC_A: "UPC-A",
    EAN_13: "EAN-13",
    GTIN_14: "GTIN-14",
}
# Beyond this no code on any product is genuine; the bound keeps hostile text out of keys and SQL.
MOST_DIGITS = 24
# What `normal_form` gives, from start to end, as a regular expression.
NORMAL_FORM = f"[0-9]{{{EAN_8}}}|[0-9]{{{EAN_13},{MOST_DIGITS}}}"

_DIGITS = re.compile(r"[0-9]+")


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
    return significant.zfill(EAN_8 if len(significant) <= EAN_8 else EAN_13)


def least_padded(code: str) -> str:
    """The code with no more leading zeros than the shortest kind that it fits has.

    Args:
        code: only digits.
    """
    significant = code.lstrip("0")
    return significant.zfill(next((n for n in KIND_OF_LENGTH if len(significant) <= n), 0))


def kind_of(code: str) -> BarcodeKind:
    """The kind that belongs to the number of digits; the check digit is not looked at.

    Raises:
        NotABarcodeError: see `digits_of`.
    """
    return KIND_OF_LENGTH.get(len(digits_of(code)), "other")


def check_digit_holds(code: str) -> bool:
    """Whether the last digit is the GS1 check digit of those before it.

    Raises:
        NotABarcodeError: see `digits_of`.
    """
    return with_check_digit(digits_of(code)[:-1]) == code


def with_check_digit(body: str) -> str:
    """A code without its last digit, with the GS1 check digit that belongs there.

    Args:
        body: only digits.
    """
    return f"{body}{ean.calc_check_digit(body)}"


def expanded_upc_e(code: str) -> str | None:
    """The UPC-A that a UPC-E stands for.

    GS1 General Specifications, 5.2.2.4: UPC-E leaves out zeros, its last digit but the check digit
    says where they were.

    Args:
        code: 8 digits, or the 6 between number system 0 and check digit.

    Returns:
        12 digits; None when the code is not a UPC-E, as with another number system than 0 and 1, a
        check digit that does not hold, or when it stands for zeros alone, as `00000030` does.
    """
    if not _DIGITS.fullmatch(code) or len(code) not in (UPC_E_SHORT, EAN_8):
        return None
    short = len(code) == UPC_E_SHORT
    system, six, check = ("0", code, "") if short else (code[0], code[1:7], code[7])
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
    whole = with_check_digit(system + body)
    return whole if whole.strip("0") and whole.endswith(check) else None

"""One barcode as text: its kind, check digit, normal form and UPC-E expansion. Pure.

Barcodes as producers write them are in `imports/values/barcodes/`, keys of the bucket in
`images/keys.py`.
"""

import re
from typing import Literal

BarcodeKind = Literal["EAN-8", "UPC-A", "EAN-13", "GTIN-14", "other"]

# Numbers of digits; a UPC-E has 8, or 6 without number system and check digit.
UPC_E_SHORT, EAN_8, UPC_A, EAN_13, GTIN_14 = 6, 8, 12, 13, 14
KIND_OF_LENGTH: dict[int, BarcodeKind] = {
    EAN_8: "EAN-8",
    UPC_A: "UPC-A",
    EAN_13: "EAN-13",
    GTIN_14: "GTIN-14",
}
# No genuine product code is longer; the bound keeps hostile text out of keys and SQL.
MOST_DIGITS = 24
# Regular expression that matches the whole result of `normal_form`.
NORMAL_FORM = f"[0-9]{{{EAN_8}}}|[0-9]{{{EAN_13},{MOST_DIGITS}}}"

_DIGITS = re.compile(r"[0-9]+")


class NotABarcodeError(ValueError):
    """The text cannot be a barcode; the message is one sentence for users."""


def digits_of(code: str) -> str:
    """The code unchanged, after checking that it is one.

    Raises:
        NotABarcodeError: it is empty, too long, only zeros, or contains anything but ASCII digits.
    """
    if not _DIGITS.fullmatch(code):
        shown = code[:40]
        raise NotABarcodeError(
            f"{shown!r} is not a barcode: only digits are allowed, no spaces, dashes or letters."
        )
    if len(code) > MOST_DIGITS:
        raise NotABarcodeError(
            f"{code[:40]!r} is not a barcode: it has {len(code)} digits, more than {MOST_DIGITS}."
        )
    if not code.strip("0"):
        raise NotABarcodeError(f"{code!r} is not a barcode: it is all zeros.")
    return code


def normal_form(code: str) -> str:
    """The one spelling of a product's code, by which tables of different origin are joined.

    Leading zeros are stripped; the rest is padded to 8 digits if it has at most 8, otherwise to 13;
    longer codes are unchanged (Open Food Facts' own rule, openfoodfacts-server pull request 10472).
    `03017620422003` and `3017620422003` are one product, `20065034` stays an EAN-8.

    Raises:
        NotABarcodeError: see `digits_of`.
    """
    significant = digits_of(code).lstrip("0")
    return significant.zfill(EAN_8 if len(significant) <= EAN_8 else EAN_13)


def least_padded(code: str) -> str:
    """The code with as few leading zeros as the shortest kind that fits it.

    Args:
        code: only digits.
    """
    significant = code.lstrip("0")
    return significant.zfill(next((n for n in KIND_OF_LENGTH if len(significant) <= n), 0))


def kind_of(code: str) -> BarcodeKind:
    """The kind that has this number of digits; the check digit is not examined.

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
    """Appends the GS1 check digit to a code that lacks its last digit.

    Args:
        body: only digits.
    """
    total = 3 * sum(map(int, body[-1::-2])) + sum(map(int, body[-2::-2]))
    return f"{body}{-total % 10}"


def expanded_upc_e(code: str) -> str | None:
    """The UPC-A that a UPC-E stands for.

    GS1 General Specifications, 5.2.2.4: UPC-E omits zeros; the digit before the check digit says
    where.

    Args:
        code: 8 digits, or the 6 between number system 0 and check digit.

    Returns:
        12 digits; None when the code is not a UPC-E: its number system is not 0 or 1, its check
        digit is wrong, or it expands to zeros alone, as `00000030` does.
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

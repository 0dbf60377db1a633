"""Barcodes: what is one, how it is spelt, whether its check digit holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.barcodes import NotABarcodeError, check_digit_holds, kind_of, normal_form

CODES = st.from_regex(r"[0-9]{1,24}", fullmatch=True).filter(lambda code: code.strip("0"))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("3017620422003", "3017620422003"),
        ("03017620422003", "3017620422003"),
        ("20065034", "20065034"),
        ("0000020065034", "20065034"),
        ("758", "00000758"),
        ("11110104793", "0011110104793"),
        ("990530101113758685", "990530101113758685"),
    ],
)
def test_one_product_has_one_spelling(code: str, expected: str) -> None:
    assert normal_form(code) == expected


@pytest.mark.parametrize(
    "text", ["", " 3017620422003", "301-762", "3E+12", "٣٠١", "0000", "1" * 25, "../1", "1\n"]
)
def test_what_is_no_barcode_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(NotABarcodeError, match=r"is no barcode: .*\."):
        normal_form(text)


@given(CODES)
def test_normal_form_is_its_own_normal_form_and_keeps_the_number(code: str) -> None:
    normal = normal_form(code)
    assert normal_form(normal) == normal
    assert int(normal) == int(code)
    assert len(normal) == 8 or len(normal) >= 13


@given(CODES, st.integers(0, 5))
def test_zeros_in_front_do_not_make_another_product(code: str, zeros: int) -> None:
    padded = ("0" * zeros + code)[-24:]
    if int(padded) == int(code):
        assert normal_form(padded) == normal_form(code)


@pytest.mark.parametrize(
    ("code", "kind", "holds"),
    [
        ("3017620422003", "EAN-13", True),
        ("3017620422004", "EAN-13", False),
        ("20065034", "EAN-8", True),
        ("20065035", "EAN-8", False),
        ("036000291452", "UPC-A", True),
        ("03017620422003", "GTIN-14", True),
        ("12345", "other", False),
    ],
)
def test_kind_and_check_digit(code: str, kind: str, holds: bool) -> None:  # noqa: FBT001
    assert kind_of(code) == kind
    assert check_digit_holds(code) is holds

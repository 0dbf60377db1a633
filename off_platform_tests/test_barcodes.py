"""Barcodes: what is one, how it is written, whether its check digit holds; in all three forms."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import pairwise
from typing import TypeVar

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import ean

from off_platform.barcodes import columns, sql
from off_platform.barcodes.text import (
    NotABarcodeError,
    check_digit_holds,
    digits_of,
    expanded_upc_e,
    kind_of,
    least_padded,
    normal_form,
    with_check_digit,
)

Answer = TypeVar("Answer")

CODES = st.from_regex(r"[0-9]{1,24}", fullmatch=True).filter(lambda code: code.strip("0"))
# Of every length, with zeros in front, with check digits that hold; UPC-E; and other texts.
TEXTS = st.one_of(
    st.from_regex(r"0{0,9}[0-9]{0,18}", fullmatch=True),
    st.from_regex(r"0{0,3}[0-9]{5,13}", fullmatch=True).map(with_check_digit),
    st.from_regex(r"[01][0-9]{5}[0-4]?", fullmatch=True),
    st.from_regex(r"[01][0-9]{6}", fullmatch=True).map(
        lambda code: code + (expanded_upc_e(code[1:]) or "")[-1:]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["0" * 24 + "1", "9" * 24, "٣٠١٧", "\u00b2", "1\n", "7" * 3000]),
)


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
    ("code", "country"),
    [
        ("3017620422003", "France"),
        ("0012345678905", "United States"),
        ("6181100000007", "Côte d'Ivoire"),
        ("4400000000008", "Germany"),
        ("4410000000007", "not assigned"),
        ("9990000000004", "coupons"),
        ("2012345600010", "used in stores"),
        # Their first digits would be France and the United States in a longer code.
        ("20483715", "used in stores"),
        ("01234565", "used in stores"),
        ("30176204", "France"),
        # After the indicator.
        ("13017620422000", "France"),
        ("290530101113758688", "not assigned"),
    ],
)
def test_a_prefix_says_where_a_code_was_issued(code: str, country: str) -> None:
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {sql.country('code')} FROM (SELECT ? AS code)", [code])
        assert found.fetchall() == [(country,)]


def test_the_prefixes_are_sorted_and_apart() -> None:
    lines = files("off_platform.barcodes").joinpath("gs1_prefixes.csv").read_text("utf-8")
    ranges = [line.split(",")[:2] for line in lines.splitlines()[1:]]
    assert all(len(each) == 3 for pair in ranges for each in pair)
    assert all(first <= last for first, last in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


@pytest.mark.parametrize(
    "text", ["", " 3017620422003", "301-762", "3E+12", "٣٠١", "0000", "1" * 25, "../1", "1\n"]
)
def test_a_text_that_is_not_a_barcode_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(NotABarcodeError, match=r"is not a barcode: .*\."):
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


# One for each way in which zeros are left out.
UPC_E = {
    "01234505": "012000003455",
    "01234531": "012300000451",
    "01234543": "012340000053",
    "04252614": "042100005264",
    "01234565": "012345000065",
}


def test_upc_e_expands_as_the_specification_says() -> None:
    assert {code: expanded_upc_e(code) for code in UPC_E} == UPC_E
    assert {code: expanded_upc_e(code[1:7]) for code in UPC_E} == UPC_E
    assert expanded_upc_e("04252615") is None
    assert expanded_upc_e("24252614") is None
    assert [*map(expanded_upc_e, ("00000030", "00000040", "000003"))] == [None] * 3


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


def answers(function: Callable[[str], Answer], texts: list[str]) -> list[Answer | None]:
    """What the form for one text says of each; None where it raises."""

    def answer(text: str) -> Answer | None:
        try:
            return function(text)
        except NotABarcodeError:
            return None

    return [answer(text) for text in texts]


@pytest.mark.slow
@given(texts=st.lists(TEXTS, max_size=12))
@example(texts=["", "0", "0" * 6, "0" * 8, "0" * 14])
@example(texts=[*UPC_E, *UPC_E.values(), *(code[1:7] for code in UPC_E), "00000030", "000003"])
def test_the_three_forms_agree_with_one_another_and_check_digits_with_stdnum(
    connection: duckdb.DuckDBPyConnection, texts: list[str]
) -> None:
    refused = [code is None for code in answers(digits_of, texts)]
    forms = answers(normal_form, texts)
    holds = answers(check_digit_holds, texts)
    bare = answers(lambda text: least_padded(digits_of(text)), texts)
    query = f"SELECT {sql.normal_form('code')}, {sql.fault('code')} IS NOT NULL"
    rows = "FROM (SELECT unnest($1::VARCHAR[]) AS code)"
    in_sql = connection.execute(f"{query} {rows}", [texts]).fetchall()
    assert in_sql == [*zip(forms, refused, strict=True)]
    # As batches come: wide or not, sliced, with absent ones.
    for kind in (pa.string(), pa.large_string()):
        column = pa.array([None, "?", *texts, None], kind)[2:]
        assert columns.expanded_upc_e(column).to_pylist() == [*map(expanded_upc_e, texts), None]
        in_vectors = [
            columns.normal_forms(column).to_pylist(),
            columns.least_padded(column).to_pylist(),
            columns.check_digits_hold(column).tolist(),
        ]
        assert not in_vectors[2].pop()
        for expected, found in zip((forms, bare, holds), in_vectors, strict=True):
            for one, several, no_barcode in zip(expected, found, refused, strict=False):
                assert no_barcode or one == several
    for text, one, no_barcode in zip(texts, holds, refused, strict=True):
        if not no_barcode and len(text) in {8, 12, 13, 14}:
            assert one == ean.is_valid(text)

"""What looks like a formula is harmless in CSV that we write, and itself again when read."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.imports.corrected import write_corrected
from off_platform.imports.formulas import as_it_was, as_they_were, neutral
from off_platform_tests.imports.conftest import Validate

TEXTS = st.text(st.sampled_from("'=+-@\t\r\nab5. "), max_size=5)


@given(TEXTS)
def test_a_text_is_itself_again(text: str) -> None:
    assert as_it_was(neutral(text)) == text
    assert as_they_were(pa.array([neutral(text), None])).to_pylist() == [text, None]


@given(TEXTS)
def test_no_formula_is_left(text: str) -> None:
    made = neutral(text)
    if made[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}:
        float(made)


NAMES = ["=HYPERLINK(1)", "-10% Oreo", "+Protein", "@home", "'=x", "plain", "'quoted'"]


def test_a_corrected_copy_brings_the_same_products(validate: Validate, tmp_path: Path) -> None:
    path, copy = tmp_path / "x.csv", tmp_path / "copy.csv"
    rows = [("barcode", "product_name", "fat_g")] + [
        (code, name, "1,5") for code, name in zip(CODES, NAMES, strict=True)
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    found = validate(path.read_bytes())
    assert write_corrected(tmp_path / "x.csv", tmp_path / "x.csv.tables", found.verdict, copy) == 7
    assert '\n4012359114303,"=HY' not in copy.read_text()
    again = validate(copy.read_bytes(), "again.csv")
    assert [record["product_name"] for record in again.accepted] == NAMES
    assert again.findings == []


CODES = ["4012359114303", "3017620422003", "7622210449283", "5449000000996", "8076809513685",
         "4260414150203", "96385074"]  # fmt: skip


@pytest.mark.parametrize("text", ["-5", "+1.5", "5"])
def test_numbers_stay(text: str) -> None:
    assert neutral(text) == text

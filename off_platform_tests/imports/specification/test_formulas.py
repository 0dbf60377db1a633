"""What looks like a formula is harmless in CSV that we write, and itself again when read."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.imports.outputs.corrected.copy import write_corrected
from off_platform.imports.specification.formulas import as_it_was, as_they_were, computes, neutral
from off_platform_tests.imports.conftest import Validate

TEXTS = st.text(st.sampled_from("'=+-@\t\r\nab5. "), max_size=5)


@given(TEXTS)
def test_a_text_that_computes_is_restored(text: str) -> None:
    made = f"'{text}" if computes(text) else text
    assert as_it_was(made) == (text if computes(text) else as_it_was(text))
    assert as_they_were(pa.array([made, None])).to_pylist() == [as_it_was(made), None]


COMPUTE = ["=HYPERLINK(1)", '=cmd|"/C calc"!A0', "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=A1:B2",
           "\t=A1&B2", "+A1-A2"]  # fmt: skip
DO_NOTHING = ["+33 Alpha", "=Beta", "-5g", "-10% Oreo", "+Protein", "@home", "-5", "'=x", "- 12 g"]


@pytest.mark.parametrize("text", [*COMPUTE, *DO_NOTHING])
def test_texts_that_compute_are_recognised(text: str) -> None:
    assert computes(text) is (text in COMPUTE)


@given(TEXTS)
def test_no_formula_remains(text: str) -> None:
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
    made = write_corrected(path, tmp_path / "x.csv.tables", found.verdict, copy)
    assert (made.corrected, made.neutralised.count) == (7, 1)
    assert made.neutralised.first == ["line 2, column 2"]
    assert "line 2, column 2" in " ".join(made.notes())
    lines = copy.read_text().splitlines()
    assert lines[1].startswith("4012359114303,'=HYPERLINK(1),")
    assert "product_name -> '=HYPERLINK(1)" in lines[1]
    assert [line.split(",")[1] for line in lines[2:]] == NAMES[1:]
    again = validate(copy.read_bytes(), "again.csv")
    assert [record["product_name"] for record in again.accepted] == NAMES
    assert again.findings == []


CODES = ["4012359114303", "3017620422003", "7622210449283", "5449000000996", "8076809513685",
         "4260414150203", "96385074"]  # fmt: skip


@pytest.mark.parametrize("text", ["-5", "+1.5", "5"])
def test_numbers_stay(text: str) -> None:
    assert neutral(text) == text

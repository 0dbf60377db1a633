"""Which sheet of a workbook is read, when others name columns, too."""

from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from off_platform_tests.imports.broken_records import NUTELLA, OREO
from off_platform_tests.imports.made_files import read_all

HEADER = ("barcode", "product_name", "brand", "fat")
PRODUCTS = (HEADER, (NUTELLA, "Nutella", "Ferrero", 30.9), (OREO, "Oreo", "Mondelez", 20))
Rows = Sequence[Sequence[object]]


def written(path: Path, **sheets: Rows) -> Path:
    """A workbook with these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


OTHERS: dict[str, Rows] = {
    "a bare header": [HEADER],
    "a bare header of more columns": [(*HEADER, "salt", "sodium", "quantity")],
    "a glossary": [("Field", "Meaning"), ("barcode", "EAN-13"), ("product_name", "its name")],
    "a glossary without a header": [("barcode", "13 digits"), ("product_name", "its name")],
    "a template with a line of words": [
        (*HEADER, "salt"), ("EAN-13, 13 digits", "text", "text", "in g", "in g"),
    ],
    "a list of codes": [("code", "country"), ("FR", "France"), ("DE", "Germany")],
    "a list of numbers": [("code", "category"), (4012, "Spreads"), (4013, "Snacks")],
    "a cover": [("Products of Acme",), ("Please fill in the sheet Products",)],
    "a glossary of numbers of one's own": [("product_id", "your number"), ("barcode", "EAN")],
    "a table of something else": [("Store", "City", "Street"), ("4", "Paris", "Rue")],
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("is_first", [True, False])
def test_the_sheet_with_products_is_read(tmp_path: Path, name: str, *, is_first: bool) -> None:
    sheets = {"Other": OTHERS[name], "Products": PRODUCTS}
    path = written(tmp_path / "x.xlsx", **(sheets if is_first else dict(reversed(sheets.items()))))

    source, (batch,), reader = read_all(path)

    assert (source.sheet, source.header) == ("Products", HEADER)
    assert batch.columns["barcode"].to_pylist() == [NUTELLA, OREO]
    (found,) = reader.take_found()
    assert (found.rule, "'Other'" in found.message) == ("more_sheets", True)


@pytest.mark.parametrize("code", ["30176204 22003", "3,01762E+12", 3017620422003, "12", "PROD1234"])
def test_a_sheet_of_damaged_codes_is_one_of_products(tmp_path: Path, code: object) -> None:
    name = "product_id" if code == "PROD1234" else "barcode"
    path = written(tmp_path / "x.xlsx", Cover=[HEADER], Products=[(name, "brand"), (code, "x")])

    source, _, _ = read_all(path)

    assert source.sheet == "Products"


def test_a_sheet_whose_identifier_has_another_name_is_found_behind_a_cover(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", Cover=OTHERS["a cover"],
                   Products=[("EAN", "product_name", "brand"), (NUTELLA, "a", "b")])  # fmt: skip

    source, _, _ = read_all(path)

    assert source.sheet == "Products"


def test_a_sheet_of_names_comes_before_one_of_more_numbers(tmp_path: Path) -> None:
    numbers = [("barcode", "fat", "salt", "sugars", "proteins"), (NUTELLA, 1, 2, 3, 4)]
    path = written(tmp_path / "x.xlsx", Numbers=numbers, Products=PRODUCTS)

    source, _, _ = read_all(path)

    assert source.sheet == "Products"


def test_of_equal_sheets_the_first_is_read(tmp_path: Path) -> None:
    source, _, _ = read_all(written(tmp_path / "x.xlsx", First=PRODUCTS, Second=PRODUCTS))

    assert source.sheet == "First"


def test_a_legend_above_the_header_is_not_the_header(tmp_path: Path) -> None:
    legend = [("barcode", "EAN-13 of the package"), ("product_name", "as on the package"), ()]
    path = written(tmp_path / "x.xlsx", Products=[*legend, *PRODUCTS])

    source, (batch,), _ = read_all(path)

    assert (source.header, batch.rows.tolist()) == (HEADER, [5, 6])


def test_a_second_table_below_does_not_hide_the_first(tmp_path: Path) -> None:
    more = [(*HEADER, "salt"), ("5449000000996", "Cola", "Coke", 0, 0)]
    path = written(tmp_path / "x.xlsx", Products=[*PRODUCTS, *more])

    source, (batch,), _ = read_all(path)

    assert (source.header, batch.rows.tolist()) == (HEADER, [2, 3, 4, 5])

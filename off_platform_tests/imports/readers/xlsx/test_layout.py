"""Merged cells and hidden rows and columns: what is read, and what is said about it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from off_platform.imports.readers.batches import Found
from off_platform.imports.readers.xlsx.parts.layout import MOST_MERGED
from off_platform_tests.imports.broken_records import NUTELLA, OREO
from off_platform_tests.imports.made_files import examine, read_all, rows_of, workbook_of

HEADER = ("barcode", "product_name", "brand", "fat")
ROWS: tuple[tuple[Any, ...], ...] = (
    HEADER,
    (NUTELLA, "Nutella", "Ferrero", 30.9),
    (OREO, "Oreo", "Mondelez", 20),
    ("5449000000996", "Cola", "Coke", 0),
    ("3229820129488", "Muesli", "Bjorg", 7),
)
Hidden = tuple[Sequence[int], Sequence[str]]
Writer = Callable[[Path, Sequence[str], Hidden], None]


def by_openpyxl(path: Path, merged: Sequence[str], hidden: Hidden) -> None:
    """Writes XML that the parser reads; merging empties all cells but the first."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "P"
    for row in ROWS:
        sheet.append(list(row))
    for each in merged:
        sheet.merge_cells(each)
    for number in hidden[0]:
        sheet.row_dimensions[number].hidden = True
    for letter in hidden[1]:
        sheet.column_dimensions[letter].hidden = True
    book.save(path)


def by_xlsxwriter(path: Path, merged: Sequence[str], hidden: Hidden) -> None:
    """Writes XML that is plain."""
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("P")
        for number, row in enumerate(ROWS):
            sheet.write_row(number, 0, row)
        for each in merged:
            first = sheet_cell(each)
            sheet.merge_range(each, first)
        for number in hidden[0]:
            sheet.set_row(number - 1, None, None, {"hidden": True})
        for letter in hidden[1]:
            sheet.set_column(f"{letter}:{letter}", None, None, {"hidden": True})


def sheet_cell(merged: str) -> Any:
    """The value of the first cell of a range."""
    first = merged.partition(":")[0]
    return ROWS[int(first[1:]) - 1][ord(first[0]) - ord("A")]


DECLARED = '<?xml version="1.0" encoding="UTF-8"?>'
WRITERS = pytest.mark.parametrize("write", [by_openpyxl, by_xlsxwriter])


def found_in(path: Path) -> list[Found]:
    """What was found while a workbook was read."""
    _, _, reader = read_all(path)
    return reader.take_found()


@WRITERS
@pytest.mark.parametrize(
    ("merged", "row", "column"),
    [("C2:C4", 2, "brand"), ("A3:A4", 3, "barcode"), ("B2:C2", 2, "product_name"),
     ("B3:D5", 3, "product_name"), ("B1:B2", 1, "product_name")],
)  # fmt: skip
def test_merged_cells_of_products_are_named(
    tmp_path: Path, write: Writer, merged: str, row: int, column: str
) -> None:
    write(tmp_path / "x.xlsx", [merged], ((), ()))

    (found,) = found_in(tmp_path / "x.xlsx")

    assert (found.rule, found.row, found.column, found.cell) == (
        "merged_cells",
        row,
        column,
        merged,
    )
    assert found.value == str(sheet_cell(merged))
    assert f"P!{merged}" in found.message


def test_a_value_below_is_not_invented(tmp_path: Path) -> None:
    by_openpyxl(tmp_path / "x.xlsx", ["C2:C4"], ((), ()))

    _, (batch,), _ = read_all(tmp_path / "x.xlsx")

    assert batch.columns["brand"].to_pylist() == ["Ferrero", None, None, "Bjorg"]


def test_rows_hidden_by_merged_cells_are_reported(tmp_path: Path) -> None:
    by_openpyxl(tmp_path / "x.xlsx", ["A2:A3", "B2:B3", "C2:C3", "D2:D3"], ((), ()))

    made = examine(tmp_path / "x.xlsx", tmp_path / "made")

    assert (made.verdict.accepted, made.verdict.counts) == (3, {"merged_cells": 4})
    cells = sorted(f"{each['sheet']}!{each['cell']}" for each in made.findings)
    assert cells == ["P!A2:A3", "P!B2:B3", "P!C2:C3", "P!D2:D3"]


@WRITERS
def test_merged_cells_next_to_the_products_are_not_reported(tmp_path: Path, write: Writer) -> None:
    write(tmp_path / "x.xlsx", ["D5:F5"], ((), ()))

    assert found_in(tmp_path / "x.xlsx") == []


def test_merged_cells_without_a_value_cost_nothing(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in (*ROWS, (None, None, None, None)):
        sheet.append(list(row))
    sheet.merge_cells("A6:D8")
    book.save(tmp_path / "x.xlsx")

    assert found_in(tmp_path / "x.xlsx") == []


@pytest.mark.slow
def test_more_merged_cells_than_are_kept_are_counted(tmp_path: Path) -> None:
    merged = "".join(f'<mergeCell ref="A{at}:B{at}"/>' for at in range(3, MOST_MERGED + 10))
    path = tmp_path / "x.xlsx"
    sheet = (
        '<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/'
        f'spreadsheetml/2006/main"><sheetData>{rows_of(HEADER[:2], (NUTELLA, "Nutella"))}'
        f'</sheetData><mergeCells count="1">{merged}</mergeCells></worksheet>'
    )
    path.write_bytes(workbook_of("", others={"xl/worksheets/sheet1.xml": sheet}))

    (found,) = found_in(path)

    assert (found.rule, found.row) == ("merged_cells", None)
    assert found.message.startswith("7 more ranges")


@WRITERS
def test_hidden_rows_and_columns_are_read_and_named(tmp_path: Path, write: Writer) -> None:
    write(tmp_path / "x.xlsx", [], ((2, 3, 5), ("C",)))

    _, (batch,), reader = read_all(tmp_path / "x.xlsx")

    assert batch.columns["brand"].to_pylist() == ["Ferrero", "Mondelez", "Coke", "Bjorg"]
    (found,) = reader.take_found()
    assert found.rule == "hidden_cells"
    assert "rows 2 to 3, 5 and column C ('brand')" in found.message


@WRITERS
def test_hidden_cells_next_to_the_products_are_not_reported(tmp_path: Path, write: Writer) -> None:
    write(tmp_path / "x.xlsx", [], ((1, 9), ("F", "H")))

    assert found_in(tmp_path / "x.xlsx") == []


@pytest.mark.parametrize("row", ['hidden="true"', 'ht="0" customHeight="1"'])
@pytest.mark.parametrize("is_plain", [True, False])
def test_rows_without_height_are_hidden(tmp_path: Path, row: str, is_plain: bool) -> None:  # noqa: FBT001
    cells = '<c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c>'
    rows = f'<row r="1">{cells.format(1, "barcode")}</row>'
    rows += f'<row r="2" {row}>{cells.format(2, NUTELLA)}</row>'
    rows += f'<row r="3" ht="12.5">{cells.format(3, OREO)}</row>'
    sheet = (
        f'{DECLARED if is_plain else ""}<worksheet xmlns="http://'
        'schemas.openxmlformats.org/spreadsheetml/2006/main"><cols><col min="1" max="16384" '
        f'width="0" customWidth="1"/></cols><sheetData>{rows}</sheetData></worksheet>'
    )
    path = tmp_path / "x.xlsx"
    path.write_bytes(workbook_of("", others={"xl/worksheets/sheet1.xml": sheet}))

    (found,) = found_in(path)

    assert "row 2 and column A ('barcode')" in found.message


def test_a_sheet_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    by_openpyxl(path, (), ((), ()))
    name = b"xl/worksheets/sheet1.xml"
    packed = bytearray(path.read_bytes())
    # Its entry in the directory, with the checksum 16 bytes in and the name 46; ZIP's own layout.
    entry = packed.index(b"PK\x01\x02" + packed[packed.rindex(name) - 42 : packed.rindex(name)])
    packed[entry + 16] ^= 0xFF
    path.write_bytes(packed)
    assert [each["rule"] for each in examine(path, tmp_path / "made").findings] == ["xlsx_damaged"]

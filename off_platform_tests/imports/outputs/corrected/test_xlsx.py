"""A corrected workbook differs from the original in the corrected cells and in nothing else.

That is looked at with zipfile, canonical XML and openpyxl, none of which writes the copy.
"""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl
import pytest
import xlsxwriter
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table

from off_platform.imports.outputs.corrected.copy import write_corrected
from off_platform_tests.imports.broken_records import NUTELLA, OREO
from off_platform_tests.imports.made_files import rows_of, text_cell, workbook_of

HEADER = ("barcode", "product_name", "fat_g", "brand")
ROWS = ((NUTELLA, " Nutella", "30,9", "Ferrero"), (OREO, "Oreo", 20, " Mondelez"))
# What is corrected in these: the row's note says the same.
CORRECTED = {"B2": "Nutella", "C2": 30.9, "D3": "Mondelez"}

# Where cells are beyond the header, the note is beyond them.
NOTE = {"more_cells": "H", "xlsxwriter": "G", "xlsxwriter, constant memory": "G"}

Change = Callable[[Any, Any], None]


def pane(_: Any, sheet: Any) -> None:
    sheet.freeze_panes = "B2"


def widths(_: Any, sheet: Any) -> None:
    sheet.column_dimensions["B"].width = 41.5
    sheet.row_dimensions[2].height = 33


def fonts(_: Any, sheet: Any) -> None:
    for cell in sheet[2]:
        cell.font = Font(bold=True, color="FF0000")


def fills(_: Any, sheet: Any) -> None:
    sheet["B2"].fill = PatternFill("solid", fgColor="00FF00")


def number_formats(_: Any, sheet: Any) -> None:
    sheet["C3"].number_format = "0.000"


def percent(_: Any, sheet: Any) -> None:
    sheet["C3"], sheet["C3"].number_format = 0.2, "0.0%"


def merged(_: Any, sheet: Any) -> None:
    sheet["A6"] = "note"
    sheet.merge_cells("A6:D6")
    sheet.delete_rows(6)


def other_sheet(book: Any, _: Any) -> None:
    book.create_sheet("Notes").append((1, "=1+1", "_x000D_", dt.date(2024, 5, 1)))


def hidden_sheet(book: Any, _: Any) -> None:
    book.create_sheet("Lists").append(("FR", "DE"))
    book["Lists"].sheet_state = "veryHidden"


def first_sheet_is_a_cover(book: Any, _: Any) -> None:
    book.create_sheet("Cover", 0).append(("Products of Acme",))


def chart(_: Any, sheet: Any) -> None:
    made = BarChart()
    made.add_data(Reference(sheet, min_col=3, min_row=1, max_row=3), titles_from_data=True)
    sheet.add_chart(made, "H2")


def comment(_: Any, sheet: Any) -> None:
    sheet["B2"].comment = Comment("Name of the product", "Acme")


def conditional(_: Any, sheet: Any) -> None:
    rule = CellIsRule(operator="greaterThan", formula=["50"], fill=PatternFill(bgColor="FF0000"))
    sheet.conditional_formatting.add("C2:C9", rule)


def validation(_: Any, sheet: Any) -> None:
    rule = DataValidation(type="decimal", operator="between", formula1="0", formula2="100")
    rule.add("C2:C9")
    sheet.add_data_validation(rule)


def table(_: Any, sheet: Any) -> None:
    sheet.add_table(Table(displayName="Products", ref="A1:D3"))


def autofilter(_: Any, sheet: Any) -> None:
    sheet.auto_filter.ref = "A1:D3"


def names(book: Any, sheet: Any) -> None:
    book.defined_names["fats"] = DefinedName("fats", attr_text=f"'{sheet.title}'!$C$2:$C$3")


def print_setup(_: Any, sheet: Any) -> None:
    sheet.print_title_rows = "1:1"
    sheet.oddFooter.center.text = "Page &P"
    sheet.page_setup.orientation = "landscape"


def protection(_: Any, sheet: Any) -> None:
    sheet.protection.sheet = True


def link(_: Any, sheet: Any) -> None:
    sheet["D2"].hyperlink = "https://example.org/"


def properties(book: Any, _: Any) -> None:
    book.properties.creator, book.properties.title = "Müller & Söhne", "日本"


def from_1904(book: Any, _: Any) -> None:
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904


def more_cells(_: Any, sheet: Any) -> None:
    sheet["G3"] = "beyond the header"


def grouped(_: Any, sheet: Any) -> None:
    sheet.row_dimensions.group(2, 3, hidden=True)


def nothing(_: Any, __: Any) -> None:
    """As it is."""


CHANGES: tuple[Change, ...] = (
    nothing, pane, widths, fonts, fills, number_formats, percent, merged, other_sheet, hidden_sheet,
    first_sheet_is_a_cover, chart, comment, conditional, validation, table, autofilter, names,
    print_setup, protection, link, properties, from_1904, more_cells, grouped,
)  # fmt: skip


def made_by_openpyxl(change: Change) -> bytes:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "Products"
    for row in (HEADER, *ROWS):
        sheet.append(row)
    change(book, sheet)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def made_by_xlsxwriter(*, memory: bool) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "constant_memory": memory}) as book:
        sheet = book.add_worksheet("Products")
        bold = book.add_format({"bold": True, "num_format": "0.00"})
        sheet.freeze_panes(1, 1)
        for number, row in enumerate((HEADER, *ROWS)):
            for at, value in enumerate(row):
                sheet.write(number, at, value, bold)
        sheet.write_formula("F2", "=LEN(B2)", None, 7)
        book.add_worksheet("Notes").write_formula("A1", "=Products!C3", None, 20)
    return content.getvalue()


def made_by_hand(text: str) -> bytes:
    return workbook_of(text)


def written_by_hand() -> dict[str, bytes]:
    """Forms that no library here writes."""
    plain = rows_of(HEADER, *ROWS[:1]) + (
        f"<row>{text_cell(OREO)}{text_cell('Oreo')}<c><v>20</v></c>{text_cell(' Mondelez')}</row>"
    )
    with zipfile.ZipFile(io.BytesIO(made_by_openpyxl(other_sheet))) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    prefixed = re.sub(rb"<(/?)(?=[a-zA-Z])", rb"<\1x:", parts[sheet]).replace(
        b"xmlns=", b"xmlns:x="
    )
    spaced = parts[sheet].replace(b"<row ", b"<!-- a > b -->\n<row ").replace(b'"/>', b'" />')
    strict = {
        name: data.replace(
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        )
        for name, data in parts.items()
    }
    return {
        "without references": made_by_hand(plain),
        "with a prefix": packed({**parts, sheet: prefixed}),
        "with comments and spaces": packed({**parts, sheet: spaced}),
        "strict": packed(strict),
        "stored": packed(parts, zipfile.ZIP_STORED),
    }


def packed(parts: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", how) as book:
        for name, data in parts.items():
            book.writestr(name, data)
    return content.getvalue()


BOOKS: dict[str, Callable[[], bytes]] = {
    **{change.__name__: lambda change=change: made_by_openpyxl(change) for change in CHANGES},  # type: ignore[misc]
    "xlsxwriter": lambda: made_by_xlsxwriter(memory=False),
    "xlsxwriter, constant memory": lambda: made_by_xlsxwriter(memory=True),
    **{name: lambda name=name: written_by_hand()[name] for name in written_by_hand()},  # type: ignore[misc]
}


def copied(content: bytes, folder: Path) -> tuple[Path, Path, int]:
    """The workbook, its corrected copy, and how many cells are said to be corrected."""
    from off_platform.imports.validation import validate_import  # noqa: PLC0415 - once used

    path, into, copy = folder / "x.xlsx", folder / "into", folder / "copy.xlsx"
    path.write_bytes(content)
    into.mkdir()
    made = write_corrected(path, into, validate_import(path, into), copy)
    return path, copy, made.corrected


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as book:
        assert book.testzip() is None
        return {part.filename: book.read(part) for part in book.infolist()}


def without_cells(part: bytes, cells: set[str]) -> str:
    """A sheet's canonical XML without these cells, and without how far it says that it goes."""
    root = ET.fromstring(part)  # noqa: S314 - made above
    row_number = 0
    for row in root.iter():
        if row.tag.endswith("}dimension"):
            row.attrib.clear()
        if not row.tag.endswith("}row"):
            continue
        row_number = int(row.get("r", row_number + 1))
        for at, cell in enumerate(list(row)):
            name = cell.get("r", f"{chr(ord('A') + at)}{row_number}")
            if name in cells:
                row.remove(cell)
    return ET.canonicalize(ET.tostring(root), strip_text=True)


@pytest.mark.parametrize("name", BOOKS)
def test_parts_that_are_not_corrected_are_byte_for_byte_the_same(name: str, tmp_path: Path) -> None:
    path, copy, count = copied(BOOKS[name](), tmp_path)

    before, after = parts_of(path), parts_of(copy)
    assert list(after) == list(before)
    (changed,) = [part for part, data in before.items() if after[part] != data]
    note = NOTE.get(name, "E")
    cells = {*CORRECTED, *(f"{note}{row}" for row in (1, 2, 3))}
    assert without_cells(after[changed], cells) == without_cells(before[changed], cells)
    assert count == len(CORRECTED)


@pytest.mark.parametrize("name", BOOKS)
def test_openpyxl_reads_the_corrected_cells_in_their_styles(name: str, tmp_path: Path) -> None:
    if name in {"strict", "with a prefix"}:
        pytest.skip("openpyxl does not read it")
    path, copy, _ = copied(BOOKS[name](), tmp_path)

    before, after = openpyxl.load_workbook(path), openpyxl.load_workbook(copy)
    title = "Sheet 1" if "Products" not in before.sheetnames else "Products"
    title = title if title in before.sheetnames else before.sheetnames[0]
    for cell, value in CORRECTED.items():
        assert after[title][cell].value == value
        assert after[title][cell]._style == before[title][cell]._style
    note = NOTE.get(name, "E")
    assert after[title][f"{note}1"].value == "corrections_made"
    assert after[title][f"{note}2"].value == "product_name -> Nutella; fat_g -> 30.9"
    for sheet in before:
        for row in sheet.iter_rows():
            for cell in row:
                if sheet.title != title or cell.coordinate not in CORRECTED:
                    assert after[sheet.title][cell.coordinate].value == cell.value


def test_a_cell_with_a_formula_keeps_it_and_is_named(tmp_path: Path) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Products")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, (NUTELLA, " Nutella", 1, "x"))
        sheet.write_formula("D2", '=" "&"Ferrero"', None, " Ferrero")
    (tmp_path / "into").mkdir()
    (tmp_path / "x.xlsx").write_bytes(content.getvalue())
    from off_platform.imports.validation import validate_import  # noqa: PLC0415 - once used

    verdict = validate_import(tmp_path / "x.xlsx", tmp_path / "into")
    made = write_corrected(tmp_path / "x.xlsx", tmp_path / "into", verdict, tmp_path / "c.xlsx")

    assert (made.corrected, made.formulas.count, made.formulas.first) == (1, 1, ["Products!D2"])
    assert any("Products!D2" in note for note in made.notes())
    sheet = openpyxl.load_workbook(tmp_path / "c.xlsx").active
    assert (sheet["D2"].value, sheet["B2"].value) == ('=" "&"Ferrero"', "Nutella")
    assert sheet["E2"].value == "product_name -> Nutella"


def test_the_sheet_with_products_is_found_among_many(tmp_path: Path) -> None:
    content = io.BytesIO()
    book = openpyxl.Workbook()
    for number in range(1, 25):
        book.create_sheet(f"Sheet {number}").append((f"Notes {number}", "=1+1"))
    for row in (HEADER, *ROWS):
        book["Sheet 12"].append(row)
    book["Sheet 12"].delete_rows(1)
    # Neither the order of the tabs nor the names of the parts is that of the sheets' making.
    book.move_sheet("Sheet 12", 9)
    book.move_sheet("Sheet 2", 20)
    book.save(content)

    path, copy, count = copied(content.getvalue(), tmp_path)

    before, after = parts_of(path), parts_of(copy)
    (changed,) = [part for part, data in before.items() if after[part] != data]
    assert changed.startswith("xl/worksheets/")
    assert count == len(CORRECTED)
    sheets = openpyxl.load_workbook(copy)
    assert sheets.sheetnames == openpyxl.load_workbook(path).sheetnames
    assert {cell: sheets["Sheet 12"][cell].value for cell in CORRECTED} == CORRECTED
    assert sheets["Sheet 13"]["B1"].value == "=1+1"


def test_results_of_formulas_are_kept_with_the_formulas(tmp_path: Path) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Products")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, (NUTELLA, " Nutella"))
        sheet.write_formula("C2", "=15.45*2", None, 30.9)
        sheet.write_formula("D2", '="Fer"&"rero"', None, "Ferrero")
        sheet.write_formula("G2", "=C2>1", None, True)  # noqa: FBT003 - a value

    _, copy, count = copied(content.getvalue(), tmp_path)

    assert count == 1
    formulas = openpyxl.load_workbook(copy)["Products"]
    values = openpyxl.load_workbook(copy, data_only=True)["Products"]
    assert [formulas[cell].value for cell in ("B2", "C2", "D2", "G2")] == [
        "Nutella", "=15.45*2", '="Fer"&"rero"', "=C2>1",
    ]  # fmt: skip
    assert [values[cell].value for cell in ("C2", "D2", "G2")] == [30.9, "Ferrero", True]


@pytest.mark.slow
def test_a_large_sheet_is_edited_in_pieces(tmp_path: Path) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "constant_memory": True}) as book:
        sheet = book.add_worksheet("Products")
        sheet.write_row(0, 0, ("product_id", "product_name"))
        for number in range(1, 20_001):
            sheet.write_row(number, 0, (f"P{number}", f"{'' if number % 3 else ' '}name {number}"))

    _, copy, count = copied(content.getvalue(), tmp_path)

    assert count == 6_666
    book = openpyxl.load_workbook(copy, read_only=True)
    rows = list(book.active.values)
    book.close()
    assert [row[1] for row in rows[1:]] == [f"name {number}" for number in range(1, 20_001)]
    assert [row[0] for row in rows[1:]] == [f"P{number}" for number in range(1, 20_001)]
    assert {row[2] is not None for row in rows[3::3]} == {True}

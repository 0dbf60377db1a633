"""Plain rows of a sheet are read from its XML to the very values of openpyxl."""

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from off_platform.imports.readers import xlsx
from off_platform.imports.readers.xlsx_rows import NotPlainError, plain_rows

# Sheets know no time zones.
EARLIEST = dt.datetime.fromisoformat("1901-01-01")

Rows = list[tuple[int, tuple[Any, ...]]]

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"]), max_size=8),
    st.sampled_from(["<b>&amp;</b>", " padded ", "a\nb", "=1+1", "_x000D_", "#N/A", "\t"]),
    st.integers(0, 6_000_000_000).map(lambda seconds: EARLIEST + dt.timedelta(seconds=seconds)),
)


def cut(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without empty cells behind the last; an empty text is none."""
    shown = [None if value == "" else value for value in values]
    while shown and shown[-1] is None:
        shown.pop()
    return tuple(shown)


def both(path: Path) -> tuple[Rows, Rows]:
    """The rows as they are read, and as openpyxl reads them."""
    with xlsx._workbook(path) as book:
        sheet = book.worksheets[0]
        ours = list(xlsx._rows(book, sheet.title))
        theirs = list(xlsx._openpyxl_rows(sheet))
    return (
        [(number, cut(values)) for number, values in ours if cut(values)],
        [(number, cut(values)) for number, values in theirs if cut(values)],
    )


def is_plain(path: Path) -> bool:
    """Whether nothing was left to openpyxl."""
    with xlsx._workbook(path) as book:
        sheet: Any = book.worksheets[0]
        with sheet._get_source() as file:
            try:
                return bool(list(plain_rows(file, sheet)))
            except NotPlainError:
                return False


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(VALUES, min_size=1, max_size=5), min_size=1, max_size=6))
@pytest.mark.parametrize("writer", ["openpyxl", "xlsxwriter", "xlsxwriter in constant memory"])
def test_values_are_those_of_openpyxl(tmp_path: Path, writer: str, rows: list[list[Any]]) -> None:
    path = tmp_path / "x.xlsx"
    if writer == "openpyxl":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([_without_controls(value) for value in row])  # type: ignore[union-attr]
        book.save(path)
    else:
        options = {"constant_memory": writer.endswith("memory"), "strings_to_formulas": False,
                   "default_date_format": "yyyy-mm-dd hh:mm:ss"}  # fmt: skip
        with xlsxwriter.Workbook(path, options) as made:
            sheet = made.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    ours, theirs = both(path)
    assert ours == theirs


def _without_controls(value: Any) -> Any:
    return openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", value) if type(value) is str else value


SHEET = """<?xml version="1.0" encoding="UTF-8"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>"""
ROW = '<row r="1"><c r="A1" t="inlineStr"><is><t>first</t></is></c><c r="B1"><v>1</v></c></row>'


def written(path: Path, rows: str, sheet: str = SHEET) -> Path:
    """A workbook whose first sheet has this XML."""
    plain = path.with_name("plain.xlsx")
    openpyxl.Workbook().save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            new.writestr(name, sheet.replace("{}", rows) if is_sheet else old.read(name))
    return path


@pytest.mark.parametrize(
    ("row", "plain"),
    [
        (
            '<row r="2" spans="1:3" x14ac:dyDescent="0.2"><c r="A2" s="0"><v>1.50</v></c></row>',
            True,
        ),
        (
            '<row r="2"><c r="A2" t="str"><f t="shared" si="0">B1&amp;"x"</f><v>1x</v></c></row>',
            True,
        ),
        (
            (
                '<row r="2"><c r="C2"><v>3</v></c></row><row r="5"/>'
                '<row r="7"><c r="A7"><v>1</v></c></row>'
            ),
            True,
        ),
        ('<row r="2"><c r="A2" t="e"><v>#N/A</v></c><c r="B2" t="b"><v>1</v></c></row>', True),
        ('<row r="2"><c r="A2" t="inlineStr"><is><t>&#233;&#x4e2d;&lt;</t></is></c></row>', True),
        ('<row r="2"><c t="n" r="A2"><v>4</v></c></row>', False),
        ('<row r="2"><c><v>4</v></c><c><v>5</v></c></row>', False),
        ('<row r="2"><c r="B2"><v>4</v></c><c r="A2"><v>5</v></c></row>', False),
        (
            '<row r="2"><c r="A2" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c></row>',
            False,
        ),
        ('<row r="2"><!-- so --><c r="A2"><v>4</v></c></row>', False),
        ('<row r="2"><c r="A2" t="d"><v>2026-01-01</v></c></row>', False),
        ('<row r="2"><c r="A2" t="inlineStr"><is><t><![CDATA[a<b]]></t></is></c></row>', False),
    ],
)
def test_rows_that_are_not_plain_are_left_to_openpyxl(
    tmp_path: Path,
    row: str,
    plain: bool,  # noqa: FBT001
) -> None:
    head = SHEET.replace('main">', 'main" xmlns:x14ac="http://x14ac">')
    path = written(tmp_path / "x.xlsx", f"{ROW}{row}", head)
    ours, theirs = both(path)
    assert ours == theirs
    assert is_plain(path) is plain


def test_odd_rows_amid_many_lose_none_and_double_none(tmp_path: Path) -> None:
    rows = [
        f'<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>{"x" * 60}</t></is></c></row>'
        for number in range(1, 40_001)
    ]
    rows[30_000] = rows[30_000].replace("<is>", "<is><!-- -->")
    path = written(tmp_path / "x.xlsx", "".join(rows))
    ours, theirs = both(path)
    assert len(ours) == 40_000
    assert ours == theirs


@pytest.mark.parametrize("cut", [200, 2000, 20_000])
def test_a_sheet_that_ends_too_soon_is_damaged(tmp_path: Path, cut: int) -> None:
    rows = "".join(
        f'<row r="{number}"><c r="A{number}"><v>{number}</v></c></row>' for number in range(1, 5000)
    )
    path = written(tmp_path / "x.xlsx", "", SHEET.replace("{}", rows)[: cut + 200])
    with pytest.raises(xlsx.UnreadableError, match="damaged"):
        both(path)

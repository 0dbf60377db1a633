"""The rows of a sheet are read from its XML to the values of openpyxl and calamine."""

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from off_platform.imports.readers.batches import UnreadableError
from off_platform.imports.readers.xlsx.parts.layout import Layout
from off_platform.imports.readers.xlsx.parts.package import Package
from off_platform.imports.readers.xlsx.parts.plain.reading import plain_blocks
from off_platform.imports.readers.xlsx.parts.plain.tags import NotPlainError
from off_platform.imports.readers.xlsx.parts.rows import rows_of
from off_platform.imports.readers.xlsx.parts.values import as_text

# Sheets know no time zones.
EARLIEST = dt.datetime.fromisoformat("1901-01-01")

Rows = list[tuple[int, tuple[str | None, ...]]]

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"]), max_size=8).filter(
        lambda text: "_x" not in text
    ),
    st.sampled_from(["<b>&amp;</b>", " padded ", "a\nb", "=1+1", "#N/A", "\t"]),
    st.integers(0, 6_000_000_000).map(lambda seconds: EARLIEST + dt.timedelta(seconds=seconds)),
)


def cut(texts: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """Without empty cells behind the last; an empty text is none, and so is an error."""
    shown = [None if text in {"", "#N/A"} else text for text in texts]
    while shown and shown[-1] is None:
        shown.pop()
    return tuple(shown)


def theirs_of(path: Path) -> Rows:
    """The rows of the first sheet as openpyxl reads them."""
    book = openpyxl.load_workbook(path, data_only=True)
    rows = enumerate(book.worksheets[0].iter_rows(values_only=True), 1)
    return [(number, cut(tuple(map(as_text, values)))) for number, values in rows]


def ours_of(path: Path) -> Rows:
    """The rows as they are read."""
    package = Package(path)
    return [(row.number, cut(row.texts)) for row in rows_of(package, package.sheets[0])]


def both(path: Path) -> tuple[Rows, Rows]:
    """The rows as they are read, and as openpyxl reads them."""
    return tuple([row for row in rows if row[1]] for rows in (ours_of(path), theirs_of(path)))  # type: ignore[return-value]


def is_plain(path: Path) -> bool:
    """Whether nothing was left to the XML parser."""
    package = Package(path)
    sheet = package.sheets[0]
    with package.open(sheet.part) as file:
        try:
            return bool(list(plain_blocks(file, Layout())))
        except NotPlainError:
            return False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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
        ('<row r="2"><c r="A2" s="0" t="n"><v /></c><c r="B2" /><c r="C2"/></row>', True),
        ('\n<row r="2">\n <c r="A2"><v>4</v></c>\n</row>\n', True),
        ('<row r="2"><c r="A2" t="str"><f>"x"</f><v></v></c><c r="B2"><v/></c></row>', True),
        (
            '<row r="2"><c r="A2" t="inlineStr"><is><t xml:space="preserve"> x</t></is></c></row>',
            True,
        ),
        ('<row r="2"><c r="A2"><v>4</v></c>x</row>', False),
        ('<row r="2"><c r="A2"><v>4</v></c></row><row><c><v>5</v></c></row>', False),
        ('<row r="2"><c t="n" r="A2"><v>4</v></c></row>', False),
        ('<row r="2"><c><v>4</v></c><c><v>5</v></c></row>', False),
        ('<row r="2"><c r="B2"><v>4</v></c><c r="A2"><v>5</v></c></row>', False),
        (
            '<row r="2"><c r="A2" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c></row>',
            False,
        ),
        ('<row r="2"><!-- so --><c r="A2"><v>4</v></c></row>', False),
        ('<row r="2"><c r="A2" t="d"><v>2026-01-01</v></c></row>', True),
        ('<row r="2"><c r="A2" t="inlineStr"><is><t><![CDATA[a<b]]></t></is></c></row>', False),
    ],
)
def test_rows_that_are_not_plain_are_left_to_the_parser(
    tmp_path: Path,
    row: str,
    plain: bool,  # noqa: FBT001
) -> None:
    head = SHEET.replace('main">', 'main" xmlns:x14ac="http://x14ac">')
    path = written(tmp_path / "x.xlsx", f"{ROW}{row}", head)
    ours, theirs = both(path)
    assert ours == theirs
    assert is_plain(path) is plain


def test_odd_rows_among_many_lose_and_duplicate_none(tmp_path: Path) -> None:
    rows = [
        f'<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>{"x" * 600}</t></is></c></row>'
        for number in range(1, 5_001)
    ]
    rows[3_750] = rows[3_750].replace("<is>", "<is><!-- -->")
    path = written(tmp_path / "x.xlsx", "".join(rows))
    ours, theirs = both(path)
    assert len(ours) == 5_000
    assert ours == theirs


@pytest.mark.parametrize("cut", [200, 2000, 20_000])
def test_a_sheet_that_ends_too_soon_is_damaged(tmp_path: Path, cut: int) -> None:
    rows = "".join(
        f'<row r="{number}"><c r="A{number}"><v>{number}</v></c></row>' for number in range(1, 5000)
    )
    path = written(tmp_path / "x.xlsx", "", SHEET.replace("{}", rows)[: cut + 200])
    with pytest.raises(UnreadableError, match="damaged"):
        both(path)


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        ("Alpha_x000D_&#10;bar", "Alpha\r\nbar"),
        ("_x005F_x000D_", "_x000D_"),
        ("a_x005F_b", "a_b"),
        ("_x000d__x000A_", "\r\n"),
        ("_xD83D__xDE00_", "\U0001f600"),
        ("_x00E9_", "é"),
        ("_x00G9_ _X000D_ _x000D", "_x00G9_ _X000D_ _x000D"),
    ],
)
@pytest.mark.parametrize("kind", ["inline", "rich", "formula", "not plain", "shared"])
def test_escaped_characters_are_resolved(
    tmp_path: Path, kind: str, stored: str, meant: str
) -> None:
    cells = {
        "inline": f'<c r="A1" t="inlineStr"><is><t>{stored}</t></is></c>',
        "rich": f'<c r="A1" t="inlineStr"><is><r><t>{stored}</t></r></is></c>',
        "formula": f'<c r="A1" t="str"><f>B1</f><v>{stored}</v></c>',
        "not plain": f'<c r="A1" t="inlineStr"><is><t>{stored}</t></is></c><!-- -->',
        "shared": '<c r="A1" t="s"><v>0</v></c>',
    }
    path = written(tmp_path / "x.xlsx", f'<row r="1">{cells[kind]}</row>')
    if kind == "shared":
        with zipfile.ZipFile(path, "a") as book:
            book.writestr("xl/sharedStrings.xml", f"<sst><si><t>{stored}</t></si></sst>")

    assert ours_of(path) == [(1, (meant,))]


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.lists(
            st.sampled_from(
                ("_x000D_", "_x005F_", "_x0041_", "x0041_", "_x00e9_", "_x00G9_", "_X0041_", "_",
                 "_x", "x", "a", "&amp;", "&lt;", "&#10;", " ", "é")
            ),
            min_size=1, max_size=6,
        ).map("".join),
        min_size=1, max_size=6,
    )
)  # fmt: skip
@pytest.mark.parametrize("kind", ["inline", "shared", "formula"])
def test_texts_are_those_of_calamine(tmp_path: Path, kind: str, texts: list[str]) -> None:
    preserved = [f'<t xml:space="preserve">{text}</t>' for text in texts]
    cells = {
        "inline": [f' t="inlineStr"><is>{text}</is>' for text in preserved],
        "shared": [f' t="s"><v>{at}</v>' for at in range(len(texts))],
        "formula": [f' t="str"><f>Z1</f><v>{text}</v>' for text in texts],
    }[kind]
    row = "".join(f'<c r="{chr(65 + at)}1"{cell}</c>' for at, cell in enumerate(cells))
    path = written(tmp_path / "x.xlsx", f'<row r="1">{row}</row>')
    if kind == "shared":
        with zipfile.ZipFile(path, "a") as book:
            shared = "".join(f"<si>{text}</si>" for text in preserved)
            book.writestr("xl/sharedStrings.xml", f"<sst>{shared}</sst>")

    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    assert is_plain(path)
    assert ours_of(path) == [(1, cut(tuple(map(str, sheet.to_python()[0]))))]


NUMBERS = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,18}(\.[0-9]{0,18})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.17g}".format),
    st.floats(0, 100).map("{:.1f}".format),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(NUMBERS, min_size=10, max_size=20))
def test_numbers_are_written_as_python_does(tmp_path: Path, numbers: list[str]) -> None:
    cells = "".join(f'<c r="{chr(65 + at)}1"><v>{each}</v></c>' for at, each in enumerate(numbers))
    path = written(tmp_path / "x.xlsx", f'<row r="1">{cells}</row>')

    expected = (float(each) if set(each) & set(".eE") else int(each) for each in numbers)
    assert ours_of(path) == [(1, tuple(map(as_text, expected)))]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('<row r="3"/><row r="2"><c r="A2"><v>1</v></c></row>', "row 2 follows row 3"),
        ('<row r="2"/><row r="2"><c r="A2"><v>1</v></c></row>', "row 2 is in the sheet .* twice"),
        ('<row r="2"><c r="A2"/><c r="A2"><v>1</v></c></row>', "A2 appears twice"),
        ('<row r="2"><c r="A3"><v>1</v></c></row>', "row 2 .* has a cell A3"),
        ('<row r="2"><c r="ZZZ2"><v>1</v></c></row>', "column ZZZ"),
        ('<row r="2"><c r="A0"><v>1</v></c></row>', "called 'A0'"),
        ('<row r="-1"><c r="A1"><v>1</v></c></row>', "number '-1'"),
        ('<row r="9999999"><c r="A9999999"><v>1</v></c></row>', "row 9,999,999"),
        ('<row r="2"><c r="A2" t="s"><v>x</v></c></row>', "A2 refers to no shared text"),
        ('<row r="2"><c r="A2" t="s"><v>9</v></c></row>', "A2 refers to a missing shared text"),
        ('<row r="2"><c r="A2"><v>1,5</v></c></row>', "A2 does not contain a number"),
        ('<row r="2"><c r="A2" t="zz"><v>1</v></c></row>', "A2 has an unknown type"),
        ('<row r="2"><c r="A2" t="b"><v>7</v></c></row>', "A2 has an unknown type"),
    ],
)
def test_invalid_cells_are_reported_with_their_location(
    tmp_path: Path, rows: str, said: str
) -> None:
    path = written(tmp_path / "x.xlsx", f"{ROW}{rows}")

    with pytest.raises(UnreadableError, match=said):
        ours_of(path)

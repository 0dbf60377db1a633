"""XLSX as it is read: the sheet that is taken, types of cells, and what is said about them."""

import datetime as dt
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from off_platform.imports.readers.batches import UnreadableError
from off_platform.imports.readers.opening import open_import
from off_platform_tests.imports.made_files import read_all, rows_of, text_cell, workbook_of

HEADER = ("barcode", "product_name", "fat")


def written(folder: Path, *sheets: Sequence[Sequence[object]], name: str = "x.xlsx") -> Path:
    """A workbook with these rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for place, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet {place}")
        for row in rows:
            sheet.append(list(row))
    book.save(folder / "made.xlsx")
    return (folder / "made.xlsx").rename(folder / name)


def test_cells_are_texts_as_typed(tmp_path: Path) -> None:
    day = dt.datetime(2024, 5, 1, 12, 30)  # noqa: DTZ001 - Excel knows no time zones
    rows = [
        ("007", "a", 1.0), ("1", True, 0.1), ("2", day, 1e20), ("3", dt.date(2024, 5, 1), None),
    ]  # fmt: skip

    source, (batch,), _ = read_all(written(tmp_path, [HEADER, *rows]))

    assert (source.format, source.sheet, source.header) == ("xlsx", "Sheet 1", HEADER)
    assert batch.columns["barcode"].to_pylist() == ["007", "1", "2", "3"]
    names = ["a", "true", "2024-05-01 12:30:00", "2024-05-01 00:00:00"]
    assert batch.columns["product_name"].to_pylist() == names
    assert batch.columns["fat"].to_pylist() == ["1", "0.1", "1e+20", None]
    assert batch.not_text == {}


def test_identifiers_that_are_numbers_are_reported(tmp_path: Path) -> None:
    path = written(tmp_path, [HEADER, (3017620422003, "a", 1), ("3017620422003", 2, 1)])

    _, (batch,), _ = read_all(path)

    assert batch.columns["barcode"].to_pylist() == ["3017620422003"] * 2
    assert {name: flags.to_pylist() for name, flags in batch.not_text.items()} == {
        "barcode": [True, False]
    }


def test_the_first_sheet_with_a_header_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, [], [(None, None), HEADER, (), ("1", "a", 2)], [("other",)])

    source, (batch,), reader = read_all(path)

    assert (source.sheet, batch.rows.tolist()) == ("Sheet 2", [4])
    (found,) = reader.take_found()
    assert (found.rule, "not 'Sheet 3'" in found.message) == ("more_sheets", True)


def test_cells_beyond_the_header_are_reported(tmp_path: Path) -> None:
    path = written(tmp_path, [HEADER, ("1", "a", 2, None, "more"), ("2",), ("3", "b", 1)])

    _, (batch,), reader = read_all(path)

    assert batch.columns["product_name"].to_pylist() == ["a", None, "b"]
    (found,) = reader.take_found()
    assert (found.rule, found.row, found.message) == (
        "ragged_row", 2, "Row 2 has 5 cells, but there are 3 columns.",
    )  # fmt: skip


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#DIV/0!"])
def test_spreadsheet_errors_are_reported_and_have_no_value(error: str, tmp_path: Path) -> None:
    cell = f'<c t="e"><v>{error}</v></c>'
    sheet = rows_of(HEADER) + f"<row>{text_cell('1')}{text_cell('a')}{cell}</row>"
    path = tmp_path / "x.xlsx"
    path.write_bytes(workbook_of(sheet))

    _, (batch,), reader = read_all(path)

    assert batch.columns["fat"].to_pylist() == [None]
    (found,) = reader.take_found()
    assert (found.rule, found.row, found.column, found.value) == (
        "cell_error_value", 2, "fat", error,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "rule"),
    [('<c t="e"><v>#N/A</v></c>', "cell_error_value"),
     ("<c><f>1+1</f></c>", "formula_without_value")],
)  # fmt: skip
def test_cells_without_a_value_are_reported_in_the_header_but_not_in_ignored_columns(
    cell: str, rule: str, tmp_path: Path
) -> None:
    header = "".join(map(text_cell, (*HEADER, "shelf")))
    values = "".join(map(text_cell, ("1", "a", "2")))
    path = tmp_path / "x.xlsx"
    path.write_bytes(workbook_of(f"<row>{header}{cell}</row><row>{values}{cell}{cell}</row>"))

    _, (batch,), reader = read_all(path)

    assert [column.to_pylist() for column in batch.columns.values()][:3] == [["1"], ["a"], ["2"]]
    (found,) = reader.take_found()
    assert (found.rule, found.row, found.cell) == (rule, None, "E1")
    assert "The column name Sheet1!E1 " in found.message


def test_stored_values_of_formulas_are_read(tmp_path: Path) -> None:
    sheet = rows_of(HEADER) + "<row><c><f>1+1</f><v>7</v></c><c><f>1+1</f></c></row>"
    path = tmp_path / "x.xlsx"
    path.write_bytes(workbook_of(sheet))

    _, (batch,), reader = read_all(path)

    assert [column.to_pylist() for column in batch.columns.values()] == [["7"], [None], [None]]
    (found,) = reader.take_found()
    assert (found.rule, found.row, found.column) == ("formula_without_value", 2, "product_name")
    assert "B2" in found.message


def test_batches_have_the_requested_rows(tmp_path: Path) -> None:
    path = written(tmp_path, [HEADER, *((str(n), "x", n) for n in range(7))])

    _, batches, _ = read_all(path, rows=3)

    assert [len(batch.rows) for batch in batches] == [3, 3, 1]


def test_a_text_shared_by_all_rows_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("off_platform.imports.readers.xlsx.gathered.MOST_BATCH_BYTES", 1 << 20)
    with xlsxwriter.Workbook(tmp_path / "x.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        for number in range(1, 101):
            sheet.write_row(number, 0, (str(number), "a" * 32_000))

    _, batches, _ = read_all(tmp_path / "x.xlsx")

    assert [len(batch.rows) for batch in batches] == [32, 32, 32, 4]
    assert [row for batch in batches for row in batch.rows] == list(range(2, 102))
    assert set(batches[1].columns["product_name"].to_pylist()) == {"a" * 32_000}


@pytest.mark.parametrize("name", ["x.csv", "x.xls", "x", "x.json"])
def test_a_workbook_is_recognised_under_any_name(name: str, tmp_path: Path) -> None:
    source, _, _ = read_all(written(tmp_path, [HEADER, ("1", "a", 2)], name=name))

    assert source.format == "xlsx"


REFUSED: dict[str, tuple[str, list[list[tuple[str, ...]]]]] = {
    "nothing at all": ("no_header", [[]]),
    "nothing below": ("no_records", [[HEADER]]),
    "names twice": ("doubled_header", [[("barcode", "barcode"), ("1", "2")]]),
    "values instead of names": ("no_header", [[("3017620422003", "a")]]),
    "too many columns": ("too_many_columns", [[tuple(f"c{n}" for n in range(2_001))]]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unreadable_files_say_why(name: str, tmp_path: Path) -> None:
    rule, sheets = REFUSED[name]

    with pytest.raises(UnreadableError) as refused:
        read_all(written(tmp_path, *sheets))

    assert refused.value.found.rule == rule


def with_format(folder: Path, code: str, value: float, column: str = "fat") -> Path:
    """A workbook with one number in a format."""
    book = openpyxl.Workbook()
    book.active.append(["barcode", "product_name", column])
    book.active.append(["3017620422003", "a", value])
    book.active["C2"].number_format = code
    book.save(folder / "x.xlsx")
    return folder / "x.xlsx"


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("0%", 0.309, "30.9%"),
        ("0.00%", 0.5, "50%"),
        ('0.0" %"', 30.9, "30.9 %"),
        ("#,##0.0%;[Red]-0%", 12, "1200%"),
        ('0.0" mg"', 1.5, "1.5 mg"),
        (r"0.0\ \g", 1.5, "1.5 g"),
        ("[$€-407] #,##0.00", 1.5, "€ 1.5"),
        ('_-* #,##0.00 "€"_-', 2, "2 €"),
        ("0000000000000", 17620422003, "0017620422003"),
        ("General", 1.5, "1.5"),
        ("0", 1.5, "1.5"),
        ("#,##0.00", 1500.25, "1500.25"),
        ("0.00_);(0.00)", 1.5, "1.5"),
        ("@", 1.5, "1.5"),
    ],
)
def test_numbers_are_read_as_their_format_shows_them(
    tmp_path: Path, code: str, value: float, text: str
) -> None:
    _, (batch,), reader = read_all(with_format(tmp_path, code, value))

    assert batch.columns["fat"].to_pylist() == [text]
    assert reader.take_found() == []


@pytest.mark.parametrize(
    "code", ["0.00E+00", "# ?/?", "0.0,", "#,##0,,", ";;;", "000-000", "##0.0E+0"]
)
def test_numbers_that_show_as_something_else_are_named(tmp_path: Path, code: str) -> None:
    _, (batch,), reader = read_all(with_format(tmp_path, code, 1500.5))

    assert batch.columns["fat"].to_pylist() == ["1500.5"]
    (found,) = reader.take_found()
    assert (found.rule, found.row, found.column) == ("number_shown_otherwise", 2, "fat")
    assert "Sheet!C2" in found.message


@pytest.mark.parametrize("code", ["yyyy-mm-dd", "d-mmm", "mm-dd-yy", "h:mm", "[h]:mm:ss"])
def test_a_date_instead_of_a_number_is_named(tmp_path: Path, code: str) -> None:
    _, (batch,), reader = read_all(with_format(tmp_path, code, 46143.5))

    assert batch.columns["fat"].to_pylist() == [None]
    (found,) = reader.take_found()
    assert (found.rule, found.row, found.column) == ("number_is_date", 2, "fat")
    assert "Sheet!C2" in found.message


def test_a_formula_that_waits_to_be_calculated_has_no_value(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "x.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ("1", "a"))
        sheet.write_formula("C2", "=SUM(1,2)")

    _, (batch,), reader = read_all(tmp_path / "x.xlsx")

    assert batch.columns["fat"].to_pylist() == [None]
    assert [found.rule for found in reader.take_found()] == ["formula_without_value"]


def test_a_formula_whose_result_is_nothing_has_its_value(tmp_path: Path) -> None:
    cell = '<c t="str"><f>""</f><v></v></c>'
    sheet = rows_of(HEADER) + f"<row>{text_cell('1')}{text_cell('a')}{cell}</row>"
    (tmp_path / "x.xlsx").write_bytes(workbook_of(sheet))

    _, (batch,), reader = read_all(tmp_path / "x.xlsx")

    assert batch.columns["fat"].to_pylist() == [None]
    assert reader.take_found() == []


def test_the_sheet_and_row_with_an_identifier_are_found(tmp_path: Path) -> None:
    cover = [("Products of Acme",), ("Please fill in the sheet Products",)]
    products = [("Acme 2026",), (), HEADER, ("1", "a", 2)]
    path = written(tmp_path, cover, products, [HEADER, ("2", "b", 3)])

    source, (batch,), reader = read_all(path)

    assert (source.sheet, source.header, batch.rows.tolist()) == ("Sheet 2", HEADER, [4])
    found = {each.rule: each for each in reader.take_found()}
    assert set(found) == {"more_sheets", "rows_above_header"}
    assert "'Sheet 1', 'Sheet 3'" in found["more_sheets"].message


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_hidden_sheets_are_skipped_and_reported(tmp_path: Path, state: str) -> None:
    path = written(tmp_path, [HEADER, ("1", "old", 2)], [HEADER, ("2", "new", 3)])
    book = openpyxl.load_workbook(path)
    book.worksheets[0].sheet_state = state
    book.active = 1
    book.save(path)

    source, (batch,), reader = read_all(path)

    assert (source.sheet, batch.columns["product_name"].to_pylist()) == ("Sheet 2", ["new"])
    (found,) = reader.take_found()
    assert (found.rule, "'Sheet 1'" in found.message) == ("hidden_sheets", True)


def test_a_workbook_of_hidden_sheets_is_refused_and_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, [HEADER, ("1", "old", 2)], [])
    book = openpyxl.load_workbook(path)
    book.worksheets[0].sheet_state = "hidden"
    book.active = 1
    book.save(path)

    with pytest.raises(UnreadableError, match="visible sheet") as refused:
        read_all(path)

    assert [each.rule for each in refused.value.others] == ["hidden_sheets"]


def rewritten(folder: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A sound workbook, with what is made of each of its parts."""
    sound, changed = folder / "sound.xlsx", folder / "changed.xlsx"
    with xlsxwriter.Workbook(sound) as book:
        sheet = book.add_worksheet("Products")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ["1", " a "])
        sheet.write_array_formula("C2:C2", "{=1+1}", None, 2)
        book.add_worksheet("Numbers").write_row(0, 0, [1, 2])
    with zipfile.ZipFile(sound) as parts, zipfile.ZipFile(changed, "w") as copy:
        for name in parts.namelist():
            copy.writestr(name, change(name, parts.read(name)))
    return changed


@pytest.mark.parametrize("part", ["xl/styles.xml", "xl/sharedStrings.xml"])
def test_a_damaged_part_is_found_though_no_cell_needs_it(part: str, tmp_path: Path) -> None:
    path = rewritten(tmp_path, lambda name, xml: xml[:-20] if name == part else xml)
    with pytest.raises(UnreadableError, match=part):
        open_import(path)


@pytest.mark.parametrize(
    ("where", "damage"),
    [
        ("<sheetFormatPr", "<sheetFormatPr&"),
        ('<row r="2"', '<row r="2" x'),
        ('<row r="2"', '<row r="2" no:such="1"'),
        ('<c r="A2"', '<c r="A2" r="A2"'),
        ("<f t=", "<f t t="),
        ("<pageMargins", "<pageMargins\x01"),
        ("</worksheet>", ""),
        ("</worksheet>", "</worksheet><again/>"),
    ],
)
def test_a_sheet_that_is_not_xml_is_damaged(where: str, damage: str, tmp_path: Path) -> None:
    def change(name: str, xml: bytes) -> bytes:
        if name != "xl/worksheets/sheet1.xml":
            return xml
        assert where.encode() in xml
        return xml.replace(where.encode(), damage.encode())

    with pytest.raises(UnreadableError, match="sheet1"):
        read_all(rewritten(tmp_path, change))

"""Every finding is found in the file that it came from, by its sheet and cell or by its line."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from off_platform.imports.outputs.report import groups_of
from off_platform.imports.outputs.verdict_forms import as_github, described
from off_platform.imports.readers.cell_addresses import SEVERAL, pattern_of, place, where
from off_platform.imports.readers.opening import open_import
from off_platform.imports.whole_file.staging import connected, findings_in
from off_platform_tests.imports.made_files import Examined, examine

OREO, NUTELLA, COLA = "7622210449283", "3017620422003", "5449000000996"
CODES = (OREO, NUTELLA, COLA, "4006381333931", "4000417025005")
NAMES = ("barcode", "product_name", "fat_g", "carbohydrates_g", "proteins_g", "countries")
ROWS = (
    (OREO, "Oreo", "1,5", "60", "5", "Frannce"),
    (NUTELLA, "Nutella", "70", "60", "5", "fr"),
    (COLA, "", "lots", "10.6", "0", "de"),
    ("1234567890123", "Cola", "0", "10", "-3", "de"),
)

Make = Callable[[Worksheet], Sequence[int]]


def plain(sheet: Worksheet) -> Sequence[int]:
    """A header in the first row, records below; gives the columns of the names."""
    for row in (NAMES, *ROWS):
        sheet.append(row)
    return range(1, len(NAMES) + 1)


def below_a_title(sheet: Worksheet) -> Sequence[int]:
    sheet["B2"] = "Price list"
    sheet["A4"] = "All values per 100 g"
    for number, row in enumerate((NAMES, *ROWS), 6):
        for at, text in enumerate(row, 1):
            sheet.cell(number, at, text or None)
    return range(1, len(NAMES) + 1)


def with_hidden_and_empty_columns(sheet: Worksheet) -> Sequence[int]:
    places = (2, 3, 27, 28, 30, 31)
    for number, row in enumerate((NAMES, *ROWS), 1):
        for at, text in zip(places, row, strict=True):
            # Empty rows between them.
            sheet.cell(1 if number == 1 else 3 * number, at, text or None)
    for letters in ("A", "C", "AB"):
        sheet.column_dimensions[letters].hidden = True
    sheet.row_dimensions[6].hidden = True
    return places


def workbook(path: Path, make: Make, *, cover: bool) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    if cover:
        sheet.title = "Cover"
        sheet["A1"] = "To whom it may concern"
        sheet = book.create_sheet("Our Products")
    else:
        sheet.title = "Our Products"
    make(sheet)
    book.save(path)
    return path


@cache
def book_of(path: Path) -> openpyxl.Workbook:
    return openpyxl.load_workbook(path)


def cells_at(path: Path, finding: dict[str, Any]) -> list[str]:
    sheet = book_of(path)[finding["sheet"]]
    cells = [sheet[cell] for cell in finding["cell"].split(SEVERAL)]
    return ["" if cell.value is None else str(cell.value) for cell in cells]


@pytest.mark.parametrize("cover", [False, True])
@pytest.mark.parametrize("make", [plain, below_a_title, with_hidden_and_empty_columns])
def test_the_cell_of_a_finding_holds_its_value(tmp_path: Path, make: Make, *, cover: bool) -> None:
    path = workbook(tmp_path / "a.xlsx", make, cover=cover)
    findings = [each for each in examine(path, tmp_path / "out").findings if each["row"]]
    named = [each for each in findings if each["cell"]]
    rules = {each["rule"] for each in named}
    assert rules >= {"number_decimal_comma", "not_a_number", "macronutrients_above_100", "negative",
                     "barcode_check_digit", "product_name_missing"}  # fmt: skip
    for each in named:
        assert SEVERAL.join(cells_at(path, each)) == (each["value"] or ""), each
        assert (each["sheet"], each["line"]) == ("Our Products", None)
        if not each["column"].startswith("(column "):
            header = {**each, "cell": _in_header(path, each)}
            assert SEVERAL.join(cells_at(path, header)) == each["column"]
    assert [each["rule"] for each in findings if not each["cell"]] in ([], ["rows_above_header"])


def _in_header(path: Path, finding: dict[str, Any]) -> str:
    sheet = book_of(path)[finding["sheet"]]
    (row,) = [row[0].row for row in sheet.iter_rows() if any(c.value == "barcode" for c in row)]
    letters = (cell.rstrip("0123456789") for cell in finding["cell"].split(SEVERAL))
    return SEVERAL.join(f"{each}{row}" for each in letters)


def test_findings_about_columns_are_in_the_header_wherever_it_is(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in (
        ["Our list"],
        [],
        [None, "barcode", "product_name", "colour", " fat_g "],
        [None, OREO, "Oreo", "black", "1"],
        [None, NUTELLA, "Nutella", "", "1", "", "more"],
    ):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    found = {each["rule"]: each for each in examine(tmp_path / "a.xlsx", tmp_path / "b").findings}
    assert [(found[rule]["row"], found[rule]["cell"]) for rule in
            ("unknown_column", "header_trimmed", "ragged_row")] == [
        (3, "D3"), (3, "E3"), (5, "G5"),
    ]  # fmt: skip
    (tmp_path / "a.csv").write_text(
        'sep=,\n,\n"barcode", product_name,"col\nour"\n' + f"{OREO},Oreo,1\n"
    )
    found = {each["rule"]: each for each in examine(tmp_path / "a.csv", tmp_path / "c").findings}
    assert [(found[rule]["row"], found[rule]["line"]) for rule in
            ("separator_hint", "header_trimmed", "unknown_column")] == [
        (1, 1), (3, 3), (3, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "cell"), [(["barcode", "fat_g", " fat_g"], "C2"), (["barcode", "12345678"], "B2")]
)
def test_a_header_that_is_refused_is_named(tmp_path: Path, header: list[str], cell: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.append([])
    for row in (header, [OREO, "1", "2"]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    refused = [each for each in examine(tmp_path / "a.xlsx", tmp_path / "b").findings
               if each["level"] == "error"]  # fmt: skip
    assert [(each["sheet"], each["cell"]) for each in refused] == [("Sheet", cell)]


def texts(codes: Sequence[str], *, ends: str = "\n", broken: str = "") -> Iterator[str]:
    """Records of a CSV whose names have as many line ends as their place says."""
    yield f"barcode,product_name,fat_g{ends}"
    for at, code in enumerate(codes):
        name = ends.join(["Name"] * (at % 3 + 1))
        yield f'{code},"{name}",lots{ends}'
        yield ends if at % 4 == 3 else ""
    yield broken


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("broken", ["", f'{CODES[0]},"a"b,1\n', f"{CODES[0]},a,b,c\n"])
def test_the_line_of_a_finding_is_where_its_record_begins(
    tmp_path: Path, ends: str, broken: str
) -> None:
    codes = [f"{number:07d}" for number in range(1_000)]
    text = "".join(texts(codes, ends=ends, broken=broken))
    path = tmp_path / "a.csv"
    path.write_text(text, newline="")
    findings = examine(path, tmp_path / "out", reports=False).findings
    lines = text.split("\n")
    named = [each for each in findings if each["rule"] == "not_a_number"]
    assert len(named) == len(codes)
    assert any(each["line"] != each["row"] for each in named)
    for each in named:
        assert lines[each["line"] - 1].startswith(f"{each['product']},"), each
        assert (each["sheet"], each["cell"]) == (None, None)
    lost = [each["line"] for each in findings if each["rule"] in {"ragged_row", "quote_misplaced"}]
    assert lost == ([len(lines) - 1] if broken else [])
    (empty,) = [each["line"] for each in findings if each["rule"] == "empty_line"]
    assert lines[empty - 1].strip() == ""


def test_lines_are_the_same_for_every_size_of_batch_and_every_reader(tmp_path: Path) -> None:
    text = "".join(texts([f"{number:07d}" for number in range(300)]))
    read = []
    for name, ending in (("plain.csv", ""), ("strict.csv", '1,"a"b,1\n')):
        (tmp_path / name).write_text(text + ending)
        for rows in (1, 7, 1_000):
            batches = list(open_import(tmp_path / name).batches(rows))
            read.append([int(n) for batch in batches for n in batch.lines])  # type: ignore[union-attr]
    with (tmp_path / "plain.csv").open(newline="") as file:
        rows_of, begins = csv.reader(file), []
        while True:
            line = rows_of.line_num + 1
            if (row := next(rows_of, None)) is None:
                break
            begins += [line] if row and row[0] != "barcode" else []
    assert all(lines == begins for lines in read)


@pytest.mark.parametrize("indent", [None, 1])
def test_json_findings_have_position_and_line(tmp_path: Path, indent: int | None) -> None:
    # More than is read at once, so that a record is cut in two.
    records = [
        {"barcode": OREO, "product_name": "Oreo " * 2_500, "fat_g": f"lots of {number}"}
        for number in range(1, 201)
    ]
    text = json.dumps({"products": records}, indent=indent)
    (tmp_path / "a.json").write_text(text)
    findings = examine(tmp_path / "a.json", tmp_path / "out", reports=False).findings
    lines = text.split("\n")
    numbers = [each for each in findings if each["rule"] == "not_a_number"]
    assert [each["row"] for each in numbers] == list(range(1, 201))
    for each in numbers:
        assert each["value"] == f"lots of {each['row']}"
        if indent:
            assert lines[each["line"] - 1].strip() == "{"
            assert each["value"] in lines[each["line"] + 2]
    assert indent or {each["line"] for each in numbers} == {1}


def test_json_has_no_header(tmp_path: Path) -> None:
    record = {"barcode": OREO, "product_name": "Oreo", "colour": "black"}
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(record)}\n\n" for _ in range(2)))
    found = {each["rule"]: each for each in examine(tmp_path / "a.jsonl", tmp_path / "b").findings}
    assert (found["unknown_column"]["row"], found["unknown_column"]["line"]) == (None, None)
    assert (found["duplicate_product"]["row"], found["duplicate_product"]["line"]) == (3, 3)


def test_files_of_a_folder_have_addresses_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "import"
    folder.mkdir()
    (folder / "a.csv").write_text(f'barcode,product_name,salt_g\n{OREO},"O\nreo",much\n{COLA},,1\n')
    path = workbook(folder / "b.xlsx", below_a_title, cover=True)
    (folder / "c.json").write_text(
        json.dumps([{"barcode": NUTELLA, "sugars_g": "sweet", "size": 1}], indent=1)
    )
    (folder / "d.csv").write_text(f'barcode,sugars_g\n"{NUTELLA}\n",\n{OREO},1,2\n')
    findings = examine(folder, tmp_path / "out").findings
    at = {(each["file"], each["rule"], each["column"]): each for each in findings}
    assert place(at["a.csv", "not_a_number", "salt_g"]) == "line 2"
    assert place(at["c.json", "unknown_column", "size"]) == ""
    assert place(at["d.csv", "ragged_row", None]) == "line 4, row 3"
    assert place(at["c.json", "not_a_number", "sugars_g"]) == "line 2, row 1"
    of_sheet = [each for each in findings if each["file"] == "b.xlsx" and each["cell"]]
    assert {each["rule"] for each in of_sheet} >= {
        "number_decimal_comma",
        "macronutrients_above_100",
    }
    for each in of_sheet:
        assert SEVERAL.join(cells_at(path, each)) == (each["value"] or ""), each


def test_findings_of_the_whole_file_have_no_place(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", plain, cover=True)
    (more,) = [each for each in examine(path, tmp_path / "out").findings if each["row"] is None]
    assert (more["rule"], more["line"], more["sheet"], more["cell"]) == (
        "more_sheets", None, None, None,
    )  # fmt: skip
    assert (place(more), where(more)) == ("", "")


def test_people_and_programs_are_shown_addresses(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", plain, cover=True)
    examined = examine(path, tmp_path / "out")
    comma = next(each for each in examined.findings if each["rule"] == "number_decimal_comma")
    assert where(comma) == "Our Products!C2 (fat_g)"
    assert "<bdi>Our Products!C2</bdi>" in examined.report
    with (examined.folder / "findings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert ("Our Products", "C2") in {(row["sheet"], row["cell"]) for row in rows}
    sheet = openpyxl.load_workbook(examined.folder / "findings.xlsx")["findings"]
    names, *cells = ([cell.value for cell in row] for row in sheet.iter_rows())
    at = names.index("cell")
    assert "C2" in {row[at] for row in cells}
    examples = _examples(examined)
    assert ("Our Products", "C2", None) in examples
    github = list(as_github("a.xlsx", examined.verdict, _groups(examined)))
    assert any("::Our Products!C2 (fat_g): " in line for line in github)
    assert not any(",line=" in line for line in github)


def test_output_for_programs_has_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'barcode,product_name,fat_g\n{OREO},"O\no",1\n{COLA},C,lots\n')
    examined = examine(tmp_path / "a.csv", tmp_path / "out")
    assert (None, None, 4) in _examples(examined)
    assert "<bdi>line 4, row 3</bdi>" in examined.report
    github = list(as_github("a.csv", examined.verdict, _groups(examined)))
    assert any(",line=4,title=not_a_number::" in line for line in github)


def _groups(examined: Examined) -> list[Any]:
    with connected(examined.folder) as connection:
        return list(groups_of(connection, findings_in(examined.folder)))


def _examples(examined: Examined) -> set[tuple[Any, ...]]:
    verdict = described("x", examined.verdict, _groups(examined)).model_dump()
    return {
        (example["sheet"], example["cell"], example["line"])
        for rule in verdict["rules"]
        for example in rule["examples"]
    }


@pytest.mark.parametrize(
    ("column", "pattern"),
    [
        ("a", "A#"), ("a + b", "B#"), ("c + a", "C# + A#"), ("d", None), ("a + d", None),
        (None, None),
    ],
)  # fmt: skip
def test_columns_have_letters(column: str | None, pattern: str | None) -> None:
    assert pattern_of(column, ["a", "a + b", "c"]) == pattern

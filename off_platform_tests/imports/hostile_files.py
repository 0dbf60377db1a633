"""Files that mean harm, or were harmed, with the rule that each must break; data only."""

import json
from typing import Any

from off_platform_tests.imports.broken_records import GOOD, NUTELLA, OREO, table
from off_platform_tests.imports.made_files import rows_of, text_cell, workbook_of

HEADER = "barcode,product_name,fat\n"
ROW = f"{NUTELLA},Nutella,30.9\n"
SOUND = HEADER + ROW
MEBIBYTE = 1 << 20
HEADER_CELLS = ("barcode", "product_name")
GOOD_CELLS = (NUTELLA, "Nutella")


def in_json(**cells: Any) -> str:
    return json.dumps([{**GOOD, **cells}])


def nested(levels: int) -> str:
    return f'[{{"barcode": "{NUTELLA}", "fat": {"[" * levels}1{"]" * levels}}}]'


# Name -> the rule, what the file holds, its name.
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
    "NUL bytes only": ("nul_bytes", b"\0" * 1_000, "x.csv"),
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
    "a workbook that lost bytes near its beginning": (
        "xlsx_damaged", b"PK\x03\x04" + workbook_of(rows_of(HEADER_CELLS))[10:], "x.xlsx",
    ),
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


def wide(text: str) -> bytes:
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
    "infinity": ("number_not_finite", SOUND.replace("30.9", "-inf"), "x.csv"),
    "infinity in JSON": ("number_not_finite", in_json(fat=float("-inf")), "x.json"),
    "a time beyond time": (
        "not_a_timestamp", table({**GOOD, "created_t": "9223372036854775807"}), "x.csv",
    ),
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

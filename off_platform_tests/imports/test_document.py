"""The document "Data Formats Specification" itself: its fields, rules and examples are ours."""

import csv
import io
import json
import re
from typing import NamedTuple

import pytest

from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.fields import FIELDS, IDENTIFIERS, NAMES
from off_platform.imports.specification.rules import BY_ID, CONVENTION, OFF, RULES
from off_platform_tests.imports.conftest import Judged, Validate

# Whose rules these are, where the document is silent.
OTHER_SOURCES = (OFF, CONVENTION)
OTHER_BOOKS = ("GS1 General Specifications: ",)
# Tables of fields have columns of these names; `Unit` and `Example` not always.
FIRST_COLUMN, DESCRIPTION, TYPE, UNIT, EXAMPLE = (
    "Field Name", "Description", "Type", "Unit", "Example",
)  # fmt: skip
TYPES = {"number": "Number", "timestamp": "Number"}

# What each line of the document's lists of rules is enforced by; nothing where it forbids nothing.
ENFORCED_BY: dict[str, tuple[str, ...]] = {
    # CSV, JSON, Excel, TSV
    "Encoding: UTF-8 (required)": ("not_utf8",),
    "Delimiter: Comma (`,`)": ("wrong_delimiter",),
    'Quote Character: Double quotes (`"`)': ("quote_misplaced", "quote_not_closed"),
    "Line Ending: Unix (`\\n`) or Windows (`\\r\\n`)": ("line_ending", "line_too_long"),
    "Header Row: Required (field names)": ("no_header",),
    "Use consistent field names": ("doubled_header", "unknown_column"),
    "Quote fields containing commas, newlines, or quotes": ("ragged_row", "quote_misplaced"),
    'Escape quotes with double quotes (`""`)': ("quote_misplaced",),
    "Avoid empty lines": ("empty_line",),
    "One product per row": ("duplicate_product",),
    "Valid JSON syntax": ("json_invalid",),
    "UTF-8 encoding": ("not_utf8",),
    "Array of objects (one per product)": ("json_not_records", "json_lines"),
    "Consistent property names": ("json_duplicate_key", "json_nested"),
    "Format: `.xlsx` (not `.xls`)": ("not_an_import_format",),
    "Header row with field names": ("no_header",),
    "Single sheet preferred": ("more_sheets",),
    "UTF-8 compatible": (),
    "Tab delimiter (`\\t`)": ("wrong_delimiter",),
    "Header row required": ("no_header",),
    "Same rules as CSV": (),
    # Data types
    "Text values": ("text_control_character",),
    "Use UTF-8 encoding": ("text_double_encoded", "text_replacement_character"),
    "Trim leading/trailing whitespace": ("text_trimmed",),
    "Empty strings for missing values or omit field": ("missing_marker",),
    "Integer or decimal": ("not_a_number", "number_not_finite", "number_with_modifier"),
    "Use period (`.`) as decimal separator": ("number_decimal_comma",),
    "No thousands separators": ("number_thousands",),
    "No units in the number field": ("number_with_unit",),
    "Empty or omit for missing values": ("missing_marker",),
    "Use: `true`/`false`, `1`/`0`, or `yes`/`no`": (),
    "Consistent within a dataset": ("boolean_mixed",),
    "ISO 8601 format: `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS`": ("not_a_timestamp",),
    "Unix timestamp (seconds since epoch)": ("timestamp_milliseconds", "timestamp_iso"),
    "UTC timezone preferred": (),
    # Units and conventions
    "Metric system required": ("quantity_not_metric",),
    "Weight: grams (g), kilograms (kg)": ("quantity_not_metric",),
    "Volume: milliliters (ml), liters (l)": ("quantity_not_metric",),
    'Include unit with value: "400g", "1L"': ("quantity_without_unit",),
    "Kilojoules (kJ) preferred": (),
    "Kilocalories (kcal) also accepted": (),
    "Both can be provided": ("energy_disagrees",),
    'Daily Value: as percentage (e.g., "15" for 15%)': (),
    'Composition: as percentage (e.g., "13" for 13% hazelnuts)': (),
    "ISO 3166-1 alpha-2 codes: FR, DE, GB, US": ("country_unknown", "country_alias"),
    "English names: France, Germany, United Kingdom, United States": ("country_unknown",),
    "Comma or semicolon separated for multiple": ("list_empty_part",),
    "ISO 639-1 codes: en, fr, de, es, it": ("language_unknown",),
    "Comma separated for multiple": ("language_separator",),
    "Use Open Food Facts taxonomy when possible": (),
    "Comma or semicolon separated": ("list_empty_part",),
    'From general to specific: "Snacks, Cookies, Chocolate cookies"': (),
    # Validation rules
    "EAN-13: 13 digits, valid check digit": ("barcode_check_digit", "barcode_length"),
    "EAN-8: 8 digits, valid check digit": ("barcode_check_digit", "barcode_length"),
    "UPC-A: 12 digits, valid check digit": ("barcode_check_digit", "barcode_length"),
    "UPC-E: 6 or 8 digits": ("barcode_short_upc_e", "barcode_length"),
    "No spaces, dashes, or other characters": ("barcode_not_digits",),
    "Must be ≥ 0": ("negative",),
    "Reasonable ranges:": ("above_range",),
    "Energy: 0-4000 kJ (0-900 kcal)": ("above_range",),
    "Fat: 0-100 g": ("above_range",),
    "Carbohydrates: 0-100 g": ("above_range",),
    "Proteins: 0-100 g": ("above_range",),
    "Salt: 0-50 g": ("above_range",),
    "Sum of macronutrients should not exceed 100g (per 100g)": ("macronutrients_above_100",),
    "A unique identifier (barcode, code, or product_id)": ("identifier_missing",),
    "A product name": ("product_name_missing",),
}
RULE_LISTS = ("File Formats", "Data Types", "Units & Conventions", "Validation Rules")

# The largest value of every range that the document has, and the first beyond it.
RANGES = {
    "energy_kj": ("4000", "4000.1"),
    "energy_kcal": ("900", "900.1"),
    "fat": ("100", "100.1"),
    "carbohydrates": ("100", "100.1"),
    "proteins": ("100", "100.1"),
    "salt": ("50", "50.1"),
}


class Entry(NamedTuple):
    """A row of a table of fields: the heading above it, and its cells by column."""

    section: str
    cells: dict[str, str]


def entries(document: str) -> list[Entry]:
    """The rows of all tables of fields."""
    found, section, columns = [], "", list[str]()
    for line in document.splitlines():
        if line.startswith("#"):
            section = line.lstrip("#").strip()
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not columns:
            columns = cells
        elif set(line) - set("|-") and columns[0] == FIRST_COLUMN:
            found.append(Entry(section, dict(zip(columns, cells, strict=True))))
    return found


def blocks(document: str, language: str) -> list[str]:
    """The document's examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


def plain(markdown: str) -> str:
    """Text without emphasis."""
    return markdown.replace("*", "")


def listed(document: str) -> list[str]:
    """Every line of the document's lists of rules, without the examples among them."""
    without_examples = re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    sections = re.split(r"^## ", without_examples, flags=re.MULTILINE)
    wanted = [each for each in sections if each.split("\n", 1)[0] in RULE_LISTS]
    lines = [line.strip() for section in wanted for line in section.splitlines()]
    bullets = [re.fullmatch(r"(?:-|[0-9]\.) (.+)", line) for line in lines]
    return [plain(bullet[1]) for bullet in bullets if bullet]


def errors(judged: Judged) -> list[str]:
    """What is an error, for a person."""
    return [each["message"] for each in judged.findings if each["level"] == "error"]


def test_the_document_has_the_expected_tables(document: str) -> None:
    assert len(entries(document)) == 62


def test_every_field_of_the_document_is_a_field(document: str) -> None:
    names = [entry.cells[FIRST_COLUMN].strip("`") for entry in entries(document)]

    assert [name for name in names if field_of(name) is None] == []
    assert sorted(set(NAMES) - set(names)) == []


def test_fields_are_described_as_in_the_document(document: str) -> None:
    differ = []
    for section, cells in entries(document):
        name = cells[FIRST_COLUMN].strip("`")
        place = field_of(name)
        assert place is not None
        field = place.field
        said = (section, field.unit, TYPES.get(field.type, "String"))
        if said != (field.section, cells.get(UNIT), cells[TYPE]):
            differ.append(name)
        same = (cells[DESCRIPTION], cells.get(EXAMPLE, "").strip('"'))
        # Other names of a field describe it in other words.
        if name == _first_name(place.field.names) and not place.language:
            differ += [name] if same != (field.description, field.example) else []

    assert differ == []


def _first_name(names: tuple[str, ...]) -> str:
    """The document's first; of nutrients in grams, ours is its second."""
    return names[1] if names[0].endswith("_g") else names[0]


def test_requirements_of_the_document_are_enforced(document: str) -> None:
    required = [e.cells[FIRST_COLUMN].strip("`") for e in entries(document)
                if e.cells.get("Required", "No").startswith("Yes")]  # fmt: skip

    assert required == ["barcode", "code", "product_name"]
    assert IDENTIFIERS == ("barcode", "code", "gtin", "product_id")


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_a_rule_quotes_the_document_or_names_its_source(rule: str, document: str) -> None:
    source = BY_ID[rule].source

    if source not in OTHER_SOURCES and not source.startswith(OTHER_BOOKS):
        assert plain(source) in plain(document)


def test_every_line_of_the_rule_lists_is_enforced_or_forbids_nothing(document: str) -> None:
    lines = listed(document)

    assert len(lines) > 60
    assert [line for line in lines if line not in ENFORCED_BY] == []
    assert [line for line in ENFORCED_BY if line not in lines] == []


def test_lines_of_the_rule_lists_are_enforced_by_existing_rules() -> None:
    named = {rule for rules in ENFORCED_BY.values() for rule in rules}

    assert named <= set(BY_ID)


@pytest.mark.parametrize("field", RANGES)
def test_ranges_end_where_the_document_says(field: str, validate: Validate) -> None:
    most, beyond = RANGES[field]
    text = "barcode,product_name,{}\n3017620422003,Nutella,{}\n"

    assert errors(validate(text.format(field, most), "most.csv")) == []
    assert validate(text.format(field, beyond), "beyond.csv").rules == ["above_range"]


def test_examples_in_csv_are_accepted(document: str, validate: Validate) -> None:
    examples = blocks(document, "csv")

    assert len(examples) == 2
    for place, example in enumerate(examples):
        judged = validate(example, f"{place}.csv")
        assert errors(judged) == []
        assert judged.verdict.accepted == len(list(csv.DictReader(io.StringIO(example))))


def test_examples_in_json_are_accepted(document: str, validate: Validate) -> None:
    examples = blocks(document, "json")

    assert len(examples) == 2
    for place, example in enumerate(examples):
        judged = validate(example, f"{place}.json")
        assert errors(judged) == []
        content = json.loads(example)
        assert judged.verdict.accepted == (len(content) if isinstance(content, list) else 1)


def test_the_complete_examples_agree(document: str, validate: Validate) -> None:
    of_csv = validate(blocks(document, "csv")[-1], "complete.csv")
    of_json = validate(blocks(document, "json")[-1], "complete.json")

    assert of_csv.findings == of_json.findings == []
    assert {**of_csv.accepted[0], "row": 1} == of_json.accepted[0]


def test_a_record_of_all_examples_is_accepted(document: str, validate: Validate) -> None:
    cells = {
        entry.cells[FIRST_COLUMN].strip("`"): entry.cells.get(EXAMPLE, "").strip('"')
        for entry in entries(document)
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, list(cells))
    writer.writeheader()
    # "https://..." stands for any address.
    writer.writerow({name: cell.replace("...", "example.org") for name, cell in cells.items()})

    judged = validate(text.getvalue())

    assert errors(judged) == []
    assert sum(value is not None for value in judged.accepted[0].values()) > len(FIELDS) - 10


def test_salt_is_sodium_as_the_document_computes_it(validate: Validate) -> None:
    judged = validate("code,product_name,sodium_g\n3017620422003,Nutella,0.4\n")

    assert judged.accepted[0]["salt_g"] == 1.0

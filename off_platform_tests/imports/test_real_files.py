"""Files that people did try to import: the verdicts that the facts lead one to expect.

Figures are counted here a second time, by plain means, and not by what is tested.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.tables import ACCEPTED
from off_platform_tests.imports.made_files import Examined, demand_consistent, examine

# The files are large.
pytestmark = pytest.mark.slow

Real = Callable[[str], Path]
Rows = list[dict[str, str]]


@pytest.fixture
def judged(real_data: Real, tmp_path: Path) -> Callable[[str], Examined]:
    """A function from a real file to the outcome."""

    def judge(name: str) -> Examined:
        made = examine(real_data(f"off/{name}"), tmp_path / "out")
        demand_consistent(made)
        return made

    return judge


@pytest.fixture
def rows(real_data: Real) -> Callable[..., Rows]:
    """A function from a real file to its rows, as Python's own reader has them."""

    def read(name: str, delimiter: str = ",", encoding: str = "utf-8") -> Rows:
        text = real_data(f"off/{name}").read_text(encoding=encoding, errors="replace")
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))

    return read


def holds(code: str) -> bool:
    """Whether the last digit is the GS1 check digit of the others."""
    weights = (3 if place % 2 else 1 for place in range(len(code)))
    digits = (int(digit) for digit in reversed(code))
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 10 == 0


def share(count: int, of: int) -> str:
    return f"{count:,} of {of:,} ({count / of:.0%})"


def test_barcodes_that_excel_made_numbers_are_diagnosed_for_the_whole_file(
    judged: Callable[[str], Examined], rows: Callable[..., Rows], real_data: Real
) -> None:
    name = "imports/off_export_excel_de_scientific_barcodes.csv"
    codes = [row["code"] for row in rows(name, ";", "cp1252") if row["code"]]
    spoilt = sum("E+" in code for code in codes)
    content = real_data(f"off/{name}").read_bytes()
    with pytest.raises(UnicodeDecodeError) as wrong:
        content.decode()

    made = judged(name)

    assert spoilt > 360
    assert made.verdict.counts == {"not_utf8": 1, "damage_scientific": 1}
    refused, damage = made.findings
    line = content[: wrong.value.start].count(b"\n") + 1
    assert refused["message"].startswith(
        f"Line {line} is not UTF-8: byte {wrong.value.start:,} of the file is 0x"
    )
    assert share(spoilt, len(codes)) in damage["message"]
    assert (damage["column"], damage["proposal"]) == ("code", None)
    assert "cannot be recovered" in damage["message"]


def test_lost_zeros_are_diagnosed_for_the_whole_file(
    judged: Callable[[str], Examined], rows: Callable[..., Rows]
) -> None:
    codes = [row["gtin_upc"] for row in rows("imports/branded_food_usda_fdc.csv")]
    shortened = [code for code in codes if len(code) in {7, 9, 10, 11}]

    made = judged("imports/branded_food_usda_fdc.csv")

    assert made.verdict.counts == {"no_identifier_column": 1, "damage_lost_zeros": 1}
    refused, damage = made.findings
    assert (refused["column"], refused["proposal"]) == ("gtin_upc", "gtin")
    assert share(len(shortened), len(codes)) in damage["message"]
    assert f"digits of {sum(map(holds, shortened)):,} are valid" in damage["message"]


@pytest.mark.soak
def test_lost_zeros_are_restored_once_the_columns_have_names(
    rows: Callable[..., Rows], real_data: Real, tmp_path: Path
) -> None:
    name = "imports/branded_food_usda_fdc.csv"
    text = real_data(f"off/{name}").read_text(encoding="utf-8")
    named = tmp_path / "named.csv"
    named.write_text(
        text.replace("gtin_upc", "gtin", 1).replace("short_description", "product_name", 1),
        encoding="utf-8",
    )
    lost = [
        row["gtin_upc"]
        for row in rows(name)
        if len(row["gtin_upc"]) in {6, 7, 9, 10, 11} and holds(row["gtin_upc"])
    ]

    first = examine(named, tmp_path / "first")
    assert first.copy is not None
    second = examine(first.copy, tmp_path / "second")

    demand_consistent(first)
    demand_consistent(second)
    zeros = [each for each in first.findings if each["rule"] == "barcode_lost_zero"]
    fixed = {each["value"]: each["proposal"] for each in zeros if each["certain"]}
    # Eight digits may be a UPC-E as well, whose check digit is another one.
    assert {short for short in fixed if len(short) != 7 or holds(short)} == set(lost)
    assert all(code.lstrip("0") == short.lstrip("0") for short, code in fixed.items())
    assert "damage_lost_zeros" not in second.verdict.counts
    left = sum(not each["certain"] for each in zeros)
    assert second.verdict.counts["barcode_lost_zero"] == left


def test_fake_barcodes_are_quarantined_and_the_others_pass(
    judged: Callable[[str], Examined], rows: Callable[..., Rows]
) -> None:
    name = "imports/french_textile_off_core_import_sample.csv"
    wrong = [row["code"] for row in rows(name) if not holds(row["code"])]

    made = judged(name)

    assert wrong
    assert (made.verdict.accepted, made.verdict.quarantined) == (100 - len(wrong), len(wrong))
    assert made.verdict.counts == {"barcode_check_digit": len(wrong)}
    assert [finding["value"] for finding in made.findings] == wrong


def test_identifiers_that_are_not_barcodes_are_quarantined(
    judged: Callable[[str], Examined], rows: Callable[..., Rows]
) -> None:
    name = "imports/eprel_smartphones_off_import.csv"
    codes = [row["code"] for row in rows(name)]

    made = judged(name)

    assert (made.verdict.accepted, made.verdict.quarantined) == (0, len(codes))
    found = [each for each in made.findings if each["rule"] == "barcode_not_digits"]
    assert [each["value"] for each in found] == codes


def test_names_with_markup_are_texts(judged: Callable[[str], Examined]) -> None:
    made = judged("imports/escaping.csv")

    assert made.verdict.counts["wrong_delimiter"] == 1
    assert "<script>alert" not in made.report
    assert made.copy is not None
    assert "Jus <script>alert(1)</script>" in made.copy.read_text(encoding="utf-8")


def test_what_open_food_facts_imports_itself_is_read(
    judged: Callable[[str], Examined], rows: Callable[..., Rows]
) -> None:
    name = "imports/new_nutrition.csv"
    table = rows(name, "\t")
    sound = sum(holds(row["code"]) for row in table)

    made = judged(name)

    assert (made.verdict.accepted, made.verdict.records) == (sound, len(table))
    assert made.verdict.counts["wrong_delimiter"] == 1
    unknown = {each["column"] for each in made.findings if each["rule"] == "unknown_column"}
    assert {column for column in table[0] if column.startswith("nutrition.")} <= unknown


def test_several_rows_a_product_need_an_identifier_by_its_name(
    judged: Callable[[str], Examined],
) -> None:
    made = judged("imports/carrefour-images.csv")

    assert made.verdict.refused is not None
    assert (made.verdict.refused.rule, made.verdict.refused.column) == (
        "no_identifier_column",
        "EAN",
    )
    assert made.verdict.refused.proposal == "barcode"


def test_the_templates_own_products_pass(
    judged: Callable[[str], Examined], rows: Callable[..., Rows]
) -> None:
    table = rows("imports/template_products.csv")

    made = judged("imports/template_products.csv")

    accepted = made.rows(ACCEPTED)
    assert [record["product"] for record in accepted] == [row["barcode"] for row in table]
    assert [record["product_name"] for record in accepted] == [row["product_name"] for row in table]
    assert accepted[0]["countries"] == ["FR", "DE", "GB"]
    assert accepted[0]["languages"] == ["en", "fr", "de"]
    assert {each["value"] for each in made.findings if each["rule"] == "country_alias"} == {
        "France;Germany;UK"
    }


@pytest.mark.parametrize("name", ["template_nutritional.csv", "template_ingredients.csv"])
def test_the_other_templates_lack_only_names(name: str, judged: Callable[[str], Examined]) -> None:
    made = judged(f"imports/{name}")

    assert made.verdict.counts == {"product_name_missing": 5}
    assert made.verdict.quarantined == 5


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("imports/legacy_format.xls", "old Excel workbook"),
        ("exports/food_products_1000.parquet", "Parquet"),
    ],
)
def test_other_formats_are_refused_by_name(
    name: str, what: str, judged: Callable[[str], Examined]
) -> None:
    made = judged(name)

    assert made.verdict.counts == {"not_an_import_format": 1}
    assert what in made.findings[0]["message"]


@pytest.mark.parametrize(
    "name", ["en.openfoodfacts.org.products_1000.tsv", "off_site_export_tsv_named_csv.csv"]
)
def test_published_tables_are_read_whole(
    name: str, judged: Callable[[str], Examined], rows: Callable[..., Rows]
) -> None:
    table = rows(f"exports/{name}", "\t")
    names = [column for column in table[0] if column.startswith("product_name")]
    nameless = sum(not any(row[column].strip("- ") for column in names) for row in table)
    wrong = [row["code"] for row in table if not holds(row["code"]) and len(row["code"]) > 8]

    made = judged(f"exports/{name}")

    assert made.verdict.refused is None
    assert made.verdict.records == len(table)
    assert made.verdict.counts["product_name_missing"] == nameless
    found = [each for each in made.findings if each["rule"].startswith("barcode_")]
    errors = {each["value"] for each in found if each["level"] == "error"}
    assert set(wrong) <= errors
    assert made.verdict.counts["wrong_delimiter"] == name.endswith(".csv")
    assert made.verdict.accepted > 0.9 * made.verdict.records


@pytest.mark.soak
def test_the_dump_as_json_lines_is_read_whole(real_data: Real, tmp_path: Path) -> None:
    path = tmp_path / "dump.jsonl"
    packed = real_data("off/exports/openfoodfacts-products-min.jsonl.gz")
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    with path.open(encoding="utf-8") as file:
        products = [json.loads(line) for line in file if line.strip()]
    names = {name for product in products for name in product}

    made = examine(path, tmp_path / "out", reports=False)

    demand_consistent(made)
    if len(names) > 2_000:
        assert made.verdict.counts == {"too_many_columns": 1}
        return
    assert made.verdict.records == len(products)
    nested = sum(
        isinstance(value, dict) or (isinstance(value, list) and any(map(_is_nested, value)))
        for product in products
        for name, value in product.items()
        if field_of(name)
    )
    assert made.verdict.counts["json_nested"] == nested


def _is_nested(value: object) -> bool:
    return isinstance(value, dict | list)

"""What names no product: words and marks for nothing, in any language, and no name of a product."""

import csv
import io

import pytest

from off_platform.barcodes.text import with_check_digit
from off_platform.imports.values.placeholders import MISSING
from off_platform.imports.values.texts import repaired_text
from off_platform_tests.imports.broken_records import table
from off_platform_tests.imports.conftest import Validate

NAMELESS = (
    "?", "???", "? ?", "-", "--//--", "...", "\u2026", "***", "!", "()", "#", "TBD", "tbc.",
    "[TBD]", "k.A.", "k. A.", "n/a", "N.D.", "s.o.", "Keine Angabe", "keine  angaben", "unbekannt",
    "à compléter", "À COMPLÉTER", "A compléter", "a completer", "non renseigné", "inconnu",
    "desconocido", "sin datos", "da definire", "não informado", "onbekend", "brak danych",
    "неизвестно", "Нет данных", "未知", "不明", "미정", "unknown", "<unknown>", "null", "nan",
    "no name", "No Name", "ohne Namen", "sans nom", "sin nombre", "bez nazwy", "untitled", "xxx",
    "XXXXX", "test", "Test", "TEST", "Test 1", "test123", "Testprodukt", "lorem ipsum", "asdf",
    "TODO", "0", "TRUE", "product_name", "«?»", "テスト",
)  # fmt: skip
NAMES = (
    "Nutella", "7", "M", "V8", "1664", "100%", "7UP", "na!", "No Name Chips", "Testato", "Tester",
    "Test the Best", "Unknown Pleasures", "X-tra", "XX", "XXL", "Nil", "Name it", "DUO", "ND",
    "Tbilisi", "Dummies", "Product", "Product 7", "Protest", "未来", "ไทย", "Ω", "🍕", "Kein Käse",
    "0 %", "OH!", "Nanaimo", "Na+", "Missing Link", "Offenbacher", "Foodie", "Nullo", "Testa Rossa",
)  # fmt: skip


def _codes(count: int) -> list[str]:
    return [with_check_digit(f"30000{number:07}") for number in range(1, count + 1)]


def _rows(names: tuple[str, ...]) -> str:
    """CSV of as many products, each with one of the names."""
    pairs = zip(_codes(len(names)), names, strict=True)
    return table(*({"barcode": code, "product_name": name} for code, name in pairs))


def test_placeholders_are_not_product_names(validate: Validate) -> None:
    judged = validate(_rows(NAMELESS))

    nameless = {e["row"] for e in judged.findings if e["rule"] == "product_name_missing"}
    assert [name for row, name in enumerate(NAMELESS, 2) if row not in nameless] == []
    assert judged.verdict.accepted == 0


def test_names_of_products_are_accepted(validate: Validate) -> None:
    judged = validate(_rows(NAMES))

    assert judged.rules == []
    assert [record["product_name"] for record in judged.accepted] == [*NAMES]


def test_names_that_are_placeholders_are_reported(validate: Validate) -> None:
    judged = validate(_rows(("lorem ipsum",)))

    (found,) = judged.findings
    assert found["value"] == "lorem ipsum"
    assert found["message"] == "'lorem ipsum' is not the name of a product."


def test_a_name_in_one_language_is_enough(validate: Validate) -> None:
    (code,) = _codes(1)
    judged = validate(table({"barcode": code, "product_name": "?", "product_name_fr": "Pâte"}))

    assert judged.rules == ["missing_marker"]
    assert judged.accepted[0]["product_name"] is None


@pytest.mark.parametrize("field", ["brand", "categories", "labels"])
def test_names_of_brands_and_words_of_one_language_stay(field: str, validate: Validate) -> None:
    (code,) = _codes(1)
    cells = {"barcode": code, "product_name": "Bar", field: "No Name"}

    assert validate(table(cells)).rules == []


@pytest.mark.parametrize("word", [*MISSING, "?", "...", "- -"])
def test_every_placeholder_is_one_in_any_case(word: str) -> None:
    for text in (word, word.upper(), f" {word} "):
        assert repaired_text(text)[:4] == (None, "missing_marker", "", True)


def test_columns_and_single_texts_agree_on_placeholders(validate: Validate) -> None:
    """What a vector passes over, a reader of single texts would pass over too."""
    words = [*MISSING, *(word.upper() for word in MISSING), "?", "..."]
    content = io.StringIO()
    writer = csv.writer(content)
    writer.writerow(["barcode", "product_name", "brand"])
    writer.writerows(
        (code, "Bar", word) for code, word in zip(_codes(len(words)), words, strict=True)
    )

    judged = validate(content.getvalue())

    found = [each["value"] for each in judged.findings if each["rule"] == "missing_marker"]
    assert found == words

"""Odd texts of a column explained at once, against the readers that explain them one by one."""

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from off_platform.imports.records.explained import explained
from off_platform.imports.specification.fields import BY_NAME, Field
from off_platform.imports.specification.rules import BY_ID, message_of
from off_platform.imports.values.explanation import Explanation
from off_platform_tests.imports.odd_texts import TEXTS

NOW = 1_750_000_000
# One field of each way in which texts are read.
NAMES = (
    "barcode", "gtin", "product_name", "categories", "allergens", "countries", "languages", "lc",
    "fat_g", "energy_kj", "created_t", "url", "quantity",
)  # fmt: skip
# A text with white space around it, as wide as a message shows it and wider.
LONG = (" " + "x" * 59, " " + "y" * 60, "\u00e9" * 61 + "\t")


def one_by_one(
    field: Field, texts: list[str], explanation: Explanation
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for text in texts:
        read = explanation.explain(field, text)
        message = message_of(read.rule, text, read.detail) if read.rule else None
        meant: str | None = text
        if read.rule and BY_ID[read.rule].level == "error":
            meant = None
        elif read.certain:
            meant = read.proposal or None
        rows.append((read.rule, text, message, read.proposal, read.certain, meant))
    return rows


@pytest.mark.parametrize("name", NAMES)
@given(
    texts=st.lists(st.one_of(TEXTS, TEXTS.map(lambda text: f" {text}\n")), max_size=12, unique=True)
)
@example(
    texts=["1,5", " 1,5", "1,500", "01,500", "0,5", ",5", "-1,5", "1,5 g", "1,2,3", "9" * 16 + ",5"]
)
@example(
    texts=[*LONG, " ", "", "\u2028a", "a\u2028 ", "\u00a05", "\x1c5", " N/A", " none", "\u200b 5"]
)
def test_a_column_is_explained_as_each_text_alone(name: str, texts: list[str]) -> None:
    field, explanation = BY_NAME[name], Explanation(NOW)
    table = explained(field, pa.array(texts, pa.string()), explanation)
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    assert rows == one_by_one(field, texts, explanation)


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [("fat_g", "1,5", "number_decimal_comma"), ("fat_g", " 1.5", "text_trimmed"),
     ("product_name", "Tea\t", "text_trimmed")],
)  # fmt: skip
def test_the_commonest_corrections_are_made_of_a_whole_column(
    name: str, text: str, rule: str
) -> None:
    made = dict(Explanation(NOW).corrections(BY_NAME[name]))
    assert made[rule](pa.array([text, "?"])).to_pylist() == [text.replace(",", ".").strip(), None]

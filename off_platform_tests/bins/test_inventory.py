"""Inventories in tables, against the same JSON read by plain Python."""

import html
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.bins import inventory
from off_platform.bins.inspection import inspect
from off_platform_tests.bins.plain_bins import ARCHIVE, PlainBin, bins_of

Row = dict[str, Any]
SIDES = ("length", "width", "height")
NO_OBJECTS = "(SELECT 'image' AS part, '' AS id, '' AS key, '' AS etag WHERE false)"


def tables_of(bins: Iterable[PlainBin]) -> dict[str, list[Row]]:
    """The rows of bins, bin_items and items, made by the queries under test."""
    listed = list(bins)
    columns = {
        "id": [each.id for each in listed],
        "id_space": [each.id_space for each in listed],
        "text": [each.text for each in listed],
    }
    schema = pa.schema([(name, pa.string()) for name in columns])
    with duckdb.connect() as connection:
        inventory.let_clean_names(connection)
        connection.register("given", pa.table(columns, schema=schema))
        connection.execute(
            "CREATE TABLE metadata AS SELECT *, md5(text) AS md5, true AS usable FROM given"
        ).fetchall()
        queries = {
            "bin_items": inventory.bin_items_query("metadata"),
            "bins": inventory.bins_query("metadata", "bin_items", NO_OBJECTS),
            "items": inventory.items_query("bin_items"),
        }
        for name, query in queries.items():
            connection.execute(f"CREATE TABLE {name} AS {query}").fetchall()
        return {name: rows_of(connection, name) for name in queries}


def rows_of(connection: duckdb.DuckDBPyConnection, table: str) -> list[Row]:
    """A table's rows by column."""
    cursor = connection.execute(f"FROM {table}")
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def cleaned(name: str | None) -> str | None:
    """A name without entities, controls and needless blanks, character by character."""
    characters = (
        " " if unicodedata.category(each)[0] in "CZ" else each for each in html.unescape(name or "")
    )
    return " ".join("".join(characters).split()) or None


def value_of(measure: Row | None) -> float | None:
    """A measure's number."""
    return measure["value"] if measure else None


def most_common(found: Counter[Any]) -> Any:
    """The most common; of equally common ones the first in order."""
    return min(found, key=lambda each: (-found[each], each)) if found else None


def items_by_hand(bins: Iterable[PlainBin]) -> dict[str, Row]:
    """The rows of items by ASIN."""
    placed = defaultdict(list)
    for each in bins:
        for item in json.loads(each.text)["BIN_FCSKU_DATA"].values():
            if item["asin"] is not None:
                placed[item["asin"]].append((each.id, item))
    return {asin: item_by_hand(entries) for asin, entries in placed.items()}


def item_by_hand(entries: list[tuple[str, Row]]) -> Row:
    """One of them."""
    names, sides = Counter[str](), Counter[tuple[float, ...]]()
    variants, weights, volumes = set(), [], []
    for _, item in entries:
        name, measures = cleaned(item["name"]), tuple(value_of(item[side]) for side in SIDES)
        variants.add((name, measures))
        names.update([name] if name else [])
        known = tuple(value for value in measures if value is not None)
        if len(known) == len(SIDES):
            sides[known] += 1
            volumes.append(known[0] * known[1] * known[2])
        weight = value_of(item["weight"])
        weights.extend([weight] if weight is not None else [])
    length, width, height = most_common(sides) or (None, None, None)
    return {
        "bins": len({bin_id for bin_id, _ in entries}),
        "units": sum(item["quantity"] for _, item in entries),
        "name": most_common(names),
        "length": length,
        "width": width,
        "height": height,
        "variants": len(variants),
        "heaviest": max(weights, default=None),
        "largest": pytest.approx(max(volumes)) if volumes else None,
    }


@pytest.fixture(scope="module")
def genuine(real_data: Callable[[str], Path]) -> list[PlainBin]:
    """Bins 00001 to 02000."""
    return bins_of(real_data(ARCHIVE))


@pytest.fixture(scope="module")
def made(genuine: list[PlainBin]) -> dict[str, list[Row]]:
    """Their tables."""
    return tables_of(genuine)


def test_genuine_asins_are_those_summed_up_by_hand(
    genuine: list[PlainBin], made: dict[str, list[Row]]
) -> None:
    wanted = items_by_hand(genuine)
    found = {row.pop("asin"): row for row in [dict(row) for row in made["items"]]}
    assert len(made["items"]) == len(found)
    assert found == wanted


def test_genuine_names_are_those_cleaned_by_hand(made: dict[str, list[Row]]) -> None:
    assert [row["clean_name"] for row in made["bin_items"]] == [
        cleaned(row["name"]) for row in made["bin_items"]
    ]
    assert any(row["clean_name"] != row["name"] for row in made["bin_items"])


def test_genuine_quantities_add_up(genuine: list[PlainBin], made: dict[str, list[Row]]) -> None:
    wanted = {each.id: (sum(each.items.values()), len(each.items)) for each in genuine}
    assert {row["id"]: (row["items_quantity"], row["skus"]) for row in made["bins"]} == wanted
    assert sum(row["quantity"] for row in made["bin_items"]) == sum(
        total for total, _ in wanted.values()
    )


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Mill &reg; 2&quot;", 'Mill ® 2"'),
        ("&amp;reg;", "&reg;"),
        ("  a\t\tb\n", "a b"),
        ("a\x85b\x9fc", "a b c"),
        ("a\u00a0\u200bb", "a b"),
        ("a\0b", "a b"),
        ("R&D & more", "R&D & more"),
        ("&nbsp;\u00ad", None),
        ("", None),
        (None, None),
    ],
)
def test_a_name_is_cleaned(name: str | None, clean: str | None) -> None:
    (row,) = tables_of([bin_of("00001", {"B000000001": item(name=name)})])["bin_items"]
    assert (row["name"], row["clean_name"]) == (name, clean)


def test_of_equally_common_names_the_first_is_taken_and_nulls_never() -> None:
    names = ["b", "a", None, None, None]
    found = tables_of(
        bin_of(f"{number:05d}", {"B000000001": item(name=name)})
        for number, name in enumerate(names, 1)
    )
    (row,) = found["items"]
    assert (row["name"], row["bins"], row["units"], row["variants"]) == ("a", 5, 5, 3)


def test_the_most_common_sides_are_of_one_item_not_each_for_itself() -> None:
    sides = [(9.0, 2.0, 1.0), (9.0, 3.0, 1.0), (8.0, 4.0, 1.0), (8.0, 4.0, 1.0)]
    (row,) = tables_of(
        bin_of(f"{number:05d}", {"B000000001": item(sides=each)})
        for number, each in enumerate(sides, 1)
    )["items"]
    assert (row["length"], row["width"], row["height"]) == (8.0, 4.0, 1.0)
    assert (row["variants"], row["largest"]) == (3, 32.0)


def test_an_item_without_asin_is_of_no_asin() -> None:
    found = tables_of([bin_of("00001", {"ZZ00000001": item(asin=None)})])
    assert [row["fcsku"] for row in found["bin_items"]] == ["ZZ00000001"]
    assert found["items"] == []


def item(
    asin: str | None = "B000000001",
    name: str | None = "A mill",
    quantity: int = 1,
    sides: tuple[float, float, float] | None = None,
    weight: float | None = None,
) -> Row:
    """An item as the JSON has it."""
    measures = dict(zip(SIDES, sides or [None] * 3, strict=True))
    return {
        "asin": asin,
        "name": name,
        "normalizedName": name,
        "quantity": quantity,
        **{side: value and {"unit": "IN", "value": value} for side, value in measures.items()},
        "weight": weight and {"unit": "pounds", "value": weight},
    }


def bin_of(bin_id: str, items: dict[str, Row]) -> PlainBin:
    """A bin whose items add up."""
    quantities = {fcsku: each["quantity"] for fcsku, each in items.items()}
    expected = sum(quantities.values())
    text = json.dumps({"BIN_FCSKU_DATA": items, "EXPECTED_QUANTITY": expected})
    return PlainBin(bin_id, expected, quantities, text)


# Lone surrogates are not Unicode text, and hypothesis does not generate them.
TEXTS = st.text(max_size=12) | st.sampled_from(["&reg;", "&#38;", "&#x110000;", "a.b", "$", '"/\\'])
SIZES = st.floats(0.01, 1e6)
ITEMS = st.builds(
    item,
    st.none() | TEXTS,
    st.none() | TEXTS,
    st.integers(-(2**31) + 1, 2**31 - 1),
    st.none() | st.tuples(SIZES, SIZES, SIZES),
    st.none() | SIZES,
)


# Making the tables takes as long for one bin as for many.
@settings(max_examples=settings.default.max_examples // 5)
@given(st.lists(st.dictionaries(TEXTS, ITEMS, max_size=4), max_size=30))
def test_what_is_found_usable_is_in_the_tables_as_it_was(inventories: list[dict[str, Row]]) -> None:
    bins = [bin_of(f"{number:05d}", items) for number, items in enumerate(inventories, 1)]
    usable = [each for each in bins if inspect(each.text.encode(), each.id).usable]
    rows = tables_of(usable)["bin_items"]
    found = {
        (row["bin_id"], row["fcsku"]): (
            row["asin"],
            row["name"],
            row["quantity"],
            tuple(row[side] for side in SIDES),
            row["weight"],
        )
        for row in rows
    }
    assert len(found) == len(rows)
    assert found == {
        (each.id, fcsku): (
            one["asin"],
            one["name"],
            one["quantity"],
            tuple(value_of(one[side]) for side in SIDES),
            value_of(one["weight"]),
        )
        for each in usable
        for fcsku, one in json.loads(each.text)["BIN_FCSKU_DATA"].items()
    }

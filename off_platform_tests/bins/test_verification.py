"""Pairs of a photo and an item: as many absent as present, absent ones in no bin of the visit."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from off_platform.bins.verification import pairs_query
from off_platform_tests.bins.plain_bins import (
    ARCHIVE,
    PlainBin,
    bins_of,
    make_tables,
    visits_by_hand,
)

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as made:
        yield made


def pairs(
    connection: duckdb.DuckDBPyConnection, bins: list[PlainBin], of_set: str = "true"
) -> list[dict[str, Any]]:
    """The pairs of the bins of a set, each in the split of its number."""
    table, items = make_tables(connection, bins)
    cases = " ".join(f"WHEN {at} THEN '{name}'" for at, name in enumerate(SPLITS))
    labelled = f"SELECT *, CASE position % 3 {cases} END AS split FROM {table} WHERE {of_set}"
    rows: list[dict[str, Any]] = (
        connection.sql(pairs_query(labelled, table, items)).to_arrow_table().to_pylist()
    )
    return rows


def shelf(count: int) -> list[PlainBin]:
    """Bins of up to four of 300 items, two of them in each visit."""
    drawn = random.Random(5)
    bins = []
    for number in range(1, count + 1):
        items = {f"A{drawn.randrange(300):03d}": drawn.randrange(1, 4) for _ in range(number % 5)}
        if number % 2 == 0 and bins[-1].items:
            items[next(iter(bins[-1].items))] = 1
        bins.append(PlainBin(f"{number:05d}", sum(items.values()), items))
    return bins


def assert_right(rows: list[dict[str, Any]], bins: list[PlainBin]) -> None:
    """By the bins' items and visits in plain Python."""
    visits = visits_by_hand(bins)
    by_id = {each.id: each for each in bins}
    in_visit: dict[str, set[str]] = defaultdict(set)
    for each in bins:
        in_visit[visits[each.id]] |= each.items.keys()
    of_split: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        of_split[row["split"]] |= {row["asin"]} if row["present"] else set()
    assert len({(row["sample"], row["asin"]) for row in rows}) == len(rows)
    for row in rows:
        bin_of_row = by_id[row["sample"]]
        assert row["visit_id"] == visits[row["sample"]]
        assert row["quantity"] == bin_of_row.items.get(row["asin"], 0)
        assert row["present"] == (row["asin"] in bin_of_row.items)
        assert row["present"] or row["asin"] not in in_visit[row["visit_id"]]
        assert row["asin"] in of_split[row["split"]]
        assert row["split"] == SPLITS[bin_of_row.position % 3]


def test_as_many_are_absent_as_present(connection: duckdb.DuckDBPyConnection) -> None:
    bins = shelf(400)
    rows = pairs(connection, bins)
    assert_right(rows, bins)
    counts = Counter((row["sample"], row["present"]) for row in rows)
    for each in bins:
        assert counts[each.id, True] == counts[each.id, False] == len(each.items)
    assert {row["name"] for row in rows} <= {f"Item {row['asin']}" for row in rows}


def test_the_same_pairs_are_drawn_whatever_the_order(connection: duckdb.DuckDBPyConnection) -> None:
    bins = shelf(100)
    rows = pairs(connection, bins)
    random.Random(1).shuffle(bins)
    assert pairs(connection, bins) == rows


def test_few_pairs_change_when_a_set_grows(connection: duckdb.DuckDBPyConnection) -> None:
    bins = shelf(600)
    larger = pairs(connection, bins)
    smaller = pairs(connection, bins, "position <= 550")
    kept = {(row["sample"], row["asin"]) for row in larger}
    still = [row for row in smaller if (row["sample"], row["asin"]) in kept]
    assert all(row in smaller for row in larger if row["present"] and row["sample"] <= "00550")
    assert len(still) > 0.9 * len(smaller)


def test_items_of_a_bin_of_the_visit_outside_of_the_set_are_not_absent(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    bins = [
        PlainBin("00003", 1, {"A": 1}),
        PlainBin("00004", 2, {"A": 1, "B": 1}),
        PlainBin("00009", 1, {"B": 1}),
        PlainBin("00012", 1, {"C": 1}),
    ]
    rows = pairs(connection, bins, "id <> '00004'")
    assert_right(rows, bins)
    absent = [(row["sample"], row["asin"]) for row in rows if not row["present"]]
    assert ("00003", "C") in absent
    assert ("00003", "B") not in absent


def test_where_nothing_can_be_drawn_nothing_is(connection: duckdb.DuckDBPyConnection) -> None:
    rows = pairs(connection, [PlainBin("00003", 2, {"A": 2}), PlainBin("00006", 0, {})])
    assert [(row["asin"], row["present"], row["quantity"]) for row in rows] == [("A", True, 2)]
    assert pairs(connection, []) == []


def test_genuine_bins(
    connection: duckdb.DuckDBPyConnection, real_data: Callable[[str], Path]
) -> None:
    bins = bins_of(real_data(ARCHIVE))
    rows = pairs(connection, bins)
    assert_right(rows, bins)
    present = sum(row["present"] for row in rows)
    assert present == sum(len(each.items) for each in bins)
    assert len(rows) == 2 * present
    assert json.dumps(rows[:2])

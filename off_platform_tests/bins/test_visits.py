"""Visits agree with neighbours compared one by one, in the real files and in any others."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.bins.visits import bin_visits_query, visits_query
from off_platform_tests.bins.plain_bins import (
    ARCHIVE,
    PlainBin,
    bins_of,
    make_tables,
    visits_by_hand,
)

# Close together, so that neighbours are common, and where the ids become longer.
POSITIONS = st.one_of(st.integers(1, 12), st.integers(99_996, 100_003))
ITEMS = st.dictionaries(st.sampled_from("ABCD"), st.integers(1, 3), max_size=3)


def main(position: int, *fcskus: str) -> PlainBin:
    """A bin of the main set with one of each item."""
    return PlainBin(f"{position:05d}", len(fcskus), dict.fromkeys(fcskus, 1))


def pilot(position: int, *fcskus: str) -> PlainBin:
    """A bin of the pilot set with one of each item."""
    return PlainBin(str(position), len(fcskus), dict.fromkeys(fcskus, 1))


@st.composite
def some_bins(draw: st.DrawFn) -> list[PlainBin]:
    """Bins of both id spaces, many with the same positions, in any order."""
    of_main = draw(st.dictionaries(POSITIONS, ITEMS, max_size=16))
    of_pilot = draw(st.dictionaries(st.integers(1, 12), ITEMS, max_size=5))
    made = [PlainBin(f"{at:05d}", sum(items.values()), items) for at, items in of_main.items()]
    made += [PlainBin(str(at), sum(items.values()), items) for at, items in of_pilot.items()]
    return draw(st.permutations(made))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as made:
        yield made


def visits(connection: duckdb.DuckDBPyConnection, bins: list[PlainBin]) -> dict[str, str]:
    """The visits that the query gives; a bin given twice would be lost, so they are counted."""
    rows = connection.execute(visits_query(*make_tables(connection, bins))).fetchall()
    assert len(rows) == len(bins)
    return dict(rows)


@pytest.mark.parametrize(
    ("bins", "together"),
    [
        ([main(1, "A"), main(2, "A")], {"00001": "00001", "00002": "00001"}),
        ([main(1, "A"), main(2, "B")], {"00001": "00001", "00002": "00002"}),
        ([main(1, "A"), main(3, "A")], {"00001": "00001", "00003": "00001"}),
        ([main(1, "A"), main(3, "B")], {"00001": "00001", "00003": "00003"}),
        ([main(1, "A"), main(4, "A")], {"00001": "00001", "00004": "00004"}),
        ([main(1, "A"), main(3)], {"00001": "00001", "00003": "00003"}),
        (
            [main(1, "A"), main(2, "B"), main(3, "A")],
            {f"0000{at}": f"0000{at}" for at in (1, 2, 3)},
        ),
        (
            [main(1, "A", "B"), main(2, "B", "C"), main(3, "C")],
            {"00001": "00001", "00002": "00001", "00003": "00001"},
        ),
        (
            [main(1, "A"), main(2), main(3, "B")],
            {"00001": "00001", "00002": "00001", "00003": "00001"},
        ),
        (
            [main(1, "A"), main(2, "A"), main(3), main(4, "B"), main(5, "B")],
            {
                "00001": "00001",
                "00002": "00001",
                "00003": "00003",
                "00004": "00004",
                "00005": "00004",
            },
        ),
        (
            [main(1, "A"), main(2, "A"), main(3), main(4, "B")],
            {"00001": "00001", "00002": "00001", "00003": "00003", "00004": "00003"},
        ),
        ([main(1), main(2)], {"00001": "00001", "00002": "00001"}),
        (
            [main(1, "A"), main(2), main(3), main(4, "B"), main(5), main(6, "C"), main(7, "C")],
            {f"0000{at}": "00001" for at in range(1, 6)} | {"00006": "00006", "00007": "00006"},
        ),
        ([main(99_999, "A"), main(100_000)], {"99999": "99999", "100000": "99999"}),
        ([pilot(1, "A"), pilot(2)], {"1": "1", "2": "2"}),
        ([pilot(1), main(1, "A")], {"1": "1", "00001": "00001"}),
        ([main(99_999, "A"), main(100_000, "A")], {"99999": "99999", "100000": "99999"}),
        ([pilot(1, "A"), pilot(2, "A")], {"1": "1", "2": "2"}),
        (
            [pilot(1, "A"), main(1, "A"), main(2, "A")],
            {"1": "1", "00001": "00001", "00002": "00001"},
        ),
        (
            [main(1, "A"), pilot(2, "A"), main(3, "A")],
            {"00001": "00001", "2": "2", "00003": "00001"},
        ),
    ],
    ids=[
        "an item is shared",
        "no item is shared",
        "the bin between them cannot be read, and both share an item",
        "the bin between them cannot be read, and they share nothing",
        "two bins between them cannot be read",
        "two apart from an empty bin",
        "the bin between them is another",
        "each shares another item with the next",
        "an empty bin between two that are alone may be either",
        "an empty bin between two visits is neither",
        "an empty bin is between a visit and one that is alone",
        "two empty bins beside each other",
        "empty bins and lone ones in a chain, which a visit ends",
        "an empty bin where ids become longer",
        "the pilot set's empty bins are alone",
        "an empty 1 is not beside 00001",
        "five digits go on with six",
        "the pilot set has no order",
        "1 is not 00001",
        "a pilot bin is not between them",
    ],
)
def test_what_a_visit_is(
    connection: duckdb.DuckDBPyConnection, bins: list[PlainBin], together: dict[str, str]
) -> None:
    assert visits(connection, bins) == together


@pytest.mark.slow
@given(bins=some_bins())
def test_visits_are_those_told_by_hand(
    connection: duckdb.DuckDBPyConnection, bins: list[PlainBin]
) -> None:
    assert visits(connection, bins) == visits_by_hand(bins)


@pytest.mark.slow
@given(bins=some_bins())
def test_a_row_a_visit(connection: duckdb.DuckDBPyConnection, bins: list[PlainBin]) -> None:
    by_visit: dict[str, list[PlainBin]] = {}
    expected = visits_by_hand(bins)
    for each in sorted(bins, key=lambda one: one.position):
        by_visit.setdefault(expected[each.id], []).append(each)
    expected = {
        (
            visit,
            of[0].id,
            of[-1].id,
            len(of),
            len(of[0].items.keys() & of[-1].items.keys()),
            len(of[-1].items) - len(of[0].items),
            of[-1].expected_quantity - of[0].expected_quantity,
        )
        for visit, of in by_visit.items()
    }
    rows = connection.execute(bin_visits_query(*make_tables(connection, bins))).fetchall()
    assert len(rows) == len(expected)
    assert set(rows) == expected


def test_what_changed_between_the_first_and_the_last_photo(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    before = PlainBin("00007", 5, {"A": 2, "B": 3})
    after = PlainBin("00008", 1, {"A": 1})
    tables = make_tables(connection, [after, before])
    rows = connection.execute(bin_visits_query(*tables)).fetchall()
    assert rows == [("00007", "00007", "00008", 2, 1, -1, -4)]


def test_no_bins_no_visits(connection: duckdb.DuckDBPyConnection) -> None:
    assert visits(connection, []) == {}


def test_the_real_files(
    connection: duckdb.DuckDBPyConnection, real_data: Callable[[str], Path]
) -> None:
    bins = bins_of(real_data(ARCHIVE))
    random.Random(0).shuffle(bins)
    found = visits(connection, bins)
    assert found == visits_by_hand(bins)
    photos = Counter(found.values())
    assert Counter(photos.values()) == {1: 433, 2: 674, 3: 73}

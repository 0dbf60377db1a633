"""Splits keep visits together, meet their shares in each class, and are the same everywhere."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from off_platform.bins.splits import SplitShares, leak_query, splits_query
from off_platform_tests.bins.plain_bins import (
    ARCHIVE,
    PlainBin,
    bins_of,
    leak_by_hand,
    make_tables,
    visits_by_hand,
)

SPLITS = ("train", "validation", "test")
Row = tuple[str, str, int, str, str]


def shelf(number: int, seed: int = 0) -> list[PlainBin]:
    """Bins of the main set, many in visits of two or three, and some of the pilot set."""
    dice = random.Random(seed)
    made, item = [], 0
    for position in range(1, number + 1):
        item += dice.random() < 0.6
        quantity = min(int(dice.expovariate(0.25)), 60)
        made.append(PlainBin(f"{position:05d}", quantity, {f"F{item}": 1}))
    return made + [PlainBin(str(at), at % 6, {"F1": 1}) for at in range(1, number // 20)]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as made:
        yield made


def split(
    connection: duckdb.DuckDBPyConnection, bins: list[PlainBin], shares: SplitShares | None = None
) -> list[Row]:
    """The rows of `bin_splits`: id, visit_id, expected_quantity, split, random_split."""
    table, _ = make_tables(connection, bins)
    return connection.execute(splits_query(table, shares or SplitShares())).fetchall()


def lowbias32(word: int) -> int:
    """Chris Wellons' mix, written down once more."""
    word ^= word >> 16
    word = word * 0x7FEB352D % 2**32
    word ^= word >> 15
    word = word * 0x846CA68B % 2**32
    return word ^ word >> 16


def place(position: int, seed: str, *, pilot: bool) -> int:
    """Where a bin, or a visit by its first, comes in the order of a seed."""
    digest = hashlib.sha256(seed.encode()).digest()
    first, second = int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")
    return lowbias32(lowbias32(position + 2**31 * pilot ^ first) ^ second)


def name_at(share: float, shares: SplitShares) -> str:
    """The split that a place between 0 and 1 falls into."""
    if share < shares.train:
        return "train"
    return "validation" if share < shares.train + shares.validation else "test"


def split_by_hand(bins: list[PlainBin], shares: SplitShares) -> dict[str, tuple[str, str]]:
    """Split and random split of each bin: by the hash of its visit's first bin, and by its own."""
    visits, of_id = visits_by_hand(bins), {each.id: each for each in bins}

    def name(each: PlainBin, what: str) -> str:
        at = place(each.position, f"{shares.seed} {what}", pilot=each.id_space == "pilot")
        return name_at(at / 2**32, shares)

    return {
        each.id: (name(of_id[visits[each.id]], "of visits"), name(each, "of bins")) for each in bins
    }


SHARES = st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers()).map(
    lambda drawn: SplitShares(
        train=drawn[0] / 100, validation=drawn[1] * (100 - drawn[0]) / 10_000, seed=drawn[2]
    )
)


@pytest.mark.slow
@given(number=st.integers(0, 120), seed=st.integers(0, 1000), shares=SHARES)
def test_no_visit_is_parted(
    connection: duckdb.DuckDBPyConnection, number: int, seed: int, shares: SplitShares
) -> None:
    bins = shelf(number, seed)
    rows = split(connection, bins, shares)
    assert sorted(row[0] for row in rows) == sorted(each.id for each in bins)
    in_splits = defaultdict(set)
    for _, visit, _, name, _ in rows:
        in_splits[visit].add(name)
    assert all(len(names) == 1 for names in in_splits.values())


@settings(max_examples=25)
@given(number=st.integers(1, 120), seed=st.integers(0, 1000), shares=SHARES)
def test_the_splits_are_those_dealt_out_by_hand(
    connection: duckdb.DuckDBPyConnection, number: int, seed: int, shares: SplitShares
) -> None:
    bins = shelf(number, seed)
    found = {row[0]: row[3:] for row in split(connection, bins, shares)}
    assert found == split_by_hand(bins, shares)


def test_a_pinned_result(connection: duckdb.DuckDBPyConnection) -> None:
    # What was trained with once must be trained with for ever, or test bins become known ones.
    bins = [PlainBin(f"{at:05d}", at * 7 % 23, {f"F{at * 2 // 3}": 1}) for at in range(1, 1001)]
    bins += [PlainBin(str(at), at % 6, {}) for at in range(1, 101)]
    rows = split(connection, bins, SplitShares(seed=20))
    digest = hashlib.sha256("\n".join(",".join(map(str, row)) for row in rows).encode())
    assert digest.hexdigest()[:16] == "e59833d4ceaa821a"


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_and_the_order_of_rows_change_nothing(threads: int) -> None:
    bins = shelf(3000)
    with duckdb.connect(config={"threads": 1}) as alone:
        expected = split(alone, bins)
    random.Random(threads).shuffle(bins)
    with duckdb.connect(config={"threads": threads}) as connection:
        assert split(connection, bins) == expected


@pytest.mark.slow
def test_bins_that_go_move_none_of_the_visits_that_stay(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    bins = shelf(3_000)
    before, visits = {row[0]: row[3] for row in split(connection, bins)}, visits_by_hand(bins)
    gone = set(random.Random(5).sample([each.id for each in bins], 150))
    left = [each for each in bins if each.id not in gone]
    after, visits_left = {row[0]: row[3] for row in split(connection, left)}, visits_by_hand(left)
    assert len(after) == len(bins) - 150
    members, members_left = defaultdict(set), defaultdict(set)
    for of, found in ((visits, members), (visits_left, members_left)):
        for bin_id, visit in of.items():
            found[visit].add(bin_id)
    same = [one for one in after if members[visits[one]] == members_left[visits_left[one]]]
    assert len(same) > 2400
    assert [one for one in same if before[one] != after[one]] == []


def test_another_seed_deals_them_out_otherwise(connection: duckdb.DuckDBPyConnection) -> None:
    bins = shelf(1000)
    first, other = (split(connection, bins, SplitShares(seed=seed)) for seed in (0, 1))
    for column in (3, 4):
        same = sum(one[column] == two[column] for one, two in zip(first, other, strict=True))
        # 0.8² + 0.1² + 0.1² when they know nothing of each other.
        assert 0.56 < same / len(first) < 0.76


def test_ids_that_look_alike_are_dealt_out_each_for_itself(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    bins = [PlainBin(name, 2, {}) for at in range(1, 201) for name in (str(at), f"{at:05d}")]
    found = {row[0]: row[3:] for row in split(connection, bins)}
    assert len(found) == 400
    assert any(found[str(at)] != found[f"{at:05d}"] for at in range(1, 201))


def test_all_may_go_to_one_split(connection: duckdb.DuckDBPyConnection) -> None:
    for shares, name in (
        (SplitShares(train=1, validation=0), "train"),
        (SplitShares(train=0, validation=1), "validation"),
        (SplitShares(train=0, validation=0), "test"),
    ):
        assert {row[3:] for row in split(connection, shelf(60), shares)} == {(name, name)}


def test_no_bins_no_splits(connection: duckdb.DuckDBPyConnection) -> None:
    assert split(connection, []) == []


@pytest.mark.parametrize(
    "shares",
    [
        {"train": 0.8, "validation": 0.3},
        {"train": 1.1, "validation": 0},
        {"train": -0.1},
        {"validation": -0.1},
        {"train": float("nan")},
        {"seed": "x"},
        {"tests": 0.1},
    ],
)
def test_wrong_shares_are_refused(shares: Mapping[str, float | str]) -> None:
    with pytest.raises(ValidationError):
        SplitShares.model_validate(shares)


def test_shares_may_use_up_everything() -> None:
    for hundredth in range(101):
        shares = SplitShares(train=hundredth / 100, validation=(100 - hundredth) / 100)
        assert shares.train + shares.validation == 1


@pytest.mark.parametrize(
    ("rows", "leak"),
    [
        ([("a", "train"), ("a", "validation")], (1, 1)),
        ([("a", "train"), ("a", "test")], (1, 1)),
        ([("a", "train"), ("a", "validation"), ("a", "test")], (2, 2)),
        ([("a", "validation"), ("a", "test")], (2, 0)),
        ([("a", "train"), ("b", "validation")], (1, 0)),
        ([("a", "train"), ("a", "train")], (0, 0)),
    ],
)
def test_what_a_leak_is(
    connection: duckdb.DuckDBPyConnection, rows: list[tuple[str, str]], leak: tuple[int, int]
) -> None:
    values = ", ".join(f"('{visit}', '{name}')" for visit, name in rows)
    table = f"(VALUES {values}) AS given(visit_id, side)"
    assert connection.execute(leak_query(table, "side")).fetchall() == [leak]


@given(
    sides=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(SPLITS)), min_size=1, max_size=20
    )
)
def test_leaks_are_those_counted_by_hand(
    connection: duckdb.DuckDBPyConnection, sides: list[tuple[str, str]]
) -> None:
    values = ", ".join(f"('{visit}', '{name}')" for visit, name in sides)
    table = f"(VALUES {values}) AS given(visit_id, side)"
    ids = [str(number) for number in range(len(sides))]
    split_of = {bin_id: name for bin_id, (_, name) in zip(ids, sides, strict=True)}
    visits = {bin_id: visit for bin_id, (visit, _) in zip(ids, sides, strict=True)}
    found = connection.execute(leak_query(table, "side")).fetchall()
    assert found == [leak_by_hand(split_of, visits)]


def test_the_real_files(
    connection: duckdb.DuckDBPyConnection, real_data: Callable[[str], Path]
) -> None:
    bins = bins_of(real_data(ARCHIVE))
    rows = split(connection, bins)
    assert {row[0]: row[3:] for row in rows} == split_by_hand(bins, SplitShares())
    visits = visits_by_hand(bins)
    leaks = [leak_by_hand({row[0]: row[at] for row in rows}, visits) for at in (3, 4)]
    assert leaks == [(412, 0), (421, 295)]

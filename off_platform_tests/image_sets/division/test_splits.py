"""Splits do not leak, meet their shares, and do not move when a set grows."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.image_sets.declaration.shares import EXCLUDED
from off_platform.image_sets.division.near_duplicates import NEAR_MOST, SameLooks
from off_platform.image_sets.division.splits import ASSIGNED, Samples, as_table, assign, split_set

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
HALVES = {"one": 0.5, "two": 0.5}
CONNECTION = duckdb.connect()
SAMPLES = pa.schema(
    {
        "position": pa.int64(),
        "sample": pa.string(),
        "unit": pa.string(),
        "place": pa.float64(),
        "stratum": pa.string(),
        "earlier": pa.string(),
        "known": pa.bool_(),
    }
)
LINKS = pa.schema({"sample": pa.string(), "link": pa.string()})


@dataclass(frozen=True)
class Sample:
    """A sample of a set; samples with one picture or with near pictures are near duplicates."""

    name: str
    unit: str | None
    place: float = 0.0
    stratum: str | None = None
    picture: int = -1
    items: tuple[str, ...] = ()
    earlier: str | None = None
    known: bool = False


@dataclass
class Set:
    """The samples of a set in order, and which pictures are near each other."""

    samples: Sequence[Sample]
    near: set[tuple[int, int]] = field(default_factory=set)
    # Of crowded pictures one that each is near to.
    crowded: dict[int, int] = field(default_factory=dict)

    def looks(self) -> SameLooks:
        """Which samples look the same."""
        first: dict[int, int] = {}
        of = [
            first.setdefault(sample.picture if sample.picture >= 0 else -2 - row, row)
            for row, sample in enumerate(self.samples)
        ]
        pairs = sorted(
            (max(first[one], first[two]), min(first[one], first[two]))
            for one, two in self.near
            if one in first and two in first and one != two
        )
        by = [first[self.crowded[s.picture]] if s.picture in self.crowded else -1 for s in
              self.samples]  # fmt: skip
        arrays = (of, [pair[1] for pair in pairs], [pair[0] for pair in pairs], by)
        return SameLooks(*(np.array(each, dtype=np.int64) for each in arrays))

    def split(self, shares: dict[str, float] = SHARES, **how: Any) -> list[dict[str, Any]]:
        """The outcome of each sample."""
        if how.pop("in_sql", False) or "strata_seed" in how:
            table = self._split_in_sql(shares, **how)
        else:
            links = {row: sorted(each.items) for row, each in enumerate(self.samples) if each.items}
            links = links if how.pop("item_disjoint", False) else {}
            found = self._as_samples(shares)
            table = as_table(found, assign(found, self.looks(), shares, links=links, **how), shares)
        assert table.schema == ASSIGNED
        found: list[dict[str, Any]] = table.to_pylist()
        assert [row["sample"] for row in found] == [sample.name for sample in self.samples]
        return found

    def _as_samples(self, shares: dict[str, float]) -> Samples:
        numbers = {name: number for number, name in enumerate(shares)}
        units: dict[str, int] = {}
        each = self.samples
        return Samples(
            pa.array([s.name for s in each], pa.string()),
            np.array([units.setdefault(s.unit or s.name, n) for n, s in enumerate(each)], np.int64),
            np.array([s.place for s in each]),
            np.array([numbers.get(s.earlier or "", -1) for s in each], np.int64),
            np.array([s.known for s in each], np.bool_),
        )

    def _split_in_sql(self, shares: dict[str, float], **how: Any) -> pa.Table:
        rows = [
            (row * 3, s.name, s.unit, s.place, s.stratum, s.earlier, s.known)
            for row, s in enumerate(self.samples)
        ]
        of_items = [(sample.name, item) for sample in self.samples for item in sample.items]
        for name, schema, values in (("samples", SAMPLES, rows), ("links", LINKS, of_items)):
            columns = [list(column) for column in zip(*values, strict=True)]
            CONNECTION.register(name, pa.table(columns or [[] for _ in schema], schema=schema))
        if how.pop("item_disjoint", False):
            how["links"] = "FROM links"
        samples = "FROM samples ORDER BY hash(position)"
        return split_set(CONNECTION, samples, self.looks(), shares, **how)


def of_units(count: int, photos: int = 1) -> Set:
    """Units with stable places, and photos of each in turn."""
    random = np.random.default_rng(1)
    places = random.random(count)
    return Set(
        [
            Sample(f"u{unit}-{photo}", f"u{unit}", places[unit], stratum=f"s{unit % 7}")
            for photo in range(photos)
            for unit in range(count)
        ]
    )


SOME_PLACE = st.floats(0, 1, exclude_max=True)


@st.composite
def sets(draw: st.DrawFn) -> Set:
    """Sets in which units, pictures and items are shared at random."""
    units = draw(st.integers(1, 8))
    places = draw(st.lists(SOME_PLACE, min_size=units, max_size=units))
    count = draw(st.integers(0, 30))
    samples = []
    for number in range(count):
        unit = draw(st.integers(0, units - 1))
        samples.append(
            Sample(
                f"x{number}",
                f"u{unit}",
                places[unit],
                stratum=draw(st.sampled_from(["a", "b", None])),
                picture=draw(st.integers(-1, 12)),
                items=tuple(draw(st.sets(st.sampled_from("pqrst"), max_size=2))),
            )
        )
    pictures = st.integers(0, 12)
    return Set(samples, draw(st.sets(st.tuples(pictures, pictures), max_size=8)))


def assert_no_leak(of: Set, rows: list[dict[str, Any]], *, item_disjoint: bool) -> None:
    """By comparing each kept sample with each."""
    near = {frozenset(pair) for pair in of.near} | {
        frozenset([sample.picture]) for sample in of.samples if sample.picture >= 0
    }
    kept = [
        (sample, row["split"])
        for sample, row in zip(of.samples, rows, strict=True)
        if row["split"] != EXCLUDED
    ]
    for (one, split), (two, other) in combinations(kept, 2):
        if split != other:
            assert one.unit != two.unit
            assert frozenset([one.picture, two.picture]) not in near
            assert not item_disjoint or not set(one.items) & set(two.items)


@given(sets(), st.booleans())
def test_nothing_leaks(of: Set, item_disjoint: bool) -> None:  # noqa: FBT001
    rows = of.split(HALVES, item_disjoint=item_disjoint)
    assert_no_leak(of, rows, item_disjoint=item_disjoint)
    assert {row["split"] for row in rows} <= {*HALVES, EXCLUDED}
    for row in rows:
        assert (row["excluded_because"] is not None) == (row["split"] == EXCLUDED)


@pytest.mark.slow
@given(sets(), st.integers(0, 30), st.booleans())
def test_a_larger_set_has_the_splits_of_the_smaller(
    of: Set,
    count: int,
    item_disjoint: bool,  # noqa: FBT001
) -> None:
    assert_begins_alike(of, count, item_disjoint=item_disjoint)


@settings(max_examples=10)
@given(sets(), st.integers(0, 30))
def test_a_larger_stratified_set_has_the_splits_of_the_smaller(of: Set, count: int) -> None:
    assert_begins_alike(of, count, strata_seed=1)
    assert_no_leak(of, of.split(HALVES, strata_seed=1), item_disjoint=False)


@settings(max_examples=10)
@given(sets(), st.booleans())
def test_the_samples_are_read_as_they_are(of: Set, item_disjoint: bool) -> None:  # noqa: FBT001
    how: dict[str, Any] = {"item_disjoint": item_disjoint}
    assert of.split(HALVES, in_sql=True, **how) == of.split(HALVES, **how)


def assert_begins_alike(of: Set, count: int, **how: Any) -> None:
    smaller = Set(of.samples[:count], of.near).split(HALVES, **how)
    larger = of.split(HALVES, **how)
    for row, later in zip(smaller, larger, strict=False):
        for column in ("split", "excluded_because"):
            assert row[column] == later[column]


@given(sets(), st.integers(0, 30))
def test_a_set_that_knows_its_earlier_version_has_the_same_splits(of: Set, count: int) -> None:
    """Whether the earlier version, with which the set begins, is there or was deleted."""
    before = {}
    for sample, row in zip(
        of.samples, Set(of.samples[:count], of.near).split(HALVES), strict=False
    ):
        if row["split"] != EXCLUDED:
            before[sample.unit] = row["split"]
    again = [
        Sample(**{**vars(sample), "earlier": before.get(sample.unit), "known": row < count})
        for row, sample in enumerate(of.samples)
    ]
    splits, expected = Set(again, of.near).split(HALVES), of.split(HALVES)
    assert [row["split"] for row in splits][:count] == [row["split"] for row in expected][:count]
    assert_no_leak(of, splits, item_disjoint=False)


@given(sets(), st.randoms(use_true_random=False), st.booleans())
def test_what_was_in_a_split_stays_there_in_any_order(of: Set, random: Any, more: bool) -> None:  # noqa: FBT001
    """As in a later month, in which other photos stand before and between them."""
    count = len(of.samples) // 2 if more else len(of.samples)
    rows = Set(of.samples[:count], of.near).split(HALVES)
    kept = {row["sample"]: row["split"] for row in rows if row["split"] != EXCLUDED}
    units = {s.unit: kept[s.name] for s in of.samples if s.name in kept}
    again = [
        Sample(**{**vars(sample), "earlier": units.get(sample.unit), "known": sample.name in kept})
        for sample in of.samples
    ]
    random.shuffle(again)
    splits = {row["sample"]: row["split"] for row in Set(again, of.near).split(HALVES)}
    assert {name: splits[name] for name in kept} == kept


@given(sets(), st.booleans())
def test_of_near_duplicates_one_is_kept(of: Set, with_splits: bool) -> None:  # noqa: FBT001
    rows = of.split(HALVES if with_splits else {}, distinct=True)
    near = {frozenset(pair) for pair in of.near}
    kept = [s for s, row in zip(of.samples, rows, strict=True) if row["split"] != EXCLUDED]
    for one, two in combinations(kept, 2):
        assert one.picture != two.picture or one.picture < 0
        assert frozenset([one.picture, two.picture]) not in near
    for row in rows:
        if row["split"] == EXCLUDED:
            assert row["excluded_because"].startswith("nearly the same photo as ")
            assert row["duplicate_group"] is not None


@given(sets())
def test_groups_are_connected_and_named_after_their_first_sample(of: Set) -> None:
    rows = of.split({})
    near = {frozenset(pair) for pair in of.near}
    groups: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        assert (row["split"], row["excluded_because"]) == (None, None)
        groups[row["duplicate_group"] or row["sample"]].append(number)
    for name, members in groups.items():
        assert of.samples[members[0]].name == name
        reached, before = {members[0]}, set[int]()
        while reached != before:
            before = set(reached)
            reached |= {
                two for two in range(len(rows)) for one in before
                if (one_of := of.samples[one].picture) >= 0
                and ((two_of := of.samples[two].picture) == one_of
                     or frozenset([one_of, two_of]) in near)
            }  # fmt: skip
        assert sorted(reached) == members
        assert (rows[members[0]]["duplicate_group"] is not None) == (len(members) > 1)


def test_shares_are_met() -> None:
    rows = of_units(3000, photos=2).split()
    counts = Counter(row["split"] for row in rows)
    assert counts.keys() == SHARES.keys()
    for split, share in SHARES.items():
        # Four standard deviations of what chance allows.
        assert abs(counts[split] / 2 - share * 3000) < 4 * (3000 * share * (1 - share)) ** 0.5


def test_strata_have_the_shares_each_however_few_their_units() -> None:
    of = of_units(210)
    rows = of.split(strata_seed=0)
    for stratum in {sample.stratum for sample in of.samples}:
        counts = Counter(
            row["split"]
            for sample, row in zip(of.samples, rows, strict=True)
            if sample.stratum == stratum
        )
        assert sum(counts.values()) == 30
        for split, share in SHARES.items():
            assert abs(counts[split] - 30 * share) <= 1.5
    other = [row["split"] for row in of.split(strata_seed=1)]
    assert other != [row["split"] for row in rows]


def test_folds_are_equal() -> None:
    of = of_units(500)
    counts = Counter(
        row["split"] for row in of.split({f"fold_{k}": 0.2 for k in range(5)}, strata_seed=0)
    )
    assert all(95 <= count <= 105 for count in counts.values())
    assert len(counts) == 5


def test_places_follow_the_shares_and_the_last_split_has_the_rest() -> None:
    places = [0.0, 0.7999, 0.8, 0.8999, 0.9, 0.99999]
    of = Set([Sample(f"x{place}", None, place) for place in places])
    expected = ["train", "train", "validation", "validation", "test", "test"]
    assert [row["split"] for row in of.split()] == expected


def test_a_unit_first_seen_with_a_known_photo_joins_its_split() -> None:
    of = Set(
        [
            Sample("a", "A", 0.1, picture=1),
            Sample("b", "B", 0.9, picture=2),
            Sample("b2", "B", 0.9),
            Sample("c", "C", 0.9, picture=4),
            Sample("c2", "C", 0.9, picture=1),
        ],
        {(1, 2)},
    )
    rows = of.split()
    assert [row["split"] for row in rows] == ["train", "train", "train", "test", EXCLUDED]
    assert [row["duplicate_group"] for row in rows] == ["a", "a", None, None, "a"]
    assert rows[4]["excluded_because"] == "nearly the same photo as a, which is in train"


def test_a_photo_between_two_splits_is_excluded() -> None:
    of = Set(
        [Sample("a", "A", 0.1, picture=1), Sample("b", "B", 0.95, picture=3),
         Sample("c", "C", 0.5, picture=2)],
        {(1, 2), (2, 3)},
    )  # fmt: skip
    rows = of.split()
    assert [row["split"] for row in rows] == ["train", "test", EXCLUDED]
    assert rows[2]["excluded_because"] == "nearly the same photo as b, which is in test"


CROWD = Set(
    [
        Sample("a", "A", 0.1, picture=1),
        Sample("b", "B", 0.95, picture=2),
        Sample("c", "C", 0.1, picture=2),
        Sample("d", "B", 0.95, picture=3),
        Sample("e", "E", 0.95, picture=4),
    ],
    {(1, 4)},
    {2: 1, 3: 1},
)


@pytest.mark.parametrize(("shares", "distinct"), [(SHARES, False), (SHARES, True), ({}, True)])
def test_a_crowded_photo_is_excluded(shares: dict[str, float], distinct: bool) -> None:  # noqa: FBT001
    rows = CROWD.split(shares, distinct=distinct)
    kept = "train" if shares else None
    last = EXCLUDED if distinct else kept
    assert [row["split"] for row in rows] == [kept, EXCLUDED, EXCLUDED, EXCLUDED, last]
    assert [row["duplicate_group"] for row in rows] == ["a"] * 5
    because = f"nearly the same photo as a and at least {NEAR_MOST} others"
    assert {row["excluded_because"] for row in rows[1:4]} == {because}


def test_without_splits_a_crowded_photo_is_in_the_group_of_its_near_one() -> None:
    rows = CROWD.split({})
    assert [row["duplicate_group"] for row in rows] == ["a"] * 5
    assert {(row["split"], row["excluded_because"]) for row in rows} == {(None, None)}


def test_a_sample_that_shares_an_item_with_another_split_is_excluded() -> None:
    of = Set(
        [Sample("a", "A", 0.1, items=("p", "q")), Sample("b", "B", 0.95, items=("q", "r")),
         Sample("c", "C", 0.95, items=("r",)), Sample("d", "D", 0.2, items=("q", "s"))]
    )  # fmt: skip
    rows = of.split(item_disjoint=True)
    assert [row["split"] for row in rows] == ["train", EXCLUDED, "test", "train"]
    assert rows[1]["excluded_because"] == "shares the item q with a, which is in train"
    assert [row["split"] for row in of.split()] == ["train", "test", "test", "train"]


def test_of_nothing_there_is_nothing() -> None:
    assert Set([]).split() == []


@pytest.mark.slow
@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_a_thousand_samples_that_grow_to_five_thousand_do_not_move(seed: int) -> None:
    random = np.random.default_rng(seed)
    places = random.random(2000)
    samples = [
        Sample(f"x{number}", f"u{unit}", places[unit], f"s{unit % 9}", int(random.integers(4000)))
        for number, unit in enumerate(random.integers(0, 2000, 5000).tolist())
    ]
    near = {tuple(sorted(pair)) for pair in random.integers(0, 4000, (200, 2)).tolist()}
    smaller = Set(samples[:1000], near).split(strata_seed=3)
    larger = Set(samples, near).split(strata_seed=3)
    assert [row["split"] for row in larger[:1000]] == [row["split"] for row in smaller]
    assert_no_leak(Set(samples[:1000], near), smaller, item_disjoint=False)

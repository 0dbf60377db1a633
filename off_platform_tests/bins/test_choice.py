"""What is chosen agrees with the same rules in plain Python, whatever the order of the tables."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from off_platform.bins.choice import BinChoice, candidates_query, known_query, objects_query
from off_platform.stable_order import mix, words

Sample = tuple[Any, ...]
FEW_ITEMS = 6
# What belongs to the pilot set comes behind the largest position of the main set.
PILOT_FROM = 2**31


class Item(NamedTuple):
    """An item of a bin: its key, its ASIN and how many."""

    fcsku: str
    asin: str | None
    quantity: int = 1


class Bin(NamedTuple):
    """A bin as the tables have it."""

    id: str
    expected: int = 1
    items: tuple[Item, ...] = ()
    visit: str = ""
    split: str = "train"
    has_photo: bool = True

    @property
    def is_pilot(self) -> bool:
        """Whether the id is not padded."""
        return len(self.id) < 5

    @property
    def visit_id(self) -> str:
        """The visit; the bin alone where there is none."""
        return self.visit or self.id

    @property
    def difference(self) -> int:
        """Expected minus sum of the items."""
        return self.expected - sum(item.quantity for item in self.items)


def bins_rows(bins: Iterable[Bin]) -> list[dict[str, Any]]:
    """The rows of `bins` that a choice looks at."""
    return [
        {
            "id": each.id,
            "id_space": "pilot" if each.is_pilot else "main",
            "position": int(each.id),
            "expected_quantity": each.expected,
            "difference": each.difference,
            "difficulty": "moderate" if each.expected < FEW_ITEMS else "hard",
            "visit_id": each.visit_id,
            "image_key": f"bin-images/{each.id}.jpg" if each.has_photo else None,
            "etag": None,
            "metadata_md5": f"MD5 of {each.id}",
        }
        for each in bins
    ]


BINS = pa.schema(
    [
        (
            name,
            pa.int64() if name in {"position", "expected_quantity", "difference"} else pa.string(),
        )
        for name in bins_rows([Bin("00001")])[0]
    ]
)
ITEMS = pa.schema([("bin_id", pa.string()), ("fcsku", pa.string()), ("asin", pa.string())])
SPLITS = pa.schema([("id", pa.string()), ("split", pa.string())])


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as made:
        yield made


def fill(connection: duckdb.DuckDBPyConnection, bins: list[Bin]) -> None:
    """Makes the three tables that a choice is made from."""
    tables = {
        "bins": (bins_rows(bins), BINS),
        "bin_items": (
            [
                {"bin_id": each.id, "fcsku": item.fcsku, "asin": item.asin}
                for each in bins
                for item in each.items
            ],
            ITEMS,
        ),
        "bin_splits": ([{"id": each.id, "split": each.split} for each in bins], SPLITS),
    }
    for name, (rows, schema) in tables.items():
        connection.register("given", pa.Table.from_pylist(rows, schema))
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS FROM given").fetchall()
        connection.unregister("given")


def chosen(connection: duckdb.DuckDBPyConnection, bins: list[Bin], **options: Any) -> list[Sample]:
    """The objects that are chosen, in order."""
    fill(connection, bins)
    choice = BinChoice.model_validate(options)
    candidates = candidates_query(choice, "bins", "bin_items", "bin_splits")
    return connection.execute(objects_query(choice, candidates)).fetchall()


def ids_of(samples: Iterable[Sample]) -> list[str]:
    return [sample[1] for sample in samples if sample[4] == "photo"]


def place(each: Bin, seed: int) -> int:
    """Where a bin comes in the order of a seed."""
    first, second = words(seed)
    number = int(each.id) + PILOT_FROM * each.is_pilot
    return mix(mix(number ^ first) ^ second)


def fits(each: Bin, choice: BinChoice) -> bool:
    """Whether a bin meets the options."""
    difficulty = "moderate" if each.expected < FEW_ITEMS else "hard"
    most = choice.most_quantity
    return all(
        (
            each.has_photo,
            choice.id_space in {"both", "pilot" if each.is_pilot else "main"},
            choice.difficulty in {None, difficulty},
            each.expected >= choice.least_quantity,
            most is None or each.expected <= most,
            not (choice.exact and each.difference),
            not choice.asins or any(item.asin in choice.asins for item in each.items),
            not choice.skus or any(item.fcsku in choice.skus for item in each.items),
            choice.only_split in {None, each.split},
        )
    )


def by_hand(bins: list[Bin], choice: BinChoice) -> list[str]:
    """The ids that a choice takes, by the same rules, one at a time."""
    taken: list[str] = []
    of_visit, of_class = set[str](), Counter[int]()
    for each in sorted(bins, key=lambda one: (place(one, choice.seed), one.id)):
        if not fits(each, choice) or (choice.one_per_visit and each.visit_id in of_visit):
            continue
        of_visit.add(each.visit_id)
        of_class[each.expected] += 1
        if choice.per_class is None or of_class[each.expected] <= choice.per_class:
            taken.append(each.id)
    return taken[: choice.n]


def shelf(number: int) -> list[Bin]:
    """Bins in visits of three, with quantities of 0 to 9, a tenth of them of the pilot set."""
    split_of = ("train", "train", "validation", "test")
    main = [
        Bin(
            f"{at:05d}",
            at % 10,
            (Item(f"B{at % 7:09d}", f"B{at % 7:09d}", at % 10),),
            f"{at - at % 3:05d}",
            split_of[at // 3 % 4],
        )
        for at in range(3, number + 3)
    ]
    return main + [Bin(str(at), at % 6) for at in range(1, number // 10 + 1)]


def test_a_pinned_result(connection: duckdb.DuckDBPyConnection) -> None:
    # What was chosen once must be chosen for ever: sets of different years are compared.
    bins = [Bin(f"{at:05d}") for at in range(1, 9)] + [Bin("100000"), Bin("1"), Bin("523")]
    assert ids_of(chosen(connection, bins, n=6, seed=7, id_space="both")) == PINNED_7
    assert ids_of(chosen(connection, bins, n=3)) == PINNED_0


PINNED_7 = ["00007", "00003", "00005", "00008", "523", "00004"]
PINNED_0 = ["00006", "00001", "00002"]


def test_a_sample_is_a_photo_and_then_its_metadata(connection: duckdb.DuckDBPyConnection) -> None:
    bins = [Bin("00001"), Bin("1"), Bin("100000")]
    found = chosen(connection, bins, id_space="both", n=None)
    assert [sample[0] for sample in found] == [0, 0, 1, 1, 2, 2]
    for at, bin_id in enumerate(ids_of(found)):
        photo, metadata = f"{bin_id}.jpg", f"{bin_id}.json"
        assert found[2 * at : 2 * at + 2] == [
            (at, bin_id, f"bin-images/{photo}", photo, "photo", None, None, photo, None),
            (
                at,
                bin_id,
                f"metadata/{metadata}",
                metadata,
                "metadata",
                None,
                None,
                metadata,
                f"MD5 of {bin_id}",
            ),
        ]
    assert sorted(ids_of(found)) == ["00001", "1", "100000"]


A, B, ZZ = Item("B00TEST00A", "B00TEST00A"), Item("B00TEST00B", "B00TEST00B"), "ZZ00TEST00"
EXAMPLES = [
    Bin("00001", 0),
    Bin("00002", 1, (A,)),
    Bin("00003", 5, (Item(A.fcsku, A.asin, 5),), visit="00002", split="validation"),
    Bin("00004", 6, (A, Item(B.fcsku, B.asin, 5)), split="test"),
    # More is expected than there is.
    Bin("00005", 7, (Item(ZZ, "B00TEST00B", 6),)),
    Bin("00006", 1, (Item("B00NOASIN0", None),)),
    Bin("00007", 2, (A, B), has_photo=False),
    Bin("1", 0),
    Bin("2", 5, (A, B), split="validation"),
]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "00001 00002 00003 00004 00005 00006"),
        ({"id_space": "pilot"}, "1 2"),
        ({"id_space": "both"}, "00001 00002 00003 00004 00005 00006 1 2"),
        ({"difficulty": "moderate"}, "00001 00002 00003 00006"),
        ({"difficulty": "hard"}, "00004 00005"),
        ({"least_quantity": 5}, "00003 00004 00005"),
        ({"most_quantity": 0}, "00001"),
        ({"least_quantity": 1, "most_quantity": 5}, "00002 00003 00006"),
        ({"exact": True}, "00001 00002 00004 00003 00006"),
        ({"asins": ["B00TEST00A"]}, "00002 00003 00004"),
        ({"asins": ["B00TEST00B"]}, "00004 00005"),
        ({"skus": ["B00TEST00B"]}, "00004"),
        ({"skus": [ZZ]}, "00005"),
        ({"asins": [ZZ]}, ""),
        ({"asins": ["b00test00a"]}, ""),
        ({"asins": ["B00TEST00A", "B00NOSUCH0"]}, "00002 00003 00004"),
        ({"asins": ["B00TEST00B"], "skus": ["B00TEST00A"]}, "00004"),
        ({"skus": ["B00NOASIN0"]}, "00006"),
        ({"split": "train"}, "00001 00002 00005 00006"),
        ({"split": "validation"}, "00003"),
        ({"split": "validation", "id_space": "both"}, "00003 2"),
        ({"split": "test", "difficulty": "moderate"}, ""),
    ],
)
def test_each_filter(
    connection: duckdb.DuckDBPyConnection, options: dict[str, Any], expected: str
) -> None:
    assert sorted(ids_of(chosen(connection, EXAMPLES, **options))) == sorted(expected.split())


ITEM = st.builds(
    Item,
    st.sampled_from(["B0", "B1", "ZZ"]),
    st.sampled_from(["B0", "B1", None]),
    st.integers(1, 3),
)
ID = st.one_of(
    st.integers(1, 40).map(str),
    st.integers(1, 40).map("{:05d}".format),
    st.integers(100_000, 100_003).map(str),
)
LISTED = st.lists(
    st.builds(
        Bin,
        ID,
        st.integers(0, 8),
        st.lists(ITEM, max_size=2, unique_by=lambda item: item.fcsku).map(tuple),
        st.sampled_from(["", "00001", "00002"]),
        st.sampled_from(["train", "validation", "test"]),
        st.booleans(),
    ),
    max_size=40,
    unique_by=lambda each: each.id,
)


def _quantities_can_fit(options: dict[str, Any]) -> bool:
    """Whether there is a quantity that the options allow, counted out."""
    most, difficulty = options.get("most_quantity"), options.get("difficulty")
    return any(
        options.get("least_quantity", 0) <= quantity
        and (most is None or quantity <= most)
        and (difficulty is None or (difficulty == "moderate") == (quantity < 6))
        for quantity in range(20)
    )


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "n": st.one_of(st.none(), st.integers(1, 20)),
        "seed": st.integers(),
        "id_space": st.sampled_from(["main", "pilot", "both"]),
        "difficulty": st.sampled_from(["moderate", "hard", None]),
        "least_quantity": st.integers(0, 6),
        "most_quantity": st.one_of(st.none(), st.integers(0, 8)),
        "per_class": st.one_of(st.none(), st.integers(1, 3)),
        "one_per_visit": st.booleans(),
        "exact": st.booleans(),
        "asins": st.lists(st.sampled_from(["B0", "B1", "ZZ"]), max_size=2),
        "skus": st.lists(st.sampled_from(["B0", "B1", "ZZ"]), max_size=2),
        "split": st.sampled_from(["train", "validation", "test", None]),
    },
)


@given(OPTIONS)
def test_quantities_that_exclude_each_other_are_refused(options: dict[str, Any]) -> None:
    if _quantities_can_fit(options):
        BinChoice.model_validate(options)
    else:
        with pytest.raises(ValidationError, match="so no bin"):
            BinChoice.model_validate(options)


@pytest.mark.slow
@given(LISTED, OPTIONS.filter(_quantities_can_fit))
def test_every_option_agrees_with_the_rules_by_hand(
    connection: duckdb.DuckDBPyConnection, bins: list[Bin], options: dict[str, Any]
) -> None:
    found = chosen(connection, bins, **options)
    assert ids_of(found) == by_hand(bins, BinChoice.model_validate(options))
    assert [sample[0] for sample in found] == [at // 2 for at in range(len(found))]


@pytest.mark.slow
def test_threads_and_the_order_of_rows_do_not_matter() -> None:
    bins, results = shelf(3000), []
    for threads in (1, 2, 4, 4):
        with duckdb.connect(config={"threads": threads}) as connection:
            results.append(
                [
                    chosen(connection, bins, n=200, seed=3),
                    chosen(connection, bins, n=None, per_class=9, one_per_visit=True),
                    chosen(connection, bins, n=200, asins=["B000000003"], split="train"),
                ]
            )
        random.Random(threads).shuffle(bins)
    assert all(result == results[0] for result in results)
    assert [len(found) for found in results[0]] == [400, 180, 400]


def test_a_seed_chooses_the_same_bins_and_another_one_others(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    bins = shelf(1000)
    of_seed = {
        seed: ids_of(chosen(connection, bins, n=100, seed=seed)) for seed in (0, 1, -1, 2**80)
    }
    for seed, ids in of_seed.items():
        assert ids_of(chosen(connection, bins, n=100, seed=seed)) == ids
    for one, other in ((0, 1), (1, -1), (0, 2**80)):
        # Ten of a hundred are expected to be in both.
        assert len(set(of_seed[one]) & set(of_seed[other])) < 30
    # Neighbours are drawn apart: nothing but chance puts them beside one another.
    positions = [int(bin_id) for bin_id in of_seed[0]]
    assert sum(abs(a - b) < 3 for a, b in pairwise(positions)) < 5


@pytest.mark.parametrize(
    "options",
    [{}, {"per_class": 40}, {"one_per_visit": True}, {"split": "train", "difficulty": "hard"}],
)
def test_a_larger_n_keeps_what_a_smaller_one_chose(
    connection: duckdb.DuckDBPyConnection, options: dict[str, Any]
) -> None:
    bins = shelf(500)
    everything = chosen(connection, bins, n=None, **options)
    assert len(everything) > 150
    for n in (1, 2, 10, 99, 5000):
        assert chosen(connection, bins, n=n, **options) == everything[: 2 * n]


def test_new_bins_leave_the_order_of_the_others(connection: duckdb.DuckDBPyConnection) -> None:
    bins = shelf(300)
    before = ids_of(chosen(connection, bins, n=None))
    more = ids_of(
        chosen(connection, [*bins, *(Bin(f"{at:06d}") for at in range(100_000, 100_050))], n=None)
    )
    assert [bin_id for bin_id in more if bin_id in set(before)] == before
    assert len(more) == len(before) + 50


def test_classes_are_balanced(connection: duckdb.DuckDBPyConnection) -> None:
    bins = shelf(1000)
    quantity_of = {each.id: each.expected for each in bins}
    found = ids_of(chosen(connection, bins, n=None, per_class=20, most_quantity=5))
    assert Counter(quantity_of[bin_id] for bin_id in found) == dict.fromkeys(range(6), 20)
    # A class of fewer has all it has.
    few = ids_of(chosen(connection, bins, n=None, per_class=10_000))
    assert sorted(few) == sorted(each.id for each in bins if not each.is_pilot)


def test_one_of_a_visit_is_taken_before_classes_are_filled(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    bins = shelf(900)
    of_id = {each.id: each for each in bins}
    found = ids_of(chosen(connection, bins, n=None, one_per_visit=True))
    visits = Counter(of_id[bin_id].visit_id for bin_id in found)
    assert set(visits) == {each.visit_id for each in bins if not each.is_pilot}
    assert set(visits.values()) == {1}
    both = ids_of(chosen(connection, bins, n=None, one_per_visit=True, per_class=7))
    assert set(both) < set(found)
    assert Counter(of_id[bin_id].expected for bin_id in both) == dict.fromkeys(range(10), 7)


def test_which_of_a_visit_is_taken_is_drawn_too(connection: duckdb.DuckDBPyConnection) -> None:
    found = ids_of(chosen(connection, shelf(900), n=None, one_per_visit=True))
    places = Counter(int(bin_id) % 3 for bin_id in found)
    assert set(places) == {0, 1, 2}
    assert min(places.values()) > 60


HOSTILE = ["'", "''", "B0' OR '1'='1", "x') OR (1=1", "'); DROP TABLE bins; --", "\\'", "%", "é"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("option", ["asins", "skus"])
def test_codes_are_only_texts(
    connection: duckdb.DuckDBPyConnection, text: str, option: str
) -> None:
    bins = [*shelf(30), Bin("00090", 1, (Item(text, text),))]
    assert ids_of(chosen(connection, bins, **{option: [text]})) == ["00090"]
    assert ids_of(chosen(connection, bins[:-1], **{option: [text]})) == []


def test_codes_that_a_bin_has_are_known(connection: duckdb.DuckDBPyConnection) -> None:
    fill(connection, EXAMPLES)
    codes = ("B00TEST00A", "B00NOASIN0", "x' OR '1'='1", ZZ)

    def known(column: str) -> set[str]:
        return {
            code
            for (code,) in connection.execute(known_query("bin_items", column, codes)).fetchall()
        }

    assert known("asin") == {"B00TEST00A"}
    assert known("fcsku") == {"B00TEST00A", "B00NOASIN0", ZZ}


def test_there_may_be_nothing_to_choose(connection: duckdb.DuckDBPyConnection) -> None:
    assert chosen(connection, [], n=5) == []
    assert chosen(connection, [Bin("00001", has_photo=False)], n=None) == []


def test_one_split_chooses_and_shares_divide() -> None:
    assert BinChoice.model_validate({"split": "test"}) == BinChoice(only_split="test")
    divided = BinChoice.model_validate({"split": "train=0.9,test=0.1", "only_split": "train"})
    assert divided.shares == {"train": 0.9, "test": 0.1}
    assert divided.only_split == "train"
    assert BinChoice.model_validate(divided.model_dump()) == divided
    assert BinChoice.model_validate({"split": {"a": 0.5, "b": 0.5}}).split == "a=0.5,b=0.5"
    with pytest.raises(
        ValidationError, match="split: 'dev' is not one of 'train', 'validation', 'test'"
    ):
        BinChoice.model_validate({"split": "dev"})
    with pytest.raises(ValidationError, match="item_disjoint needs split or folds"):
        BinChoice.model_validate({"split": "test", "item_disjoint": True})
    assert BinChoice(folds=3, item_disjoint=True).shares


def test_excluded_bins_are_not_chosen(connection: duckdb.DuckDBPyConnection) -> None:
    fill(connection, EXAMPLES)
    choice = BinChoice()
    all_of_them = candidates_query(choice, "bins", "bin_items", "bin_splits")
    ids = ids_of(connection.execute(objects_query(choice, all_of_them)).fetchall())
    out = f"(SELECT '{ids[1]}' AS id UNION ALL SELECT '77777')"
    rest = candidates_query(choice, "bins", "bin_items", "bin_splits", out)
    assert ids_of(connection.execute(objects_query(choice, rest)).fetchall()) == [
        ids[0], *ids[2:],
    ]  # fmt: skip

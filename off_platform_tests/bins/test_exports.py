"""Labels in others' forms: read back the way that their code reads them."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.bins.exports import write_exports
from off_platform_tests.bins.plain_bins import ARCHIVE, PlainBin, bins_of, make_tables

UDACITY_LIST = "bins/lists/udacity_file_list.json"
SPLITS = ("train", "validation", "test")
FILES = [
    "labels.parquet",
    "verification_pairs.parquet",
    "abid_metadata.json",
    "abid_random_trainset.txt",
    "abid_counting_trainset.json",
    "abid_random_valset.txt",
    "abid_counting_valset.json",
    "udacity_file_list.json",
]


def a_bin(bin_id: str, quantity: int, name: str = "A mug") -> PlainBin:
    """A bin with a number of one item, and its JSON."""
    items = {"B00TEST001": {"quantity": quantity, "name": name}} if quantity else {}
    text = json.dumps({"BIN_FCSKU_DATA": items, "EXPECTED_QUANTITY": quantity})
    return PlainBin(bin_id, quantity, dict.fromkeys(items, quantity), text)


def split_of(each: PlainBin) -> str:
    """A split that a test can tell by the id."""
    return SPLITS[each.position % 3]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


def export(connection: duckdb.DuckDBPyConnection, bins: list[PlainBin], to: Path) -> list[str]:
    """Writes all forms, each bin in the split of `split_of`."""
    table, items = make_tables(connection, bins)
    cases = " ".join(f"WHEN {at} THEN '{name}'" for at, name in enumerate(SPLITS))
    labelled = f"SELECT *, CASE position % 3 {cases} END AS split FROM {table}"
    return write_exports(connection, labelled, table, items, to)


def in_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def counting_as_abid(to: Path, name: str) -> list[list[int]]:
    """The counting list that ABID's code makes of its split list and metadata."""
    metadata = in_json(to / "abid_metadata.json")
    places = [
        int(line) - 1 for line in (to / f"abid_random_{name}set.txt").read_text().splitlines()
    ]
    return [
        [place, metadata[place]["EXPECTED_QUANTITY"]]
        for place in places
        if metadata[place]["EXPECTED_QUANTITY"] < 6
    ]


def test_the_files_of_a_few_bins(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    bins = [a_bin("00005", 6), a_bin("00001", 0), a_bin("00004", 5), a_bin("00003", 2)]
    assert export(connection, bins, tmp_path) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    texts = {each.position: json.loads(each.text) for each in bins}
    assert in_json(tmp_path / "abid_metadata.json") == [
        texts[1], {}, texts[3], texts[4], texts[5],
    ]  # fmt: skip
    assert (tmp_path / "abid_random_trainset.txt").read_text() == "3\n"
    assert (tmp_path / "abid_random_valset.txt").read_text() == "1\n4\n"
    assert in_json(tmp_path / "abid_counting_trainset.json") == [[2, 2]]
    assert in_json(tmp_path / "abid_counting_valset.json") == [[0, 0], [3, 5]]
    assert in_json(tmp_path / "udacity_file_list.json") == {
        "1": [],
        "2": ["data/metadata/00003.json"],
        "3": [],
        "4": [],
        "5": ["data/metadata/00004.json"],
    }


def test_no_bins(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert export(connection, [], tmp_path) == FILES
    assert in_json(tmp_path / "abid_metadata.json") == []
    assert in_json(tmp_path / "abid_counting_valset.json") == []
    assert (tmp_path / "abid_random_valset.txt").read_text() == ""
    assert in_json(tmp_path / "udacity_file_list.json") == {str(at): [] for at in range(1, 6)}
    assert pq.read_table(tmp_path / "labels.parquet").num_rows == 0


def test_the_pilot_set_is_no_part_of_abid(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    export(connection, [a_bin("1", 3), a_bin("00001", 2), a_bin("523", 1)], tmp_path)
    metadata = in_json(tmp_path / "abid_metadata.json")
    assert [each["EXPECTED_QUANTITY"] for each in metadata] == [2]
    assert (tmp_path / "abid_random_valset.txt").read_text() == "1\n"
    listed = in_json(tmp_path / "udacity_file_list.json")
    assert listed["3"] == ["data/metadata/1.json"]
    assert listed["2"] == ["data/metadata/00001.json"]
    assert listed["1"] == ["data/metadata/523.json"]


def test_ids_of_six_digits(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    export(connection, [a_bin("100000", 4), a_bin("99999", 3)], tmp_path)
    metadata = in_json(tmp_path / "abid_metadata.json")
    assert len(metadata) == 100_000
    assert [each["EXPECTED_QUANTITY"] for each in metadata[-2:]] == [3, 4]
    assert not any(metadata[:-2])
    assert (tmp_path / "abid_random_trainset.txt").read_text() == "99999\n"
    assert (tmp_path / "abid_random_valset.txt").read_text() == "100000\n"


def test_the_labels(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    export(connection, [a_bin("2", 1), a_bin("00010", 7), a_bin("00009", 0)], tmp_path)
    rows = pq.read_table(tmp_path / "labels.parquet").to_pylist()
    assert [row["id"] for row in rows] == ["00009", "00010", "2"]
    assert rows[1] == {
        "id": "00010",
        "id_space": "main",
        "expected_quantity": 7,
        "items_quantity": 7,
        "skus": 1,
        "difficulty": "hard",
        "visit_id": "00009",
        "split": "validation",
    }


def test_names_come_through_as_they_are(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    name = 'Tasse "Café" \N{SNOWMAN} \x85 \\ \ufffd </script>'
    export(connection, [a_bin("00001", 1, name)], tmp_path)
    ((item,),) = (
        [*each["BIN_FCSKU_DATA"].values()] for each in in_json(tmp_path / "abid_metadata.json")
    )
    assert item["name"] == name


@pytest.mark.slow
@settings(max_examples=30)
@given(
    quantities=st.dictionaries(st.integers(1, 60), st.integers(0, 9), max_size=30),
    order=st.randoms(use_true_random=False),
)
def test_abid_counts_the_same(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    quantities: dict[int, int],
    order: random.Random,
) -> None:
    bins = [a_bin(f"{at:05d}", quantity) for at, quantity in quantities.items()]
    order.shuffle(bins)
    export(connection, bins, folder)
    metadata = in_json(folder / "abid_metadata.json")
    assert len(metadata) == max(quantities, default=0)
    assert {at for at, each in enumerate(metadata, start=1) if each} == set(quantities)
    for split, name in (("train", "train"), ("validation", "val")):
        lines = (folder / f"abid_random_{name}set.txt").read_text().split()
        expected = sorted(each.position for each in bins if split_of(each) == split)
        assert lines == [str(at) for at in expected]
        assert in_json(folder / f"abid_counting_{name}set.json") == counting_as_abid(folder, name)


def bytes_of(
    connection: duckdb.DuckDBPyConnection, bins: list[PlainBin], to: Path
) -> dict[str, bytes]:
    """All files, by name."""
    return {name: (to / name).read_bytes() for name in export(connection, bins, to)}


def test_the_order_of_rows_changes_no_byte(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    bins = [a_bin(f"{at:05d}", at % 8) for at in range(1, 1500)]
    first = bytes_of(connection, bins, tmp_path)
    random.Random(1).shuffle(bins)
    assert bytes_of(connection, bins, tmp_path) == first


def test_the_order_of_rows_changes_no_byte_of_both_id_spaces(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    bins = [a_bin(name, at % 8) for at in range(1, 1200) for name in (f"{at:05d}", str(at))]
    first = bytes_of(connection, bins, tmp_path)
    random.Random(1).shuffle(bins)
    assert bytes_of(connection, bins, tmp_path) == first


@pytest.mark.slow
def test_the_real_files(
    connection: duckdb.DuckDBPyConnection, real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    bins = bins_of(real_data(ARCHIVE))
    export(connection, bins, tmp_path)
    texts = [json.loads(each.text) for each in bins]
    assert in_json(tmp_path / "abid_metadata.json") == texts
    few = [
        [each.position - 1, each.expected_quantity]
        for each in bins
        if each.expected_quantity < 6 and split_of(each) == "train"
    ]
    assert in_json(tmp_path / "abid_counting_trainset.json") == few
    ours = in_json(tmp_path / "udacity_file_list.json")
    at_hand = {f"data/metadata/{each.id}.json" for each in bins}
    for quantity, paths in in_json(real_data(UDACITY_LIST)).items():
        assert at_hand.intersection(paths) <= set(ours[quantity])

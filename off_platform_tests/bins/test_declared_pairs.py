"""Declared sets of which one holds out what another trains with are found."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from off_platform.bins.choice import BinChoice
from off_platform.bins.declared_pairs import Declared, declared_choices, shared_bins
from off_platform.bins.splits import SplitShares, splits_query
from off_platform.storage.lake import Lake
from off_platform_tests.bins.plain_bins import PlainBin, make_tables

BINS = [PlainBin(f"{at:05d}", at % 6, {f"F{at // 2}": 1}) for at in range(1, 401)]


class TablesOnly(Lake):
    """The bins' tables of a connection, in the place of a lake's files."""

    def rows_of(self, table: str, partition: tuple[str, str] | None = None) -> str:  # noqa: ARG002
        """The table of the connection."""
        return table


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        make_tables(made, BINS)
        made.execute("""CREATE OR REPLACE TABLE bins AS
            SELECT *, concat(id, '.jpg') AS image_key, 0 AS difference,
                NULL::VARCHAR AS metadata_md5 FROM bins""").fetchall()
        made.execute(f"CREATE TABLE bin_splits AS {splits_query('bins', SplitShares())}").fetchall()
        yield made


@pytest.mark.parametrize(
    ("choices", "pairs"),
    [
        ({"a": BinChoice(), "a_test": BinChoice(split="test")}, {("a_test", "a")}),
        ({"a": BinChoice(split="train"), "a_test": BinChoice(split="test")}, set()),
        ({"all": BinChoice(), "other": BinChoice(split="validation")}, {("other", "all")}),
        ({"a": BinChoice(), "a_val": BinChoice(seed=3)}, {("a_val", "a")}),
        ({"a": BinChoice(), "b": BinChoice(seed=3)}, set()),
        ({"a_test": BinChoice(split="test"), "b": BinChoice(split="test", seed=2)}, set()),
    ],
)
def test_pairs_that_share_a_visit_are_found(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    choices: dict[str, BinChoice],
    pairs: set[tuple[str, str]],
) -> None:
    declared = {name: Declared(choice) for name, choice in choices.items()}
    found = list(shared_bins(TablesOnly(str(tmp_path)), connection, declared))
    assert {(each.held_out, each.other) for each in found} == pairs
    assert all(each.photos > 10 and 'split = "train"' in each.sentence for each in found)


@pytest.mark.parametrize(
    ("name", "description", "is_held_out"),
    [
        ("counting-eval", "", True),
        ("test_counting", "", True),
        ("counting_test2", "", True),
        ("counting_holdout", "", True),
        ("dev", "", True),
        ("fresh", "Bins that no training has seen.", True),
        ("fresh", "Bins never seen before.", True),
        ("fresh", "Held-out bins.", True),
        ("fresh", "50 bins to test counting.", True),
        ("latest", "", False),
        ("contest", "", False),
        ("values", "", False),
        ("others", "Bins of 0 to 5 items, to train counting.", False),
    ],
)
def test_a_counterpart_is_known_by_its_name_or_description(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    name: str,
    description: str,
    *,
    is_held_out: bool,
) -> None:
    declared = {"counting": Declared(BinChoice()), name: Declared(BinChoice(), description)}
    found = list(shared_bins(TablesOnly(str(tmp_path)), connection, declared))
    assert [each.held_out for each in found] == ([name] if is_held_out else [])
    declared[name] = Declared(BinChoice(split="train"), description)
    assert list(shared_bins(TablesOnly(str(tmp_path)), connection, declared)) == []


def test_the_sets_of_this_platform_are_apart(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    declared = declared_choices(Path(__file__).parents[2] / "image_sets.toml")
    assert {"counting", "counting_test"} <= declared.keys()
    assert list(shared_bins(TablesOnly(str(tmp_path)), connection, declared)) == []

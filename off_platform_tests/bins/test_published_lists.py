"""The README's query says how much a split by a published list leaks."""

from collections.abc import Callable
from pathlib import Path

import duckdb

from off_platform_tests.bins.plain_bins import (
    ARCHIVE,
    PlainBin,
    bins_of,
    leak_by_hand,
    make_tables,
    visits_by_hand,
)

ABID = "bins/lists/abid_random_val.txt"
README = Path(__file__).resolve().parents[2] / "README.md"


def leak_of(bins: list[PlainBin], published: Path) -> tuple[int, int]:
    """How many bins of the list are at hand, and how many of them leak, as the README asks."""
    _, _, after = README.read_text(encoding="utf-8").partition("SELECT count(*) AS held_out")
    query = f"SELECT count(*) AS held_out{after.partition('```')[0]}"
    with duckdb.connect() as connection:
        table, _ = make_tables(connection, bins)
        connection.execute(f"CREATE VIEW readable AS FROM {table}")
        query = query.replace("FROM bins", "FROM readable")
        (found,) = connection.execute(query.replace("random_val.txt", str(published))).fetchall()
    return found[0], found[1]


def test_the_leak_of_a_list(tmp_path: Path) -> None:
    bins = [
        PlainBin("00001", 1, {"A": 1}),
        PlainBin("00002", 1, {"A": 1}),
        PlainBin("00003", 1, {"B": 1}),
        PlainBin("2", 1, {"A": 1}),
    ]
    published = tmp_path / "list.txt"
    for listed, leak in {
        "2\n": (1, 1),
        "1\n2\n": (2, 0),
        "2\n3\n9\n": (2, 1),
        "00001\n": (1, 1),
        "9\n": (0, 0),
    }.items():
        published.write_text(listed)
        assert leak_of(bins, published) == leak


def test_the_real_validation_list_leaks(real_data: Callable[[str], Path]) -> None:
    bins = bins_of(real_data(ARCHIVE))
    listed = {line.rjust(5, "0") for line in real_data(ABID).read_text().split()}
    by_hand = {each.id: "validation" if each.id in listed else "train" for each in bins}
    leak = leak_of(bins, real_data(ABID))
    assert leak == leak_by_hand(by_hand, visits_by_hand(bins)) == (227, 160)

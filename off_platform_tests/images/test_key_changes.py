"""Month against month agrees with plain sets of keys."""

from collections import Counter
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.images import keys
from off_platform.images.key_changes import NO_CHANGES, changes_query
from off_platform.images.schemas import KEY_CHANGES
from off_platform.storage.sql import literal

SINCE = "2026-10-01"
CODES = ("3017620422003", "20065034", "00000017", "990530101113758685")
KEYS = st.builds(
    keys.key,
    st.sampled_from(CODES),
    st.integers(1, 4),
    st.sampled_from(["raw", "400", "ocr"]),
    st.sampled_from(["current", "document"]),
)
# With repeats, as in a list that names a key twice.
INDEX = st.lists(KEYS, max_size=40)

Change = tuple[str, str, str, int, str]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


def index_of(listed: list[str]) -> pa.Table:
    """The columns of a key index that changes are made from."""
    parsed = [keys.parse(key) for key in listed]
    return pa.table(
        {
            "key": pa.array(listed, pa.string()),
            "barcode": pa.array([key.barcode for key in parsed], pa.string()),
            "kind": pa.array([key.kind for key in parsed], pa.string()),
        }
    )


def changes(
    connection: duckdb.DuckDBPyConnection, now: list[str], before: list[str]
) -> list[Change]:
    """The rows of `key_changes` for two lists."""
    connection.register("now_rows", index_of(now))
    connection.register("before_rows", index_of(before))
    return connection.execute(changes_query("now_rows", "before_rows", literal(SINCE))).fetchall()


def expected(now: list[str], before: list[str]) -> list[Change]:
    """The same with sets."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for change, listed in (("added", {*now} - {*before}), ("removed", {*before} - {*now})):
        for key in map(keys.parse, listed):
            counted[key.barcode, key.kind, change] += 1
    return sorted((*what, count, SINCE) for what, count in counted.items())


@pytest.mark.slow
@given(INDEX, INDEX)
def test_changes_are_the_differences_of_the_sets(
    connection: duckdb.DuckDBPyConnection, now: list[str], before: list[str]
) -> None:
    assert changes(connection, now, before) == expected(now, before)


@pytest.mark.slow
@given(INDEX.filter(len), st.data())
def test_a_product_that_changed_within_equal_numbers_shows(
    connection: duckdb.DuckDBPyConnection, before: list[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(before) - 1))
    parsed = keys.parse(before[place])
    other = keys.key(parsed.barcode, parsed.image_id + 10, parsed.kind)
    now = [*before]
    now[place] = other
    found = changes(connection, now, before)
    assert (parsed.barcode, parsed.kind, "added", 1, SINCE) in found
    assert found == expected(now, before)


def test_kinds_are_distinguished(connection: duckdb.DuckDBPyConnection) -> None:
    before = [keys.key("20065034", 400, "raw")]
    now = [keys.key("20065034", 400, "400")]
    assert changes(connection, now, before) == [
        ("20065034", "400", "added", 1, SINCE),
        ("20065034", "raw", "removed", 1, SINCE),
    ]


def test_nothing_changed(connection: duckdb.DuckDBPyConnection) -> None:
    listed = [keys.key(code, 1, "raw") for code in CODES]
    assert changes(connection, listed, listed[::-1]) == []


def test_the_columns_are_those_of_the_table(connection: duckdb.DuckDBPyConnection) -> None:
    connection.register("now_rows", index_of([]))
    for query in (changes_query("now_rows", "now_rows", literal(SINCE)), NO_CHANGES):
        found = connection.sql(query).to_arrow_table()
        assert found.schema.equals(KEY_CHANGES.arrow)
        assert found.num_rows == 0

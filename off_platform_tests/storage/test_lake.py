"""The lake on disk: a table's file is replaced whole or not at all, and readers never notice."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.storage.engine import copy_query
from off_platform.storage.lake import Lake, NoSuchTableError, WrongColumnsError
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.sql import literal
from off_platform.storage.views import VIEWS
from off_platform_tests.storage.lake_contents import files, scratch_of, shown

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = pa.schema([("code", pa.string()), ("sugars", pa.float64()), ("fat", pa.float64())])
NOVEMBER, DECEMBER = ("month", "2026-11-01"), ("month", "2026-12-01")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(str(tmp_path / "lake"))


def rows(*codes: str, sugars: float = 1.0, fat: float = 2.0) -> pa.Table:
    """A table of COLUMNS."""
    return pa.Table.from_pylist(
        [{"code": code, "sugars": sugars, "fat": fat} for code in codes], COLUMNS
    )


def writing(table: pa.Table) -> Callable[[Path], None]:
    """What writes a table as Parquet."""
    return lambda path: pq.write_table(table, path)


def put(lake: Lake, partition: tuple[str, str] | None, table: pa.Table) -> int:
    """Replaces a partition of the table `products`."""
    return lake.replace("products", partition, COLUMNS, writing(table))


def test_a_partition_is_written_and_seen_by_everyone(lake: Lake) -> None:
    assert put(lake, NOVEMBER, rows("1", "2")) == 2
    assert list(files(lake)) == ["tables/products/month=2026-11-01/part.parquet"]
    assert scratch_of(lake) == []
    with lake.connect() as connection:
        query = f"SELECT code FROM {lake.rows_of('products', NOVEMBER)}"
        assert connection.execute(query).fetchall() == [("1",), ("2",)]
    assert shown(lake, "SELECT code, CAST(month AS VARCHAR) FROM products") == [
        ("1", "2026-11-01"),
        ("2", "2026-11-01"),
    ]


@pytest.mark.parametrize("name", ["x*y", "x[1]y", "it's 100 %20 #1"])
def test_a_lake_whose_name_is_a_pattern_does_not_read_its_neighbours(
    tmp_path: Path, name: str
) -> None:
    own, neighbour = Lake(str(tmp_path / name)), Lake(str(tmp_path / "x1y"))
    put(own, NOVEMBER, rows("own"))
    put(neighbour, NOVEMBER, rows("neighbour"))
    with own.connect() as connection:
        query = f"SELECT code FROM {own.rows_of('products', NOVEMBER)}"
        assert connection.execute(query).fetchall() == [("own",)]
    assert shown(own, "SELECT code FROM products") == [("own",)]


def test_a_lake_is_in_a_folder_of_any_name(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "it's [x]*" / "lake"))
    put(lake, NOVEMBER, rows("1"))
    put(lake, DECEMBER, rows("2"))
    assert shown(lake, "SELECT code, month::VARCHAR FROM products ORDER BY 1") == [
        ("1", NOVEMBER[1]),
        ("2", DECEMBER[1]),
    ]


def test_a_partition_is_replaced_and_no_other(lake: Lake) -> None:
    put(lake, NOVEMBER, rows("1", "2"))
    put(lake, DECEMBER, rows("3"))
    december = lake.root.read("tables/products/month=2026-12-01/part.parquet")
    assert put(lake, NOVEMBER, rows("4")) == 1
    assert lake.root.read("tables/products/month=2026-12-01/part.parquet") == december
    assert shown(lake, "SELECT code FROM products ORDER BY 1") == [("3",), ("4",)]
    assert lake.partitions("products") == ["2026-11-01", "2026-12-01"]


def test_a_table_without_partitions_is_one_file(lake: Lake) -> None:
    put(lake, None, rows("1"))
    assert list(files(lake)) == ["tables/products/part.parquet"]
    assert lake.partitions("products") == []
    assert shown(lake, "FROM products") == [("1", 1.0, 2.0)]


def test_a_folder_without_a_file_is_not_a_partition(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    put(lake, NOVEMBER, rows("1"))
    (tmp_path / "tables" / "products" / "month=2026-12-01").mkdir()
    assert lake.partitions("products") == ["2026-11-01"]


def test_an_empty_table_is_a_table(lake: Lake) -> None:
    assert put(lake, NOVEMBER, rows()) == 0
    assert lake.has("products", NOVEMBER)
    assert shown(lake, "SELECT count(*) FROM products") == [(0,)]


def test_missing_objects_are_named(lake: Lake) -> None:
    put(lake, NOVEMBER, rows("1"))
    assert lake.has("products", NOVEMBER)
    assert not lake.has("products", DECEMBER)
    assert not lake.has("products")
    sentence = f"There is no table products for month 2026-12-01 in the lake {lake.url}; "
    with pytest.raises(NoSuchTableError, match=re.escape(sentence)):
        lake.rows_of("products", DECEMBER)
    with pytest.raises(NoSuchTableError, match="There is no table others in the lake"):
        lake.address("others")
    assert lake.partitions("others") == []


def test_columns_are_matched_by_name_in_any_order(lake: Lake) -> None:
    put(lake, NOVEMBER, rows("1", sugars=10, fat=20))
    put(lake, DECEMBER, rows("2", sugars=11, fat=21).select(["fat", "code", "sugars"]))
    assert shown(lake, "SELECT code, sugars, fat FROM products ORDER BY 1") == [
        ("1", 10, 20),
        ("2", 11, 21),
    ]


WRONG = {
    "fat is not there but should be double": rows("1").drop_columns(["fat"]),
    "salt is int64 but should be left out": rows("1").append_column("salt", [[1]]),
    "code is int64 but should be string": rows("1").set_column(0, "code", [[1]]),
    "fat is not there but should be double; fett is double but should be left out": (
        rows("1").rename_columns(["code", "sugars", "fett"])
    ),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_file_with_other_columns_is_refused_and_the_old_one_stays(
    lake: Lake, sentence: str
) -> None:
    put(lake, NOVEMBER, rows("old"))
    before = files(lake)
    with pytest.raises(WrongColumnsError) as refused:
        put(lake, NOVEMBER, WRONG[sentence])
    assert str(refused.value) == f"products was not replaced: {sentence}."
    assert files(lake) == before
    assert scratch_of(lake) == []


def half(path: Path) -> None:
    """Writes half a file and fails."""
    path.write_bytes(b"PAR1 half")
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("write", "error"),
    [
        (half, ZeroDivisionError),
        (lambda path: path.write_bytes(b"PAR1 no Parquet PAR1"), pa.ArrowInvalid),
        (lambda _: None, FileNotFoundError),
    ],
    ids=["raises half-way", "no Parquet", "no file"],
)
def test_a_failed_write_changes_nothing(
    lake: Lake, write: Callable[[Path], object], error: type[Exception]
) -> None:
    put(lake, NOVEMBER, rows("old"))
    before = files(lake)
    for partition in (NOVEMBER, DECEMBER):
        with pytest.raises(error):
            lake.replace("products", partition, COLUMNS, write)
    with pytest.raises(error):
        lake.replace("others", None, COLUMNS, write)
    assert files(lake) == before
    assert scratch_of(lake) == []
    assert shown(lake, "SELECT code FROM products") == [("old",)]
    assert lake.root.folders("tables") == ["products"]


def test_views_follow_the_tables_that_come_and_go(lake: Lake) -> None:
    names = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    put(lake, NOVEMBER, rows("1"))
    lake.replace('odd "name"', None, COLUMNS, writing(rows("2")))
    assert shown(lake, names) == [('odd "name"',), ("products",)]
    assert shown(lake, 'SELECT code FROM "odd ""name"""') == [("2",)]
    lake.root.remove("tables/products")
    lake.refresh_views()
    assert shown(lake, names) == [('odd "name"',)]


def test_a_view_shows_a_column_that_only_some_partitions_have(lake: Lake) -> None:
    put(lake, NOVEMBER, rows("1"))
    more = rows("2").append_column("salt", pa.array([0.5]))
    lake.replace("products", DECEMBER, more.schema, writing(more))
    found = shown(lake, "SELECT code, salt FROM products ORDER BY 1")
    assert found == [("1", None), ("2", 0.5)]


def test_a_table_added_during_a_refresh_is_not_lost(tmp_path: Path) -> None:
    other = Lake(str(tmp_path))

    class Overtaken(LocalFolder):
        """Another writer is faster just before the views are put in place."""

        def place(self, made: Path, name: str) -> None:
            """See `Folder.place`."""
            if name == VIEWS and not other.has("others"):
                other.replace("others", None, COLUMNS, writing(rows("2")))
            super().place(made, name)

    lake = Lake(str(tmp_path))
    lake.root = Overtaken(tmp_path)
    put(lake, None, rows("1"))
    assert shown(lake, "SELECT code FROM others") == [("2",)]
    assert shown(lake, "SELECT code FROM products") == [("1",)]


def test_views_are_left_alone_while_they_hold(lake: Lake) -> None:
    put(lake, NOVEMBER, rows("1"))
    views = Path(lake.root.address("off_platform.duckdb"))
    before = views.stat()
    put(lake, NOVEMBER, rows("2"))
    put(lake, DECEMBER, rows("3"))
    assert views.stat().st_ino == before.st_ino
    assert len(shown(lake, "FROM products")) == 2


def test_a_table_that_got_other_columns_is_shown_with_them(lake: Lake) -> None:
    put(lake, NOVEMBER, rows("1"))
    more = rows("1").append_column("salt", pa.array([0.5]))
    lake.replace("products", NOVEMBER, more.schema, writing(more))
    assert shown(lake, "SELECT salt FROM products") == [(0.5,)]


@pytest.mark.parametrize("data", [b"", b"no database" * 1000])
def test_damaged_views_are_rebuilt(lake: Lake, data: bytes) -> None:
    put(lake, NOVEMBER, rows("1"))
    lake.root.write("off_platform.duckdb", data)
    put(lake, NOVEMBER, rows("2"))
    assert shown(lake, "SELECT code FROM products") == [("2",)]


@pytest.mark.parametrize("there", [False, True])
def test_a_deleted_file_of_views_is_rebuilt(lake: Lake, *, there: bool) -> None:
    if there:
        put(lake, NOVEMBER, rows("1"))
        Path(lake.root.address(VIEWS)).unlink()
    lake.refresh_views()
    assert lake.root.exists(VIEWS) == there


def test_a_folder_without_a_file_is_not_a_table(lake: Lake) -> None:
    """As when somebody removed the only partition by hand."""
    put(lake, NOVEMBER, rows("1"))
    Path(lake.root.address("tables/empty/month=2026-11-01")).mkdir(parents=True)
    put(lake, DECEMBER, rows("2"))
    lake.replace("others", None, COLUMNS, writing(rows("3")))
    names = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    assert shown(lake, names) == [("others",), ("products",)]


def test_manifests_of_image_sets_are_one_view(lake: Lake) -> None:
    for name in ("milk", "bread"):
        pq.write_table(pa.table({"image_set": [name]}), lake_file(lake, name))
    lake.refresh_views()
    assert shown(lake, "FROM manifest ORDER BY 1") == [("bread",), ("milk",)]


def lake_file(lake: Lake, image_set: str) -> Path:
    """The path of the manifest of an image set, its folder made."""
    path = Path(lake.root.address(f"image_sets/{image_set}/manifest.parquet"))
    path.parent.mkdir(parents=True)
    return path


def test_the_same_query_writes_the_same_bytes(lake: Lake) -> None:
    columns = pa.schema([("number", pa.int64()), ("text", pa.string())])
    query = "SELECT range AS number, 'text ' || range % 7 AS text FROM range(200000) ORDER BY range"
    found = []
    for threads in (1, 2):
        with lake.connect(threads=threads) as connection:
            assert lake.replace_from_query("numbers", None, columns, connection, query) == 200_000
        found.append(lake.root.read("tables/numbers/part.parquet"))
    assert found[0] == found[1]
    assert pq.read_table(pa.BufferReader(found[0]))["number"].to_pylist()[:3] == [0, 1, 2]


def test_the_connection_is_bounded_and_spills_into_the_lakes_scratch(lake: Lake) -> None:
    wanted = ("memory_limit", "threads", "temp_directory", "TimeZone")
    with lake.connect("200MB", threads=1) as connection:
        found = dict(connection.execute("SELECT name, value FROM duckdb_settings()").fetchall())
        memory, threads, spill, zone = (found[name] for name in wanted)
        assert Path(spill).parent == Path(lake.root.address(".scratch"))
    assert (memory, threads, zone) == ("190.7 MiB", "1", "UTC")
    assert not Path(spill).exists()


@pytest.fixture(scope="module")
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in memory."""
    with duckdb.connect() as connection:
        yield connection


@given(text=st.text())
def test_a_literal_is_the_text_again(memory: duckdb.DuckDBPyConnection, text: str) -> None:
    assert memory.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize("text", ["'", "''", "'; DROP TABLE x; --", "\\'", "E'\\n'", "$$", "\n"])
def test_no_text_ends_its_literal(memory: duckdb.DuckDBPyConnection, text: str) -> None:
    assert memory.execute(f"SELECT {literal(text)}, 1").fetchall() == [(text, 1)]


def test_a_query_is_written_to_a_path_with_quotes(
    memory: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "it's.parquet"
    copy_query(memory, "SELECT 1 AS one", path)
    assert pq.read_table(path).to_pylist() == [{"one": 1}]

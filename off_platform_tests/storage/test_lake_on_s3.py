"""The lake in a bucket: the same as on disk, signed through the ordinary AWS chain."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import boto3
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform.storage.bucket_files import BucketFiles, ReplacedError
from off_platform.storage.lake import Lake, WrongColumnsError
from off_platform.storage.objects import Access, open_store
from off_platform_tests.s3.server import Faults, S3Server

COLUMNS = pa.schema([("code", pa.string()), ("fat", pa.float64())])
NOVEMBER, DECEMBER = ("month", "2026-11-01"), ("month", "2026-12-01")


@pytest.fixture
def signed_lake(signed_server: str, _credentials: None) -> Lake:
    """A lake in a private bucket, with what an earlier test left in it."""
    client = boto3.client("s3", endpoint_url=signed_server, region_name="us-east-1")
    client.create_bucket(Bucket="signed-lake")
    client.close()
    return Lake("s3://signed-lake/prefix", Access(endpoint=signed_server, signed=True))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    """A server of a bucket for a lake."""
    (tmp_path / "bucket").mkdir()
    with S3Server({"lake": tmp_path / "bucket"}) as server:
        yield server


@pytest.fixture(params=["signed", "anonymous", "at the bucket's root"])
def lake(request: pytest.FixtureRequest) -> Lake:
    """An empty lake in a bucket."""
    if request.param == "signed":
        found: Lake = request.getfixturevalue("signed_lake")
        found.root.remove("tables")
        found.root.remove("off_platform.duckdb")
        return found
    server: S3Server = request.getfixturevalue("server")
    prefix = "/deep/prefix" if request.param == "anonymous" else ""
    return Lake(f"s3://lake{prefix}", Access(endpoint=server.url))


def put(lake: Lake, partition: tuple[str, str] | None, *codes: str) -> int:
    """Replaces a partition of the table `products`."""
    table = pa.Table.from_pylist([{"code": code, "fat": 1.0} for code in codes], COLUMNS)
    return lake.replace("products", partition, COLUMNS, lambda path: pq.write_table(table, path))


def test_a_table_is_written_listed_and_read(lake: Lake) -> None:
    assert put(lake, NOVEMBER, "1", "2") == 2
    assert put(lake, DECEMBER, "3") == 1
    assert put(lake, NOVEMBER, "4") == 1
    assert lake.partitions("products") == ["2026-11-01", "2026-12-01"]
    assert lake.has("products", DECEMBER)
    assert not lake.has("products", ("month", "2027-01-01"))
    with lake.connect() as connection:
        one = f"SELECT code FROM {lake.rows_of('products', NOVEMBER)}"
        assert connection.execute(one).fetchall() == [("4",)]
        address = lake.root.address("tables/products/*/part.parquet")
        both = f"SELECT code, month::VARCHAR FROM read_parquet('{address}') ORDER BY 1"
        found = connection.execute(both).fetchall()
    assert found == [("3", "2026-12-01"), ("4", "2026-11-01")]


def test_a_query_over_the_lake_is_written_into_it(lake: Lake) -> None:
    put(lake, None, "1", "2", "3")
    columns = pa.schema([("codes", pa.int64())])
    with lake.connect() as connection:
        query = f"SELECT count(*) AS codes FROM {lake.rows_of('products')}"
        lake.replace_from_query("counted", None, columns, connection, query)
        assert connection.execute(f"FROM {lake.rows_of('counted')}").fetchall() == [(3,)]


def test_the_views_are_uploaded_and_show_the_tables(lake: Lake, tmp_path: Path) -> None:
    put(lake, NOVEMBER, "1")
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(lake.root.read("off_platform.duckdb"))
    put(lake, DECEMBER, "2")
    with duckdb.connect(copy, read_only=True) as connection:
        lake.prepare(connection, "256MB", 1, tmp_path)
        found = connection.execute("SELECT code FROM products ORDER BY 1").fetchall()
    assert found == [("1",), ("2",)]


def test_a_file_with_other_columns_is_not_uploaded(lake: Lake) -> None:
    put(lake, NOVEMBER, "old")
    before = {name: lake.root.read(name) for name in lake.root.names()}
    wrong = pa.table({"code": [1]})
    with pytest.raises(WrongColumnsError, match="products was not replaced"):
        lake.replace("products", NOVEMBER, COLUMNS, lambda path: pq.write_table(wrong, path))
    assert {name: lake.root.read(name) for name in lake.root.names()} == before


def half(path: Path) -> None:
    """Writes half a file and fails."""
    path.write_bytes(b"PAR1 half")
    raise ZeroDivisionError


def test_a_failed_write_sends_nothing(server: S3Server) -> None:
    lake = Lake("s3://lake", Access(endpoint=server.url))
    with pytest.raises(ZeroDivisionError):
        lake.replace("products", None, COLUMNS, half)
    assert server.requests == []


def test_the_store_tries_again_when_the_bucket_is_busy(server: S3Server) -> None:
    lake = Lake("s3://lake", Access(endpoint=server.url, retries=5))
    put(lake, None, "1")
    server.slow_down_for(requests=2)
    put(lake, None, "2")
    with lake.connect() as connection:
        server.slow_down_for(requests=2)
        found = connection.execute(f"SELECT code FROM {lake.rows_of('products')}").fetchall()
    assert found == [("2",)]


def test_two_lakes_at_two_servers_are_not_mixed_up(tmp_path: Path) -> None:
    """File systems for DuckDB may be kept by their maker under one name."""
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
    with S3Server({"lake": tmp_path / "1"}) as one, S3Server({"lake": tmp_path / "2"}) as two:
        lakes = [Lake("s3://lake", Access(endpoint=server.url)) for server in (one, two)]
        for number, lake in enumerate(lakes):
            put(lake, None, str(number))
        found = []
        for lake in lakes:
            with lake.connect() as connection:
                query = f"SELECT code FROM {lake.rows_of('products')}"
                found += connection.execute(query).fetchall()
    assert found == [("0",), ("1",)]


def methods(server: S3Server) -> Counter[str]:
    """How many requests there were by method, since the last call."""
    counts = Counter(request.method for request in server.requests)
    server.requests.clear()
    return counts


def test_a_query_asks_for_a_small_table_once(server: S3Server) -> None:
    lake = Lake("s3://lake/deep", Access(endpoint=server.url))
    put(lake, NOVEMBER, "1", "2")
    put(lake, DECEMBER, "3")
    with lake.connect() as connection:
        one = f"SELECT max(code), sum(fat) FROM {lake.rows_of('products', NOVEMBER)}"
        methods(server)
        assert connection.execute(one).fetchall() == [("2", 2.0)]
        assert methods(server) == {"GET": 1}
        address = lake.root.address("tables/products/**/part.parquet")
        both = f"SELECT count(*), max(code) FROM read_parquet('{address}')"
        assert connection.execute(both).fetchall() == [(2 + 1, "3")]
        # A listing, and the file that was not asked for before.
        assert methods(server) == {"GET": 2}


def test_a_table_that_was_replaced_is_read_anew(server: S3Server) -> None:
    """Within the same second and of the same size, so that neither of them differs."""
    lake = Lake("s3://lake", Access(endpoint=server.url))
    with lake.connect() as connection:
        for code in "12345":
            put(lake, None, code)
            found = connection.execute(f"SELECT code FROM {lake.rows_of('products')}").fetchall()
            assert found == [(code,)]


def test_a_large_table_is_read_in_parts_of_one_version(server: S3Server) -> None:
    lake = Lake("s3://lake", Access(endpoint=server.url))
    columns = pa.schema([("number", pa.int64()), ("text", pa.string())])
    with lake.connect() as connection:
        query = "SELECT i AS number, md5(i::VARCHAR) AS text FROM range(150000) t(i)"
        lake.replace_from_query("large", None, columns, connection, query)
        rows = lake.rows_of("large")
        methods(server)
        ((count, least, most, hashed),) = connection.execute(
            f"SELECT count(*), min(text), max(text), sum(hash(number, text)) FROM {rows}"
        ).fetchall()
        parts = [request for request in server.requests if request.range]
        expected = connection.execute(
            f"SELECT count(*), min(text), max(text), sum(hash(number, text)) FROM ({query})"
        ).fetchall()
    assert [(count, least, most, hashed)] == expected
    assert {request.method for request in parts} == {"GET"}
    assert len(parts) > 1
    # All but the first say of which version they are.
    assert [bool(request.if_match) for request in parts] == [False, *[True] * (len(parts) - 1)]


@pytest.fixture
def few_files(server: S3Server) -> BucketFiles:
    """A bucket with files in folders, as DuckDB reads it."""
    lake = Lake("s3://lake", Access(endpoint=server.url))
    for name in ("a/1/x", "a/2/x", "a/2/deep/x", "a/y", "a/3/z", "ab/x", "x", "empty"):
        lake.root.write(name, b"" if name == "empty" else name.encode())
    return BucketFiles(open_store("s3://lake", Access(endpoint=server.url)), "lake")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a/*/x", ["a/1/x", "a/2/x"]),
        ("a/**/x", ["a/1/x", "a/2/deep/x", "a/2/x"]),
        ("**/x", ["a/1/x", "a/2/deep/x", "a/2/x", "ab/x", "x"]),
        ("a*/x", ["ab/x"]),
        ("*", ["empty", "x"]),
        ("a/*", ["a/y"]),
        ("a/2/x", ["a/2/x"]),
        ("a/2", []),
        ("a/[12]/x", ["a/1/x", "a/2/x"]),
        ("none/*/x", []),
        ("empty", ["empty"]),
    ],
)
def test_files_are_found_by_pattern(few_files: BucketFiles, pattern: str, names: list[str]) -> None:
    found = [path.removeprefix("lake/") for path in few_files.glob(f"s3://lake/{pattern}")]
    assert found == names
    for name in names:
        with few_files.open(f"s3://lake/{name}") as file:
            assert file.read() == (b"" if name == "empty" else name.encode())


def test_a_file_that_is_replaced_while_it_is_read_is_not_glued_together(server: S3Server) -> None:
    lake = Lake("s3://lake", Access(endpoint=server.url))
    lake.root.write("large", bytes(3 * 2**20))
    files = BucketFiles(open_store("s3://lake", Access(endpoint=server.url)), "lake")
    with files.open("s3://lake/large") as file:
        assert file.read(10) == bytes(10)
        lake.root.write("large", bytes(3 * 2**20 - 1) + b"x")
        file.seek(2**20 + 10)
        with pytest.raises(ReplacedError, match="large was replaced while it was read"):
            file.read(10)
    with pytest.raises(FileNotFoundError):
        files.open("s3://lake/none")
    with pytest.raises(ValueError, match="only read"):
        files.open("s3://lake/large", "wb")


def test_many_small_files_are_requested_ahead_and_once_each(server: S3Server) -> None:
    lake = Lake("s3://lake", Access(endpoint=server.url))
    for number in range(60):
        lake.root.write(f"rows/{number:02d}.csv", f"n\n{number}\n".encode())
    rows = lake.root.address("rows/*.csv")
    server.faults = Faults(latency_seconds=0.02)
    with lake.connect() as connection:
        server.beside.clear()
        methods(server)
        query = f"SELECT count(*), sum(n) FROM read_csv('{rows}', header = true)"
        assert connection.execute(query).fetchall() == [(60, sum(range(60)))]
        # A listing, and each file.
        assert methods(server) == {"GET": 1 + 60}
        assert max(server.beside) > 2
        # A file that is replaced by one of the same size, and one that is gone.
        lake.root.write("rows/59.csv", b"n\n11\n")
        lake.root.remove("rows/00.csv")
        assert connection.execute(query).fetchall() == [(59, sum(range(59)) + 11)]


def test_what_was_requested_ahead_for_another_query_is_not_used(server: S3Server) -> None:
    lake = Lake("s3://lake", Access(endpoint=server.url))
    for number in range(9):
        lake.root.write(f"{number}", b"old")
    files = BucketFiles(open_store("s3://lake", Access(endpoint=server.url)), "lake")
    files.glob("s3://lake/*")
    assert files.open("s3://lake/0").read() == b"old"
    for number in range(9):
        lake.root.write(f"{number}", b"new")
    files.glob("s3://lake/*")
    assert [files.open(f"s3://lake/{number}").read() for number in range(9)] == [b"new"] * 9

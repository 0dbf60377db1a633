"""Readers of a lake while its tables are replaced: each sees one version, whole, and no error."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import duckdb
import pyarrow as pa
import pytest

from off_platform.storage import bucket_folder
from off_platform.storage.bucket_files import BucketFiles
from off_platform.storage.lake import Lake
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Access, open_store
from off_platform_tests.s3.server import Faults, S3Server

pytestmark = pytest.mark.slow

NOVEMBER = ("month", "2026-11-01")
ROWS = 400_000
COLUMNS = pa.schema([("number", pa.int64()), ("version", pa.int64()), ("text", pa.string())])


@pytest.fixture(params=["folder", "double", "moto"])
def open_lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Lake]]:
    """Opens the same empty lake for each of its users."""
    if request.param == "folder":
        yield lambda: Lake(str(tmp_path / "lake"))
    elif request.param == "double":
        with S3Server({"lake": tmp_path}, faults=Faults(latency_seconds=0.02)) as server:
            yield lambda: Lake("s3://lake/deep", Access(endpoint=server.url))
    else:
        request.getfixturevalue("_credentials")
        url = request.getfixturevalue("signed_server")
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket="replaced")
        client.close()
        access = Access(endpoint=url, signed=True, retries=5)
        yield lambda: Lake(f"s3://replaced/{tmp_path.name}", access)


def write(lake: Lake, version: int) -> None:
    """Replaces the table; each version has as many rows, and more bytes than one request reads."""
    query = f"""SELECT i AS number, {version}::BIGINT AS version, md5((i + {version})::VARCHAR) AS
        text FROM range({ROWS}) t(i)"""
    with lake.connect() as connection:
        lake.replace_from_query("large", NOVEMBER, COLUMNS, connection, query)


def test_who_began_to_read_a_table_reads_it_to_its_end(tmp_path: Path) -> None:
    with S3Server({"lake": tmp_path}) as server:
        access = Access(endpoint=server.url)
        lake, name = Lake("s3://lake/deep", access), "tables/large/month=2026-11-01/part.parquet"
        write(lake, 1)
        old = lake.root.read(name)
        files = BucketFiles(open_store("s3://lake", access), "lake")
        with files.open(lake.root.address(name)) as file:
            assert file.read(10) == old[:10]
            write(Lake("s3://lake/deep", access), 2)
            write(Lake("s3://lake/deep", access), 3)
            assert file.read() == old[10:]
        # As the next query does.
        (found,) = files.glob(lake.root.address(name))
        with files.open(found) as file:
            assert file.read() == lake.root.read(name) != old
        # What is kept for readers is nobody's file.
        assert [each for each in lake.root.names() if "part" in each] == [name]
        assert lake.root.below("tables/large/month=2026-11-01").entries() == ["part.parquet"]
        lake.root.remove("tables/large")
        assert lake.root.folders("tables") == []


def test_readers_see_whole_versions_only(open_lake: Callable[[], Lake]) -> None:
    write(open_lake(), 0)
    written, errors = threading.Event(), []

    def replace() -> None:
        try:
            for version in range(1, 5):
                write(open_lake(), version)
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)
        written.set()

    writer = threading.Thread(target=replace)
    writer.start()
    lake, versions = open_lake(), []
    with lake.connect() as connection:
        while not written.is_set() or not versions:
            address = lake.root.address("tables/large/**/part.parquet")
            query = f"""SELECT count(*), min(version), max(version), count(DISTINCT text),
                sum(number)::BIGINT FROM read_parquet('{address}')"""
            try:
                ((rows, least, most, texts, total),) = connection.execute(query).fetchall()
            except duckdb.Error:
                # DuckDB opens a file of a disk twice; it reports what does not fit together.
                assert isinstance(lake.root, LocalFolder)
                continue
            assert (rows, texts, total) == (ROWS, ROWS, ROWS * (ROWS - 1) // 2)
            assert least == most
            versions.append(least)
    writer.join()
    assert errors == []
    assert versions == sorted(versions)


def test_what_was_replaced_long_ago_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with S3Server({"lake": tmp_path}) as server:
        lake = Lake("s3://lake", Access(endpoint=server.url))
        folder = tmp_path / "tables/large/month=2026-11-01"
        for version in range(3):
            write(lake, version)
        assert len(list(folder.iterdir())) == 3
        monkeypatch.setattr(bucket_folder, "REPLACED_KEPT", timedelta(seconds=-60))
        write(lake, 3)
        assert [path.name for path in folder.iterdir()] == ["part.parquet"]

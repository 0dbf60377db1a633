"""A bins bucket of real metadata, and a lake in which all tables were made of it."""

import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from off_platform.bins import collect, listing, tables
from off_platform.bins.collect import Collected
from off_platform.bins.listing import Listed
from off_platform.bins.splits import SplitShares
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Access, Source
from off_platform.storage.transfer import Limits
from off_platform_tests.s3.server import S3Server

BUCKET = "aft-vbi-pds"
RealData = Callable[[str], Path]
LIMITS = Limits(concurrency=16, attempts=4)
# Of every set that is not split, besides its photos and metadata.
FILES = {
    "README.md",
    "abid_counting_trainset.json",
    "abid_counting_valset.json",
    "abid_metadata.json",
    "abid_random_trainset.txt",
    "abid_random_valset.txt",
    "contact_sheet.jpg",
    "croissant.json",
    "gallery.html",
    "labels.parquet",
    "manifest.parquet",
    "udacity_file_list.json",
    "verification_pairs.parquet",
}


@dataclass
class BinsDesk:
    """A lake, DuckDB over it, and the bucket that it is filled from."""

    lake: Lake
    source: Source
    connection: duckdb.DuckDBPyConnection

    def collect(self, limits: Limits = LIMITS) -> tuple[Listed, Collected]:
        """Lists and fetches."""
        listed = listing.list_objects(self.lake, self.source, self.connection, limits)
        fetched = collect.collect_metadata(self.lake, self.source, self.connection, limits)
        return listed, fetched

    def make(self, shares: SplitShares | None = None) -> None:
        """All tables after the metadata."""
        tables.make_all(self.lake, self.connection, shares or SplitShares())

    def rows(self, table: str, where: str = "true") -> list[dict[str, Any]]:
        """The rows of a table."""
        cursor = self.connection.execute(f"SELECT * FROM {self.lake.rows_of(table)} WHERE {where}")
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture(scope="session")
def metadata(real_data: RealData) -> dict[str, Any]:
    """The genuine metadata of bins 1 to 2,000, by id."""
    found: dict[str, Any] = {}
    with tarfile.open(real_data("bins/metadata_00001-02000.tar.gz")) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if member.name.endswith(".json") and file:
                found[Path(member.name).stem] = json.loads(file.read())
    assert len(found) == 2000
    return found


@pytest.fixture(scope="session")
def real_bucket(real_data: RealData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bucket of the genuine 2,000 and the odd ones, with a photo for each."""
    root = tmp_path_factory.mktemp("real") / BUCKET
    (root / "metadata").mkdir(parents=True)
    (root / "bin-images").mkdir()
    with tarfile.open(real_data("bins/metadata_00001-02000.tar.gz")) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if member.name.endswith(".json") and file:
                (root / "metadata" / Path(member.name).name).write_bytes(file.read())
    for path in real_data("bins/metadata").glob("*.json"):
        if "transcribed" not in path.name:
            (root / "metadata" / path.name).write_bytes(path.read_bytes())
    photo = real_data("bins/images/00001.jpg").read_bytes()
    for path in (root / "metadata").iterdir():
        (root / "bin-images" / f"{path.stem}.jpg").write_bytes(photo)
    return root


@pytest.fixture(scope="session")
def real(
    real_bucket: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[BinsDesk, S3Server]]:
    """All tables of the genuine metadata, fetched from a server; to be looked at only."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    with S3Server({BUCKET: real_bucket}) as server, lake.connect() as connection:
        source = Source(f"s3://{BUCKET}", Access(endpoint=server.url))
        desk = BinsDesk(lake, source, connection)
        desk.collect()
        desk.make()
        yield desk, server


@pytest.fixture
def bins_bucket(tmp_path: Path) -> Path:
    """An empty bucket that a test fills."""
    root = tmp_path / BUCKET
    (root / "metadata").mkdir(parents=True)
    (root / "bin-images").mkdir()
    return root


@pytest.fixture
def bins_desk(bins_bucket: Path, tmp_path: Path) -> Iterator[BinsDesk]:
    """An empty lake over the bucket that a test fills."""
    lake = Lake(str(tmp_path / "lake"))
    with lake.connect() as connection:
        yield BinsDesk(lake, Source(str(bins_bucket)), connection)

"""A lake on S3 holds what a lake in a folder holds: two months, imports, both kinds of image sets.

On moto, and on Ceph where it is installed: it says itself what it answers to conditional requests.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform.bins.choice import BinChoice
from off_platform.bins.image_set import make_bin_image_set
from off_platform.bins.image_set import request_from as bins_request
from off_platform.images.monthly import compare_month
from off_platform.imports.importing import Site, import_stored, newest_products
from off_platform.imports.intake.originals import key_of, record, store_original
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import BIN_IMAGE_SETS
from off_platform.storage.locks import FolderInUseError
from off_platform.storage.objects import Access, Source
from off_platform_tests import ceph
from off_platform_tests.bins.conftest import BinsDesk
from off_platform_tests.images_desk import MONTH, NEXT_MONTH, Desk, desk_at
from off_platform_tests.s3.moto_server import moto_server

pytestmark = pytest.mark.soak

KEY = "testing"
# When the bins were listed; a workbook names the time it was made.
OF_A_TIME = re.compile(r"^listed|/findings[.]xlsx$")
SETTINGS = Settings(_env_file=None)
PRODUCTS = [
    "code,product_name\n3017620422003,Nutella\n",
    "code,product_name\n3017620422003,Nutella 400 g\n5449000000996,Cola\n123,x\n",
    "code\tlang\tproduct_name_fr\n3274080005003\tfr\tEau\n",
]


@pytest.fixture(scope="module", params=["moto", "ceph"])
def bucket(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Access]]:
    """An empty bucket, and how it is reached."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, KEY)
        if request.param == "ceph":
            if lacking := ceph.missing():
                pytest.skip(f"Ceph is not installed here: {', '.join(lacking)} not found")
            with ceph.ceph(tmp_path_factory.mktemp("ceph"), KEY) as address:
                yield _bucket_at(address)
        else:
            with moto_server() as address:
                yield _bucket_at(address)


def _bucket_at(address: str) -> tuple[str, Access]:
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
    client.create_bucket(Bucket="whole-lake")
    client.close()
    return "s3://whole-lake/here", Access(endpoint=address, signed=True, retries=5)


Fill = Callable[[str, Access | None], Lake]


@pytest.fixture(scope="module")
def fill(
    sandbox: Sandbox, later_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Fill:
    """Fills a lake with all that the platform makes."""
    files = []
    for number, text in enumerate(PRODUCTS):
        ending = "tsv" if "\t" in text else "csv"
        files.append(tmp_path_factory.mktemp("files") / f"producer-{number}.{ending}")
        files[-1].write_text(text)

    def filled(url: str, access: Access | None) -> Lake:
        with desk_at(url, Source(str(sandbox.images.folder)), access) as desk:
            _months_and_sets(desk, later_sandbox)
            _bins(desk, sandbox)
        lake, connect = Site(url, access or Access(), "512MB", 2, "").open()
        for path in files:
            key = key_of(path)
            sha256 = store_original(lake, path, key)
            with connect() as connection:
                record(lake, key, connection, sha256=sha256)
            import_stored(lake, connect, key)
        newest_products(lake, connect)
        return lake

    return filled


def _months_and_sets(desk: Desk, later: Sandbox) -> None:
    desk.month()
    compare_month(desk.lake, MONTH, desk.connection)
    desk.make("shards", split="train=0.6,validation=0.2,test=0.2")
    desk.make("files", layout="files")
    desk.make("refreshed", month=MONTH)
    desk.source = Source(str(later.images.folder))
    desk.month(NEXT_MONTH)
    compare_month(desk.lake, NEXT_MONTH, desk.connection)
    desk.make("refreshed")


def _bins(desk: Desk, sandbox: Sandbox) -> None:
    source = Source(str(sandbox.bins.folder))
    bins = BinsDesk(desk.lake, source, desk.connection)
    bins.collect()
    bins.make()
    for layout in ("shards", "files"):
        choice = BinChoice.model_validate({"n": 20, "layout": layout, "shard_samples": 7})
        request = bins_request(SETTINGS, layout, choice, "A set of the tests.", {})
        folder = desk.lake.root.below(f"{BIN_IMAGE_SETS}/{layout}")
        make_bin_image_set(desk.lake, source, request, folder, desk.connection)


def contents(lake: Lake) -> dict[str, Any]:
    """What is in a lake by name: rows of a table without the times of the run, or a digest."""
    found: dict[str, Any] = {}
    for name in lake.root.names():
        data = lake.root.read(name)
        if name.startswith("tables/"):
            table = pq.read_table(BytesIO(data), partitioning=None)
            own = [each.name for each in table.schema if not pa.types.is_timestamp(each.type)]
            found[name] = table.select(own)
        elif not name.endswith(".duckdb"):
            found[name] = hashlib.sha256(data).hexdigest()
    return found


@pytest.fixture(scope="module")
def here(fill: Fill, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The contents of a lake in a folder."""
    return contents(fill(str(tmp_path_factory.mktemp("whole") / "lake"), None))


def test_both_lakes_hold_the_same(
    bucket: tuple[str, Access], fill: Fill, here: dict[str, Any]
) -> None:
    there = contents(fill(*bucket))
    assert sorted(here) == sorted(there)
    # What says when the run was.
    timed = {name for name in here if OF_A_TIME.search(name)}
    assert [name for name in here if name not in timed and here[name] != there[name]] == []
    sets = [name for name in here if "image_sets/" in name]
    assert {name.rpartition(".")[2] for name in sets} >= {"tar", "jpg", "parquet", "md", "html"}
    assert sum(table.num_rows for table in here.values() if isinstance(table, pa.Table)) > 100


def test_a_set_is_built_by_one_run(bucket: tuple[str, Access], sandbox: Sandbox) -> None:
    url, access = bucket
    first = Lake(url, access, run="first-run").root.below("image_sets/one")
    with desk_at(url, Source(str(sandbox.images.folder)), access) as desk:
        if not desk.lake.has("key_index", ("month", MONTH)):
            desk.month()
        with first.locked(), pytest.raises(FolderInUseError, match="in use by run first-run"):
            desk.make("one")
        assert desk.make("one").contents.samples > 0

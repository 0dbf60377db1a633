"""S3 as others have made it, for all tests of `storage`: moto's server, which reads signatures."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from obstore.store import MemoryStore

from off_platform.storage.bucket_folder import BucketFolder
from off_platform.storage.folder import Folder
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Access, open_store
from off_platform_tests.s3.moto_server import moto_server
from off_platform_tests.s3.server import S3Server
from off_platform_tests.storage.serving import BUCKET, Moto

Serve = Callable[[Path], S3Server | Moto]


@pytest.fixture(scope="session")
def signed_server() -> Iterator[str]:
    """The address of a server that knows who may read what; anybody with a signature may."""
    with moto_server() as url:
        yield url


@pytest.fixture
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ordinary AWS chain has credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture(params=["double", "moto"])
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Serves the files of a folder as a bucket, once by the double and once by moto's server.

    For tests whose result is S3's promise alone. moto answers conditions, ranges, copies, uploads
    in parts and checksums as S3 does; unlike the double it has no faults, keeps no record of
    requests, cannot have ETags that are no MD5, and reads what is not public only signed. Tests
    that need one of these take the double.
    """
    with ExitStack() as stack:
        if request.param == "double":
            yield lambda folder: stack.enter_context(S3Server({BUCKET: folder}))
            return
        request.getfixturevalue("_credentials")
        url = request.getfixturevalue("signed_server")
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        stack.callback(client.close)
        client.create_bucket(Bucket=BUCKET)

        def filled(folder: Path) -> Moto:
            for path in filter(Path.is_file, folder.rglob("*")):
                key = path.relative_to(folder).as_posix()
                client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
            return Moto(url)

        yield filled
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            found = [{"Key": row["Key"]} for row in page.get("Contents", ())]
            if found:
                client.delete_objects(Bucket=BUCKET, Delete={"Objects": found})
        client.delete_bucket(Bucket=BUCKET)


FOLDERS = ["local", "bucket", "bucket with prefix", "memory", "bucket at moto"]


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    """An empty folder of each kind."""
    place = tmp_path / "place"
    if request.param == "local":
        yield LocalFolder(place)
    elif request.param == "memory":
        yield BucketFolder(MemoryStore(), "memory://")
    elif request.param == "bucket at moto":
        request.getfixturevalue("_credentials")
        address = request.getfixturevalue("signed_server")
        client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
        client.create_bucket(Bucket="folders")
        client.close()
        # Of its own, so that nothing of other tests is in it.
        url = f"s3://folders/{tmp_path.name}"
        yield BucketFolder(open_store(url, Access(endpoint=address, signed=True)), url)
    else:
        place.mkdir()
        prefix = "/lakes/one" if "prefix" in request.param else ""
        with S3Server({"lake": place}) as server:
            url = f"s3://lake{prefix}"
            yield BucketFolder(open_store(url, Access(endpoint=server.url)), url)

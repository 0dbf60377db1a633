"""Which store a location opens, how it is reached, and where a person finds an object."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import obstore
import pytest
from obstore.store import HTTPStore, LocalStore, MemoryStore, S3Store

from off_platform.settings import SANDBOX
from off_platform.storage.objects import (
    Access,
    Source,
    UnusableLocationError,
    is_local,
    local_folder,
    open_store,
)
from off_platform.storage.transfer import Limits, Outcome
from off_platform_tests.s3.server import Faults, S3Server
from off_platform_tests.storage.serving import fetch_all, put_down

KEY = "data/401/235/911/4303/1.jpg"
NO_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


@pytest.fixture
def bucket(signed_server: str, _credentials: None) -> Iterator[Any]:
    """A fresh bucket called `private`, through boto3."""
    client = boto3.client("s3", endpoint_url=signed_server, region_name="us-east-1")
    client.create_bucket(Bucket="private")
    yield client
    for found in client.list_objects_v2(Bucket="private").get("Contents", []):
        client.delete_object(Bucket="private", Key=found["Key"])
    client.delete_bucket(Bucket="private")
    client.close()


def test_a_bucket_is_opened_with_its_prefix_and_without_an_endpoint() -> None:
    store = open_store("s3://openfoodfacts-images/data/", Access("eu-west-3"))
    assert isinstance(store, S3Store)
    assert store.config["bucket"] == "openfoodfacts-images"
    assert store.config["region"] == "eu-west-3"
    assert store.prefix == "data"
    assert "endpoint" not in store.config


def test_a_folder_is_opened_as_path_and_as_url(tmp_path: Path) -> None:
    put_down(tmp_path, {KEY: b"photo"})
    for url in (str(tmp_path), f"file://{tmp_path}"):
        store = open_store(url, Access())
        assert isinstance(store, LocalStore)
        assert obstore.get(store, KEY).bytes() == b"photo"


def test_a_folder_is_created_only_on_request(tmp_path: Path) -> None:
    with pytest.raises(UnusableLocationError, match=r"lake does not exist; check the setting\.$"):
        open_store(str(tmp_path / "lake"), Access())
    with pytest.raises(UnusableLocationError, match=r"does not exist; run `off-platform sandbox`"):
        open_store(str(SANDBOX / "none"), Access())
    open_store(str(tmp_path / "lake"), Access(), make=True)
    assert (tmp_path / "lake").is_dir()


def test_memory_is_opened_afresh() -> None:
    store = open_store("memory://", Access())
    assert isinstance(store, MemoryStore)
    obstore.put(store, "a", b"a")
    with pytest.raises(FileNotFoundError):
        obstore.get(open_store("memory://", Access()), "a")


def test_a_plain_web_address_is_opened(tmp_path: Path) -> None:
    put_down(tmp_path, {KEY: b"photo"})
    with S3Server({"images": tmp_path}) as server:
        store = open_store(f"{server.url}/images", Access())
        assert isinstance(store, HTTPStore)
        assert obstore.get(store, KEY).bytes() == b"photo"


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///data",
        "s3://two words/data",
        "s3://[x",
        "http://",
        "https://",
        "http://[x",
        "http://host:99999/",
        "ftp://host/folder",
        "gs://bucket",
        "/no/such/folder",
    ],
)
def test_a_wrong_location_gets_one_sentence(url: str) -> None:
    with pytest.raises(UnusableLocationError) as refused:
        open_store(url, Access())
    sentence = str(refused.value)
    assert url in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_signature_without_credentials_gets_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in NO_CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(UnusableLocationError, match=r"^No AWS credentials were found: .*role\.$"):
        open_store("s3://lake", Access(signed=True))


def fetched(url: str, endpoint: str, *, signed: bool) -> Outcome[int, int]:
    """What becomes of the object `photo`."""
    store = open_store(url, Access(endpoint=endpoint, signed=signed))
    return fetch_all(store, ["photo"], Limits(attempts=1))[0]


def test_a_private_object_is_read_signed_and_refused_without(
    bucket: Any, signed_server: str
) -> None:
    bucket.put_object(Bucket="private", Key="photo", Body=b"photo")
    assert fetched("s3://private", signed_server, signed=True).data == b"photo"
    refused = fetched("s3://private", signed_server, signed=False)
    assert (refused.status, refused.data) == ("refused", None)


def test_a_public_object_is_read_without_a_signature(bucket: Any, signed_server: str) -> None:
    bucket.put_object(Bucket="private", Key="photo", Body=b"photo", ACL="public-read")
    assert fetched("s3://private", signed_server, signed=False).data == b"photo"


@pytest.mark.usefixtures("_credentials")
@pytest.mark.parametrize("signed", [False, True])
def test_a_request_is_signed_only_when_it_should_be(tmp_path: Path, *, signed: bool) -> None:
    """A public bucket must be readable with wrong credentials at hand."""
    seen: list[dict[str, str]] = []
    put_down(tmp_path, {"photo": b"photo"})
    with S3Server({"images": tmp_path}) as server:
        answer = server._service.answer

        def listen(request: Any) -> Any:
            seen.append(request.headers)
            return answer(request)

        server._service.answer = listen  # type: ignore[method-assign]
        assert fetched("s3://images", server.url, signed=signed).data == b"photo"
    assert ["authorization" in headers for headers in seen] == [signed]


def test_the_store_retries_only_on_request(tmp_path: Path) -> None:
    put_down(tmp_path, {"photo": b"photo"})
    for retries, tries in ((0, 1), (2, 3)):
        faults = Faults(slow_down=1.0, slow_down_burst=2)
        with S3Server({"images": tmp_path}, faults=faults) as server:
            store = open_store("s3://images", Access(endpoint=server.url, retries=retries))
            if retries:
                assert obstore.get(store, "photo").bytes() == b"photo"
            else:
                with pytest.raises(obstore.exceptions.GenericError, match="503"):
                    obstore.get(store, "photo")
            assert len(server.requests) == tries


def test_a_source_keeps_its_store_open(tmp_path: Path) -> None:
    source = Source(str(tmp_path))
    assert source.store is source.store


@pytest.mark.parametrize(
    ("url", "access", "key", "found"),
    [
        (
            "s3://openfoodfacts-images",
            Access("eu-west-3"),
            KEY,
            "https://openfoodfacts-images.s3.eu-west-3.amazonaws.com/data/401/235/911/4303/1.jpg",
        ),
        (
            "s3://aft-vbi-pds/",
            Access("us-east-1"),
            "bin-images/523.jpg",
            "https://aft-vbi-pds.s3.us-east-1.amazonaws.com/bin-images/523.jpg",
        ),
        (
            "s3://copy/of/images/",
            Access(endpoint="http://host:9000/"),
            "a b?.jpg",
            "http://host:9000/copy/of/images/a%20b%3F.jpg",
        ),
        ("https://host/images/", Access(), "ü.jpg", "https://host/images/%C3%BC.jpg"),
        ("http://host", Access(), "1.jpg", "http://host/1.jpg"),
        ("/images", Access(), "a b.jpg", "file:///images/a%20b.jpg"),
        ("file:///images", Access(), "1.jpg", "file:///images/1.jpg"),
    ],
)
def test_a_person_finds_an_object(url: str, access: Access, key: str, found: str) -> None:
    source = Source(url, access)
    assert source.public_url(key) == found
    assert found == source.address + quote(key)


def test_local_places_are_distinguished_from_others() -> None:
    local = ["var/lake", "/lake", "file:///lake", "~/lake", "lake:1"]
    others = ["s3://lake", "http://host", "https://host", "memory://"]
    assert [is_local(url) for url in [*local, *others]] == [True] * 5 + [False] * 4
    assert local_folder("var/lake") == Path.cwd() / "var/lake"
    assert local_folder("~/lake") == Path.home() / "lake"
    assert local_folder("file:///lake") == Path("/lake")

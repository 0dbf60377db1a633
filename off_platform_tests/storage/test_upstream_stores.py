"""What `storage` leans on in obstore and dagster-aws, so that an upgrade that changes it shows.

Each test says what would follow. What the packages promise anyway is not tested here.
"""

import gzip
from pathlib import Path
from typing import Any

import boto3
import obstore
import pytest
from botocore.exceptions import ClientError
from obstore import exceptions
from obstore.fsspec import FsspecStore
from obstore.store import S3Store

from off_platform_tests.s3.clients import PHOTO, small_bucket
from off_platform_tests.s3.server import Faults, S3Server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bucket's folder."""
    return small_bucket(tmp_path / "bucket")


def options_of(server: S3Server, retries: int) -> dict[str, Any]:
    """How the server is reached."""
    return {
        "endpoint": server.url,
        "client_options": {"allow_http": True},
        "retry_config": {"max_retries": retries},
        "virtual_hosted_style_request": False,
        "skip_signature": True,
    }


def store_of(server: S3Server, retries: int = 0) -> S3Store:
    """The server's bucket."""
    return S3Store("images", **options_of(server, retries))


@pytest.mark.parametrize(
    ("options", "key", "error"),
    [
        (None, "none", FileNotFoundError),
        ({"if_none_match": "*"}, "readme", exceptions.NotModifiedError),
        ({"if_match": '"0"'}, "readme", exceptions.PreconditionError),
        ({"if_match": '"0"', "range": {"offset": 99}}, "readme", exceptions.PreconditionError),
    ],
)
def test_obstore_has_a_class_for_these_answers(
    folder: Path, options: Any, key: str, error: type[Exception]
) -> None:
    """`transfer` and `download` determine the outcome of an object from it."""
    with S3Server({"images": folder}) as server, pytest.raises(error):
        obstore.get(store_of(server), key, options=options)


def test_obstore_has_a_class_for_a_refusal(folder: Path) -> None:
    with S3Server({"images": folder}, missing_is_forbidden=True) as server:
        with pytest.raises(exceptions.PermissionDeniedError):
            obstore.get(store_of(server), "none")
        with pytest.raises(exceptions.PermissionDeniedError):
            obstore.head(store_of(server), "none")


def test_obstore_names_slow_down_only_in_its_text(folder: Path) -> None:
    """With a class of its own, `transfer` need not look for the text."""
    with S3Server({"images": folder}) as server:
        server.slow_down_for(requests=1)
        with pytest.raises(exceptions.GenericError) as refused:
            obstore.get(store_of(server), "readme")
    assert type(refused.value) is exceptions.GenericError
    assert "status code: 503" in str(refused.value).split("\n", 1)[0]


def test_obstore_without_retries_fails_at_a_cut_body(folder: Path) -> None:
    """So that `transfer` itself decides how an object is read again."""
    with S3Server({"images": folder}, faults=Faults(cut=1.0)) as server:
        found = obstore.get(store_of(server), PHOTO)
        with pytest.raises(exceptions.GenericError):
            found.bytes()
        assert len(server.requests) == 1


def test_obstore_with_retries_resumes_without_a_condition(folder: Path) -> None:
    """Were `If-Match` sent, `transfer` could leave resuming to it."""
    with S3Server({"images": folder}, faults=Faults(cut=1.0)) as server:
        obstore.get(store_of(server, retries=3), PHOTO).bytes()
        first, second = server.requests
    assert first.range is None
    assert second.range is not None
    assert second.if_match is None


def test_obstores_size_of_a_part_is_the_whole_objects(folder: Path) -> None:
    """`download` takes the length that a file must have from an answer to a range."""
    with S3Server({"images": folder}) as server:
        found = obstore.get(store_of(server), PHOTO, options={"range": {"offset": 1000}})
        assert (found.meta["size"], len(found.bytes())) == (1024, 24)


def test_obstore_counts_the_body_into_a_requests_time(folder: Path) -> None:
    """Therefore `download` counts only tries that bring nothing."""
    with S3Server({"images": folder}, faults=Faults(stall=1.0)) as server:
        options = options_of(server, 0)
        options["client_options"]["timeout"] = "300ms"
        found = obstore.get(S3Store("images", **options), PHOTO)
        with pytest.raises(exceptions.GenericError):
            found.bytes()


def test_obstore_refuses_an_invalid_endpoint() -> None:
    """`objects.s3_options` leaves it out."""
    with pytest.raises(TypeError):
        S3Store("images", endpoint=None)


def test_obstores_file_system_finds_patterns_only_by_its_class(folder: Path) -> None:
    """`Lake` gives DuckDB a class of its own; without need of it once this fails."""

    class Bucket(FsspecStore):
        """The same, its protocol named by the class."""

        protocol = "s3"

    with S3Server({"images": folder}) as server:
        options = options_of(server, 0)
        assert FsspecStore("s3", **options).glob("s3://images/read*") == []
        assert Bucket("s3", **options).glob("s3://images/read*") == ["images/readme"]


@pytest.fixture(scope="module")
def objects(signed_server: str) -> str:
    """The address of a server with a secret and a packed public object in the bucket `upstream`."""
    client = boto3.client(
        "s3",
        endpoint_url=signed_server,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - of a server of this test's own
    )
    client.create_bucket(Bucket="upstream")
    client.put_object(Bucket="upstream", Key="secret", Body=b"secret")
    packed = {"Body": gzip.compress(b"{}"), "ContentEncoding": "gzip"}
    client.put_object(Bucket="upstream", Key="public.gz", ACL="public-read", **packed)
    client.close()
    return signed_server


def test_obstore_returns_gzip_as_stored(objects: str) -> None:
    """Length, MD5 and what is put down are those of the stored object."""
    store = S3Store(
        "upstream",
        endpoint=objects,
        client_options={"allow_http": True},
        virtual_hosted_style_request=False,
        skip_signature=True,
    )
    found = obstore.get(store, "public.gz")
    assert found.attributes["Content-Encoding"] == "gzip"
    assert gzip.decompress(found.bytes()) == b"{}"


@pytest.mark.slow
@pytest.mark.usefixtures("_credentials")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_dagsters_s3_resource_signs_only_when_it_may(objects: str) -> None:
    from dagster_aws.s3 import S3Resource  # noqa: PLC0415 - 4 s, only here

    def read(key: str, *, unsigned: bool) -> bytes:
        resource = S3Resource(
            endpoint_url=objects, region_name="us-east-1", use_unsigned_session=unsigned
        )
        found: bytes = resource.get_client().get_object(Bucket="upstream", Key=key)["Body"].read()
        return found

    assert read("secret", unsigned=False) == b"secret"
    assert gzip.decompress(read("public.gz", unsigned=True)) == b"{}"
    with pytest.raises(ClientError, match=r"403|AccessDenied|Forbidden"):
        read("secret", unsigned=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_dagsters_s3_resource_keeps_ten_connections() -> None:
    """Too few for bulk work, which obstore does."""
    from dagster_aws.s3 import S3Resource  # noqa: PLC0415 - 4 s, only here

    client = S3Resource(region_name="us-east-1", use_unsigned_session=True).get_client()
    assert client.meta.config.max_pool_connections == 10

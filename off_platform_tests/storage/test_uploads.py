"""Multipart uploads that killed runs left are aborted; those that go on, and of others, are not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from off_platform.storage.lake import Lake
from off_platform.storage.objects import Access
from off_platform.storage.uploads import abort_dead_uploads

BUCKET = "uploads"


@pytest.fixture
def client(signed_server: str, _credentials: None) -> Iterator[Any]:
    """A client of an empty bucket."""
    client = boto3.client("s3", endpoint_url=signed_server, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield client
    for key, upload in under_way(client):
        client.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def under_way(client: Any) -> list[tuple[str, str]]:
    """Key and id of each upload of the bucket."""
    found = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())
    return [(upload["Key"], upload["UploadId"]) for upload in found]


def begin(client: Any, key: str) -> None:
    """An upload of which one part came just now."""
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    client.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"part")


def test_uploads_are_aborted_after_an_hour_without_a_part(client: Any, signed_server: str) -> None:
    for key in ("lake/tables/a", "lake/tables/b", "lakes/other", "other"):
        begin(client, key)
    access = Access(endpoint=signed_server, signed=True)
    now = datetime.now(UTC)
    assert abort_dead_uploads(BUCKET, "lake", access, now + timedelta(minutes=50)) == []
    assert len(under_way(client)) == 4
    aborted = abort_dead_uploads(BUCKET, "lake", access, now + timedelta(minutes=70))
    assert sorted(aborted) == ["lake/tables/a", "lake/tables/b"]
    assert sorted(key for key, _ in under_way(client)) == ["lakes/other", "other"]
    assert len(abort_dead_uploads(BUCKET, "", access, now + timedelta(minutes=70))) == 2


def test_a_lake_sweeps_once_it_is_used(client: Any, signed_server: str) -> None:
    """An upload without a part is as old as its beginning, which the server says was long ago."""
    client.create_multipart_upload(Bucket=BUCKET, Key="lake/tables/a")
    begin(client, "lake/tables/b")
    with Lake(f"s3://{BUCKET}/lake", Access(endpoint=signed_server, signed=True)).connect():
        assert [key for key, _ in under_way(client)] == ["lake/tables/b"]


@pytest.mark.usefixtures("_credentials")
def test_a_bucket_that_refuses_or_is_not_there_costs_nothing(signed_server: str) -> None:
    access = Access(endpoint=signed_server, signed=True)
    assert abort_dead_uploads("no-such-bucket", "lake", access) == []

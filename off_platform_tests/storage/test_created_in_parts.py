"""Objects that are too large for memory are created in a bucket only if there is none."""

from pathlib import Path

import boto3
import pytest

from off_platform.storage import bucket_copies, bucket_folder
from off_platform.storage.lake_in_bucket import folder_of
from off_platform.storage.objects import Access

PART = 5 * 2**20


@pytest.mark.slow
@pytest.mark.usefixtures("_credentials")
def test_a_large_object_is_created_once(
    signed_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_folder, "CREATED_AT_ONCE_BYTES", 2**20)
    monkeypatch.setattr(bucket_copies, "CREATED_PART_BYTES", PART)
    s3 = boto3.client("s3", endpoint_url=signed_server, region_name="us-east-1")
    s3.create_bucket(Bucket="large")
    folder = folder_of("s3://large/lake", Access("us-east-1", signed_server, signed=True))
    first, same, other = (tmp_path / name for name in ("first", "same", "other"))
    for path, byte in ((first, b"a"), (same, b"a"), (other, b"b")):
        path.write_bytes(b"x" * (2 * PART) + byte * 17)
    assert folder.place_new(first, "sets/00000.tar")
    # As after an answer that was lost.
    assert folder.place_new(same, "sets/00000.tar")
    assert not folder.place_new(other, "sets/00000.tar")
    assert folder.read("sets/00000.tar") == first.read_bytes()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="large")
    s3.close()

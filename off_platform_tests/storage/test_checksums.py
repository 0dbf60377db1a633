"""A flipped bit of an object that was uploaded in parts shows: by its ETag, or S3's checksum."""

import base64
import hashlib
import io
import random
import zlib
from typing import Any

import boto3
import pytest

from off_platform.storage.checksums import checksum_holds, parts_hold
from off_platform.storage.objects import Access, open_store
from off_platform.storage.transfer import Limits, Wanted, transfer

MIB = 2**20
LARGE = random.Random(1).randbytes(11 * MIB + 5)
FLIPPED = LARGE[:MIB] + bytes([LARGE[MIB] ^ 1]) + LARGE[MIB + 1 :]


def etag_of(data: bytes, part: int) -> str:
    """The ETag of an upload in parts."""
    parts = [data[at : at + part] for at in range(0, len(data), part)] or [b""]
    whole = hashlib.md5(b"".join(hashlib.md5(each).digest() for each in parts))  # noqa: S324
    return f'"{whole.hexdigest()}-{len(parts)}"'


@pytest.mark.parametrize("part", [5, 8, 10, 64])
def test_an_etag_of_usual_parts_is_compared(part: int) -> None:
    etag = etag_of(LARGE, part * MIB)
    assert parts_hold(io.BytesIO(LARGE), len(LARGE), etag)
    assert not parts_hold(io.BytesIO(FLIPPED), len(FLIPPED), etag)


def test_an_etag_of_one_part_or_none_is_compared() -> None:
    for data in (b"", b"photo", LARGE):
        etag = etag_of(data, 99 * MIB)
        assert etag.endswith('-1"')
        assert parts_hold(io.BytesIO(data), len(data), etag)
        assert not parts_hold(io.BytesIO(data + b"x"), len(data) + 1, etag)


@pytest.mark.parametrize(
    "etag", [None, "", '"x-1"', '"5f2-1a"', f'"{"a" * 32}"', f'"{"a" * 32}-0"']
)
def test_other_etags_are_not_compared(etag: str | None) -> None:
    assert not parts_hold(io.BytesIO(b"photo"), 5, etag)


@pytest.fixture
def client(signed_server: str, _credentials: None) -> Any:
    """A client of a bucket with objects that have checksums."""
    client = boto3.client("s3", endpoint_url=signed_server, region_name="us-east-1")
    client.create_bucket(Bucket="checksums")
    return client


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256", "SHA1"])
def test_a_checksum_that_the_store_keeps_is_compared(
    client: Any, signed_server: str, algorithm: str
) -> None:
    put = {
        "CRC32": zlib.crc32(b"photo").to_bytes(4, "big"),
        "SHA256": hashlib.sha256(b"photo").digest(),
        "SHA1": hashlib.sha1(b"photo").digest(),  # noqa: S324 - one of S3's
    }[algorithm]
    kept = {f"Checksum{algorithm}": base64.b64encode(put).decode()}
    etag = client.put_object(
        Bucket="checksums", Key=algorithm, Body=b"photo", ChecksumAlgorithm=algorithm, **kept
    )["ETag"]
    store = open_store("s3://checksums", Access(endpoint=signed_server, signed=True))
    assert checksum_holds(store, algorithm, io.BytesIO(b"photo"), etag) is True
    assert checksum_holds(store, algorithm, io.BytesIO(b"phot0"), etag) is False
    # Another object by now, or none: nothing is known.
    assert checksum_holds(store, algorithm, io.BytesIO(b"photo"), '"other"') is None
    assert checksum_holds(store, "none", io.BytesIO(b"photo"), etag) is None


def test_a_transfer_takes_an_object_of_parts_that_holds(client: Any, signed_server: str) -> None:
    upload = client.create_multipart_upload(Bucket="checksums", Key="large")["UploadId"]
    of_upload = {"Bucket": "checksums", "Key": "large", "UploadId": upload}
    parts = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(**of_upload, PartNumber=number, Body=body)["ETag"],
        }
        for number, body in enumerate((LARGE[: 8 * MIB], LARGE[8 * MIB :]), 1)
    ]
    client.complete_multipart_upload(**of_upload, MultipartUpload={"Parts": parts})
    store = open_store("s3://checksums", Access(endpoint=signed_server, signed=True))
    wanted = Wanted("large", None, lambda _: (None, None))
    (outcome,) = transfer(store, [wanted], Limits())
    assert (outcome.status, outcome.data) == ("fetched", LARGE)

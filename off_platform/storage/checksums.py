"""Verifies objects that were uploaded in parts: by ETag, and by S3's checksums.

The ETag is the MD5 of the MD5s of the parts, so it can be compared if the parts have a usual size.
ETags that are MD5s are checked by `fetch.py`.
"""

import base64
import binascii
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from http.client import HTTPException
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote
from urllib.request import Request, urlopen

from botocore.exceptions import BotoCoreError, ClientError
from obstore.store import HTTPStore, S3Store

from off_platform.storage.aws import client

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PARTS_ETAG = re.compile(r'"?([0-9a-f]{32})-([0-9]{1,5})"?')
# Part sizes in MiB of common programs; 8 is that of the AWS CLI and boto3.
USUAL_PARTS = (8, 5, 16, 10, 15, 64, 32, 50, 100, 128, 25, 20, 6, 7, 12, 24, 256, 250, 500, 512)
HEAD_SECONDS = 30
_BLOCK_BYTES = 2**20


def parts_hold(file: BinaryIO, size: int, etag: str | None) -> bool:
    """Whether an ETag is that of these bytes, uploaded in parts of a usual size."""
    found = PARTS_ETAG.fullmatch(etag or "")
    if found is None:
        return False
    count = int(found[2])
    usual = [size or 1] if count == 1 else [each * 2**20 for each in USUAL_PARTS]
    return any(
        _etag_of(file, part, count) == found[1]
        for part in usual
        if -(-max(size, 1) // part) == count
    )


def _etag_of(file: BinaryIO, part: int, count: int) -> str:
    file.seek(0)
    digests = [hashlib.md5(file.read(part), usedforsecurity=False).digest() for _ in range(count)]
    return hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()


def checksum_holds(store: "ObjectStore", key: str, file: BinaryIO, etag: str | None) -> bool | None:
    """Whether bytes have the checksum that S3 stores for the whole object; takes one request.

    None if there is no comparable one: only of the parts, or CRC32C and CRC64NVME, which no library
    here computes.

    Args:
        store: a bucket, or a plain HTTP address of one.
        key: of the object.
        file: the bytes.
        etag: of the object when it was read; if it differs now, the object was replaced.
    """
    headers = _head(store, key)
    if headers.get("etag", "").strip('"') != (etag or "").strip('"'):
        return None
    for name, compute in _COMPUTED.items():
        expected = headers.get(f"x-amz-checksum-{name}", "")
        with suppress(binascii.Error):
            # A checksum of checksums ends in a dash and a number.
            if expected and "-" not in expected:
                file.seek(0)
                blocks = iter(lambda: file.read(_BLOCK_BYTES), b"")
                return compute(blocks) == base64.b64decode(expected, validate=True)
    return None


def _crc32(blocks: Iterable[bytes]) -> bytes:
    value = 0
    for block in blocks:
        value = zlib.crc32(block, value)
    return value.to_bytes(4, "big")


def _hashed(name: str) -> Callable[[Iterable[bytes]], bytes]:
    def compute(blocks: Iterable[bytes]) -> bytes:
        digest = hashlib.new(name, usedforsecurity=False)
        for block in blocks:
            digest.update(block)
        return digest.digest()

    return compute


_COMPUTED = {"sha256": _hashed("sha256"), "sha1": _hashed("sha1"), "crc32": _crc32}


def _head(store: "ObjectStore", key: str) -> dict[str, str]:
    """The headers of an object, including checksums, by lowercase name."""
    if isinstance(store, HTTPStore):
        return _head_at(f"{store.url.rstrip('/')}/{quote(key)}")
    if not isinstance(store, S3Store):
        return {}
    path = f"{store.prefix or ''}/{key}".strip("/")
    bucket, region = store.config["bucket"], store.config.get("region", "us-east-1")
    endpoint = store.config.get("endpoint")
    if str(store.config.get("skip_signature")).lower() != "true":
        return _signed_head(bucket, path, region, endpoint)
    at = (
        f"{endpoint.rstrip('/')}/{bucket}"
        if endpoint
        else f"https://{bucket}.s3.{region}.amazonaws.com"
    )
    return _head_at(f"{at}/{quote(path)}")


def _head_at(address: str) -> dict[str, str]:
    asked = {"x-amz-checksum-mode": "ENABLED"}
    request = Request(address, method="HEAD", headers=asked)  # noqa: S310 - of a store of HTTP
    # A missing answer says nothing about the bytes.
    with (
        suppress(OSError, HTTPException),
        urlopen(request, timeout=HEAD_SECONDS) as answer,  # noqa: S310 - the same
    ):
        return {name.lower(): value for name, value in answer.headers.items()}
    return {}


_client = cache(client)


def _signed_head(bucket: str, key: str, region: str, endpoint: str | None) -> dict[str, str]:
    try:
        answer = _client("s3", region, endpoint).head_object(
            Bucket=bucket, Key=key, ChecksumMode="ENABLED"
        )
    except (BotoCoreError, ClientError):
        return {}
    found = answer["ResponseMetadata"]["HTTPHeaders"]
    return {name.lower(): value for name, value in found.items()}


def in_memory(data: bytes) -> BinaryIO:
    """Bytes as a file, for the functions above."""
    return io.BytesIO(data)

"""What obstore does in one request only, done in parts: copies, and objects that must be new.

S3 copies up to 5 GB in one request, and obstore creates an object under a condition only from
memory. boto3 does both in parts.
"""

import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from off_platform.storage.aws import client
from off_platform.storage.objects import Access
from off_platform.storage.threads import in_order

# "You can store individual objects of up to 50 TB ... to copy an object greater than 5 GB, you must
# use the multipart upload Upload Part - Copy API" (CopyObject).
COPY_BYTES_MOST = 5 * 2**30
# Larger if there would be over 10,000 parts.
PART_BYTES = 256 * 2**20
PART_SECONDS = 300
# Of a created object; so much is held in memory for each part under way.
CREATED_PART_BYTES = 16 * 2**20
CREATED_AT_ONCE = 4
# "Maximum number of parts per upload: 10,000".
PARTS_MOST = 10_000
# An object was there, or was created at the same time; or the answer to this upload was lost.
_NOT_NEW = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"})
PARTS_AT_ONCE = 10


def create_in_parts(file: Path, bucket: str, key: str, access: Access) -> bool:
    """Creates an object from a file of any size, unless there is one of that name.

    Returns:
        Whether the bucket has this object now; false if it has another.

    Raises:
        OSError: it could not be created.
    """
    s3, of = _client(access), {"Bucket": bucket, "Key": key}
    size = max(CREATED_PART_BYTES, -(-file.stat().st_size // PARTS_MOST))

    def put(number: int) -> dict[str, Any]:
        with file.open("rb") as opened:
            opened.seek((number - 1) * size)
            data = opened.read(size)
        sent = s3.upload_part(**of, UploadId=upload, PartNumber=number, Body=data)
        return {"PartNumber": number, "ETag": sent["ETag"]}

    try:
        upload = s3.create_multipart_upload(**of)["UploadId"]
        try:
            numbers = range(1, -(-file.stat().st_size // size) + 1)
            parts = list(in_order(put, numbers, CREATED_AT_ONCE))
            s3.complete_multipart_upload(
                **of, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except ClientError as error:
            with suppress(ClientError):
                s3.abort_multipart_upload(**of, UploadId=upload)
            if error.response["Error"]["Code"] not in _NOT_NEW:
                raise
            return _is_same(s3.head_object(**of), file, size)
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"s3://{bucket}/{key} could not be created: {error}") from error
    return True


def _is_same(found: dict[str, Any], file: Path, size: int) -> bool:
    """Whether an object was uploaded from the same bytes in the same parts; by its ETag."""
    digests = []
    with file.open("rb") as opened:
        while data := opened.read(size):
            digests.append(hashlib.md5(data, usedforsecurity=False).digest())
    whole = hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()
    return bool(found["ETag"].strip('"') == f"{whole}-{len(digests)}")


def copy_in_parts(bucket: str, key: str, to: str, access: Access) -> None:
    """Copies an object of any size inside a bucket; no byte leaves the server.

    Args:
        bucket: its name.
        key: of the object.
        to: key of the copy.
        access: how the bucket is reached, signed.

    Raises:
        OSError: it could not be copied.
    """
    config = TransferConfig(
        multipart_threshold=PART_BYTES,
        multipart_chunksize=PART_BYTES,
        max_concurrency=PARTS_AT_ONCE,
    )
    try:
        _client(access).copy({"Bucket": bucket, "Key": key}, bucket, to, Config=config)
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"s3://{bucket}/{key} could not be copied to {to}: {error}") from error


@cache
def _client(access: Access) -> Any:
    return client("s3", access.region, access.endpoint, attempts=5, seconds=PART_SECONDS)

"""Copies of objects inside a bucket that are too large for one request.

S3 copies up to 5 GB in one request; obstore has no other. boto3 copies larger ones in parts.
"""

from functools import cache
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from off_platform.storage.aws import client
from off_platform.storage.objects import Access

# "You can store individual objects of up to 50 TB ... to copy an object greater than 5 GB, you must
# use the multipart upload Upload Part - Copy API" (CopyObject).
COPY_BYTES_MOST = 5 * 2**30
# Larger if there would be over 10,000 parts.
PART_BYTES = 256 * 2**20
PART_SECONDS = 300
PARTS_AT_ONCE = 10


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

"""Multipart uploads left by killed runs: their parts are billed but not listed.

The caller's prefix decides which uploads are ours.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from off_platform.storage.aws import client

if TYPE_CHECKING:
    from off_platform.storage.objects import Access

# A run uploads a part, or gives up, within minutes; with retries in less than an hour.
QUIET = timedelta(hours=1)


def abort_dead_uploads(
    bucket: str, prefix: str, access: "Access", now: datetime | None = None
) -> list[str]:
    """Aborts uploads below a prefix that received no part for an hour.

    If the bucket does not allow listing or aborting them, or has no uploads, nothing is done: a
    lifecycle rule of the bucket does the same (docs/server.md).

    Args:
        bucket: its name.
        prefix: of the keys, without a trailing slash; empty for the whole bucket.
        access: how it is reached, signed.
        now: the current time.

    Returns:
        The keys of the aborted uploads.
    """
    quiet_since = (now or datetime.now(UTC)) - QUIET
    aborted: list[str] = []
    with suppress(BotoCoreError, ClientError):
        s3 = client("s3", access.region, access.endpoint)
        for upload in _uploads(s3, bucket, f"{prefix}/" if prefix else ""):
            of_upload = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            if upload["Initiated"] < quiet_since and not _is_active(s3, of_upload, quiet_since):
                s3.abort_multipart_upload(**of_upload)
                aborted.append(upload["Key"])
    return aborted


def _uploads(s3: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    pages = s3.get_paginator("list_multipart_uploads")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Uploads", ())


def _is_active(s3: Any, of_upload: dict[str, str], quiet_since: datetime) -> bool:
    """Whether an upload received a part recently."""
    return any(
        part["LastModified"] >= quiet_since
        for page in s3.get_paginator("list_parts").paginate(**of_upload)
        for part in page.get("Parts", ())
    )

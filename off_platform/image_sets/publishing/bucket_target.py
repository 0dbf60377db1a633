"""A prefix of an S3 bucket as the target of a published set.

Credentials come from the standard AWS chain. A file there is the same if its ETag is the MD5 of the
bytes, or of its parts, or if its metadata has their SHA-256, as under SSE-KMS.
"""

import hashlib
import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as AwsConnectionError,
)

from off_platform.image_sets.publishing.publishing import (
    TargetRefusedError,
    TargetUnreachableError,
    Upstream,
)
from off_platform.storage.aws import client
from off_platform.storage.objects import Access, in_one_line
from off_platform.storage.threads import in_order
from off_platform.storage.uploads import abort_dead_uploads

BATCH_FILES = 256
THREADS = 8
ATTEMPTS = 5
# Of a file sent in parts; the ETag follows from it.
PART_BYTES = 16 * 2**20
_DELETED_TOGETHER = 1000
_READ_BYTES = 2**20
_SHA256 = "sha256"
_PARTS = TransferConfig(
    multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4
)
_TYPES = {
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".svg": "image/svg+xml",
    ".tar": "application/x-tar",
    ".txt": "text/plain; charset=utf-8",
}
# Codes of answers that blame the caller: nobody to wait for.
_REFUSED = range(300, 500)


class BucketTarget:
    """A prefix of a bucket.

    Args:
        bucket: its name.
        prefix: of the keys, without slashes at its ends; empty for the whole bucket.
        access: region and endpoint.
    """

    batch_files = BATCH_FILES

    def __init__(self, bucket: str, prefix: str, access: Access) -> None:
        """See the class."""
        self._bucket, self._prefix, self._access = bucket, prefix, access
        self._start = f"{prefix}/" if prefix else ""
        self._client: Any = None

    @property
    def address(self) -> str:
        """See `Target.address`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def advice(self, files: Mapping[str, int]) -> Iterator[str]:
        """See `Target.advice`: a bucket takes any files."""
        _ = files
        yield from ()

    def prepare(self) -> None:
        """See `Target.prepare`: removes what killed uploads left below the prefix."""
        if self._prefix:
            abort_dead_uploads(self._bucket, self._prefix, self._access)

    def present(self) -> dict[str, Upstream]:
        """See `Target.present`."""
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._start
            )
            listed = [each for page in pages for each in page.get("Contents", ())]
        except (BotoCoreError, ClientError) as error:
            raise self._in_our_words(error) from error
        return {
            each["Key"].removeprefix(self._start): Upstream(
                each["Size"], (each["Key"], each["ETag"].strip('"'))
            )
            for each in listed
            # The marks of folders that consoles make.
            if not each["Key"].endswith("/")
        }

    def is_same(self, upstream: Upstream, path: Path) -> bool:
        """See `Target.is_same`."""
        key, etag = upstream.digest
        whole, parts, sha256 = _digests(path)
        if etag in {whole, parts}:
            return True
        try:
            found = self._s3.head_object(Bucket=self._bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            raise self._in_our_words(error) from error
        return bool(found.get("Metadata", {}).get(_SHA256) == sha256)

    def send(self, files: Mapping[str, Path], about: str) -> None:
        """See `Target.send`: objects side by side, large ones in parts."""
        _ = about
        try:
            for _ in in_order(self._put, files.items(), THREADS):
                pass
        except (BotoCoreError, ClientError) as error:
            raise self._in_our_words(error) from error

    def _put(self, named: tuple[str, Path]) -> None:
        name, path = named
        facts = {"ContentType": _type_of(name), "Metadata": {_SHA256: _digests(path)[2]}}
        key = self._start + name
        with path.open("rb") as file:
            if path.stat().st_size <= PART_BYTES:
                # The transfer manager starts threads for each file.
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=file, **facts)
            else:
                self._s3.upload_fileobj(file, self._bucket, key, ExtraArgs=facts, Config=_PARTS)

    def remove(self, names: list[str], about: str) -> None:
        """See `Target.remove`."""
        _ = about
        if not self._prefix:
            raise TargetRefusedError(
                f"{self.address} names a whole bucket, from which nothing is deleted; name a "
                "prefix, such as s3://bucket/prefix."
            )
        keys = [{"Key": self._start + name} for name in names]
        for start in range(0, len(keys), _DELETED_TOGETHER):
            together = {"Objects": keys[start : start + _DELETED_TOGETHER], "Quiet": True}
            try:
                answer = self._s3.delete_objects(Bucket=self._bucket, Delete=together)
            except (BotoCoreError, ClientError) as error:
                raise self._in_our_words(error) from error
            if failed := answer.get("Errors"):
                raise TargetRefusedError(
                    f"{self.address} does not delete {failed[0].get('Key')}: "
                    f"{failed[0].get('Message') or failed[0].get('Code')}."
                )

    @property
    def _s3(self) -> Any:
        if self._client is None:
            access = self._access
            try:
                self._client = client("s3", access.region, access.endpoint, attempts=ATTEMPTS)
            except (BotoCoreError, ValueError) as error:
                raise self._in_our_words(error) from error
        return self._client

    def _in_our_words(self, error: Exception) -> Exception:
        if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
            return TargetRefusedError(
                f"No AWS credentials were found for {self.address}: set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, a profile or a role."
            )
        if isinstance(error, (HTTPClientError, AwsConnectionError)):
            return TargetUnreachableError(
                f"{self.address} cannot be reached ({in_one_line(error)}); run the command again "
                "to resume."
            )
        if not isinstance(error, ClientError):
            return TargetRefusedError(f"{self.address} cannot be used: {in_one_line(error)}")
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in {"SlowDown", "RequestTimeout"} or status not in _REFUSED:
            return TargetUnreachableError(
                f"{self.address} failed ({in_one_line(error)}); run the command again to resume."
            )
        return TargetRefusedError(
            f"{self.address} refuses this ({in_one_line(error)}); check the bucket's name and "
            "region, and that your credentials may list and write there."
        )


def access_from(region: str | None, endpoint: str | None, otherwise: str) -> Access:
    """Region and endpoint of a bucket to publish in.

    Args:
        region: as set for the lake; None for that of the AWS configuration.
        endpoint: as set for the lake; None for that of the AWS configuration.
        otherwise: the region without any.
    """
    return Access(region or boto3.Session().region_name or otherwise, endpoint, signed=True)


def _type_of(name: str) -> str:
    ending = Path(name).suffix
    known = _TYPES.get(ending) or mimetypes.types_map.get(ending)
    return known or "application/octet-stream"


def _digests(path: Path) -> tuple[str, str, str]:
    """MD5, ETag of an upload in parts, and SHA-256 of a file, in one pass."""
    whole, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    of_parts: list[bytes] = []
    with path.open("rb") as file:
        left = path.stat().st_size
        while left > 0 or not of_parts:
            part = hashlib.md5(usedforsecurity=False)
            end = min(PART_BYTES, left)
            left -= end
            while end > 0 and (block := file.read(min(_READ_BYTES, end))):
                end -= len(block)
                for digest in (whole, sha256, part):
                    digest.update(block)
            of_parts.append(part.digest())
    parts = hashlib.md5(b"".join(of_parts), usedforsecurity=False).hexdigest()
    return whole.hexdigest(), f"{parts}-{len(of_parts)}", sha256.hexdigest()

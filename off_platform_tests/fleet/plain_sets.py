"""Image sets read without the platform: boto3 or the disk, tarfile, hashlib, pyarrow.

Checks that each object of a set is stored once, with the bytes that the source has.
"""

import gzip
import hashlib
import io
import json
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq

from off_platform.image_sets.construction.plans import PLAN, ROWS
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.storage.lake_layout import MANIFEST

Files = dict[str, bytes]


def client_of(endpoint: str) -> Any:
    """A client of an S3 server, to be closed."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)


def files_below(address: str, endpoint: str | None = None) -> Files:
    """The bytes of all files of a folder or of a place in a bucket, by name."""
    if endpoint is None:
        root = Path(address)
        files = (path for path in root.rglob("*") if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    prefix = f"{prefix.rstrip('/')}/"
    found: Files = {}
    with closing(client_of(endpoint)) as client:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for each in page.get("Contents", ()):
                body = client.get_object(Bucket=bucket, Key=each["Key"])["Body"]
                found[each["Key"].removeprefix(prefix)] = body.read()
    return found


def shards(files: Files) -> dict[str, str]:
    """The SHA-256 of each shard."""
    of_set = {name: data for name, data in files.items() if name.endswith(".tar")}
    return {name: hashlib.sha256(data).hexdigest() for name, data in of_set.items()}


def manifest(files: Files) -> list[dict[str, Any]]:
    """The rows of the manifest, in order."""
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(files[MANIFEST])).to_pylist()
    return rows


def demand_whole(files: Files, source: Path) -> None:
    """Ensures that a finished set stores each object once, with the source's bytes.

    Args:
        files: of the set.
        source: the folder with the source's objects, by key.
    """
    assert not [name for name in files if name.startswith(BUILDING)]
    rows = [row for row in manifest(files) if row["path"] is not None]
    stored = {(row["path"], row["offset"]): row for row in rows}
    assert len(stored) == len(rows) == len({row["key"] for row in rows}) > 0
    members = set()
    for name in shards(files):
        with tarfile.open(fileobj=io.BytesIO(files[name])) as shard:
            for member in shard:
                row = stored[name, member.offset_data]
                reader = shard.extractfile(member)
                assert reader is not None
                _demand_object(row, reader.read(), (source / row["key"]).read_bytes())
                members.add((name, member.offset_data))
    assert members == {*stored}


def _demand_object(row: dict[str, Any], stored: bytes, original: bytes) -> None:
    assert hashlib.md5(original, usedforsecurity=False).hexdigest() == row["md5"], row["key"]
    assert len(stored) == row["stored_bytes"]
    # OCR results are stored unpacked.
    assert stored == (gzip.decompress(original) if row["kind"] == "ocr" else original), row["key"]


def demand_receipts(files: Files) -> None:
    """Ensures that a set whose parts are done has one file of rows for each group.

    Each planned object is in one of them, once.
    """
    planned = pq.read_table(io.BytesIO(files[PLAN]), columns=["position", "group"]).to_pylist()
    receipts = {name: data for name, data in files.items() if name.endswith(ROWS)}
    assert len(receipts) == len({row["group"] for row in planned})
    lines = [json.loads(line) for data in receipts.values() for line in data.splitlines()]
    found = [line["position"] for line in lines if "position" in line]
    assert sorted(found) == sorted(row["position"] for row in planned)

"""Objects of the test S3 server: read, listed and written by the clients that people have."""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import obstore
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from obstore.exceptions import AlreadyExistsError

from off_platform_tests.s3_answers import S3Error
from off_platform_tests.s3_clients import (
    HELLO_ETAG,
    KEYS,
    ODD_KEYS,
    PHOTO,
    ask,
    boto_of,
    small_bucket,
    store_of,
)
from off_platform_tests.s3_listings import page_of
from off_platform_tests.s3_requests import byte_range
from off_platform_tests.s3_server import S3Server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bucket's folder."""
    return small_bucket(tmp_path / "bucket")


@pytest.fixture
def server(folder: Path) -> Iterator[S3Server]:
    """A server without faults, its one bucket called `images`."""
    with S3Server({"images": folder}) as server:
        yield server


@pytest.fixture
def boto(server: S3Server) -> Iterator[Any]:
    """A boto3 client without credentials."""
    with boto_of(server) as client:
        yield client


def test_obstore_reads_an_object_with_its_etag_size_and_time(
    server: S3Server, folder: Path
) -> None:
    found = obstore.get(store_of(server), PHOTO)
    data = (folder / PHOTO).read_bytes()
    assert found.bytes().to_bytes() == data
    assert found.meta["e_tag"] == f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
    assert found.meta["size"] == 1024
    written = int((folder / PHOTO).stat().st_mtime)
    assert found.meta["last_modified"] == datetime.fromtimestamp(written, UTC)


def test_boto3_reads_the_head_of_an_object(boto: Any, folder: Path) -> None:
    found = boto.head_object(Bucket="images", Key="readme")
    assert found["ContentLength"] == 5
    assert found["ETag"] == HELLO_ETAG
    assert found["LastModified"].timestamp() == int((folder / "readme").stat().st_mtime)


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=1-3", 206, b"ell", "bytes 1-3/5"),
        ("bytes=1-", 206, b"ello", "bytes 1-4/5"),
        ("bytes=-2", 206, b"lo", "bytes 3-4/5"),
        ("bytes=-99", 206, b"hello", "bytes 0-4/5"),
        ("bytes=3-99", 206, b"lo", "bytes 3-4/5"),
        ("bytes=3-1", 200, b"hello", None),
        ("bytes=0-1,3-4", 200, b"hello", None),
        ("bytes=-", 200, b"hello", None),
        ("words=1-2", 200, b"hello", None),
    ],
)
def test_a_range_is_served_as_s3_serves_it(
    folder: Path, asked: str, status: int, content: bytes, content_range: str | None
) -> None:
    for kept_bytes in (0, 1000):
        with S3Server({"images": folder}, kept_bytes=kept_bytes) as server:
            found = ask(server, "/images/readme", Range=asked)
        assert (found[0], found[2]) == (status, content)
        assert found[1].get("Content-Range") == content_range


@pytest.mark.parametrize(
    ("key", "asked"), [("readme", "bytes=5-"), ("data/data_keys.gz", "bytes=0-0")]
)
def test_a_range_behind_the_end_is_refused(server: S3Server, key: str, asked: str) -> None:
    status, headers, body = ask(server, f"/images/{key}", Range=asked)
    size = 5 if key == "readme" else 0
    assert (status, headers["Content-Range"]) == (416, f"bytes */{size}")
    assert b"<Code>InvalidRange</Code>" in body


LONG_AGO, FAR_AHEAD = "Wed, 01 Jan 2020 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_Match": HELLO_ETAG}, 200),
        ({"If_Match": f'"0", {HELLO_ETAG}'}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": '"0"'}, 412),
        ({"If_None_Match": HELLO_ETAG}, 304),
        ({"If_None_Match": '"0"'}, 200),
        ({"If_Unmodified_Since": LONG_AGO}, 412),
        ({"If_Unmodified_Since": FAR_AHEAD}, 200),
        ({"If_Unmodified_Since": LONG_AGO, "If_Match": HELLO_ETAG}, 200),
        ({"If_Modified_Since": FAR_AHEAD}, 304),
        ({"If_Modified_Since": LONG_AGO}, 200),
        ({"If_Modified_Since": "yesterday"}, 200),
    ],
)
def test_conditions_are_kept(server: S3Server, headers: dict[str, str], status: int) -> None:
    found = ask(server, "/images/readme", **headers)
    assert found[0] == status
    assert (found[2] == b"hello") == (status == 200)


def test_a_missing_object_or_bucket_is_named(boto: Any) -> None:
    with pytest.raises(ClientError) as key_error:
        boto.get_object(Bucket="images", Key="nothing/here")
    assert key_error.value.response["Error"]["Code"] == "NoSuchKey"
    assert key_error.value.response["Error"]["Key"] == "nothing/here"
    with pytest.raises(ClientError) as bucket_error:
        boto.get_object(Bucket="others", Key="readme")
    assert bucket_error.value.response["Error"]["Code"] == "NoSuchBucket"


def test_a_missing_object_can_be_forbidden(folder: Path) -> None:
    with S3Server({"images": folder}, missing_is_forbidden=True) as server:
        status, _, body = ask(server, "/images/nothing")
        assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
        assert ask(server, "/images/nothing", method="HEAD")[0] == 403


def test_boto3_lists_all_pages_in_byte_order(folder: Path) -> None:
    with S3Server({"images": folder}, page_size=3) as server, boto_of(server) as boto:
        pages = list(boto.get_paginator("list_objects_v2").paginate(Bucket="images"))
    assert [row["Key"] for page in pages for row in page["Contents"]] == KEYS
    assert [page["KeyCount"] for page in pages] == [3, 3, 2]
    assert pages[-1]["Contents"][-1]["ETag"] == HELLO_ETAG


def test_obstore_lists_with_prefix_offset_and_delimiter(server: S3Server) -> None:
    store = store_of(server)
    listed = obstore.list(store, "odd").collect()
    assert {row["path"] for row in listed} == set(ODD_KEYS)
    behind = obstore.list(store, offset="odd/10.jpg").collect()
    assert [row["path"] for row in behind] == [*sorted(ODD_KEYS)[2:], "readme"]
    level = obstore.list_with_delimiter(store)
    assert list(level["common_prefixes"]) == ["data", "odd"]
    assert [row["path"] for row in level["objects"]] == ["readme"]


def test_common_prefixes_count_as_entries_of_a_page(folder: Path) -> None:
    with S3Server({"images": folder}, page_size=1) as server:
        level = obstore.list_with_delimiter(store_of(server))
        asked = [seen for seen in server.requests if "list-type=2" in seen.path]
    assert list(level["common_prefixes"]) == ["data", "odd"]
    assert len(asked) == 3


def test_a_listing_without_sense_is_refused(server: S3Server) -> None:
    assert ask(server, "/images?list-type=2&max-keys=many")[0] == 400
    assert ask(server, "/images?list-type=2&continuation-token=%ff")[0] == 400
    assert ask(server, "/images?list-type=2&continuation-token=abc")[0] == 400
    assert b"<KeyCount>0</KeyCount>" in ask(server, "/images?list-type=2&max-keys=0")[2]


def test_obstore_writes_copies_and_deletes(server: S3Server, folder: Path) -> None:
    store = store_of(server)
    put = obstore.put(store, "lake/a/1.parquet", b"one")
    assert put["e_tag"] == obstore.head(store, "lake/a/1.parquet")["e_tag"]
    obstore.copy(store, "lake/a/1.parquet", "lake/b/2 ü.parquet")
    assert (folder / "lake/b/2 ü.parquet").read_bytes() == b"one"
    obstore.delete(store, ["lake/a/1.parquet", "lake/b/2 ü.parquet"])
    assert not (folder / "lake").exists()
    with pytest.raises(FileNotFoundError):
        obstore.get(store, "lake/a/1.parquet")


def test_a_put_that_must_create_does_not_overwrite(server: S3Server, folder: Path) -> None:
    with pytest.raises(AlreadyExistsError):
        obstore.put(store_of(server), "readme", b"other", mode="create")
    assert (folder / "readme").read_bytes() == b"hello"
    obstore.put(store_of(server), "new", b"other", mode="create")
    assert (folder / "new").read_bytes() == b"other"


def test_obstore_uploads_in_parts(server: S3Server, folder: Path) -> None:
    data = os.urandom(6 * 1024**2)
    store = store_of(server)
    obstore.put(store, "large", BytesIO(data), use_multipart=True, chunk_size=5 * 1024**2)
    assert (folder / "large").read_bytes() == data
    assert ask(server, "/images/large", method="HEAD")[1]["ETag"].endswith('-2"')
    assert obstore.get(store, "large").bytes().to_bytes() == data


def test_boto3_uploads_and_copies_in_parts(boto: Any, folder: Path) -> None:
    config = TransferConfig(multipart_threshold=1000, multipart_chunksize=5 * 1024**2)
    data = os.urandom(11 * 1024**2)
    boto.upload_fileobj(BytesIO(data), "images", "large", Config=config)
    assert boto.head_object(Bucket="images", Key="large")["ETag"].endswith('-3"')
    boto.copy({"Bucket": "images", "Key": "large"}, "images", "copies/large", Config=config)
    assert (folder / "copies/large").read_bytes() == data


def test_an_aborted_or_wrongly_completed_upload_leaves_nothing(boto: Any, folder: Path) -> None:
    place = {"Bucket": "images", "Key": "large"}
    upload = {**place, "UploadId": boto.create_multipart_upload(**place)["UploadId"]}
    boto.upload_part(**upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": HELLO_ETAG}]}
    with pytest.raises(ClientError, match="InvalidPart"):
        boto.complete_multipart_upload(**upload, MultipartUpload=parts)
    boto.abort_multipart_upload(**upload)
    with pytest.raises(ClientError, match="NoSuchUpload"):
        boto.upload_part(**upload, PartNumber=2, Body=b"part")
    assert not (folder / "large").exists()


def test_a_large_object_streams_from_disk_with_an_etag_in_parts(tmp_path: Path) -> None:
    piece = os.urandom(1024**2)
    (tmp_path / "large").write_bytes(piece * 33)
    with S3Server({"images": tmp_path}) as server:
        found = obstore.get(store_of(server), "large")
        assert str(found.meta["e_tag"]).endswith('-5"')
        assert found.bytes().to_bytes() == piece * 33


def test_every_etag_can_be_one_of_parts(folder: Path) -> None:
    with S3Server({"images": folder}, multipart_etags=True) as server:
        digest = hashlib.md5(b"hello", usedforsecurity=False).digest()
        whole = hashlib.md5(digest, usedforsecurity=False).hexdigest()
        assert ask(server, "/images/readme", method="HEAD")[1]["ETag"] == f'"{whole}-1"'


def test_the_end_of_an_etag_tells_the_number_of_parts(tmp_path: Path) -> None:
    """Of 8 MiB each, the last one shorter, as the most used tools upload."""
    for size, parts in ((0, 1), (8 * 1024**2, 1), (8 * 1024**2 + 1, 2)):
        (tmp_path / "object").write_bytes(bytes(size))
        with S3Server({"images": tmp_path}, multipart_etags=True) as server:
            etag = ask(server, "/images/object", method="HEAD")[1]["ETag"]
        assert etag.endswith(f'-{parts}"')


@given(st.binary(min_size=1, max_size=20), st.integers(0, 25), st.integers(0, 25))
def test_a_byte_range_is_the_slice_it_says(data: bytes, first: int, last: int) -> None:
    asked, wanted = f"bytes={first}-{last}", data[first : last + 1]
    if last < first:
        assert byte_range(asked, len(data)) is None
    elif not wanted:
        with pytest.raises(S3Error, match="not satisfiable"):
            byte_range(asked, len(data))
    else:
        assert byte_range(asked, len(data)) == (first, first + len(wanted))


KEYS_OF_FEW_LETTERS = st.sets(st.text("ab/", min_size=1, max_size=6))


@given(KEYS_OF_FEW_LETTERS, st.text("ab/", max_size=2), st.integers(1, 4))
def test_pages_put_together_are_the_whole_listing(names: set[str], prefix: str, limit: int) -> None:
    keys, listed, after, more = sorted(names), [], "", True
    while more:
        page, more = page_of(keys, prefix, "/", after, limit)
        assert len(page) == limit or not more
        listed += page
        after = page[-1].text if page else ""
    inside = [key for key in keys if key.startswith(prefix)]
    parts = [(prefix, *key[len(prefix) :].partition("/")[:2]) for key in inside]
    assert [entry.text for entry in listed] == sorted({"".join(part) for part in parts})

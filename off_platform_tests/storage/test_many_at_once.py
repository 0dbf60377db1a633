"""Many files are moved and removed at once in a bucket, with the result of one after another."""

from collections import Counter
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from off_platform.storage import bucket_copies, bucket_folder
from off_platform.storage.bucket_copies import copy_in_parts
from off_platform.storage.bucket_folder import BucketFolder
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Access
from off_platform_tests.s3.server import Faults, S3Server
from off_platform_tests.storage.test_folders import put

MEBI = 2**20


def test_files_and_folders_are_moved_and_what_is_missing_is_left_out(folder: Folder) -> None:
    put(folder, "a/1", "a/2", "a/deep/3", "ab/4", "b", "old/b")
    folder.move_all([("a", "moved/a"), ("b", "old/b"), ("none", "x"), ("ab/4", "ab/4")])
    assert folder.names() == ["ab/4", "moved/a/1", "moved/a/2", "moved/a/deep/3", "old/b"]
    assert folder.read("old/b") == b"b"
    # Repeated, as after an interruption.
    folder.move_all([("a", "moved/a"), ("b", "old/b"), ("none", "x")])
    assert folder.names() == ["ab/4", "moved/a/1", "moved/a/2", "moved/a/deep/3", "old/b"]
    folder.move_all([])


def test_files_and_folders_are_removed_together(folder: Folder) -> None:
    put(folder, "a/1", "a/deep/2", "ab/3", "b", "b2", "c/5")
    folder.remove_all(name for name in ("a", "b", "none", "c/5"))
    assert folder.names() == ["ab/3", "b2"]
    folder.remove_all([])
    assert folder.names() == ["ab/3", "b2"]


NAMES = ["a", "b", "c/1", "c/2", "d/e/3", "d/f/4"]
SOURCES = ["a", "b", "c", "d/e", "d/f", "none"]
STEPS = st.sampled_from(["move", "remove"])


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(SOURCES)), STEPS)
def test_disk_and_bucket_have_the_same_files_after_many_at_once(
    tmp_path_factory: pytest.TempPathFactory, here: set[str], sources: set[str], step: str
) -> None:
    both: list[Folder] = [
        LocalFolder(tmp_path_factory.mktemp("folder")),
        BucketFolder(MemoryStore(), "memory://"),
    ]
    for folder in both:
        put(folder, *here)
        if step == "remove":
            folder.remove_all(sources)
        else:
            folder.move_all([(name, f"moved/{name}") for name in sources])
    contents = [{name: folder.read(name) for name in folder.names()} for folder in both]
    assert contents[0] == contents[1]


def test_a_hundred_objects_are_moved_with_a_hundred_requests_many_at_once(tmp_path: Path) -> None:
    faults = Faults(latency_seconds=0.01)
    with S3Server({"lake": tmp_path}, faults=faults) as server:
        folder = Lake("s3://lake", Access(endpoint=server.url)).root
        names = [f"{number:03d}" for number in range(100)]
        put(folder, *names)
        server.requests.clear()
        server.beside.clear()
        folder.move_all([(f"{name}", f"moved/{name}") for name in names])
        assert Counter(seen.method for seen in server.requests) == {"PUT": 100, "POST": 1}
        assert 1 < max(server.beside) <= 32
        server.requests.clear()
        folder.remove("moved")
        assert Counter(seen.method for seen in server.requests) == {"GET": 1, "POST": 1}
        assert folder.names() == []


@pytest.mark.usefixtures("_credentials")
def test_an_object_too_large_for_one_request_is_copied_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_folder, "COPY_BYTES_MOST", MEBI)
    monkeypatch.setattr(bucket_copies, "PART_BYTES", 5 * MEBI)
    data = bytes(range(256)) * (12 * MEBI // 256)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "large").write_bytes(data)
    with S3Server({"lake": tmp_path}, copy_bytes_most=MEBI) as server:
        lake = Lake("s3://lake/in", Access(endpoint=server.url, signed=True))
        put(lake.root, "small")
        lake.root.move_all([("large", "moved/large"), ("small", "moved/small")])
        assert lake.root.names() == ["moved/large", "moved/small"]
        assert lake.root.read("moved/large") == data
        copied = [seen for seen in server.requests if "partNumber" in seen.path]
    assert len(copied) == 3
    assert (tmp_path / "in" / "moved" / "large").read_bytes() == data


@pytest.mark.usefixtures("_credentials")
def test_moto_joins_the_parts_as_well(signed_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_copies, "PART_BYTES", 5 * MEBI)
    data = bytes(range(256)) * (12 * MEBI // 256)
    client = boto3.client("s3", endpoint_url=signed_server, region_name="us-east-1")
    client.create_bucket(Bucket="copies")
    client.put_object(Bucket="copies", Key="a/large", Body=data)
    access = Access(endpoint=signed_server, signed=True)
    copy_in_parts("copies", "a/large", "b/large", access)
    found = client.get_object(Bucket="copies", Key="b/large")
    assert found["Body"].read() == data
    assert found["ETag"].endswith('-3"')
    with pytest.raises(OSError, match="s3://copies/a/none could not be copied to b/none"):
        copy_in_parts("copies", "a/none", "b/none", access)
    client.close()

"""A file is placed by one of many: on disk and in buckets, by threads and by processes."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import obstore
import pytest
from obstore import exceptions
from obstore.store import MemoryStore

from off_platform.storage.bucket_folder import BucketFolder
from off_platform.storage.folder import Folder
from off_platform.storage.local_folder import LocalFolder
from off_platform_tests.waiting import end_with_the_tests

ROOT = Path(__file__).resolve().parents[2]
RACERS = 8


def place_new(folder: Folder, name: str, data: bytes) -> bool:
    """Places these bytes, if the name is free."""
    with folder.scratch() as scratch:
        (scratch / "made").write_bytes(data)
        return folder.place_new(scratch / "made", name)


def test_the_first_file_stays(folder: Folder) -> None:
    assert place_new(folder, "a/b/file", b"first")
    assert not place_new(folder, "a/b/file", b"other")
    assert not place_new(folder, "a/b/file", b"longer than the first")
    assert folder.read("a/b/file") == b"first"
    assert folder.names() == ["a/b/file"]
    with pytest.raises(ValueError, match="would leave its folder"):
        place_new(folder, "../file", b"mine")


def test_the_same_bytes_are_the_same_file(folder: Folder) -> None:
    assert place_new(folder, "file", b"first")
    assert place_new(folder, "file", b"first")
    folder.remove("file")
    assert place_new(folder, "file", b"other")
    assert folder.read("file") == b"other"


def test_what_was_placed_does_not_change_with_what_it_was_made_of(folder: Folder) -> None:
    with folder.scratch() as scratch:
        (scratch / "made").write_bytes(b"first")
        assert folder.place_new(scratch / "made", "file")
        (scratch / "made").write_bytes(b"changed")
    assert folder.read("file") == b"first"


def test_of_threads_that_place_one_name_one_succeeds(folder: Folder) -> None:
    with ThreadPoolExecutor(RACERS) as pool:
        for turn in range(5):
            name = f"races/{turn}"
            won = list(
                pool.map(lambda racer: place_new(folder, name, b"%d" % racer), range(RACERS))  # noqa: B023 - run in this turn
            )
            assert won.count(True) == 1
            assert folder.read(name) == b"%d" % won.index(True)


RACE = """
import sys
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Access
from off_platform_tests.storage.test_place_new import place_new
url, endpoint, racer = sys.argv[1:]
root = Lake(url, Access(endpoint=endpoint, signed=True) if endpoint else None).root
print("ready", flush=True)
sys.stdin.readline()
print(*(int(place_new(root, f"races/{turn}", racer.encode())) for turn in range(50)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["disk", "moto"])
def test_of_processes_that_place_one_name_one_succeeds(
    tmp_path: Path, request: pytest.FixtureRequest, where: str
) -> None:
    url, endpoint = str(tmp_path / "lake"), ""
    if where == "moto":
        request.getfixturevalue("_credentials")
        endpoint = request.getfixturevalue("signed_server")
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="races")
        client.close()
        url = f"s3://races/{tmp_path.name}"
    racers = [
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", RACE, url, endpoint, f"racer {number}"],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=end_with_the_tests,  # noqa: PLW1509 - before any thread is started there
        )
        for number in range(3)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [list(map(int, racer.communicate()[0].split())) for racer in racers]
    assert [sum(turn) for turn in zip(*won, strict=True)] == [1] * 50


Put = Callable[..., Any]


def test_the_answer_to_its_own_request_may_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store tries again, and the object that is in its way is its own."""
    put: Put = obstore.put

    def twice(*arguments: Any, **options: Any) -> Any:
        put(*arguments, **options)
        return put(*arguments, **options)

    monkeypatch.setattr(obstore, "put", twice)
    folder = BucketFolder(MemoryStore(), "memory://")
    assert place_new(folder, "file", b"mine")
    assert not place_new(folder, "file", b"other")


def test_a_conflict_that_leaves_nothing_is_no_defeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 answers 409 where another request was under way, which may have failed as well."""
    put: Put = obstore.put
    conflicts = [3]

    def refused(*arguments: Any, **options: Any) -> Any:
        if conflicts[0]:
            conflicts[0] -= 1
            raise exceptions.AlreadyExistsError
        return put(*arguments, **options)

    monkeypatch.setattr(obstore, "put", refused)
    folder = BucketFolder(MemoryStore(), "memory://")
    assert place_new(folder, "file", b"mine")
    assert folder.read("file") == b"mine"
    conflicts[0] = 1000
    with pytest.raises(OSError, match="other could not be created"):
        place_new(folder, "other", b"mine")


def test_a_disk_on_which_files_have_one_name_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    folder = LocalFolder(tmp_path / "lake")
    test_the_first_file_stays(folder)
    test_of_threads_that_place_one_name_one_succeeds(folder)


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(OSError, match="No space left"):
        place_new(LocalFolder(tmp_path / "lake"), "file", b"mine")

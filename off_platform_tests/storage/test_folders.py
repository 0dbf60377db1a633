"""Folders on disk and in buckets: the caller cannot tell which one it has."""

import os
import sys
import time
from pathlib import Path

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from off_platform.storage.bucket_folder import BucketFolder
from off_platform.storage.folder import Folder
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.locks import FolderInUseError
from off_platform.storage.objects import Access, open_store
from off_platform_tests.s3.server import S3Server


def put(folder: Folder, *names: str) -> None:
    """Files that hold their own names."""
    for name in names:
        folder.write(name, name.encode())


def place_folder(folder: Folder, name: str, *files: str) -> None:
    """Makes a folder in the scratch, its files holding their own names, and puts it in place."""
    with folder.scratch() as scratch:
        for file in files:
            path = scratch / "made" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file)
        folder.place(scratch / "made", name)


def test_a_file_is_placed_read_and_placed_over(folder: Folder) -> None:
    with folder.scratch() as scratch:
        (scratch / "made").write_bytes(b"first")
        folder.place(scratch / "made", "a/b/file")
    assert folder.read("a/b/file") == b"first"
    folder.write("a/b/file", b"second")
    assert folder.read("a/b/file") == b"second"
    assert folder.names() == ["a/b/file"]


def test_parts_of_a_file_are_read(folder: Folder) -> None:
    folder.write("digits", b"0123456789")
    assert folder.read("digits", 3, 4) == b"3456"
    assert folder.read("digits", 7) == b"789"
    assert folder.read("digits", 8, 99) == b"89"
    assert folder.read("digits", 3, 0) == b""
    assert folder.read("digits", 10, 5) == b""
    assert folder.read("digits", 99, 5) == b""
    assert folder.read("digits", 99) == b""


def test_what_is_not_there_cannot_be_read(folder: Folder) -> None:
    put(folder, "a/file")
    for name in ("none", "a/none"):
        with pytest.raises(FileNotFoundError):
            folder.read(name)
        with pytest.raises(FileNotFoundError):
            folder.read(name, 0, 5)
        with pytest.raises(FileNotFoundError), folder.local(name):
            pytest.fail("there is such a file")


def test_a_file_is_had_as_one_of_this_machine(folder: Folder) -> None:
    folder.write("a/file", b"bytes")
    with folder.local("a/file") as path:
        assert path.read_bytes() == b"bytes"
    assert folder.read("a/file") == b"bytes"


def test_files_exist_and_folders_do_not_count(folder: Folder) -> None:
    assert not folder.exists("a/b")
    put(folder, "a/b/file")
    assert folder.exists("a/b/file")
    assert not folder.exists("a/b")
    assert not folder.exists("a/b/fil")


def test_names_are_listed_below_a_folder(folder: Folder) -> None:
    put(folder, "b/2", "b/1/x", "bb/3", "a", "b/10")
    assert folder.names() == ["a", "b/1/x", "b/10", "b/2", "bb/3"]
    assert folder.names("b") == ["b/1/x", "b/10", "b/2"]
    assert folder.names("b/1") == ["b/1/x"]
    assert folder.names("none") == folder.names("a") == []


def test_folders_are_listed_without_the_scratch(folder: Folder) -> None:
    put(folder, "b/2", "b/1/x", "b/0/y/z", "file")
    with folder.scratch():
        assert folder.folders() == ["b"]
        assert folder.names() == ["b/0/y/z", "b/1/x", "b/2", "file"]
    assert folder.folders("b") == ["0", "1"]
    assert folder.folders("b/1") == folder.folders("none") == []


def test_sizes_are_those_of_the_bytes(folder: Folder) -> None:
    put(folder, "b/22", "b/1/x", "bb/3")
    assert folder.sizes("b") == {"b/1/x": 5, "b/22": 4}
    assert folder.sizes() == {"b/1/x": 5, "b/22": 4, "bb/3": 4}
    assert folder.sizes("none") == {}


def test_entries_are_directly_in_a_folder(folder: Folder) -> None:
    assert folder.entries() == []
    put(folder, "b/2", "b/1/x", "file", ".hidden", "a/b/file")
    with folder.scratch():
        assert folder.entries() == [".hidden", "a", "b", "file"]
    assert folder.below("b").entries() == ["1", "2"]
    assert folder.below("none").entries() == []


def test_a_folder_on_disk_is_held_by_one(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path / "new" / "place")
    with folder.locked():
        put(folder, "a/1")
        with pytest.raises(FolderInUseError, match="Another run is using"):
            LocalFolder(tmp_path / "new" / "place").locked().__enter__()
        with folder.below("a").locked():
            assert folder.names() == ["a/1"]
    with pytest.raises(KeyError), folder.locked():
        raise KeyError
    with folder.locked():
        assert folder.entries() == ["a"]


def test_a_folder_is_placed(folder: Folder) -> None:
    place_folder(folder, "sets/00001", "1.jpg", "deep/2.jpg")
    assert folder.names() == ["sets/00001/1.jpg", "sets/00001/deep/2.jpg"]
    assert folder.read("sets/00001/deep/2.jpg") == b"deep/2.jpg"


def test_a_folder_placed_over_another_leaves_nothing_of_it(folder: Folder) -> None:
    put(folder, "set/old", "set/deep/old", "set/both", "set2/other")
    place_folder(folder, "set", "new", "both")
    assert folder.names() == ["set/both", "set/new", "set2/other"]
    assert folder.read("set/both") == b"both"


def test_a_file_is_moved_over_another(folder: Folder) -> None:
    put(folder, "a/new", "b/old", "a/neighbour", "a/new2")
    folder.move("a/new", "b/old")
    assert folder.names() == ["a/neighbour", "a/new2", "b/old"]
    assert folder.read("b/old") == b"a/new"


def test_a_folder_is_moved_with_all_in_it(folder: Folder) -> None:
    put(folder, "a/1", "a/deep/2", "ab/3")
    folder.move("a", "b/c")
    assert folder.names() == ["ab/3", "b/c/1", "b/c/deep/2"]
    assert folder.read("b/c/deep/2") == b"a/deep/2"


def test_moving_nothing_or_onto_itself_changes_nothing(folder: Folder) -> None:
    put(folder, "a/1", "b")
    folder.move("none", "b")
    folder.move("b", "b")
    folder.move("a", "a")
    assert folder.names() == ["a/1", "b"]
    assert folder.read("b") == b"b"


def test_files_and_folders_are_removed(folder: Folder) -> None:
    put(folder, "a/1", "a/deep/2", "ab/3", "b", "b2")
    folder.remove("a")
    folder.remove("b")
    folder.remove("none")
    assert folder.names() == ["ab/3", "b2"]


def test_a_folder_in_a_folder_sees_only_its_own(folder: Folder) -> None:
    put(folder, "sets/one/1", "sets/two/2", "top")
    inside = folder.below("sets").below("one")
    assert inside.names() == ["1"]
    put(inside, "deep/3")
    assert folder.names() == ["sets/one/1", "sets/one/deep/3", "sets/two/2", "top"]
    assert inside.folders() == ["deep"]
    assert inside.address("deep/3") == folder.address("sets/one/deep/3")


@pytest.mark.parametrize("name", ["..", "../x", "a/../../x", "a/..", "/x", "/etc/hostname"])
def test_no_name_leaves_the_folder(folder: Folder, name: str) -> None:
    put(folder, "inside/a/x", "x")
    inside = folder.below("inside")
    before = folder.names()
    for call in (inside.read, inside.exists, inside.names, inside.folders, inside.remove):
        with pytest.raises(ValueError, match="would leave its folder"):
            call(name)
    with pytest.raises(ValueError, match="would leave its folder"):
        inside.write(name, b"mine")
    with pytest.raises(ValueError, match="would leave its folder"):
        inside.move("a/x", name)
    with pytest.raises(ValueError, match="would leave its folder"):
        inside.below(name)
    assert folder.names() == before


def test_the_scratch_is_gone_afterwards_even_after_a_failure(folder: Folder) -> None:
    seen: list[Path] = []

    def fail() -> None:
        with folder.scratch() as scratch:
            seen.append(scratch)
            (scratch / "deep").mkdir()
            (scratch / "deep" / "half").write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not seen[0].exists()
    assert folder.names() == []


def test_two_scratches_are_two(folder: Folder) -> None:
    with folder.scratch() as one, folder.below("a").scratch() as two:
        assert one != two


def test_addresses_can_be_opened(tmp_path: Path) -> None:
    assert LocalFolder(tmp_path).address("a/b") == str(tmp_path / "a/b")
    bucket = BucketFolder(MemoryStore(), "s3://lake/prefix/")
    assert bucket.address("a/b") == "s3://lake/prefix/a/b"
    assert bucket.address() == "s3://lake/prefix"


def test_a_folder_may_have_a_path_with_parent_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = LocalFolder(Path("../lake"))
    put(folder, "a/file")
    assert (tmp_path / "lake" / "a" / "file").read_text() == "a/file"
    assert folder.names() == ["a/file"]


def test_scratch_is_on_the_folders_own_disk_and_shared_by_those_below(tmp_path: Path) -> None:
    with LocalFolder(tmp_path).below("a").below("b").scratch() as scratch:
        assert scratch.parent == tmp_path / ".scratch"


def test_scratch_of_runs_that_were_killed_is_swept_out(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    with folder.scratch() as scratch:
        old, young = (scratch.parent / name for name in ("killed", "other run"))
        for left in (old, young):
            left.mkdir()
            (left / "half").write_bytes(b"half")
        long_ago = time.time() - 3 * 24 * 3600
        os.utime(old, (long_ago, long_ago))
    with folder.scratch():
        assert not old.exists()
        assert (young / "half").exists()


@pytest.mark.parametrize("off", [-300, -40 * 24 * 3600, 3600], ids=["old", "clock", "set back"])
def test_scratch_that_a_run_still_holds_is_not_swept_out_and_that_of_a_dead_one_is(
    tmp_path: Path, off: float
) -> None:
    folder, moment = LocalFolder(tmp_path), time.time() + off
    with folder.scratch() as held:
        (held / "half").write_bytes(b"half")
        dead = held.parent / "killed"
        dead.mkdir()
        for left in (held, dead):
            os.utime(left, (moment, moment))
        with folder.scratch():
            assert (held / "half").exists()
            assert not dead.exists()


def test_a_reader_keeps_the_file_it_opened_while_another_is_placed(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    folder.write("table", b"old")
    with (tmp_path / "table").open("rb") as reader:
        folder.write("table", b"new")
        assert reader.read() == b"old"
    assert folder.read("table") == b"new"


def test_a_put_into_a_bucket_is_one_request_and_a_move_sends_no_bytes(tmp_path: Path) -> None:
    with S3Server({"lake": tmp_path}) as server:
        folder = BucketFolder(open_store("s3://lake", Access(endpoint=server.url)), "s3://lake")
        folder.write("a", b"bytes")
        assert server.counts() == {("PUT", 200): 1}
        folder.move("a", "b")
        assert server.counts()["GET", 200] == 0
        assert folder.read("b") == b"bytes"


NAMES = st.sampled_from(["a", "b", "c/1", "c/2", "d/e/3"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), NAMES, st.binary(max_size=5)),
        st.tuples(st.just("remove"), st.sampled_from(["a", "b", "c", "d", "c/1"]), st.just(b"")),
        st.tuples(st.just("move"), st.sampled_from(["a", "c", "c/2", "d"]), st.just(b"")),
    ),
    max_size=12,
)


@given(STEPS)
def test_disk_and_bucket_have_the_same_files_after_any_operations(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, bytes]]
) -> None:
    both: list[Folder] = [
        LocalFolder(tmp_path_factory.mktemp("folder")),
        BucketFolder(MemoryStore(), "memory://"),
    ]
    for folder in both:
        for number, (step, name, data) in enumerate(steps):
            match step:
                case "write":
                    folder.write(name, data)
                case "remove":
                    folder.remove(name)
                case "move":
                    folder.move(name, f"moved/{number}")
    contents = [{name: folder.read(name) for name in folder.names()} for folder in both]
    assert contents[0] == contents[1]


def test_a_listing_longer_than_a_page_is_whole() -> None:
    store = MemoryStore()
    for number in range(1200):
        obstore.put(store, f"many/{number}", b"")
    assert len(BucketFolder(store, "memory://").names("many")) == 1200


@pytest.mark.skipif(sys.platform != "linux", reason="open files are named in /proc")
def test_bytes_are_on_the_disk_before_their_name_and_the_names_of_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a receipt names is on the disk before the receipt is: a power cut empties no file."""
    steps: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def synced(opened: int) -> None:
        steps.append(("synced", Path(f"/proc/self/fd/{opened}").readlink().name))
        fsync(opened)

    def replaced(made: str, place: str) -> None:
        steps.append(("placed", Path(place).relative_to(tmp_path).as_posix()))
        replace(made, place)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    folder = LocalFolder(tmp_path)
    folder.write("a/b/file", b"bytes")
    folders = [("synced", "b"), ("synced", "a"), ("synced", tmp_path.name)]
    assert steps == [("synced", "file"), ("placed", "a/b/file"), *folders]
    steps.clear()
    folder.write("a/b/file", b"other")
    assert steps == [("synced", "file"), ("placed", "a/b/file"), ("synced", "b")]

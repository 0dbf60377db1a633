"""Image sets over HTTP: whole, verified, resumed; a run stopped anywhere leaves no trace."""

import gzip
import hashlib
import random
import re
import shutil
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from off_platform.image_sets.construction.plans import ROWS
from off_platform.image_sets.fetching import part
from off_platform.image_sets.fetching.build import SourceUnreachableError
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.image_sets.photos.contents import check_for
from off_platform.images import keys
from off_platform.sandbox.make import Sandbox
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.progress import Tally
from off_platform.storage.shards import LooseFiles, tar_header
from off_platform.storage.transfer import Limits
from off_platform_tests.images_desk import (
    BUCKET,
    Desk,
    Row,
    desk_at,
    source_of,
    tree,
)
from off_platform_tests.interruptions import Kills, StoppingFolder, at_a_desk, forks
from off_platform_tests.s3.server import Faults, S3Server, changed

# Nearly every one of them makes a set, or runs Dagster.
pytestmark = pytest.mark.slow

BOTH = {"kind": "400+ocr", "layout": "shards"}
SPLIT = {"split": "train=0.5,test=0.5", "distinct": True}
LOOSE = {"kind": "raw+ocr", "layout": "files"}


@pytest.fixture
def desk(month_desk: Desk) -> Desk:
    """What every test here starts from."""
    return month_desk


def path_of(desk: Desk, name: str = "tryout") -> Path:
    return Path(desk.folder(name).address())


def answers(server: S3Server) -> Counter[int]:
    """How many requests were answered how, since they were cleared."""
    return Counter(seen.status for seen in server.requests)


def fetched_keys(server: S3Server) -> set[str]:
    """The keys of the objects whose bytes were sent."""
    return {seen.path.removeprefix(f"/{BUCKET}/") for seen in server.requests if seen.status == 200}


def stored(desk: Desk, row: Row) -> bytes:
    return desk.folder().read(row["path"], row["offset"] or 0, row["stored_bytes"])


def expected_status(sandbox: Sandbox, row: Row) -> str:
    """The expected outcome of an object, from the files of the sandbox."""
    path = sandbox.images.folder / row["key"]
    if not path.exists():
        return "missing"
    return "corrupt" if check_for(row["kind"])(path.read_bytes()).problem else "fetched"


@pytest.mark.parametrize("options", [BOTH, LOOSE])
def test_every_object_is_accounted_for(
    desk: Desk, sandbox: Sandbox, options: dict[str, Any]
) -> None:
    made = desk.make(**options)
    rows = desk.manifest()
    listed = {
        key.rsplit("/", 1)[0] + "/" + key.rsplit("/", 1)[1].split(".")[0]
        for photo in sandbox.images.photos
        if {"raw", "400", "ocr"} <= set(photo.listed)
        for key in photo.keys(("raw",))
    }
    assert {row["key"].split(".")[0] for row in rows} == listed
    assert len(rows) == 2 * len(listed) == made.contents.by_status.total()
    assert [row["position"] for row in rows] == list(range(len(rows)))
    assert [row["status"] for row in rows] == [expected_status(sandbox, row) for row in rows]
    assert {row["status"] for row in rows} == {"fetched", "missing", "corrupt"}
    for row in rows:
        assert (row["reason"] is None) == (row["status"] == "fetched")
        assert (row["path"] is None) == (row["status"] != "fetched")
        assert row["image_set"] == "tryout"
        assert row["licence"] == "CC BY-SA 3.0"
        assert row["url"] == f"{desk.source.access.endpoint}/{BUCKET}/{row['key']}"
        parsed = keys.parse(row["key"])
        assert (row["barcode"], row["kind"]) == (parsed.barcode, parsed.kind)
        assert row["image_id"] == parsed.image_id
        assert row["sample"] == keys.file_name(row["key"]).split(".")[0]


def test_shards_hold_the_buckets_bytes(desk: Desk, sandbox: Sandbox) -> None:
    desk.make(**BOTH)
    for row in (row for row in desk.manifest() if row["path"]):
        data = (sandbox.images.folder / row["key"]).read_bytes()
        assert row["bytes"] == len(data)
        assert row["md5"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
        assert row["etag"] == f'"{row["md5"]}"'
        unpacked = gzip.decompress(data) if row["kind"] == "ocr" else data
        assert stored(desk, row) == unpacked
        assert row["stored_bytes"] == len(unpacked)
        modified = (sandbox.images.folder / row["key"]).stat().st_mtime
        assert row["last_modified"].timestamp() == int(modified)


def test_shards_are_plain_tar_files_of_whole_samples(desk: Desk) -> None:
    desk.make(**BOTH)
    rows = desk.manifest()
    seen: Counter[str] = Counter()
    for path in sorted(path_of(desk).glob("*.tar")):
        with tarfile.open(path) as shard:
            members = shard.getmembers()
            names = [member.name for member in members]
            for member in members:
                assert (member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o644)
        of_shard = [row for row in rows if row["path"] == path.name]
        of_shard.sort(key=lambda row: row["offset"])
        assert [row["offset"] for row in of_shard] == [member.offset_data for member in members]
        assert [row["stored_bytes"] for row in of_shard] == [member.size for member in members]
        endings = {"400": ".jpg", "ocr": ".json"}
        assert names == [row["sample"] + endings[row["kind"]] for row in of_shard]
        stems = [name.split(".")[0] for name in names]
        # The objects of one sample beside one another, never spread over two shards.
        assert stems == sorted(stems, key=stems.index)
        assert not set(stems) & set(seen)
        seen.update(stems)
    assert max(seen.values()) == 2
    whole = [stem for stem, number in seen.items() if number == 2]
    assert len(whole) > 15


def test_loose_files_have_the_documents_names(desk: Desk, sandbox: Sandbox) -> None:
    desk.make(**LOOSE)
    rows = [row for row in desk.manifest() if row["path"]]
    for row in rows:
        # "Filename as 376_005_047_0099_1.jpg"
        assert row["path"].split("/")[1:] == [keys.file_name(row["key"])]
        assert (row["offset"], row["stored_bytes"]) == (None, row["bytes"])
        data = (sandbox.images.folder / row["key"]).read_bytes()
        assert (path_of(desk) / row["path"]).read_bytes() == data
    placed = {name for name in desk.folder().names() if "/" in name}
    assert placed == {row["path"] for row in rows}


def test_a_photo_and_its_ocr_share_their_stem_in_every_layout(bucket: Path, tmp_path: Path) -> None:
    # The photo is only in the older layout, its OCR result only in the current one.
    older, current = "data/20065034/1", "data/000/002/006/5034/1"
    (bucket / f"{current}.json.gz").parent.mkdir(parents=True, exist_ok=True)
    (bucket / f"{older}.json.gz").rename(bucket / f"{current}.json.gz")
    listed = bucket / keys.KEY_LIST
    lines = gzip.decompress(listed.read_bytes()).replace(
        f"{older}.json.gz".encode(), f"{current}.json.gz".encode()
    )
    listed.write_bytes(gzip.compress(lines))
    with (
        S3Server({BUCKET: bucket}) as server,
        desk_at(tmp_path / "lake", source_of(server)) as desk,
    ):
        desk.month()
        desk.make(kind="400+ocr", barcode_prefixes=["20065034"], image_ids=[1])
        rows = desk.manifest()
        assert [row["key"] for row in rows] == [f"{older}.400.jpg", f"{current}.json.gz"]
        assert {row["status"] for row in rows} == {"fetched"}
        assert len({row["sample"] for row in rows}) == 1
        with tarfile.open(path_of(desk) / "00000.tar") as shard:
            assert shard.getnames() == ["20065034_1.jpg", "20065034_1.json"]


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    """What differs in a file that was written again, of shards and loose files."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.suffix == ".tar" or path.parent != folder
    }


@pytest.mark.parametrize("options", [BOTH, LOOSE])
def test_a_second_run_fetches_and_writes_nothing(
    desk: Desk, server: S3Server, options: dict[str, Any]
) -> None:
    desk.make(**options)
    before, inodes = tree(path_of(desk)), marks(path_of(desk))
    by_status = Counter(row["status"] for row in desk.manifest())
    server.requests.clear()
    again = desk.make(**options)
    assert answers(server)[304] == by_status["fetched"]
    # What is corrupt upstream is looked at again: it may have been repaired.
    assert answers(server)[200] == by_status["corrupt"]
    assert again.tally.by_end["fetched"] == 0
    assert not again.continued
    assert tree(path_of(desk)) == before
    assert marks(path_of(desk)) == inodes


@pytest.mark.parametrize("options", [BOTH, LOOSE])
def test_a_changed_object_changes_its_shard_only(
    desk: Desk, server: S3Server, sandbox: Sandbox, options: dict[str, Any]
) -> None:
    desk.make(**options)
    rows = [row for row in desk.manifest() if row["path"]]
    third = [row for row in rows if row["position"] // (2 * 5) == 2]
    row = next(row for row in third if row["kind"] == "ocr")
    before = marks(path_of(desk))
    data = changed((sandbox.images.folder / row["key"]).read_bytes())
    server.replace(BUCKET, row["key"], data)
    server.requests.clear()
    again = desk.make(**options)
    assert again.tally.by_end["fetched"] == 1
    assert row["key"] in fetched_keys(server)
    after = marks(path_of(desk))
    assert after.keys() == before.keys()
    touched = {name for name in after if after[name] != before[name]}
    assert touched == {row["path"] for row in third}
    (now,) = [each for each in desk.manifest() if each["key"] == row["key"]]
    assert now["md5"] == hashlib.md5(data, usedforsecurity=False).hexdigest() != row["md5"]
    kept = gzip.decompress(data) if options is BOTH else data
    assert stored(desk, now) == kept
    # The other objects of the same shard are still where the manifest says.
    for each in desk.manifest():
        if each["path"] and each["key"] != row["key"]:
            raw = (sandbox.images.folder / each["key"]).read_bytes()
            unpacked = each["kind"] == "ocr" and options is BOTH
            assert stored(desk, each) == (gzip.decompress(raw) if unpacked else raw)


def test_a_larger_n_keeps_the_full_shards(desk: Desk, server: S3Server) -> None:
    desk.make(n=13, **BOTH)
    before = marks(path_of(desk))
    had = {row["key"] for row in desk.manifest() if row["status"] == "fetched"}
    assert sorted(before) == ["00000.tar", "00001.tar", "00002.tar"]
    server.requests.clear()
    desk.make(n=20, **BOTH)
    after = marks(path_of(desk))
    assert sorted(after) == ["00000.tar", "00001.tar", "00002.tar", "00003.tar"]
    assert {name for name in before if after[name] == before[name]} == {"00000.tar", "00001.tar"}
    now = {row["key"] for row in desk.manifest() if row["status"] == "fetched"}
    corrupt = {row["key"] for row in desk.manifest() if row["status"] == "corrupt"}
    assert had < now
    assert fetched_keys(server) - corrupt == now - had


def test_a_smaller_n_removes_unlisted_files(desk: Desk) -> None:
    desk.make(n=20, **BOTH)
    larger = tree(path_of(desk))
    desk.make(n=7, **BOTH)
    smaller = tree(path_of(desk))
    assert [name for name in smaller if name.endswith(".tar")] == ["00000.tar", "00001.tar"]
    assert smaller["00000.tar"] == larger["00000.tar"]
    assert len({row["sample"] for row in desk.manifest()}) == 7
    # As if it had been made so from the start, and as if it had never been smaller.
    desk.make("afresh", n=7, **BOTH)
    afresh = tree(path_of(desk, "afresh"))
    assert {name: afresh[name] for name in afresh if name.endswith(".tar")} == {
        name: smaller[name] for name in smaller if name.endswith(".tar")
    }
    desk.make(n=20, **BOTH)
    assert tree(path_of(desk)) == larger


@pytest.mark.parametrize(("first", "then"), [("shards", "files"), ("files", "shards")])
def test_another_layout_is_as_if_it_had_been_so_from_the_start(
    desk: Desk, server: S3Server, tmp_path: Path, first: Any, then: Any
) -> None:
    straight = LocalFolder(tmp_path / "straight" / "tryout")
    desk.make(kind="400+ocr", layout=then, folder=straight)
    desk.make(kind="400+ocr", layout=first)
    server.requests.clear()
    desk.make(kind="400+ocr", layout=then)
    # Photos are taken over; OCR results are stored otherwise, and only the bucket's are whole.
    assert not {key for key in fetched_keys(server) if key.endswith(".jpg")} - {
        row["key"] for row in desk.manifest() if row["status"] == "corrupt"
    }
    assert tree(path_of(desk)) == tree(Path(straight.address()))


def test_photos_decoded_in_full(desk: Desk, server: S3Server) -> None:
    desk.make(kind="400", decoded_share=0.25)
    rows = desk.manifest()
    assert [row["decoded"] for row in rows] == [
        number % 4 == 0 and row["status"] == "fetched" for number, row in enumerate(rows)
    ]
    server.requests.clear()
    # Those that were not decoded before are fetched for it, the others stay.
    desk.make(kind="400", decoded_share=0.5)
    had = {row["key"] for row in rows if row["decoded"]}
    now = desk.manifest()
    wanted = {row["key"] for row in now if row["decoded"]}
    assert had < wanted
    assert fetched_keys(server) - {r["key"] for r in now if r["status"] == "corrupt"} == (
        wanted - had
    )


@pytest.mark.parametrize("damage", ["gone", "cut", "longer", "other bytes"])
def test_a_changed_shard_is_built_again(desk: Desk, damage: str) -> None:
    desk.make(**BOTH)
    whole = tree(path_of(desk))
    path = path_of(desk) / "00001.tar"
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "longer":
        path.write_bytes(data + b"\0" * 512)
    else:
        path.write_bytes(data[:-1024] + b"x" * 1024)
    desk.make(**BOTH)
    assert tree(path_of(desk)) == whole


def test_damaged_bytes_are_not_copied_into_a_new_shard(desk: Desk) -> None:
    desk.make(kind="400", n=7)
    path = path_of(desk) / "00001.tar"
    rotten = bytearray(path.read_bytes())
    row = next(row for row in desk.manifest() if row["path"] == path.name)
    rotten[row["offset"] + row["stored_bytes"] // 2] ^= 1
    path.write_bytes(bytes(rotten))
    # Two more samples for the same shard.
    desk.make(kind="400", n=9)
    desk.make("straight", kind="400", n=9)
    assert path.read_bytes() == (path_of(desk, "straight") / path.name).read_bytes()


def test_files_of_the_user_next_to_a_set_are_kept(desk: Desk, tmp_path: Path) -> None:
    own = {"notes.txt": b"mine", "00000.tar.bak": b"mine too", "photos/1.jpg": b"mine as well"}
    folder = LocalFolder(tmp_path / "out")
    desk.make(folder=folder, n=15, **BOTH)
    for name, data in own.items():
        folder.write(name, data)
    for options in ({"n": 12, **BOTH}, {"n": 4, **BOTH}, {"n": 4, **LOOSE}):
        desk.make(folder=folder, **options)
        for name, data in own.items():
            assert folder.read(name) == data
    assert not folder.names(BUILDING)


LIMITS = Limits(concurrency=8, attempts=6)


@pytest.mark.parametrize("layout", ["shards", "files"])
def test_a_bad_line_changes_no_byte(
    desk: Desk, server: S3Server, tmp_path: Path, layout: Any
) -> None:
    desk.limits = LIMITS
    straight = LocalFolder(tmp_path / "straight" / "tryout")
    desk.make(n=12, kind="raw+ocr", layout=layout, folder=straight)
    server.faults = Faults(slow_down=0.2, cut=0.2, flip=0.2, seed=3)
    desk.make(n=12, kind="raw+ocr", layout=layout)
    assert server.counts()["GET", 503] > 0
    assert tree(path_of(desk)) == tree(Path(straight.address()))


def test_the_usual_faults_all_at_once(desk: Desk, server: S3Server) -> None:
    desk.limits = LIMITS
    server.faults = Faults(slow_down=0.10, cut=0.03, flip=0.01, change=0.01, missing=0.01, seed=11)
    desk.make(kind="raw+ocr", layout="shards")
    rows = desk.manifest()
    hit = Counter(server.fault_of(row["key"]) for row in rows)
    assert len(hit) >= 4
    for row in rows:
        fault = server.fault_of(row["key"])
        if fault == "missing":
            assert row["status"] == "missing"
        assert row["status"] != "failed"
        if row["status"] == "fetched":
            assert row["etag"] == f'"{row["md5"]}"'


def test_failed_objects_are_fetched_by_the_next_run(desk: Desk, server: S3Server) -> None:
    desk.limits = Limits(concurrency=8, attempts=2)
    server.faults = Faults(cut=0.2, only_first_attempts=100, seed=1)
    desk.make(**BOTH)
    failed = [row for row in desk.manifest() if row["status"] == "failed"]
    assert failed
    for row in failed:
        assert server.fault_of(row["key"]) == "cut"
        assert "(2 tries)" in row["reason"]
        assert row["path"] is None
    server.faults = Faults()
    desk.make(**BOTH)
    assert {row["status"] for row in desk.manifest()} == {"fetched", "missing", "corrupt"}


def test_bits_that_stay_flipped_are_corrupt(desk: Desk, server: S3Server) -> None:
    desk.limits = Limits(concurrency=8, attempts=2)
    server.faults = Faults(flip=0.2, flip_forever=True, seed=1)
    desk.make(**BOTH)
    flipped = [row for row in desk.manifest() if server.fault_of(row["key"]) == "flip"]
    assert flipped
    assert {row["status"] for row in flipped} <= {"corrupt", "missing"}
    assert not any(row["path"] for row in flipped)


def test_objects_that_are_too_large_are_refused(desk: Desk, sandbox: Sandbox) -> None:
    most = 18_000
    desk.limits = Limits(concurrency=8, attempts=2, object_bytes=most)
    desk.make(kind="400")
    for row in desk.manifest():
        path = sandbox.images.folder / row["key"]
        if path.exists() and path.stat().st_size > most:
            assert (row["status"], row["reason"]) == ("refused", "larger than 18,000 bytes")
    assert "refused" in {row["status"] for row in desk.manifest()}


@pytest.mark.parametrize("group_samples", [1, 5, 100])
def test_a_server_that_is_gone_leaves_the_set_as_it_is(
    desk: Desk, sandbox: Sandbox, group_samples: int
) -> None:
    desk.limits = Limits(concurrency=32, attempts=1)
    desk.make(**BOTH, group_samples=group_samples)
    before = tree(path_of(desk))
    alive = desk.source
    with S3Server({BUCKET: sandbox.images.folder}) as gone:
        desk.source = source_of(gone)
    with pytest.raises(SourceUnreachableError) as refused:
        desk.make(**BOTH, group_samples=group_samples)
    sentence = str(refused.value)
    assert "failed" in sentence
    assert "Finished work is kept." in sentence
    assert "\n" not in sentence
    now = tree(path_of(desk))
    assert {name: now[name] for name in before} == before
    assert all(name.startswith(BUILDING) for name in now.keys() - before.keys())
    # And nothing of that run stays when the server is back.
    desk.source = alive
    desk.make(**BOTH, group_samples=group_samples)
    assert tree(path_of(desk)) == before


class Breaking:
    """Cuts every answer of a server after a number of objects."""

    def __init__(self, server: S3Server, after: int) -> None:
        """Takes the server and the number."""
        self.server, self.after = server, after

    def show(self, tally: Tally) -> None:
        """See `Display`."""
        if tally.done == self.after:
            self.server.faults = Faults(cut=1.0, only_first_attempts=1_000_000)


def test_a_server_that_goes_away_half_way(
    desk: Desk, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "GIVE_UP_AFTER", 8)
    desk.make(n=10, **BOTH, group_samples=2)
    before = tree(path_of(desk))
    desk.make("straight", n=26, **BOTH, group_samples=2)
    desk.limits = Limits(concurrency=1, attempts=1)
    # Objects are fetched ahead of their turn; slowly, so that some are left when the line breaks.
    server.faults = Faults(latency_seconds=0.02)
    with pytest.raises(SourceUnreachableError, match="8 consecutive objects failed"):
        desk.make(n=26, **BOTH, group_samples=2, display=Breaking(server, after=20))
    now = tree(path_of(desk))
    assert {name: now[name] for name in before} == before
    server.faults = Faults()
    server.requests.clear()
    again = desk.make(n=26, **BOTH, group_samples=2)
    assert again.continued
    shards = [
        {name: made for name, made in tree(path_of(desk, name)).items() if name.endswith(".tar")}
        for name in ("tryout", "straight")
    ]
    assert shards[0] == shards[1]
    assert {row["status"] for row in desk.manifest()} == {"fetched", "missing", "corrupt"}


class Stopping:
    """Stops a run after a number of objects."""

    def __init__(self, after: int) -> None:
        """Takes the number."""
        self.after = after

    def show(self, tally: Tally) -> None:
        """See `Display`."""
        if tally.done == self.after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 11, 25, 52])
def test_a_stopped_run_fetches_nothing_again(desk: Desk, server: S3Server, after: int) -> None:
    desk.make("straight", **BOTH)
    straight = desk.manifest("straight")
    folder = LocalFolder(path_of(desk).parent / "other" / "straight")
    server.requests.clear()
    with pytest.raises(KeyboardInterrupt):
        desk.make("straight", **BOTH, folder=folder, display=Stopping(after))
    finished = {name for name in folder.names(BUILDING) if name.endswith(ROWS)}
    # Groups are of ten objects, and a group is done when the next one's first object comes.
    assert len(finished) == max(after - 2, 0) // 10
    # The object that is shown when the run stops is lost, and those before it are not.
    done = {row["key"] for row in straight if row["position"] < after - 1}
    server.requests.clear()
    again = desk.make("straight", **BOTH, folder=folder)
    assert again.continued
    asked = {seen.path.removeprefix(f"/{BUCKET}/") for seen in server.requests}
    assert asked == {row["key"] for row in straight} - done
    assert tree(Path(folder.address())) == tree(path_of(desk, "straight"))


def test_a_different_plan_does_not_resume_a_stopped_one(desk: Desk) -> None:
    desk.make("straight", kind="400", n=12, seed=5)
    with pytest.raises(KeyboardInterrupt):
        desk.make("straight", kind="400", n=12, folder=desk.folder(), display=Stopping(8))
    again = desk.make("straight", kind="400", n=12, seed=5, folder=desk.folder())
    assert not again.continued
    assert tree(path_of(desk)) == tree(path_of(desk, "straight"))


def test_a_stopped_run_has_ended_its_transfers(desk: Desk) -> None:
    """Left to the garbage collector they may be ended where that waits for itself."""
    with pytest.raises(KeyboardInterrupt) as stopped:
        desk.make(**BOTH, group_samples=2, folder=StoppingFolder(path_of(desk), 9))
    # The frames of the run are still there.
    assert stopped.tb
    assert not [each for each in threading.enumerate() if each.name.startswith("transfer")]


def _stop_everywhere(
    desk: Desk, first: Row | None, then: Row, stops: Iterable[int], tmp_path: Path
) -> int:
    """Stops runs after these numbers of changes of the folder; ends each run.

    Returns:
        The first of the numbers of changes that a run does not make.
    """
    before = LocalFolder(tmp_path / "before" / "tryout")
    if first:
        desk.make(folder=before, **first)
    whole = tmp_path / "whole" / "tryout"
    (before_path := Path(before.address())).mkdir(parents=True, exist_ok=True)
    shutil.copytree(before_path, whole)
    desk.make(folder=LocalFolder(whole), **then)
    for changes in stops:
        path = tmp_path / f"stopped-{changes}" / "tryout"
        shutil.copytree(before_path, path)
        try:
            desk.make(folder=StoppingFolder(path, changes), **then)
        except KeyboardInterrupt:
            desk.make(folder=LocalFolder(path), **then)
            assert tree(path) == tree(whole), f"stopped after {changes} changes"
        else:
            assert tree(path) == tree(whole)
            return changes
    raise AssertionError("a run makes no thousand changes")


ALL = range(1000)
SHRINKING: tuple[Row, Row] = (
    {"n": 6, "group_samples": 3, "seed": 1, **BOTH},
    {"n": 3, "group_samples": 3, **LOOSE},
)


@pytest.mark.parametrize(
    ("first", "then", "stops"),
    [
        (*SHRINKING, range(0, 1000, 3)),
        # Those between.
        pytest.param(
            *SHRINKING, [stop for stop in range(1000) if stop % 3], marks=pytest.mark.soak
        ),
        pytest.param(None, {"n": 6, "group_samples": 3, **BOTH}, ALL, marks=pytest.mark.soak),
        pytest.param(
            {"n": 4, "group_samples": 3, **LOOSE},
            {"n": 6, "group_samples": 3, **LOOSE},
            ALL,
            marks=pytest.mark.soak,
        ),
        # Arranged by split: grown, and from one layout to another.
        *(
            pytest.param(
                {"n": 6, "group_samples": 3, "kind": "400+ocr", "layout": before, **SPLIT},
                {"n": 9, "group_samples": 3, "kind": "400+ocr", "layout": after, **SPLIT},
                ALL,
                marks=pytest.mark.soak,
            )
            for before, after in (("shards", "shards"), ("parquet", "files"))
        ),
    ],
)
def test_a_run_can_be_stopped_before_each_of_its_changes(
    desk: Desk, tmp_path: Path, first: Row | None, then: Row, stops: Iterable[int]
) -> None:
    assert _stop_everywhere(desk, first, then, stops, tmp_path) > 12


def test_a_stop_between_a_shard_and_its_rows_loses_neither(
    desk: Desk, server: S3Server, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.make(**BOTH)
    before = tree(path_of(desk))
    # An object changes, and a run stops between its shard and the shard's rows.
    row = next(row for row in desk.manifest() if row["path"])
    data = changed((sandbox.images.folder / row["key"]).read_bytes())
    server.replace(BUCKET, row["key"], data)
    place = LocalFolder.place_new

    def stop(self: LocalFolder, made: Path, name: str) -> bool:
        if name.endswith(ROWS):
            raise KeyboardInterrupt
        return place(self, made, name)

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "place_new", stop)
        with pytest.raises(KeyboardInterrupt):
            desk.make(**BOTH)
    built = [name for name in desk.folder().names(BUILDING) if name.endswith(".tar")]
    assert [re.sub("-[0-9a-f]{8}", "", name) for name in built] == [f"{BUILDING}/00000.tar"]
    server.requests.clear()
    assert desk.make(**BOTH).continued
    asked = {seen.path.removeprefix(f"/{BUCKET}/") for seen in server.requests}
    assert row["key"] not in asked
    (now,) = (each for each in desk.manifest() if each["key"] == row["key"])
    assert desk.folder().read(now["path"], now["offset"], now["stored_bytes"]) == data
    after = tree(path_of(desk))
    assert {name for name in before if ".tar" in name and before[name] != after[name]} == {
        row["path"]
    }


def _fetch(desk: Desk) -> None:
    desk.make(n=14, kind="raw+ocr", group_samples=2)


def _kill_and_go_on(desk: Desk, tmp_path: Path, times: int) -> None:
    """Kills a number of runs at random moments, and resumes each."""
    context, luck = forks(), random.Random(times)
    _fetch(desk)
    whole = tree(path_of(desk))
    begun = time.monotonic()
    _fetch(desk)
    longest = 1.5 * (time.monotonic() - begun) + 0.3
    kills = Kills(times, longest, luck)
    for number in kills.rounds():
        lake = tmp_path / f"killed-{number}"
        shutil.copytree(desk.lake.root.address(), lake)
        shutil.rmtree(lake / "image_sets")
        for _ in range(luck.choice((1, 1, 2))):
            kills.try_one(context, at_a_desk, _fetch, lake, desk.source)
        with desk_at(lake, desk.source) as after:
            _fetch(after)
            assert tree(path_of(after)) == whole
        shutil.rmtree(lake)


def test_killed_runs_end_with_the_same_bytes(desk: Desk, server: S3Server, tmp_path: Path) -> None:
    server.faults = Faults(latency_seconds=0.01)
    _kill_and_go_on(desk, tmp_path, 3)


@pytest.mark.soak
def test_many_killed_runs_end_with_the_same_bytes(
    desk: Desk, server: S3Server, tmp_path: Path
) -> None:
    server.faults = Faults(latency_seconds=0.01, slow_down=0.1, cut=0.03)
    _kill_and_go_on(desk, tmp_path, 20)


HOSTILE = ["../1.jpg", "a/b.jpg", "/etc/passwd", "", ".", ".."]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_member_leaves_its_folder(tmp_path: Path, name: str) -> None:
    files = LooseFiles(tmp_path / "00000")
    with pytest.raises(ValueError, match="not a file name"):
        files.add(name, b"")
    assert list(tmp_path.rglob("*")) == [tmp_path / "00000"]


@pytest.mark.parametrize("name", ["x" * 101, "caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg", "a\0b"])
def test_no_member_of_a_shard_has_an_odd_name(name: str) -> None:
    with pytest.raises(ValueError, match="does not fit a tar header"):
        tar_header(name, 5)


def test_names_in_a_set_are_those_of_the_keys(desk: Desk) -> None:
    # The query makes names from keys as `keys.file_name` does, which refuses other texts.
    desk.make(kind="raw", layout="files")
    for row in desk.manifest():
        if row["path"]:
            assert row["path"].split("/", 1)[1] == keys.file_name(row["key"])

"""The month: the key list copied once, never filed wrongly, indexed, compared; stopped anywhere."""

import gzip
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.images import keys, sync
from off_platform.images.key_list import RefusedKeyListError
from off_platform.images.keys import KEY_LIST
from off_platform.images.monthly import compare_month, index_month
from off_platform.images.schemas import KEY_CHANGES, KEY_INDEX, KEY_INDEX_ODDITIES, SNAPSHOTS
from off_platform.images.snapshots import NoSnapshotError, missed_months, month_before, snapshot_of
from off_platform.images.sync import Bounds, SyncRequest, sync_month
from off_platform.sandbox.make import Sandbox
from off_platform.storage import download
from off_platform.storage import lake as lakes
from off_platform.storage.download import DownloadError, GoneError
from off_platform.storage.lake import Lake
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.locks import FolderInUseError
from off_platform.storage.objects import Access
from off_platform.storage.views import VIEWS
from off_platform_tests.images_desk import (
    BUCKET,
    MONTH,
    NEXT_MONTH,
    REGION,
    Desk,
    Row,
    desk_at,
    rows_of,
    source_of,
    tree,
    write_list,
)
from off_platform_tests.interruptions import Kills, StoppingFolder, at_a_desk, forks
from off_platform_tests.s3.server import Faults, S3Server
from off_platform_tests.waiting import PATIENCE_SECONDS

LIST_PATH = f"/{BUCKET}/{KEY_LIST}"
OTHER_LIST = [keys.key("3017620422003", number, "raw").encode() for number in range(1, 8)]


@pytest.fixture
def server(bucket: Path) -> Iterator[S3Server]:
    """A server of a bucket that the test may change."""
    with S3Server({BUCKET: bucket}) as running:
        yield running


def asked_for_list(server: S3Server) -> list[str]:
    """The methods of the requests for the key list, in order."""
    return [seen.method for seen in server.requests if seen.path.startswith(LIST_PATH)]


def lists_in(lake: Lake) -> list[str]:
    """The names of the copied lists."""
    return lake.root.names("snapshots")


def lake_tree(desk: Desk) -> dict[str, str]:
    return tree(Path(desk.lake.root.address()))


def test_a_list_is_copied_byte_by_byte(desk: Desk, bucket: Path) -> None:
    before = datetime.now(UTC)
    synced = desk.sync()
    packed = (bucket / KEY_LIST).read_bytes()
    snapshot = synced.snapshot
    assert synced.copied
    assert desk.lake.root.read(snapshot.file) == packed
    lines = gzip.decompress(packed).split(b"\n")
    assert (snapshot.keys, snapshot.bytes) == (len(lines), len(packed))
    # Each key with its newline; the last one has none in the bucket.
    assert snapshot.unpacked_bytes == len(gzip.decompress(packed)) + 1
    assert snapshot.etag == f'"{snapshot.md5}"'
    assert snapshot.url.endswith(LIST_PATH)
    assert snapshot.last_modified.timestamp() == int((bucket / KEY_LIST).stat().st_mtime)
    assert before <= snapshot.copied_at <= datetime.now(UTC)
    assert snapshot_of(desk.lake, MONTH, desk.connection) == snapshot
    assert f"{len(lines):,} keys in {len(packed):,} bytes" in synced.sentence


def test_an_unchanged_list_is_copied_once(desk: Desk, server: S3Server) -> None:
    first = desk.sync()
    before = lake_tree(desk)
    again = desk.sync()
    assert asked_for_list(server) == ["HEAD", "GET", "HEAD"]
    assert not again.copied
    assert again.snapshot == first.snapshot
    assert "has not changed" in again.sentence
    assert lake_tree(desk) == before


def test_the_same_list_next_month_is_filed_without_copying(desk: Desk, server: S3Server) -> None:
    first = desk.sync()
    second = desk.sync(NEXT_MONTH)
    assert asked_for_list(server) == ["HEAD", "GET", "HEAD"]
    assert not second.copied
    assert "has been copied before" in second.sentence
    assert second.snapshot.file == first.snapshot.file
    assert second.snapshot.copied_at > first.snapshot.copied_at
    assert desk.lake.partitions(SNAPSHOTS.name) == [MONTH, NEXT_MONTH]
    assert len(lists_in(desk.lake)) == 1


@pytest.mark.parametrize("month", ["2026-10-01", "2026-12-01", "2025-11-01"])
def test_no_list_is_filed_under_another_month(desk: Desk, server: S3Server, month: str) -> None:
    asked = SyncRequest(month, today=date(2026, 11, 30))
    bounds = Bounds(2**30, 1, 1)
    for replace in (False, True):
        with pytest.raises(NoSnapshotError) as refused:
            sync_month(
                desk.lake,
                desk.source,
                SyncRequest(asked.month, replace, asked.today),
                desk.connection,
                bounds,
            )
        assert str(refused.value).startswith(f"{month[:7]} has no snapshot: ")
        assert "\n" not in str(refused.value)
    assert server.requests == []
    assert lake_tree(desk) == {}


def test_a_list_is_not_filed_under_the_month_of_a_clock_that_was_set_back(
    desk: Desk, bucket: Path
) -> None:
    key_list, now = bucket / "data" / "data_keys.gz", datetime.now(UTC)
    asked, bounds = SyncRequest(f"{now:%Y-%m-01}"), Bounds(2**30, 1, 1)
    later = (now + timedelta(days=32)).timestamp()
    os.utime(key_list, (later, later))
    with pytest.raises(NoSnapshotError, match="Set the clock and run again"):
        sync_month(desk.lake, desk.source, asked, desk.connection, bounds)
    assert lake_tree(desk) == {}
    os.utime(key_list, (now.timestamp(), now.timestamp()))
    assert sync_month(desk.lake, desk.source, asked, desk.connection, bounds).copied


def test_the_snapshot_of_a_past_month_is_kept(desk: Desk, server: S3Server, bucket: Path) -> None:
    first = desk.sync()
    write_list(bucket, OTHER_LIST)
    server.requests.clear()
    later = date(2026, 12, 24)
    bounds = Bounds(2**30, 1, 1)
    asked = SyncRequest(MONTH, today=later)
    kept = sync_month(desk.lake, desk.source, asked, desk.connection, bounds)
    assert (kept.snapshot, kept.copied) == (first.snapshot, False)
    asked = SyncRequest(MONTH, replace=True, today=later)
    with pytest.raises(NoSnapshotError, match="a snapshot that cannot be replaced"):
        sync_month(desk.lake, desk.source, asked, desk.connection, bounds)
    assert server.requests == []
    assert snapshot_of(desk.lake, MONTH, desk.connection) == first.snapshot


def test_the_clock_says_which_month_it_is(desk: Desk) -> None:
    now = datetime.now(UTC)
    bounds = Bounds(2**30, 1, 1)
    asked = SyncRequest(f"{now:%Y-%m-01}")
    assert asked.is_now
    assert sync_month(desk.lake, desk.source, asked, desk.connection, bounds).copied
    assert not SyncRequest("2020-01-01").is_now


def test_a_newer_list_is_taken_only_when_asked(desk: Desk, bucket: Path) -> None:
    first = desk.sync().snapshot
    write_list(bucket, OTHER_LIST)
    kept = desk.sync()
    assert (kept.snapshot, kept.copied) == (first, False)
    assert "There is a newer key list upstream" in kept.sentence
    assert "replace" in kept.sentence
    taken = desk.sync(replace=True)
    assert taken.copied
    assert taken.snapshot.keys == len(OTHER_LIST)
    assert lists_in(desk.lake) == [taken.snapshot.file]
    assert snapshot_of(desk.lake, MONTH, desk.connection) == taken.snapshot


def test_replace_leaves_a_list_that_another_month_names(desk: Desk, bucket: Path) -> None:
    first = desk.sync().snapshot
    desk.sync(NEXT_MONTH)
    write_list(bucket, OTHER_LIST)
    taken = desk.sync(NEXT_MONTH, replace=True).snapshot
    assert sorted(lists_in(desk.lake)) == sorted([first.file, taken.file])
    desk.index(MONTH)


def test_replace_without_a_newer_list_changes_nothing(desk: Desk, server: S3Server) -> None:
    desk.sync()
    before = lake_tree(desk)
    assert not desk.sync(replace=True).copied
    assert lake_tree(desk) == before
    assert asked_for_list(server) == ["HEAD", "GET", "HEAD"]


def test_a_replace_that_was_stopped_leaves_no_list_behind(
    desk: Desk, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sync()
    write_list(bucket, OTHER_LIST)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sync, "_drop_unused", stop)
        with pytest.raises(KeyboardInterrupt):
            desk.sync(replace=True)
    assert len(lists_in(desk.lake)) == 2
    again = desk.sync(replace=True)
    assert lists_in(desk.lake) == [again.snapshot.file]
    assert again.snapshot.keys == len(OTHER_LIST)


def test_a_list_that_got_lost_in_the_lake_is_copied_again(desk: Desk) -> None:
    snapshot = desk.sync().snapshot
    desk.lake.root.remove(snapshot.file)
    with pytest.raises(NoSnapshotError, match=f"has lost its file {snapshot.file}"):
        desk.index()
    assert desk.sync().copied
    assert desk.index().lines == snapshot.keys


def test_a_list_lost_after_its_month_is_not_replaced(desk: Desk) -> None:
    synced = desk.sync()
    later = SyncRequest(MONTH, today=date(2100, 1, 1))
    bounds = Bounds(2**30, 1, 1)
    again = sync_month(desk.lake, desk.source, later, desk.connection, bounds)
    assert not again.copied
    desk.lake.root.remove(synced.snapshot.file)
    with pytest.raises(NoSnapshotError, match=f"has lost its file {synced.snapshot.file}: "):
        sync_month(desk.lake, desk.source, later, desk.connection, bounds)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of the code under test, which pass at once."""
    passed: list[float] = []
    monkeypatch.setattr(download.time, "sleep", passed.append)
    return passed


def test_a_list_that_is_missing_for_a_while(
    desk: Desk, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = (bucket / KEY_LIST).read_bytes()
    (bucket / KEY_LIST).unlink()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            (bucket / KEY_LIST).write_bytes(packed)

    monkeypatch.setattr(download.time, "sleep", wait)
    assert desk.sync(tries=8).copied
    assert waited == [1, 2, 4]
    assert len(desk.said) == 3
    assert desk.said[0] == f"{KEY_LIST} is not there. Trying again in 1 s (1 of 8)."


def test_a_list_that_stays_missing(desk: Desk, bucket: Path, waits: list[float]) -> None:
    desk.month()
    before = lake_tree(desk)
    (bucket / KEY_LIST).unlink()
    with pytest.raises(GoneError) as refused:
        desk.sync(NEXT_MONTH, tries=8)
    assert str(refused.value) == f"{KEY_LIST} is not there."
    # "Waits double from 1 s to 60 s, so that eight tries take two minutes."
    assert waits == [1, 2, 4, 8, 16, 32, 60]
    assert lake_tree(desk) == before


def test_a_bucket_that_forbids_what_is_missing(
    bucket: Path, tmp_path: Path, waits: list[float]
) -> None:
    (bucket / KEY_LIST).unlink()
    with (
        S3Server({BUCKET: bucket}, missing_is_forbidden=True) as server,
        desk_at(tmp_path / "lake", source_of(server)) as desk,
        pytest.raises(GoneError, match="is refused by the bucket, or does not exist"),
    ):
        desk.sync()
    assert len(waits) == 2


def test_a_server_that_is_not_there(desk: Desk, sandbox: Sandbox, waits: list[float]) -> None:
    desk.month()
    before = lake_tree(desk)
    with S3Server({BUCKET: sandbox.images.folder}) as gone:
        desk.source = source_of(gone)
    with pytest.raises(DownloadError, match=f"{KEY_LIST} could not be read: ") as refused:
        desk.sync(NEXT_MONTH)
    assert "\n" not in str(refused.value)
    assert len(waits) == 2
    assert lake_tree(desk) == before


WHOLE = gzip.compress(b"\n".join(OTHER_LIST), mtime=0)


@pytest.mark.parametrize(
    ("upstream", "sentence"),
    [
        (WHOLE[:-9], "is truncated"),
        (WHOLE[:30] + b"\xff\xff\xff" + WHOLE[33:], "is damaged"),
        (b"<!DOCTYPE html><p>Service Unavailable</p>", "is not a gzip file"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"", "is empty"),
    ],
)
def test_a_bad_list_upstream_replaces_nothing(
    desk: Desk, bucket: Path, upstream: bytes, sentence: str
) -> None:
    desk.month()
    before = lake_tree(desk)
    (bucket / KEY_LIST).write_bytes(upstream)
    with pytest.raises(RefusedKeyListError, match=sentence):
        desk.sync(replace=True)
    with pytest.raises(RefusedKeyListError, match=sentence):
        desk.sync(NEXT_MONTH)
    assert lake_tree(desk) == before


def test_a_list_that_unpacks_to_too_much(desk: Desk) -> None:
    asked = SyncRequest(MONTH, today=date.fromisoformat(MONTH))
    bounds = Bounds(unpacked_most=100, list_attempts=1, attempts=1)
    with pytest.raises(RefusedKeyListError, match="unpacks to more than 100 bytes"):
        sync_month(desk.lake, desk.source, asked, desk.connection, bounds)
    assert lake_tree(desk) == {}


@pytest.mark.parametrize("fault", ["slow_down", "cut", "flip", "change"])
def test_a_list_is_copied_whole_over_a_bad_line(
    desk: Desk, server: S3Server, bucket: Path, waits: list[float], fault: str
) -> None:
    # Large enough to be cut inside, small enough to come in one piece.
    write_list(bucket, (f"data/17/{number}.jpg".encode() for number in range(5000)))
    server.faults = Faults(**{fault: 1.0})
    synced = desk.sync(tries=6)
    assert synced.snapshot.etag == f'"{synced.snapshot.md5}"'
    assert 5000 <= synced.snapshot.keys <= 5001
    assert waits or fault == "cut"


def test_a_month_is_indexed(desk: Desk, sandbox: Sandbox) -> None:
    facts = desk.month()
    index = desk.lake.address(KEY_INDEX.name, ("month", MONTH))
    oddities = desk.lake.address(KEY_INDEX_ODDITIES.name, ("month", MONTH))
    assert facts.lines == sandbox.images.line_count
    listed = {row["key"] for row in rows_of(desk.connection, index)}
    odd = {row["text"] for row in rows_of(desk.connection, oddities)}
    assert odd == {KEY_LIST, "data/undefined/1.jpg"}
    assert len(listed) + len(odd) == facts.lines
    # The views of the lake show it to other programs.
    for table in (KEY_INDEX.name, KEY_INDEX_ODDITIES.name, SNAPSHOTS.name):
        assert desk.lake.has(table, ("month", MONTH))


def test_the_same_month_gives_the_same_index(desk: Desk) -> None:
    desk.month()
    before = lake_tree(desk)
    desk.index()
    assert lake_tree(desk) == before


def test_a_month_without_a_snapshot_is_not_indexed(desk: Desk) -> None:
    with pytest.raises(NoSnapshotError, match=r"2026-11 has no snapshot; materialise bucket_sync"):
        desk.index()


def test_an_unsorted_list_makes_a_sorted_index(desk: Desk, bucket: Path) -> None:
    lines = [f"data/301/762/042/{code:04d}/1.jpg".encode() for code in range(500)]
    write_list(bucket, [*lines[250:], *lines[:250], b"junk", lines[3]])
    facts = desk.month()
    assert (facts.out_of_order, facts.repeated) == (2, 0)
    index = desk.lake.address(KEY_INDEX.name, ("month", MONTH))
    found = [row["key"].encode() for row in rows_of(desk.connection, index)]
    assert found == sorted([*lines, lines[3]])


def test_a_list_damaged_in_the_lake_leaves_the_index(desk: Desk) -> None:
    desk.month()
    before = lake_tree(desk)
    snapshot = snapshot_of(desk.lake, MONTH, desk.connection)
    assert snapshot is not None
    path = Path(desk.lake.root.address(snapshot.file))
    whole = path.read_bytes()
    for damaged in (whole[:-5], whole[:20] + b"\0\0\0\0" + whole[24:], b"", b"nothing"):
        path.write_bytes(damaged)
        with pytest.raises(RefusedKeyListError):
            desk.index()
    path.write_bytes(whole)
    assert lake_tree(desk) == before


def test_the_first_month_has_no_comparison(desk: Desk) -> None:
    facts = desk.month()
    found = compare_month(desk.lake, MONTH, desk.connection)
    assert found == {"since": None, "now": facts.rows, "before": 0, "added": 0, "removed": 0}
    assert rows_of(desk.connection, desk.lake.address(KEY_CHANGES.name, ("month", MONTH))) == []


def test_a_month_is_compared_with_the_snapshot_before(desk: Desk, later_sandbox: Sandbox) -> None:
    first = desk.month()
    later = later_sandbox.images
    with S3Server({BUCKET: later.folder}) as server:
        desk.source = source_of(server)
        # A month was missed in between.
        second = desk.month("2027-01-01")
    found = compare_month(desk.lake, "2027-01-01", desk.connection)
    assert found == {
        "since": MONTH,
        "before": first.rows,
        "now": second.rows,
        "added": len(later.added),
        "removed": len(later.removed),
    }
    assert found["added"] > 0
    assert found["removed"] > 0
    rows = rows_of(desk.connection, desk.lake.address(KEY_CHANGES.name, ("month", "2027-01-01")))
    added = {(keys.parse(key).barcode, keys.parse(key).kind) for key in later.added}
    assert {(r["barcode"], r["kind"]) for r in rows if r["change"] == "added"} == added
    assert sum(row["objects"] for row in rows) == len(later.added) + len(later.removed)
    assert {row["since"] for row in rows} == {MONTH}


def test_a_comparison_counts_keys_not_lines(desk: Desk, bucket: Path) -> None:
    lines = [f"data/301/762/042/{code:04d}/1.jpg".encode() for code in range(3000)]
    write_list(bucket, sorted([*lines, *lines[:100]]))
    desk.month()
    write_list(bucket, sorted([*lines[10:], *lines[50:60], b"data/17/1.jpg"]))
    desk.month(NEXT_MONTH)
    found = compare_month(desk.lake, NEXT_MONTH, desk.connection)
    assert found == {"since": MONTH, "before": 3000, "now": 2991, "added": 1, "removed": 10}


def test_which_month_was_before(desk: Desk) -> None:
    for month in (MONTH, "2027-02-01"):
        desk.sync(month)
    assert month_before(desk.lake, SNAPSHOTS.name, NEXT_MONTH) == MONTH
    assert month_before(desk.lake, SNAPSHOTS.name, "2027-03-01") == "2027-02-01"
    assert month_before(desk.lake, SNAPSHOTS.name, MONTH) is None


@pytest.mark.parametrize(
    ("since", "month", "missed"),
    [
        (None, "2026-11-01", []),
        ("2026-10-01", "2026-11-01", []),
        ("2026-09-01", "2026-11-01", ["2026-10-01"]),
        ("2026-10-01", "2027-02-01", ["2026-11-01", "2026-12-01", "2027-01-01"]),
    ],
)
def test_which_months_were_missed(since: str | None, month: str, missed: list[str]) -> None:
    assert missed_months(since, month) == missed


MONTHS = st.dates(date(1990, 1, 1), date(2100, 1, 1)).map(lambda day: f"{day:%Y-%m-01}")


@given(MONTHS, MONTHS)
def test_missed_months_are_exactly_the_gap(one: str, other: str) -> None:
    since, month = sorted((one, other))
    row = [since, *missed_months(since, month), *([month] if month != since else [])]
    days = [date.fromisoformat(each) for each in row]
    assert {day.day for day in days} == {1}
    assert all(28 <= (after - day).days <= 31 for day, after in pairwise(days))


def lasting(desk: Desk) -> tuple[dict[str, str], list[Row], set[str]]:
    """What a lake holds in the end: files, snapshots without their times, and views."""
    files = {
        name: digest
        for name, digest in lake_tree(desk).items()
        if name != VIEWS and not name.startswith("tables/snapshots/")
    }
    snapshots = [
        {**row, "copied_at": None, "month": month}
        for month in desk.lake.partitions(SNAPSHOTS.name)
        for row in rows_of(desk.connection, desk.lake.address(SNAPSHOTS.name, ("month", month)))
    ]
    with duckdb.connect(desk.lake.root.address(VIEWS), read_only=True) as connection:
        views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal")
        return files, snapshots, {name for (name,) in views.fetchall()}


def a_month_anew(desk: Desk) -> None:
    """Takes the newer list, indexes it, compares it."""
    desk.sync(NEXT_MONTH, replace=True)
    desk.index(NEXT_MONTH)
    compare_month(desk.lake, NEXT_MONTH, desk.connection)


@pytest.mark.slow
def test_a_month_can_be_stopped_before_each_of_its_changes(
    desk: Desk, bucket: Path, tmp_path: Path
) -> None:
    desk.month()
    # The list of next month is replaced half-way through it.
    write_list(bucket, OTHER_LIST[::-1])
    desk.sync(NEXT_MONTH)
    write_list(bucket, OTHER_LIST[3:] + OTHER_LIST[:3])
    before = Path(desk.lake.root.address())
    shutil.copytree(before, tmp_path / "whole")
    with desk_at(tmp_path / "whole", desk.source) as straight:
        a_month_anew(straight)
        whole = lasting(straight)
    for changes in range(1000):
        lake = Path(shutil.copytree(before, tmp_path / f"stopped-{changes}"))
        with desk_at(lake, desk.source) as stopped:
            stopped.lake.root = StoppingFolder(lake, changes)
            try:
                a_month_anew(stopped)
            except KeyboardInterrupt:
                stopped.lake.root = LocalFolder(lake)
                a_month_anew(stopped)
            else:
                break
            assert lasting(stopped) == whole, f"stopped after {changes} changes"
    assert changes > 6


def _sync(desk: Desk) -> None:
    desk.sync(NEXT_MONTH, replace=True)


def _index(desk: Desk) -> None:
    desk.index(NEXT_MONTH)


@pytest.mark.parametrize("work", [_sync, _index])
@pytest.mark.parametrize(
    ("times", "keys"),
    [
        pytest.param(3, 20_000, marks=pytest.mark.slow),
        pytest.param(20, 150_000, marks=pytest.mark.soak),
    ],
)
def test_killed_months_end_the_same(
    desk: Desk,
    server: S3Server,
    bucket: Path,
    tmp_path: Path,
    work: Callable[[Desk], None],
    times: int,
    keys: int,
) -> None:
    lines = [f"data/301/762/{n // 10_000:03d}/{n % 10_000:04d}/1.jpg" for n in range(keys)]
    write_list(bucket, (line.encode() for line in lines[::-1]))
    desk.month()
    desk.sync(NEXT_MONTH)
    half = keys // 2
    write_list(bucket, (line.encode() for line in [*lines[half:], *lines[: half - 1000]]))
    if work is _index:
        desk.sync(NEXT_MONTH, replace=True)
    server.faults = Faults(latency_seconds=0.05)
    before = Path(desk.lake.root.address())
    shutil.copytree(before, tmp_path / "whole")
    with desk_at(tmp_path / "whole", desk.source) as straight:
        begun = time.monotonic()
        work(straight)
        longest = 1.5 * (time.monotonic() - begun) + 0.3
        a_month_anew(straight)
        whole = lasting(straight)
    kills, context = Kills(times, longest, random.Random(1)), forks()
    for number in kills.rounds():
        lake = Path(shutil.copytree(before, tmp_path / f"killed-{number}"))
        kills.try_one(context, at_a_desk, work, lake, desk.source)
        with desk_at(lake, desk.source) as after:
            a_month_anew(after)
            assert lasting(after) == whole
        shutil.rmtree(lake)


@pytest.mark.slow
def test_all_of_it_in_a_bucket(sandbox: Sandbox, later_sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    buckets = {BUCKET: sandbox.images.folder, "lake": tmp_path / "lake"}
    with S3Server(buckets) as server, S3Server({BUCKET: later_sandbox.images.folder}) as later:
        access = Access(REGION, server.url)
        with desk_at("s3://lake/house", source_of(server), access) as desk:
            desk.month()
            assert not desk.sync().copied
            desk.source = source_of(later)
            desk.month(NEXT_MONTH)
            found = compare_month(desk.lake, NEXT_MONTH, desk.connection)
            assert found["added"] == len(later_sandbox.images.added)
            assert found["removed"] == len(later_sandbox.images.removed)
            made = desk.make(kind="400+ocr", n=10)
            again = desk.make(kind="400+ocr", n=10)
            lake = desk.lake.root
            assert made.contents.samples == 10
            assert again.tally.by_end["fetched"] == 0
            assert {name.split("/")[0] for name in lake.names()} == {
                "image_sets", "off_platform.duckdb", "snapshots", "tables",
            }  # fmt: skip
            for row in desk.manifest():
                if row["path"]:
                    stored = desk.folder().read(row["path"], row["offset"], row["stored_bytes"])
                    assert len(stored) == row["stored_bytes"]


def test_two_runs_do_not_make_one_month_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lakes, "PATIENCE_SECONDS", 0)
    partition = ("month", MONTH)
    with desk.lake.locked(SNAPSHOTS.name, partition), pytest.raises(FolderInUseError):
        desk.sync()
    desk.sync()
    with desk.lake.locked(KEY_INDEX.name, partition), pytest.raises(FolderInUseError):
        index_month(desk.lake, MONTH, desk.connection, 2**30)
    assert desk.lake.partitions(KEY_INDEX.name) == []


def test_a_run_waits_for_another_that_makes_the_same_month(desk: Desk) -> None:
    with ThreadPoolExecutor(1) as other:
        with desk.lake.locked(SNAPSHOTS.name, ("month", MONTH)):
            syncing = other.submit(desk.sync)
            assert not wait([syncing], timeout=2 * lakes.LOOK_SECONDS).done
        assert syncing.result(PATIENCE_SECONDS).copied

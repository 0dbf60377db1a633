"""Image sets built by workers of Ray are those of one process, byte by byte."""

import os
import re
import shutil
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from off_platform.image_sets.fetching.build import SourceUnreachableError
from off_platform.images.schemas import KEY_INDEX
from off_platform.sandbox.make import make_sandbox
from off_platform.storage.fleet import RayFleet
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.transfer import Limits
from off_platform_tests.images_desk import BUCKET, MONTH, Desk, desk_at, source_of, tree
from off_platform_tests.s3.server import Faults, S3Server
from off_platform_tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.cluster

# Each lost worker loads the platform anew, some 10 seconds of CPU time; 20 rounds passed, too.
ROUNDS = 3
OPTIONS: dict[str, Any] = {"kind": "400+ocr", "group_samples": 3}


@pytest.fixture
def desk(server: S3Server, tmp_path: Path) -> Any:
    """A desk with an indexed month."""
    with desk_at(tmp_path / "lake", source_of(server)) as desk:
        desk.month()
        yield desk


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "shards"},
        {"layout": "files"},
        {"layout": "shards", "longest_side": 96, "split": {"train": 0.7, "test": 0.3}},
    ],
)
def test_a_set_of_workers_is_that_of_one_process(
    desk: Desk, fleet: RayFleet, tmp_path: Path, options: dict[str, Any]
) -> None:
    straight = desk.make("straight", **OPTIONS, **options)
    before = fleet.ran.parts
    desk.fleet = fleet
    folder = LocalFolder(tmp_path / "straight")
    made = desk.make("straight", **OPTIONS, **options, folder=folder)
    assert fleet.ran.parts > before
    assert made.tally.done == made.tally.total == straight.tally.total
    assert made.tally.by_end == straight.tally.by_end
    assert tree(Path(made.folder.address())) == tree(Path(straight.folder.address()))
    # A refresh, of which nothing changed.
    again = desk.make("straight", **OPTIONS, **options, folder=folder)
    assert again.tally.by_end["fetched"] == 0
    assert tree(Path(again.folder.address())) == tree(Path(straight.folder.address()))


def workers(of: int | None = None) -> list[int]:
    """The processes of this test's Ray that do a task of ours.

    Args:
        of: the process that started them, or one before it; by default this one.
    """
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"ray::_done" in (place / "cmdline").read_bytes() and is_below(
                int(place.name), of or os.getpid()
            ):
                found.append(int(place.name))
    return found


def is_below(process: int, other: int) -> bool:
    """Whether a process was started by another one, or by one that it started."""
    while process > 1:
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        if process == other:
            return True
    return False


def kill_some(times: int) -> None:
    """Kills workers once they are at work."""
    for _ in range(times):
        if not wait_until(lambda: bool(workers()), look_seconds=0.01):
            return
        for process in workers()[:1]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def test_workers_that_are_killed_leave_the_same_bytes(
    desk: Desk, server: S3Server, fleet: RayFleet, tmp_path: Path
) -> None:
    straight = desk.make("straight", **OPTIONS)
    whole = tree(Path(straight.folder.address()))
    server.faults = Faults(latency_seconds=0.05)
    desk.fleet, before = fleet, fleet.ran.again
    for number in range(ROUNDS):
        killer = threading.Thread(target=kill_some, args=(2,), daemon=True)
        killer.start()
        made = desk.make("straight", **OPTIONS, folder=LocalFolder(tmp_path / f"{number}/straight"))
        killer.join(PATIENCE_SECONDS)
        assert tree(Path(made.folder.address())) == whole
    assert fleet.ran.again > before


def give_missing(desk: Desk, bucket: Path) -> None:
    """Gives the bucket the objects that its key list names and it lacks: no answer is an answer."""
    rows = desk.lake.rows_of(KEY_INDEX.name, ("month", MONTH))
    keys = [key for (key,) in desk.connection.execute(f"SELECT key FROM {rows}").fetchall()]
    there = {Path(key).suffix: bucket / key for key in keys if (bucket / key).is_file()}
    for key in keys:
        (bucket / key).parent.mkdir(parents=True, exist_ok=True)
        if not (bucket / key).exists():
            shutil.copyfile(there[Path(key).suffix], bucket / key)


def test_a_hundred_failures_of_many_parts_end_the_set(fleet: RayFleet, tmp_path: Path) -> None:
    larger = make_sandbox(tmp_path / "larger", products=60, bins=40, month=0)
    with (
        S3Server({BUCKET: larger.images.folder}) as server,
        desk_at(tmp_path / "lake", source_of(server)) as desk,
    ):
        desk.month()
        give_missing(desk, larger.images.folder)
        desk.limits, desk.fleet = Limits(concurrency=8, attempts=1), fleet
        server.faults = Faults(cut=1.0, only_first_attempts=1_000_000)
        # No part has a hundred objects.
        with pytest.raises(SourceUnreachableError) as raised:
            desk.make(**OPTIONS)
        assert type(raised.value) is SourceUnreachableError
        assert re.fullmatch(
            r"1\d\d consecutive objects failed or were damaged, so the rest was not tried: "
            r"[^\n]+\. Finished work is kept\.",
            str(raised.value),
        )
        server.faults = Faults()
        assert not {row["reason"] for row in _made(desk) if row["status"] == "failed"}


def _made(desk: Desk) -> list[dict[str, Any]]:
    """The manifest of the set that is made once the server answers: what has failed is in it."""
    made = desk.make(**OPTIONS)
    assert made.tally.done == made.tally.total
    rows = desk.manifest()
    assert sum(row["path"] is not None for row in rows) > 100
    return rows

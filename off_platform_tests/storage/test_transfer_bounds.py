"""The memory of a transfer in progress, and its early end."""

import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from off_platform.storage import fetch as fetch_module
from off_platform.storage import transfer as transfer_module
from off_platform.storage.transfer import Limits, Wanted, transfer
from off_platform_tests.s3.server import Faults, S3Server
from off_platform_tests.storage.serving import (
    BUCKET,
    FEW_TRIES,
    KEYS,
    OBJECTS,
    demand_all_accounted_for,
    fetch_all,
    open_at,
    put_down,
    random_objects,
    transfer_threads,
    wanted,
    whole,
)

MOST_AHEAD = 4096 + 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """OBJECTS on disk."""
    return put_down(tmp_path / "bucket", OBJECTS)


@pytest.fixture
def server(folder: Path) -> Iterator[S3Server]:
    """A server of OBJECTS without faults."""
    with S3Server({BUCKET: folder}) as server:
        yield server


def test_what_is_wanted_is_read_as_it_is_needed(server: S3Server) -> None:
    read = 0

    def endless() -> Iterator[Wanted[int, int]]:
        nonlocal read
        while True:
            yield Wanted(KEYS[read % len(KEYS)], read, whole)
            read += 1

    outcomes = transfer(open_at(server), endless(), FEW_TRIES)
    assert read == 0
    next(outcomes)
    assert read <= 16
    for taken in range(2, 3000):
        assert next(outcomes).tag == taken - 1
        assert read <= taken + MOST_AHEAD
    outcomes.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("window", [transfer_module.WINDOW_BYTES, 500])
@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(cut=0.9, only_first_attempts=99),
        Faults(slow_down=0.9, slow_down_burst=99),
    ],
    ids=["no fault", "cut", "slow down"],
)
def test_a_transfer_closed_early_ends_soon_and_leaves_no_thread(
    folder: Path, faults: Faults, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_module, "WINDOW_BYTES", window)
    with S3Server({BUCKET: folder}, faults=faults) as server:
        # So small that many larger ones are asked for and wait for room in a small window.
        small = next(name for name in map(str, range(999)) if server.fault_of(name) is None)
        put_down(folder, {small: b"x"})
        row = wanted([small] * 20 + KEYS * 50)
        outcomes = transfer(open_at(server), row, Limits(attempts=50))
        assert [next(outcomes).data for _ in range(2)] == [b"x", b"x"]
        assert transfer_threads()
        time.sleep(0.3)
        asked = server.counts().total()
        outcomes.close()  # type: ignore[attr-defined]
        # Each thread ends with the request that it is at, whatever tries it would have left.
        assert server.counts().total() - asked <= 2 * Limits().concurrency
    assert transfer_threads() == []


def test_what_was_taken_makes_room_for_more(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else objects are fetched one by one as soon as the window was filled once."""
    monkeypatch.setattr(transfer_module, "WINDOW_BYTES", 10_000)
    monkeypatch.setattr(transfer_module, "COUNTED_BYTES", 1)
    server.faults = Faults(latency_seconds=0.2)
    demand_all_accounted_for(fetch_all(open_at(server), KEYS), OBJECTS, server)
    # One by one, the server would have waited with one answer at a time from the full window on.
    assert max(server.beside[-len(KEYS) // 4 :]) > 1


def test_a_check_that_raises_ends_the_transfer_and_leaves_no_thread(folder: Path) -> None:
    def broken(data: bytes) -> tuple[str | None, int]:
        raise ZeroDivisionError(str(len(data)))

    with S3Server({BUCKET: folder}, faults=Faults(slow_down=0.2)) as server:
        store = open_at(server)
        row = [Wanted(key, 0, broken if key == KEYS[30] else whole) for key in KEYS]
        with pytest.raises(ZeroDivisionError):
            list(transfer(store, row, FEW_TRIES))
    assert transfer_threads() == []


def test_a_check_that_raises_in_a_burst_holds_no_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what is first in turn, and left with one place, waits for ever."""
    monkeypatch.setattr(fetch_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(transfer_module, "LARGEST_BATCH", 1)

    def slow(data: bytes) -> tuple[str | None, int]:
        time.sleep(0.3)
        return whole(data)

    def broken(data: bytes) -> tuple[str | None, int]:
        raise ZeroDivisionError(str(len(data)))

    with S3Server({BUCKET: folder}, faults=Faults(slow_down=0.5, slow_down_burst=12)) as server:
        refused = next(key for key in KEYS if server.fault_of(key))
        good = next(key for key in KEYS if not server.fault_of(key))
        row = [Wanted(refused, 0, whole), Wanted(good, 1, slow), Wanted(good, 2, broken)]
        ended = transfer(open_at(server), row, Limits(concurrency=2))
        assert next(ended).data == OBJECTS[refused]
        with pytest.raises(ZeroDivisionError):
            list(ended)


@pytest.mark.slow
def test_large_objects_after_small_ones_do_not_fill_the_memory(tmp_path: Path) -> None:
    """The mean of what came so far says nothing of what comes next."""
    small = random_objects(600, size=50)
    large = {f"large/{number}": bytes(2**20) for number in range(150)}
    folder = put_down(tmp_path, small | large)
    with S3Server({BUCKET: folder}, kept_bytes=0) as server:
        outcomes = transfer(open_at(server), wanted(small | large), Limits(concurrency=8))
        tracemalloc.start()
        try:
            for _ in small:
                next(outcomes)
            time.sleep(1.0)
            waiting = tracemalloc.get_traced_memory()[0]
            rest = [len(each.data or b"") for each in outcomes]
        finally:
            tracemalloc.stop()
    assert waiting < 60 * 2**20
    assert rest == [2**20] * 150

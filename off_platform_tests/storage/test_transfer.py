"""The transfer of many objects where nothing, or one thing, goes wrong."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore

from off_platform.storage import fetch as fetch_module
from off_platform.storage.progress import Tally
from off_platform.storage.transfer import Limits, Wanted, transfer
from off_platform_tests.s3.server import Faults, S3Server
from off_platform_tests.storage.conftest import Serve
from off_platform_tests.storage.serving import (
    BUCKET,
    FEW_TRIES,
    KEYS,
    OBJECTS,
    Moto,
    demand_all_accounted_for,
    fetch_all,
    md5,
    open_at,
    put_down,
    transfer_threads,
    wanted,
    whole,
)
from off_platform_tests.waiting import PATIENCE_SECONDS, wait_until

# Six threads of a near store, and two batches that wait for one.
MOST_AHEAD_AT_FIRST = 8

# Where a try is given up after half a second.
MANY_TRIES = Limits(concurrency=32, attempts=50)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """OBJECTS on disk."""
    return put_down(tmp_path / "bucket", OBJECTS)


@pytest.fixture
def server(folder: Path) -> Iterator[S3Server]:
    """A server of OBJECTS without faults."""
    with S3Server({BUCKET: folder}) as server:
        yield server


@pytest.fixture
def either(serve: Serve, folder: Path) -> S3Server | Moto:
    """OBJECTS at the double, and at moto's server."""
    return serve(folder)


@pytest.mark.slow
def test_there_is_one_outcome_an_object_in_the_order_wanted(either: S3Server | Moto) -> None:
    keys = [*reversed(KEYS), *KEYS, KEYS[7], KEYS[7]]
    outcomes = fetch_all(open_at(either), keys)
    assert [(each.key, each.tag) for each in outcomes] == [(key, n) for n, key in enumerate(keys)]
    assert [each.data for each in outcomes] == [OBJECTS[key] for key in keys]


def test_an_outcome_has_the_facts_of_store_and_check(either: S3Server | Moto) -> None:
    demand_all_accounted_for(fetch_all(open_at(either), KEYS), OBJECTS, either)
    if isinstance(either, S3Server):
        assert either.counts() == {("GET", 200): len(KEYS)}


def test_no_requests_give_no_outcomes(server: S3Server) -> None:
    assert fetch_all(open_at(server), []) == []
    assert transfer_threads() == []


def test_an_empty_object_is_an_object(serve: Serve, tmp_path: Path) -> None:
    server = serve(put_down(tmp_path, {"empty": b""}))
    (outcome,) = fetch_all(open_at(server), ["empty"])
    assert (outcome.status, outcome.data, outcome.md5) == ("fetched", b"", md5(b""))


@pytest.mark.parametrize(
    "faults",
    [
        Faults(slow_down=0.1),
        Faults(cut=0.3),
        Faults(flip=0.3),
        Faults(change=0.3),
        Faults(missing=0.3),
        Faults(stall=0.05),
        Faults(latency_seconds=0.01),
    ],
    ids=["slow down", "cut", "flip", "change", "missing", "stall", "latency"],
)
def test_each_fault_alone_leaves_no_wrong_byte(folder: Path, faults: Faults) -> None:
    with S3Server({BUCKET: folder}, faults=faults) as server:
        # A whole answer may take longer than a stalled one is waited for: it has more tries.
        store = open_at(server, seconds=0.5 if faults.stall else 30)
        limits = MANY_TRIES if faults.stall else FEW_TRIES
        hit = [key for key in KEYS if server.fault_of(key)]
        assert hit or faults.latency_seconds
        demand_all_accounted_for(fetch_all(store, KEYS, limits), OBJECTS, server)


def test_a_stalled_body_is_given_up_in_time_and_read_again(folder: Path) -> None:
    faults = Faults(stall=1.0)
    with S3Server({BUCKET: folder}, faults=faults) as server:
        (outcome,) = fetch_all(open_at(server, seconds=0.4), KEYS[:1], MANY_TRIES)
        assert server.counts()["GET", 200] >= 2
    assert (outcome.status, outcome.data) == ("fetched", OBJECTS[KEYS[0]])


def test_a_flip_in_every_answer_is_corrupt_and_brings_no_bytes(folder: Path) -> None:
    with S3Server({BUCKET: folder}, faults=Faults(flip=1.0, flip_forever=True)) as server:
        (outcome,) = fetch_all(open_at(server), KEYS[:1])
        assert server.counts() == {("GET", 200): 3}
    assert (outcome.status, outcome.data, outcome.facts) == ("corrupt", None, None)
    assert str(outcome.reason).startswith("MD5 ")
    assert str(outcome.reason).endswith(f"{md5(OBJECTS[KEYS[0]])} of the ETag (3 tries)")


def test_the_tries_are_bounded(folder: Path) -> None:
    with S3Server({BUCKET: folder}, faults=Faults(cut=1.0, only_first_attempts=99)) as server:
        (outcome,) = fetch_all(open_at(server), KEYS[:1])
        assert server.counts() == {("GET", 200): 3}
    assert (outcome.status, outcome.data) == ("failed", None)
    assert str(outcome.reason).endswith("(3 tries)")


def test_only_the_object_that_always_answers_slow_down_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "PATIENCE", 2)
    faults = Faults(slow_down=0.02, slow_down_burst=10**9)
    with S3Server({BUCKET: folder}, faults=faults) as server:
        refused = {key for key in KEYS if server.fault_of(key)}
        outcomes = fetch_all(open_at(server), KEYS, Limits(concurrency=8, attempts=1))
    assert {each.key for each in outcomes if each.status == "failed"} == refused != set()
    assert {each.status for each in outcomes if each.key not in refused} == {"fetched"}
    reasons = {each.reason for each in outcomes if each.key in refused}
    assert reasons == {"the server asked to slow down (503) (2 tries)"}


def test_a_missing_object_is_named(either: S3Server | Moto) -> None:
    outcomes = fetch_all(open_at(either), [KEYS[0], "data/none.jpg", KEYS[1]])
    assert [each.status for each in outcomes] == ["fetched", "missing", "fetched"]
    assert outcomes[1].reason == "the bucket has no such object"
    if isinstance(either, S3Server):
        assert either.counts()["GET", 404] == 1


def test_a_refused_object_is_not_requested_again(folder: Path) -> None:
    with S3Server({BUCKET: folder}, missing_is_forbidden=True) as server:
        (outcome,) = fetch_all(open_at(server), ["data/secret.jpg"])
        assert server.counts() == {("GET", 403): 1}
    assert outcome.status == "refused"
    assert outcome.reason == "the bucket refuses it, as it may for missing objects too"


def test_a_larger_object_than_the_bound_is_refused(serve: Serve, tmp_path: Path) -> None:
    objects = {"large": bytes(1025), "just so": bytes(1024)}
    server = serve(put_down(tmp_path, objects))
    outcomes = fetch_all(open_at(server), objects, Limits(object_bytes=1024))
    assert [each.status for each in outcomes] == ["refused", "fetched"]
    assert outcomes[0].reason == "larger than 1,024 bytes"


def test_unchanged_objects_of_either_server_are_not_sent_again(either: S3Server | Moto) -> None:
    store = open_at(either)
    known = [Wanted(each.key, 0, whole, each.etag) for each in fetch_all(store, KEYS[:9])]
    assert {each.status for each in transfer(store, known, FEW_TRIES)} == {"unchanged"}


def test_unchanged_objects_are_not_sent_again(server: S3Server) -> None:
    store = open_at(server)
    etags = [str(each.etag) for each in fetch_all(store, KEYS[:20])]
    server.replace(BUCKET, KEYS[3], b"other")
    server.requests.clear()
    again = [Wanted(key, 0, whole, etag) for key, etag in zip(KEYS, etags, strict=False)]
    outcomes = list(transfer(store, again, FEW_TRIES))
    expected = ["fetched" if key == KEYS[3] else "unchanged" for key in KEYS[:20]]
    assert [each.status for each in outcomes] == expected
    assert [each.data for each in outcomes if each.data is not None] == [b"other"]
    assert sorted(seen.status for seen in server.requests) == [200] + [304] * 19
    assert {seen.if_none_match for seen in server.requests} == set(etags)


def test_content_that_the_etag_confirms_is_corrupt_at_once(server: S3Server) -> None:
    (outcome,) = fetch_all(
        open_at(server), KEYS[:1], check=lambda data: ("no JPEG" + "!" * 999, len(data))
    )
    assert (outcome.status, outcome.data, outcome.facts) == ("corrupt", None, None)
    assert outcome.reason == "no JPEG" + "!" * 293
    assert outcome.md5 == md5(OBJECTS[KEYS[0]])
    assert server.counts() == {("GET", 200): 1}


def compare_with(data: bytes) -> Callable[[bytes], tuple[str | None, int]]:
    """A check that only these bytes pass."""
    return lambda found: (None if found == data else "a bit is wrong", len(found))


@pytest.mark.parametrize(("forever", "status"), [(False, "fetched"), (True, "corrupt")])
def test_without_an_md5_another_read_distinguishes_a_flip_from_a_damaged_object(
    folder: Path, *, forever: bool, status: str
) -> None:
    faults = Faults(flip=1.0, flip_forever=forever)
    with S3Server({BUCKET: folder}, faults=faults, multipart_etags=True) as server:
        data = OBJECTS[KEYS[0]]
        (outcome,) = fetch_all(open_at(server), KEYS[:1], check=compare_with(data))
        # The HEAD asks for a checksum, which this server does not keep.
        assert server.counts() == {("GET", 200): 2 if forever else 3, ("HEAD", 200): 1}
    assert (outcome.status, outcome.data) == (status, None if forever else data)
    assert outcome.reason == ("a bit is wrong" if forever else None)


def test_a_flip_that_no_check_finds_shows_by_the_etag_of_parts(folder: Path) -> None:
    with S3Server({BUCKET: folder}, faults=Faults(flip=1.0), multipart_etags=True) as server:
        store, anything = open_at(server), (lambda _: (None, None))
        outcomes = list(transfer(store, [Wanted(key, 0, anything) for key in KEYS], Limits()))
    assert [each.data for each in outcomes] == [OBJECTS[key] for key in KEYS]


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_other_stores_than_s3_are_read_alike(folder: Path, kind: str) -> None:
    store = LocalStore(folder) if kind == "local" else MemoryStore()
    if kind == "memory":
        for key, data in OBJECTS.items():
            obstore.put(store, key, data)
    outcomes = fetch_all(store, [*KEYS, "none"])
    assert [each.data for each in outcomes] == [*OBJECTS.values(), None]
    assert outcomes[-1].status == "missing"
    again = [Wanted(each.key, 0, whole, each.etag) for each in outcomes[:-1]]
    assert {each.status for each in transfer(store, again, FEW_TRIES)} == {"unchanged"}


def test_a_dead_server_gives_failures_with_a_sentence(folder: Path) -> None:
    with S3Server({BUCKET: folder}) as server:
        store = open_at(server)
    outcomes = fetch_all(store, KEYS[:40], Limits(attempts=2))
    assert {each.status for each in outcomes} == {"failed"}
    assert [each.key for each in outcomes] == KEYS[:40]
    for each in outcomes:
        assert str(each.reason).startswith("Generic S3 error: Error performing GET")
        assert str(each.reason).endswith("(2 tries)")
        assert "\n" not in str(each.reason)


def test_a_store_that_is_away_from_the_start_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "AWAY_AFTER", 4)
    with S3Server({BUCKET: folder}) as server:
        store = open_at(server)
    outcomes = fetch_all(store, KEYS, Limits(concurrency=4, attempts=3))
    assert {each.status for each in outcomes} == {"failed"}
    tries = [str(each.reason).rpartition("(")[2] for each in outcomes]
    assert (tries[0], tries[-1]) == ("3 tries)", "1 tries)")


@pytest.mark.slow
def test_an_outage_on_the_way_costs_no_more_objects_than_time_for_their_tries(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four threads, each with tries at least 0.05 s apart, lose what that gives, not all."""
    monkeypatch.setattr(fetch_module, "AWAY_AFTER", 4)
    with S3Server({BUCKET: folder}) as server:
        row = wanted(KEYS * 40)
        outcomes = transfer(open_at(server), row, Limits(concurrency=4, attempts=2))
        ended = [next(outcomes) for _ in range(300)]
        server.faults = Faults(cut=1.0, only_first_attempts=10**9)
        away_since = time.monotonic()
        for outcome in outcomes:
            ended.append(outcome)
            if server.faults.cut and outcome.status == "failed":
                server.faults = Faults()
                away = time.monotonic() - away_since
    failed = sum(each.status == "failed" for each in ended)
    assert len(ended) == 40 * len(KEYS)
    assert 0 < failed < 4 * (away / (fetch_module.FIRST_WAIT / 2) + 2)


def test_a_server_that_only_answers_slow_down_is_given_up(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "LONGEST_BURST", 0.5)
    server.slow_down_for(10 * PATIENCE_SECONDS)
    outcomes = fetch_all(open_at(server), KEYS[:3], Limits(attempts=10**6))
    assert {each.status for each in outcomes} == {"failed"}
    assert all("slow down (503)" in str(each.reason) for each in outcomes)


class Recorder:
    """Remembers how far the tally was whenever it was shown."""

    def __init__(self) -> None:
        """Starts with nothing shown."""
        self.seen: list[int] = []

    def show(self, tally: Tally) -> None:
        """Remembers what is done."""
        self.seen.append(tally.done)


def test_every_outcome_is_counted_and_shown(either: S3Server | Moto) -> None:
    tally, recorder = Tally(total=121), Recorder()
    row = wanted([*KEYS, "data/none.jpg"])
    outcomes = transfer(open_at(either), row, FEW_TRIES, recorder, tally)
    assert len(list(outcomes)) == tally.done == 121
    assert recorder.seen == list(range(1, 122))
    assert tally.by_end == {"fetched": 120, "missing": 1}
    assert tally.bytes == sum(map(len, OBJECTS.values()))


def test_etags_of_encrypted_objects_are_compared_with_nothing(folder: Path) -> None:
    with S3Server({BUCKET: folder}, encrypted=True) as server:
        outcomes = fetch_all(open_at(server), KEYS, Limits(concurrency=8))
        asked = server.counts()["GET", 200]
    assert [each.data for each in outcomes] == list(OBJECTS.values())
    assert all(each.md5 == md5(OBJECTS[each.key]) != each.etag for each in outcomes)
    # Each twice, and the first ones up to all their tries until enough of them disagree.
    assert 2 * len(KEYS) <= asked <= 2 * len(KEYS) + 8 * 16


def test_flipped_bits_are_detected_without_md5_etags(folder: Path) -> None:
    with S3Server({BUCKET: folder}, encrypted=True, faults=Faults(flip=0.5)) as server:
        outcomes = fetch_all(open_at(server), KEYS)
    fetched = [each for each in outcomes if each.status == "fetched"]
    assert len(fetched) > len(KEYS) / 2
    assert all(each.data == OBJECTS[each.key] for each in fetched)


def test_a_damaged_object_among_others_that_have_their_md5_is_corrupt(folder: Path) -> None:
    faults = Faults(flip=0.1, flip_forever=True)
    with S3Server({BUCKET: folder}, faults=faults) as server:
        outcomes = fetch_all(open_at(server), KEYS)
        flipped = {key for key in KEYS if server.fault_of(key)}
    assert len(flipped) > 3
    assert {each.key for each in outcomes if each.status == "corrupt"} == flipped


def test_few_objects_are_requested_ahead_of_a_slow_consumer_at_first() -> None:
    """What is under way is lost to a kill: of 300 photos stopped at 240, 222 were requested again.

    The taker waits until all that was asked for has come.
    """
    store = MemoryStore()
    obstore.put(store, "photo", b"photo")
    asked, came = 0, 0

    def photos() -> Iterator[Wanted[None, None]]:
        nonlocal asked
        for _ in range(1000):
            asked += 1
            yield Wanted("photo", None, counted)

    def counted(_: bytes) -> tuple[None, None]:
        nonlocal came
        with lock:
            came += 1
        return None, None

    lock, flushed = threading.Lock(), 0

    def flush() -> None:
        nonlocal flushed
        flushed = taken

    taken = 0
    outcomes = transfer(store, photos(), Limits(), when_taken=flush)
    for taken, _ in enumerate(islice(outcomes, 250), 1):
        assert wait_until(lambda: came == asked, look_seconds=0.001)
        assert asked - taken <= 3 * MOST_AHEAD_AT_FIRST
        assert taken - flushed <= 2
    outcomes.close()

"""The faults: which objects they hit, and what a client then sees."""

import gzip
import http.client
import io
import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from off_platform_tests.s3.clients import PHOTO, address_of, ask, small_bucket, store_of
from off_platform_tests.s3.server import Fault, Faults, S3Server, changed
from off_platform_tests.waiting import PATIENCE_SECONDS

README = "/images/readme"


def raw(
    server: S3Server, path: str, seconds: float = PATIENCE_SECONDS, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """An answer and as much of its body as arrived."""
    client = http.client.HTTPConnection(server.url[7:], timeout=seconds)
    try:
        client.request("GET", path, headers=headers)
        answer = client.getresponse()
        try:
            return answer, answer.read()
        except http.client.IncompleteRead as error:
            return answer, error.partial
    finally:
        client.close()


@pytest.fixture
def served(tmp_path: Path) -> Callable[..., S3Server]:
    """A function from faults to a server, not started, of a bucket called `images`."""
    folder = small_bucket(tmp_path)
    return lambda **faults: S3Server({"images": folder}, faults=Faults(**faults))


def flipped_bits(first: bytes, second: bytes) -> int:
    """How many bits differ in two bodies of one length."""
    pairs = zip(first, second, strict=True)
    return sum((one ^ other).bit_count() for one, other in pairs)


def test_shares_are_kept_and_every_object_has_one_fault_at_most() -> None:
    faults = Faults(missing=0.1, slow_down=0.2, cut=0.05, stall=0.05, flip=0.1, change=0.1)
    found = Counter(faults.fault_of(f"data/{number}.jpg") for number in range(20_000))
    shares = {fault: count / 20_000 for fault, count in found.items()}
    wanted = {"missing": 0.1, "slow_down": 0.2, "cut": 0.05, "stall": 0.05, "flip": 0.1}
    assert shares == pytest.approx({**wanted, "change": 0.1, None: 0.4}, abs=0.01)


@given(st.text(max_size=30), st.integers(0, 5))
def test_the_same_seed_and_key_have_the_same_fault(key: str, seed: int) -> None:
    first = Faults(cut=0.5, flip=0.2, seed=seed)
    assert first.fault_of(key) is Faults(cut=0.5, flip=0.2, seed=seed).fault_of(key)
    assert Faults(flip=1.0, seed=seed).fault_of(key) is Fault.FLIP
    assert Faults(seed=seed).fault_of(key) is None


@pytest.mark.parametrize(("cut", "flip"), [(-0.1, 0.0), (-0.1, 0.2), (1.1, 0.0), (0.6, 0.5)])
def test_shares_that_are_none_are_refused(cut: float, flip: float) -> None:
    with pytest.raises(ValueError, match="shares of the faults"):
        Faults(cut=cut, flip=flip)


def test_a_cut_body_ends_after_half_and_is_whole_the_next_time(
    served: Callable[..., S3Server],
) -> None:
    with served(cut=1.0) as server:
        answer, body = raw(server, README)
        assert (answer.status, answer.headers["Content-Length"], body) == (200, "5", b"he")
        assert raw(server, README)[1] == b"hello"


def test_a_cut_hits_streams_from_disk_and_ranges_too(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(3_000_000))
    with S3Server({"images": tmp_path}, faults=Faults(cut=1.0, only_first_attempts=2)) as server:
        assert len(raw(server, "/images/large")[1]) == 1_500_000
        answer, body = raw(server, "/images/large", Range="bytes=0-999")
        assert (answer.status, len(body)) == (206, 500)
        assert len(raw(server, "/images/large")[1]) == 3_000_000


def test_what_has_no_body_is_not_cut(served: Callable[..., S3Server]) -> None:
    with served(cut=1.0) as server:
        assert ask(server, README, method="HEAD")[0] == 200
        assert ask(server, README, If_None_Match="*")[0] == 304
        assert ask(server, "/images/data/data_keys.gz")[0] == 200
        assert raw(server, README)[1] == b"he"


def test_a_flip_is_one_bit_and_leaves_the_etag(served: Callable[..., S3Server]) -> None:
    with served(flip=1.0) as server:
        first, wrong = raw(server, README)
        second, right = raw(server, README)
    assert right == b"hello"
    assert flipped_bits(wrong, right) == 1
    assert first.headers["ETag"] == second.headers["ETag"]


def test_a_permanent_flip_is_in_every_answer_at_one_place(
    served: Callable[..., S3Server],
) -> None:
    with served(flip=1.0, flip_forever=True) as server:
        wrong = [raw(server, README)[1] for _ in range(3)]
        halves = [raw(server, README, Range=part)[1] for part in ("bytes=0-1", "bytes=2-")]
    assert wrong == [wrong[0]] * 3 == [b"".join(halves)] * 3
    assert flipped_bits(wrong[0], b"hello") == 1


def test_a_stalled_answer_stops_after_half(served: Callable[..., S3Server]) -> None:
    with served(stall=1.0) as server:
        with pytest.raises(TimeoutError):
            raw(server, README, seconds=1)
        with socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS) as client:
            client.sendall(b"GET /images/odd/2.jpg HTTP/1.1\r\n\r\n")
            received = b""
            while not received.endswith(b"\r\n\r\nodd/"):
                received += client.recv(1000)
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):
                client.recv(1000)
        assert raw(server, README)[1] == b"hello"


def test_a_changed_object_is_another_from_the_second_answer_on(
    served: Callable[..., S3Server], tmp_path: Path
) -> None:
    with served(change=1.0) as server:
        before, body = raw(server, README)
        assert body == b"he"
        assert ask(server, README, Range="bytes=2-", If_Match=before.headers["ETag"])[0] == 412
        after, body = raw(server, README)
        again, _ = raw(server, README)
    assert body == changed(b"hello") != b"hello"
    assert after.headers["ETag"] == again.headers["ETag"] != before.headers["ETag"]
    assert after.headers["Last-Modified"] != before.headers["Last-Modified"]
    assert (tmp_path / "readme").read_bytes() == b"hello"


def test_a_missing_object_is_listed_and_cannot_be_read(served: Callable[..., S3Server]) -> None:
    with served(missing=1.0) as server:
        assert {ask(server, README)[0] for _ in range(3)} == {404}
        assert ask(server, README, method="HEAD")[0] == 404
        assert b"<Key>readme</Key>" in ask(server, "/images?list-type=2")[2]


def test_slow_down_turns_the_first_requests_away(served: Callable[..., S3Server]) -> None:
    with served(slow_down=1.0, slow_down_burst=2) as server:
        status, _, body = ask(server, README)
        assert status == 503
        assert b"<Code>SlowDown</Code>" in body
        assert [ask(server, README)[0] for _ in range(3)] == [503, 200, 200]


def test_everything_can_be_slowed_down_for_some_requests(
    served: Callable[..., S3Server],
) -> None:
    with served() as server:
        server.slow_down_for(requests=2)
        assert [ask(server, "/images?list-type=2")[0] for _ in range(3)] == [503, 503, 200]


def test_everything_can_be_slowed_down_for_some_time(served: Callable[..., S3Server]) -> None:
    with served() as server:
        server.slow_down_for(10 * PATIENCE_SECONDS)
        assert [ask(server, README)[0] for _ in range(3)] == [503, 503, 503]
        server.slow_down_for(0.05)
        time.sleep(0.1)
        assert ask(server, README)[0] == 200


def test_latencies_of_connections_pass_side_by_side(served: Callable[..., S3Server]) -> None:
    with served(latency_seconds=0.2) as server:
        store = store_of(server)
        obstore.get_ranges(store, PHOTO, starts=range(0, 50, 10), lengths=[1] * 5, coalesce=0)
        assert max(server.beside) > 1
        assert server.counts() == {("GET", 206): 5}


def test_changed_content_is_still_whole() -> None:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "JPEG")
    other = changed(picture.getvalue())
    assert other != picture.getvalue()
    with Image.open(io.BytesIO(other)) as image, Image.open(picture) as original:
        assert image.tobytes() == original.tobytes()
    packed = changed(gzip.compress(b'{"a": 1}'))
    assert json.loads(gzip.decompress(packed)) == {"a": 1}
    assert json.loads(changed(b'{"a": 1}')) == {"a": 1}

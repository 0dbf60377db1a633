"""The double itself: what only it does. What S3 promises is tested through `storage`."""

import http.client
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform_tests.s3 import server as s3_server
from off_platform_tests.s3.answers import S3Error
from off_platform_tests.s3.clients import address_of, ask, small_bucket
from off_platform_tests.s3.listings import page_of
from off_platform_tests.s3.requests import byte_range
from off_platform_tests.s3.server import Faults, S3Server, Seen
from off_platform_tests.waiting import PATIENCE_SECONDS

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bucket's folder."""
    return small_bucket(tmp_path / "bucket")


@pytest.mark.parametrize(
    "path",
    [
        "/images/../secret",
        "/images/%2e%2e/secret",
        "/images/%2E%2E%2Fsecret",
        "/images//etc/hostname",
        "/images/readme%00",
        "/images/data",
        "/%2e%2e/secret",
    ],
)
def test_no_key_leaves_the_folder(folder: Path, path: str) -> None:
    (folder.parent / "secret").write_text("secret")
    before = sorted(folder.parent.rglob("*"))
    with S3Server({"images": folder}) as server:
        assert ask(server, path)[0] == 404
        assert ask(server, path, method="PUT", body=b"mine")[0] in {400, 404, 409}
        assert ask(server, path, method="DELETE")[0] in {204, 404}
    assert sorted(folder.parent.rglob("*")) == before


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_requests_are_answered_in_order_however_slowly_they_are_taken(
    folder: Path, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_server, "LOOPS", pytest.importorskip(loop))
    (folder / "large").write_bytes(bytes(3_000_000))
    large = b"GET /images/large HTTP/1.1\r\n\r\n"
    last = b"GET /images/readme HTTP/1.1\r\nConnection: close\r\n\r\n"
    with (
        S3Server({"images": folder}) as server,
        socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS) as client,
    ):
        client.sendall(large * 5 + last)
        received = b"".join(iter(lambda: client.recv(100_000), b""))
    assert len(received) > 15_000_000
    assert received.count(b"HTTP/1.1 200 OK") == 6
    assert received.endswith(b"\r\n\r\nhello")


def test_a_file_changed_by_others_is_served_as_it_is_now(folder: Path) -> None:
    with S3Server({"images": folder}) as server:
        assert ask(server, "/images/readme")[2] == b"hello"
        (folder / "readme").write_bytes(b"good bye")
        assert ask(server, "/images/readme")[2] == b"good bye"
        (folder / "readme").unlink()
        assert ask(server, "/images/readme")[0] == 404


def test_replace_changes_the_object_and_not_the_folder(folder: Path) -> None:
    with S3Server({"images": folder}) as server:
        _, before, _ = ask(server, "/images/readme")
        server.replace("images", "readme", b"other")
        status, after, body = ask(server, "/images/readme")
        assert (status, body) == (200, b"other")
        assert after["ETag"] != before["ETag"]
        assert after["Last-Modified"] != before["Last-Modified"]
        assert ask(server, "/images/readme", If_Match=before["ETag"])[0] == 412
        with pytest.raises(KeyError):
            server.replace("images", "nothing", b"other")
    assert (folder / "readme").read_bytes() == b"hello"


@pytest.mark.parametrize("record", [True, False])
def test_requests_are_recorded_and_counted(folder: Path, *, record: bool) -> None:
    with S3Server({"images": folder}, record=record) as server:
        ask(server, "/images/readme", Range="bytes=0-1", If_None_Match='"0"')
        ask(server, "/images/nothing", method="HEAD")
    seen = [
        Seen("GET", "/images/readme", "bytes=0-1", None, '"0"', 206),
        Seen("HEAD", "/images/nothing", None, None, None, 404),
    ]
    assert server.requests == (seen if record else [])
    assert server.counts() == {("GET", 206): 1, ("HEAD", 404): 1}


def test_the_end_closes_idle_connections_and_the_thread(folder: Path) -> None:
    # Other tests' servers may serve on.
    before = set(threading.enumerate())
    with S3Server({"images": folder}) as server:
        started = set(threading.enumerate()) - before
        client = http.client.HTTPConnection(server.url[7:], timeout=PATIENCE_SECONDS)
        client.request("GET", "/images/readme")
        assert client.getresponse().read() == b"hello"
    assert client.sock.recv(1) == b""
    client.close()
    assert [thread.name for thread in started] == ["s3-server"]
    assert not started & set(threading.enumerate())


def test_a_failure_of_the_server_itself_does_not_pass_unseen(folder: Path) -> None:
    stack = ExitStack()
    server = stack.enter_context(S3Server({"images": folder}))
    server.faults = cast("Faults", None)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(server, "/images/readme")
    with pytest.raises(RuntimeError, match="the S3 server failed"):
        stack.close()


@pytest.mark.parametrize("how", ["stdin", "sigterm"])
def test_a_process_of_its_own_serves_until_its_end(folder: Path, how: str) -> None:
    command = [sys.executable, "-m", "off_platform_tests.s3.server", str(folder), "--warm"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=PROJECT) as process:  # noqa: S603
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}/bucket/readme", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            assert answer.read() == b"hello"
        if how == "stdin":
            process.stdin.close()
        else:
            process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


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

"""The S3-like server for tests: its connections, its record, its beginning and its end."""

import http.client
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

from off_platform_tests import s3_server
from off_platform_tests.s3_clients import HELLO_ETAG, address_of, ask, small_bucket
from off_platform_tests.s3_server import Faults, S3Server, Seen
from off_platform_tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bucket's folder."""
    return small_bucket(tmp_path / "bucket")


@pytest.fixture(params=["uvloop", "asyncio"])
def server(
    folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[S3Server]:
    """A server without faults, its one bucket called `images`, on either event loop."""
    monkeypatch.setattr(s3_server, "LOOPS", pytest.importorskip(request.param))
    with S3Server({"images": folder}) as server:
        yield server


@pytest.mark.parametrize(
    "path",
    [
        "/images/../secret",
        "/images/%2e%2e/secret",
        "/images/%2E%2E%2Fsecret",
        "/images/data/../../secret",
        "/images//etc/hostname",
        "/images/%2Fetc%2Fhostname",
        "/images/./readme",
        "/images/readme/",
        "/images/readme%00",
        "/images/data",
        "/%2e%2e/secret",
    ],
)
def test_no_key_leaves_the_folder(server: S3Server, folder: Path, path: str) -> None:
    (folder.parent / "secret").write_text("secret")
    before = sorted(folder.parent.rglob("*"))
    assert ask(server, path)[0] == 404
    assert ask(server, path, method="PUT", body=b"mine")[0] in {400, 404, 409}
    assert ask(server, path, method="DELETE")[0] in {204, 404}
    assert sorted(folder.parent.rglob("*")) == before


def test_pipelined_requests_are_answered_in_order(server: S3Server) -> None:
    request = "GET /images/odd/{}.jpg HTTP/1.1\r\nHost: x\r\n\r\n"
    last = request.format(10).replace("Host: x", "Connection: close")
    with socket.create_connection(address_of(server)) as client:
        client.sendall((request.format(2) * 50 + last).encode())
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 51
    assert received.endswith(b"\r\n\r\nodd/10.jpg")


def test_a_body_in_chunks_is_put_together(server: S3Server, folder: Path) -> None:
    client = http.client.HTTPConnection(server.url[7:], timeout=PATIENCE_SECONDS)
    client.request("PUT", "/images/chunks", iter([b"one", b"two"]), encode_chunked=True)
    assert client.getresponse().status == 200
    client.close()
    assert (folder / "chunks").read_bytes() == b"onetwo"


def test_a_body_in_chunks_of_s3s_own_is_put_together(server: S3Server, folder: Path) -> None:
    body = b"3;chunk-signature=0\r\none\r\n3\r\ntwo\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    status, _, _ = ask(
        server, "/images/chunks", method="PUT", body=body, Content_Encoding="aws-chunked"
    )
    assert (status, (folder / "chunks").read_bytes()) == (200, b"onetwo")


def test_a_client_that_takes_nothing_for_long_gets_everything_in_the_end(
    server: S3Server, folder: Path
) -> None:
    (folder / "large").write_bytes(bytes(3_000_000))
    request = b"GET /images/large HTTP/1.1\r\n\r\n"
    with socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS) as client:
        client.sendall(request * 5 + b"GET /images/readme HTTP/1.0\r\n\r\n")
        time.sleep(0.2)
        received = b"".join(iter(lambda: client.recv(1_000_000), b""))
    assert len(received) > 15_000_000
    assert received.count(b"HTTP/1.1 200 OK") == 6
    assert received.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / SPDY/3\r\n\r\n",
        b"GET /images/%ff HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"PUT /images/a HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PUT /images/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        b"PUT /images/a HTTP/1.1\r\nContent-Encoding: aws-chunked\r\n\r\n",
        b"x" * (64 * 1024 + 1),
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_closed(
    server: S3Server, sent: bytes
) -> None:
    with socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS) as client:
        client.sendall(sent)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 400 ")


def test_a_file_changed_by_others_is_served_as_it_is_now(server: S3Server, folder: Path) -> None:
    assert ask(server, "/images/readme")[2] == b"hello"
    (folder / "readme").write_bytes(b"good bye")
    assert ask(server, "/images/readme")[2] == b"good bye"
    (folder / "readme").unlink()
    assert ask(server, "/images/readme")[0] == 404


def test_replace_changes_the_object_and_not_the_folder(server: S3Server, folder: Path) -> None:
    _, before, _ = ask(server, "/images/readme")
    server.replace("images", "readme", b"other")
    status, after, body = ask(server, "/images/readme")
    assert (status, body) == (200, b"other")
    assert after["ETag"] != before["ETag"]
    assert after["Last-Modified"] != before["Last-Modified"]
    assert ask(server, "/images/readme", If_Match=before["ETag"])[0] == 412
    assert (folder / "readme").read_bytes() == b"hello"
    with pytest.raises(KeyError):
        server.replace("images", "nothing", b"other")


def test_requests_are_recorded_and_counted(server: S3Server) -> None:
    ask(server, "/images/readme", Range="bytes=0-1", If_Match=HELLO_ETAG)
    ask(server, "/images/nothing", method="HEAD")
    assert server.requests == [
        Seen("GET", "/images/readme", "bytes=0-1", HELLO_ETAG, None, 206),
        Seen("HEAD", "/images/nothing", None, None, None, 404),
    ]
    assert server.counts() == {("GET", 206): 1, ("HEAD", 404): 1}


def test_without_a_record_requests_are_still_counted(folder: Path) -> None:
    with S3Server({"images": folder}, record=False) as server:
        ask(server, "/images/readme")
    assert server.requests == []
    assert server.counts() == {("GET", 200): 1}


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


def test_a_taken_port_is_reported(server: S3Server, folder: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"), S3Server({"images": folder}, port=port):
        pytest.fail("listens where another one does")


def test_a_failure_of_the_server_itself_does_not_pass_unseen(folder: Path) -> None:
    stack = ExitStack()
    server = stack.enter_context(S3Server({"images": folder}))
    server.faults = cast("Faults", None)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(server, "/images/readme")
    with pytest.raises(RuntimeError, match="the S3 server failed"):
        stack.close()


def started(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """The server as a process of its own."""
    command = [sys.executable, "-m", "off_platform_tests.s3_server", str(folder), *options]
    root = Path(__file__).resolve().parents[1]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root)  # noqa: S603


@pytest.mark.parametrize("how", ["stdin", "sigterm", "seconds"])
def test_a_process_of_its_own_serves_until_it_is_told_to_end(folder: Path, how: str) -> None:
    seconds = "1" if how == "seconds" else "3600"
    with started(folder, "--bucket", "images", "--seconds", seconds, "--warm") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        # Whoever ends after a second may have ended before it is asked.
        if how != "seconds":
            with urllib.request.urlopen(f"{url}/images/readme", timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                assert answer.read() == b"hello"
        if how == "stdin":
            process.stdin.close()
        if how == "sigterm":
            process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


def test_a_process_of_its_own_commits_the_faults_it_is_told_to(folder: Path) -> None:
    with started(folder, "--bucket", "images", "--missing", "1") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"{url}/images/readme", timeout=PATIENCE_SECONDS)  # noqa: S310
        refused.value.close()
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0

"""A prefix of a bucket is used by one run at a time; who lost it writes nothing any more."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import boto3
import obstore
import pytest
from obstore.store import MemoryStore

from off_platform.storage import leases
from off_platform.storage.bucket_folder import BucketFolder
from off_platform.storage.lake import Lake
from off_platform.storage.leases import HELD, LeaseLostError
from off_platform.storage.locks import FolderInUseError
from off_platform.storage.objects import Access, UnusableLocationError
from off_platform_tests.s3.server import Faults, S3Server
from off_platform_tests.waiting import PATIENCE_SECONDS, end_with_the_tests

ROOT = Path(__file__).resolve().parents[2]
Open = Callable[[str], BucketFolder]


@pytest.fixture(params=["memory", "double", "moto"])
def folder_for(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same empty prefix for any run."""
    with ExitStack() as stack:
        if request.param == "memory":
            store = MemoryStore()
            yield lambda run: BucketFolder(store, "memory://here", run=run).below("set")
            return
        endpoint, signed = "", request.param == "moto"
        if signed:
            request.getfixturevalue("_credentials")
            endpoint = request.getfixturevalue("signed_server")
            client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
            client.create_bucket(Bucket="leases")
            client.close()
        else:
            endpoint = stack.enter_context(S3Server({"leases": tmp_path})).url
        url, access = f"s3://leases/{tmp_path.name}", Access(endpoint=endpoint, signed=signed)

        def opened(run: str) -> BucketFolder:
            found = Lake(url, access, run=run).root.below("set")
            assert isinstance(found, BucketFolder)
            return found

        yield opened


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that does not renew is dead at once, and asks before each write."""
    monkeypatch.setattr(leases, "RENEWED_SECONDS", 3600)
    monkeypatch.setattr(leases, "DEAD_SECONDS", 0)
    monkeypatch.setattr(leases, "BELIEVED_SECONDS", 0)


def test_the_second_run_is_refused_and_reads_who_is_first(folder_for: Open) -> None:
    first, second = folder_for("first-run"), folder_for("")
    with first.locked():
        first.write("file", b"mine")
        who = (
            rf"set is in use by run first-run \(process {os.getpid()} on {socket.gethostname()}, "
            r"since .*\); wait until it ends. If it was killed, run again after \d\d:\d\d:\d\d UTC"
        )
        for folder in (second, first):
            with pytest.raises(FolderInUseError, match=who), folder.locked():
                pytest.fail("both have it")
        # The lease is nobody's file.
        assert second.names() == second.entries() == ["file"]
        assert second.exists(HELD)
    assert not second.exists(HELD)
    with (
        second.locked(),
        pytest.raises(FolderInUseError, match=r"in use by a command \(process"),
        first.locked(),
    ):
        pytest.fail("both have it")
    with pytest.raises(KeyError), first.locked():
        raise KeyError
    with first.locked(), first.below("deeper").locked():
        assert first.names() == ["file"]


def test_of_runs_that_start_together_one_begins(folder_for: Open) -> None:
    # Nobody releases the lease before all have asked for it, on slow machines neither.
    begun, all_asked = [], threading.Barrier(8, timeout=PATIENCE_SECONDS)

    def run(number: int) -> None:
        folder = folder_for(f"run-{number}")
        with suppress(FolderInUseError), folder.locked():
            begun.append(number)
            all_asked.wait()
            return
        all_asked.wait()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert len(begun) == 1


@pytest.mark.usefixtures("hasty")
def test_who_lost_the_lease_writes_nothing_and_takes_it_from_nobody(folder_for: Open) -> None:
    first, second = folder_for("first-run"), folder_for("second-run")
    first.write("file", b"mine")
    with first.locked():
        with second.locked():
            second.write("new", b"of the second")
            lost = "set was taken over by run second-run .* this run stops"
            for write in (
                lambda: first.write("new", b"of the first"),
                lambda: first.below("deep").write("new", b"of the first"),
                lambda: first.move("file", "moved"),
                lambda: first.remove("file"),
                lambda: first.place_new(Path(__file__), "test"),
            ):
                with pytest.raises(LeaseLostError, match=lost):
                    write()
            assert second.exists(HELD)
        assert not second.exists(HELD)
    assert second.names() == ["file", "new"]
    assert second.read("new") == b"of the second"


def test_a_lease_is_renewed_and_its_holder_is_alive(
    folder_for: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEWED_SECONDS", 0.05)
    first, second = folder_for("first-run"), folder_for("second-run")

    def renewals() -> int:
        return int(json.loads(second.read(HELD))["renewals"])

    with first.locked():
        before, end = renewals(), time.monotonic() + PATIENCE_SECONDS
        while renewals() < before + 5:
            assert time.monotonic() < end
        with pytest.raises(FolderInUseError), second.locked():
            pytest.fail("both have it")
        first.write("file", b"mine")


@pytest.mark.usefixtures("hasty")
def test_a_renewal_whose_answer_was_lost_is_a_renewal(
    folder_for: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store tries again, and its own first request is in its way."""
    put = obstore.put

    def twice(*arguments: Any, **options: Any) -> Any:
        put(*arguments, **options)
        return put(*arguments, **options)

    monkeypatch.setattr(obstore, "put", twice)
    folder = folder_for("first-run")
    with folder.locked():
        for _ in range(3):
            folder.write("file", b"mine")
    assert not folder.exists(HELD)


def leave_lease(folder: BucketFolder, **changed: object) -> None:
    """The lease that a run of another machine left."""
    with folder.locked():
        found = json.loads(folder.read(HELD))
    folder.write(HELD, json.dumps({**found, "host": "elsewhere", **changed}).encode())


def test_a_dead_run_of_this_machine_is_followed_at_once(folder_for: Open) -> None:
    folder = folder_for("")
    leave_lease(folder, began="1")
    with folder.locked():
        folder.write("file", b"mine")


def test_a_dead_run_of_another_machine_is_followed_once_its_lease_is_old(
    folder_for: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_for("")
    # Its process number is one of this machine's.
    leave_lease(folder, began="1", machine="another", run="left")
    with pytest.raises(FolderInUseError, match=r"run left .* on elsewhere"), folder.locked():
        pytest.fail("it may be alive")
    assert folder.entries() == []
    monkeypatch.setattr(leases, "DEAD_SECONDS", 0)
    with folder.locked():
        assert json.loads(folder.read(HELD))["run"] == ""


def test_what_is_no_lease_is_left_alone(folder_for: Open) -> None:
    folder = folder_for("")
    for data in (b"", b"[1]", b"{}", b"\xff", b"{" * 20_000, b'{"process": 1}'):
        folder.write(HELD, data)
        with pytest.raises(FolderInUseError, match="is not a lease of Off Platform"):
            folder.locked().__enter__()
        assert folder.read(HELD) == data
    folder.below("").remove(HELD)


def test_a_server_without_conditions_is_refused(
    folder_for: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = obstore.put
    monkeypatch.setattr(leases, "_conditional", set())

    def ignored(*given: Any, mode: object = None, **rest: Any) -> Any:
        del mode
        return put(*given, **rest)

    monkeypatch.setattr(obstore, "put", ignored)
    folder = folder_for("")
    with pytest.raises(UnusableLocationError, match="ignores If-None-Match"), folder.locked():
        pytest.fail("it has no lock")
    assert not folder.exists(HELD)


def test_a_run_that_cannot_renew_stops_and_goes_on_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with S3Server({"lake": tmp_path}) as server:
        folder = Lake("s3://lake/a", Access(endpoint=server.url)).root
        with folder.locked():
            monkeypatch.setattr(leases, "BELIEVED_SECONDS", 0)
            server.faults = Faults(slow_down=1, slow_down_burst=1)
            with pytest.raises(LeaseLostError, match=r"cannot be renewed .*the bucket can be"):
                folder.write("file", b"mine")
            server.faults = Faults()
            monkeypatch.setattr(leases, "BELIEVED_SECONDS", PATIENCE_SECONDS)
            folder.write("file", b"mine")
        assert folder.names() == ["file"]


HOLD = """
import sys, time
from off_platform.storage import leases
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Access
leases.RENEWED_SECONDS, leases.DEAD_SECONDS, leases.BELIEVED_SECONDS = 0.2, 3, 0.5
root = Lake(sys.argv[1], Access(endpoint=sys.argv[2], signed=True), run="child").root
with root.locked():
    print("held", flush=True)
    for line in sys.stdin:
        try:
            root.write("file", line.encode())
            print("written", flush=True)
        except leases.LeaseLostError:
            print("lost", flush=True)
"""


class Child:
    """Another process that has a lease, and writes each line it is given."""

    def __init__(self, url: str, endpoint: str) -> None:
        """Starts it."""
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", HOLD, url, endpoint],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=end_with_the_tests,  # noqa: PLW1509 - before any thread is started there
        )

    def says(self) -> str:
        """Its next line."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def write(self, text: str) -> str:
        """Lets it write; what became of that."""
        assert self.process.stdin
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()
        return self.says()

    def kill(self) -> None:
        """Ends it without a warning."""
        self.process.kill()
        self.process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["killed", "stopped"])
@pytest.mark.usefixtures("_credentials")
def test_a_run_that_was_killed_or_stopped_is_followed(
    signed_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    client = boto3.client("s3", endpoint_url=signed_server, region_name="us-east-1")
    client.create_bucket(Bucket="followed")
    client.close()
    url = f"s3://followed/{tmp_path.name}"
    root = Lake(url, Access(endpoint=signed_server, signed=True)).root
    child = Child(url, signed_server)
    assert child.says() == "held"
    assert child.write("first") == "written"
    with pytest.raises(FolderInUseError, match="run child"), root.locked():
        pytest.fail("the child has it")
    if end == "killed":
        child.kill()
        with root.locked():
            root.write("file", b"next")
        assert root.read("file") == b"next"
        return
    child.process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(leases, "DEAD_SECONDS", 3)
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with suppress(FolderInUseError), root.locked():
            root.write("file", b"next")
            child.process.send_signal(signal.SIGCONT)
            assert child.write("of the zombie") == "lost"
            break
        time.sleep(0.2)
    assert root.read("file") == b"next"
    child.kill()

"""A platform of its own under Dagster's daemon and webserver, with the project's own settings.

What becomes of it is looked at by the tests of what runs with nobody watching.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import duckdb
import pytest

from off_platform.imports.intake.originals import key_of
from off_platform_tests.automation.listeners import Listener, listening, mailbox
from off_platform_tests.ports import free_port
from off_platform_tests.waiting import PATIENCE_SECONDS, end_with_the_tests, wait_until

# The month is made by a click, or a condition.
NEVER = "0 0 29 2 *"
OFTEN = "off_platform_tests.automation.often"
PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Platform:
    """A platform that runs: its folder, its webserver, and where its alerts go."""

    root: Path
    port: int
    webhook: Listener
    mails: list[EmailMessage]
    daemon: "subprocess.Popen[bytes]"
    start_daemon: Callable[[], "subprocess.Popen[bytes]"]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """What GraphQL answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - the same
            found: dict[str, Any] = json.load(answer)
        assert "errors" not in found, found
        return dict(found["data"])

    def runs(self, job: str) -> list[tuple[str | None, str]]:
        """Partition and status of a job's runs, the newest first."""
        query = """query($job: String!) { runsOrError(filter: {pipelineName: $job}) {
            ... on Runs { results { status tags { key value } } } } }"""
        results = self.ask(query, job=job)["runsOrError"]["results"]
        return [
            (
                {tag["key"]: tag["value"] for tag in run["tags"]}.get("dagster/partition"),
                run["status"],
            )
            for run in results
        ]

    def hand_in(self, name: str, text: str) -> str:
        """Puts a file into the inbox; gives its partition."""
        path = self.root / "inbox" / name
        path.write_text(text)
        return key_of(path)

    def wait(self, what: str, reached: Callable[[], bool]) -> None:
        """Waits for a condition, as long as a run is in progress."""

        def there() -> bool:
            assert self.daemon.poll() is None, self._log()
            return reached()

        if not wait_until(there, self._state, look_seconds=1):
            pytest.fail(f"{what} was not so when nothing moved: {self._state()} {self._log()}")

    def wait_for_looks(self, sensor: str, looks: int = 2) -> None:
        """Waits for a number of evaluations of a sensor, for what must not happen."""
        before = self.ticks(sensor)
        self.wait(f"{looks} looks of {sensor}", lambda: self.ticks(sensor) >= before + looks)

    def ticks(self, sensor: str) -> int:
        """How many times a sensor has looked and ended its look."""
        query = """query($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) {
            ... on Sensor { sensorState { ticks { status } } } } }"""
        selector = {
            "repositoryName": "__repository__",
            "repositoryLocationName": "off_platform",
            "sensorName": sensor,
        }
        state = self.ask(query, sensor=selector)["sensorOrError"]["sensorState"]
        return sum(tick["status"] != "STARTED" for tick in state["ticks"])

    def _state(self) -> object:
        """What differs once a run has gone on; the daemon's own looks do not count."""
        query = """{ runsOrError { ... on Runs { results { runId status stats {
            ... on RunStatsSnapshot { stepsSucceeded stepsFailed materializations } } } } } }"""
        return self.ask(query)["runsOrError"]

    def _log(self) -> str:
        return (self.root / "daemon.log").read_text()[-3000:]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the lake's views answer."""
        with duckdb.connect(self.root / "lake" / "off_platform.duckdb", read_only=True) as lake:
            return lake.execute(query).fetchall()


@contextmanager
def _program(name: str, *words: str, root: Path, log: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A program of the environment, ended with all it started when the block ends."""
    process = _started(name, *words, root=root, log=log)
    try:
        yield process
    finally:
        _end(process)


def _started(name: str, *words: str, root: Path, log: str) -> "subprocess.Popen[bytes]":
    with (root / log).open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - Dagster's own programs
            [Path(sys.executable).with_name(name), *words],
            cwd=root,
            stdout=output,
            stderr=output,
            env=_environment(root),
            start_new_session=True,
            preexec_fn=end_with_the_tests,  # noqa: PLW1509 - before any thread is started there
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            continue


def _environment(root: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **json.loads((root / "environment.json").read_text())}


@contextmanager
def running_platform(
    root: Path, images: Path, bins: Path, *, monthly_cron: Callable[[], str] = lambda: NEVER
) -> Iterator[Platform]:
    """A platform over two buckets, started and in the end stopped with all that it started.

    Args:
        root: an empty folder for all of it.
        images: the images bucket.
        bins: the bins bucket.
        monthly_cron: gives when the month is made, asked when the daemon is about to start.
    """
    (root / "inbox").mkdir()
    for name in ("dagster.yaml", "image_sets.toml"):
        shutil.copy(PROJECT / name, root / name)
    workspace = (PROJECT / "workspace.yaml").read_text()
    location = workspace.replace("off_platform.definitions", OFTEN)
    (root / "workspace.yaml").write_text(location)
    with ExitStack() as stack:
        webhook = stack.enter_context(listening())
        smtp_port, mails = stack.enter_context(mailbox())
        mail = f"mailto://127.0.0.1:{smtp_port}?from=off@example.org&to=somebody@example.org"
        settings = {
            "LAKE": "lake",
            "IMAGES_BUCKET": str(images),
            "BINS_BUCKET": str(bins),
            "INBOX": "inbox",
            "MONTHLY_CRON": NEVER,
            "ALERTS": f"{webhook.url}\n{mail}",
        }
        environment = {f"OFF_PLATFORM_{name}": value for name, value in settings.items()}
        environment["DAGSTER_HOME"] = str(root)
        (root / "environment.json").write_text(json.dumps(environment))
        port = free_port()
        web = ("-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port))
        stack.enter_context(_program("dagster-webserver", *web, root=root, log="webserver.log"))
        _wait_for_port(port)
        environment["OFF_PLATFORM_MONTHLY_CRON"] = monthly_cron()
        (root / "environment.json").write_text(json.dumps(environment))

        def start_daemon() -> "subprocess.Popen[bytes]":
            words = ("run", "-w", "workspace.yaml")
            return stack.enter_context(
                _program("dagster-daemon", *words, root=root, log="daemon.log")
            )

        yield Platform(root, port, webhook, mails, start_daemon(), start_daemon)


def _wait_for_port(port: int) -> None:
    def listens() -> bool:
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", port)) == 0

    assert wait_until(listens), "The webserver did not start."

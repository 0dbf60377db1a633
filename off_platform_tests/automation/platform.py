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
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import duckdb
import pytest

from off_platform.imports.taking_in import key_of
from off_platform_tests.automation.listeners import Listener, listening, mailbox

# The month is made by a click, or a condition.
NEVER = "0 0 29 2 *"
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
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            told: dict[str, Any] = json.load(answer)
        assert "errors" not in told, told
        return dict(told["data"])

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

    def wait(self, what: str, reached: Callable[[], bool], seconds: float) -> float:
        """Waits until something is so; gives the seconds that it took."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            assert self.daemon.poll() is None, (self.root / "daemon.log").read_text()[-3000:]
            if reached():
                return time.monotonic() - started
            time.sleep(1)
        log = (self.root / "daemon.log").read_text()[-3000:]
        pytest.fail(f"{what} was not so after {seconds:.0f} s: {self.runs('imports')} {log}")

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
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue


def _environment(root: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **json.loads((root / "environment.json").read_text())}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running_platform(
    root: Path, images: Path, bins: Path, *, monthly_cron: str = NEVER
) -> Iterator[Platform]:
    """A platform over two buckets, started and in the end stopped with all that it started.

    Args:
        root: an empty folder for all of it.
        images: the images bucket.
        bins: the bins bucket.
        monthly_cron: when the month is made.
    """
    (root / "inbox").mkdir()
    for name in ("dagster.yaml", "workspace.yaml", "image_sets.toml"):
        shutil.copy(PROJECT / name, root / name)
    with ExitStack() as stack:
        webhook = stack.enter_context(listening())
        smtp_port, mails = stack.enter_context(mailbox())
        settings = {
            "LAKE": "lake", "IMAGES_BUCKET": str(images), "BINS_BUCKET": str(bins),
            "INBOX": "inbox", "MONTHLY_CRON": monthly_cron, "ALERT_WEBHOOK": webhook.url,
            "ALERT_EMAIL_TO": "somebody@example.org", "ALERT_SMTP_HOST": "127.0.0.1",
            "ALERT_SMTP_PORT": str(smtp_port), "ALERT_SMTP_SECURITY": "none",
        }  # fmt: skip
        own = {f"OFF_PLATFORM_{name}": value for name, value in settings.items()}
        (root / "environment.json").write_text(json.dumps({"DAGSTER_HOME": str(root), **own}))
        port = _free_port()
        web = ("-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port))
        stack.enter_context(_program("dagster-webserver", *web, root=root, log="webserver.log"))
        _wait_for_port(port)

        def start_daemon() -> "subprocess.Popen[bytes]":
            words = ("run", "-w", "workspace.yaml")
            return stack.enter_context(
                _program("dagster-daemon", *words, root=root, log="daemon.log")
            )

        yield Platform(root, port, webhook, mails, start_daemon(), start_daemon)


def _wait_for_port(port: int) -> None:
    for _ in range(120):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    pytest.fail("The webserver did not start.")

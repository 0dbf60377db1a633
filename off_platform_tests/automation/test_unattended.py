"""The whole platform under Dagster's own daemon and webserver, with nobody watching."""

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
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import duckdb
import pytest

from off_platform.automation.sensors import INBOX_SECONDS
from off_platform.imports.taking_in import key_of
from off_platform.sandbox.make import Sandbox
from off_platform_tests.automation.listeners import Listener, listening, mailbox

PROJECT = Path(__file__).resolve().parents[2]
MONTH = f"{datetime.now(UTC):%Y-%m-01}"
HEADER = "barcode,product_name,fat_g\n"
GOOD = f"{HEADER}3017620422003,Nutella,30.9\n"
BAD = f'{HEADER}7622210449283,Oreo,"20,5 g of fat"\n'

pytestmark = pytest.mark.slow


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
def program(name: str, *words: str, root: Path, log: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A program of the environment, ended with all it started when the block ends."""
    process = started(name, *words, root=root, log=log)
    try:
        yield process
    finally:
        _end(process)


def started(name: str, *words: str, root: Path, log: str) -> "subprocess.Popen[bytes]":
    with (root / log).open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - Dagster's own programs
            [Path(sys.executable).with_name(name), *words],
            cwd=root,
            stdout=output,
            stderr=output,
            env=environment(root),
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


def environment(root: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **json.loads((root / "environment.json").read_text())}


def soon() -> str:
    """A minute that comes once while the tests run, as cron has it."""
    moment = datetime.now(UTC) + timedelta(seconds=75)
    return f"{moment.minute} {moment.hour} * * *"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("unattended")
    (root / "inbox").mkdir()
    (root / "image_sets.toml").write_text("[images.few]\nn = 4\n")
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(PROJECT / name, root / name)
    with ExitStack() as stack:
        webhook = stack.enter_context(listening())
        smtp_port, mails = stack.enter_context(mailbox())
        settings = {
            "LAKE": "lake", "IMAGES_BUCKET": str(sandbox.images.folder),
            "BINS_BUCKET": str(sandbox.bins.folder), "INBOX": "inbox",
            "MONTHLY_CRON": soon(), "ALERT_WEBHOOK": webhook.url,
            "ALERT_EMAIL_TO": "somebody@example.org", "ALERT_SMTP_HOST": "127.0.0.1",
            "ALERT_SMTP_PORT": str(smtp_port), "ALERT_SMTP_SECURITY": "none",
        }  # fmt: skip
        (root / "environment.json").write_text(
            json.dumps(
                {
                    "DAGSTER_HOME": str(root),
                    **{f"OFF_PLATFORM_{name}": value for name, value in settings.items()},
                }
            )
        )
        port = free_port()
        web = ("-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port))
        stack.enter_context(program("dagster-webserver", *web, root=root, log="webserver.log"))
        _wait_for_port(port)

        def start_daemon() -> "subprocess.Popen[bytes]":
            words = ("run", "-w", "workspace.yaml")
            return stack.enter_context(
                program("dagster-daemon", *words, root=root, log="daemon.log")
            )

        yield Platform(root, port, webhook, mails, start_daemon(), start_daemon)


def _wait_for_port(port: int) -> None:
    for _ in range(120):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    pytest.fail("The webserver did not start.")


def test_the_month_is_made_by_its_schedule_once(platform: Platform) -> None:
    platform.wait("the month", lambda: (MONTH, "SUCCESS") in platform.runs("monthly"), 240)
    assert platform.runs("monthly") == [(MONTH, "SUCCESS")]
    assert platform.rows(f"SELECT count(*) > 0 FROM key_index WHERE month = '{MONTH}'") == [(True,)]


def test_a_file_in_the_inbox_is_imported_within_two_looks(platform: Platform) -> None:
    key = platform.hand_in("good.csv", GOOD)
    # Two looks until it is known to be whole, and the run itself.
    took = platform.wait(
        "the import", lambda: (key, "SUCCESS") in platform.runs("imports"), 2 * INBOX_SECONDS + 40
    )
    assert took < 2 * INBOX_SECONDS + 40
    assert platform.rows("SELECT product_name FROM products_imported") == [("Nutella",)]
    assert (platform.root / "inbox" / "good.csv").read_text() == GOOD


def test_a_bad_file_raises_one_message_and_one_mail_with_its_rows(platform: Platform) -> None:
    before = len(platform.webhook.bodies), len(platform.mails)
    key = platform.hand_in("bad.csv", BAD)
    about = lambda: [body for body in platform.webhook.bodies if key in body["title"]]  # noqa: E731
    platform.wait("the message", lambda: bool(about()), 4 * INBOX_SECONDS + 60)
    platform.wait("the mail", lambda: len(platform.mails) > before[1], 30)
    (body,) = about()
    assert "row 2, 'fat_g': '20,5 g of fat'" in body["text"]
    mails = [mail for mail in platform.mails if key in str(mail["Subject"])]
    assert len(mails) == 1
    assert "row 2, 'fat_g'" in mails[0].get_content()
    # The same trouble again, in other bytes, is held back.
    again = platform.hand_in("bad.csv", f"{BAD}\n")
    platform.wait(
        "the second import",
        lambda: (again, "SUCCESS") in platform.runs("imports"),
        4 * INBOX_SECONDS,
    )
    time.sleep(INBOX_SECONDS + 10)
    assert [body for body in platform.webhook.bodies if "bad.csv" in body["title"]] == [body]


def test_the_daemon_may_die_in_the_middle(platform: Platform) -> None:
    rows = "".join(f"P{number},Name {number},1\n" for number in range(100_000))
    key = platform.hand_in("long.csv", f"product_id,product_name,fat_g\n{rows}")
    platform.wait(
        "the run",
        lambda: any(found == key for found, _ in platform.runs("imports")),
        4 * INBOX_SECONDS,
    )
    os.killpg(platform.daemon.pid, signal.SIGKILL)
    platform.daemon.wait()
    platform.daemon = platform.start_daemon()
    other = platform.hand_in("after.csv", GOOD.replace("Nutella", "Nutella again"))
    for each in (key, other):
        platform.wait(
            f"the import {each}",
            lambda each=each: (each, "SUCCESS") in platform.runs("imports"),  # type: ignore[misc]
            360,
        )
    assert platform.rows("SELECT count(*), count(DISTINCT product) FROM products_imported") == [
        (100_001, 100_001)
    ]
    statuses = [status for found, status in platform.runs("imports") if found == key]
    assert statuses.count("SUCCESS") == 1
    assert platform.runs("monthly") == [(MONTH, "SUCCESS")]


def test_graphql_answers_what_a_user_asks(platform: Platform) -> None:
    told = platform.ask(
        """query { assetNodes(assetKeys: [{path: ["products_accepted"]}]) {
            groupName partitionStats { numMaterialized numFailed }
            assetChecksOrError { ... on AssetChecks { checks { name
                executionForLatestMaterialization { status } } } } } }"""
    )
    (node,) = told["assetNodes"]
    assert node["groupName"] == "imports"
    assert node["partitionStats"]["numMaterialized"] == 5
    checks = node["assetChecksOrError"]["checks"]
    latest = {each["name"]: each["executionForLatestMaterialization"] for each in checks}
    assert len(latest) == 26
    assert all(each["status"] in {"SUCCEEDED", "FAILED"} for each in latest.values() if each)

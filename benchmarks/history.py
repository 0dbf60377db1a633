"""Dagster with 20,000 imports: the inbox sensor with nothing new, and pages of the UI.

A page is opened in Chromium, and is there once its words are shown and no query it sent waits for
its answer. The seconds are those of later visits, with the browser's cache, as most are; notes
say the first. Without Playwright and Chromium, which `make browser` sets up, pages are left out.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.generated import Sizes, history_home
from benchmarks.measuring import REPOSITORY, Run, middle, python, run
from benchmarks.report import Line, seconds_below, show

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request

TICK_MOST, PAGE_MOST = 1.0, 2.0
ROUNDS = 3
PORT = 3999
START_SECONDS, PAGE_SECONDS = 120.0, 120.0
# A page has all its answers when none has been awaited for so long; not counted as its time.
QUIET_SECONDS = 0.5
# Page -> where it is, and words that it shows in the end.
PAGES = {
    "catalog": ("/assets", "imports"),
    "an asset of imports": ("/assets/import_report", "Latest materialization"),
    "its partitions": ("/assets/import_report?view=partitions", "Materialized"),
    "its events": ("/assets/import_report?view=events", "Materialized"),
    "checks of an asset": ("/assets/products_accepted?view=checks", "barcode"),
    "runs": ("/runs", "imports"),
    "timeline": ("/overview/activity/timeline", "imports"),
    "the inbox sensor": ("/locations/off_platform/sensors/inbox_sensor", "inbox_sensor"),
    "lineage of imports": ("/locations/off_platform/asset-groups/imports/lineage", "import_file"),
}


def measure(sizes: Sizes) -> None:
    """Prints what they take."""
    home = history_home(sizes.history_imports)
    tick = _tick(home)
    lines = [Line("the inbox sensor, nothing new", tick, wants=(seconds_below(TICK_MOST, tick),))]
    notes = []
    if find_spec("playwright") and shutil.which("chromium"):
        for name, (first, later) in _pages(home).items():
            lines.append(Line(f"page: {name}", later, wants=(seconds_below(PAGE_MOST, later),)))
            notes.append(f"First visit of {name}: {first.seconds:.2f} s; {later.said}")
    else:
        notes.append("Without Playwright and Chromium, pages were not opened.")
    show(f"history: Dagster with {sizes.history_imports:,} imports", lines, notes)


def _tick(home: Path) -> Run:
    """Looks of the sensor in one process, as in the code server; the first look is left out."""
    said = run(python("benchmarks.history_steps", home, ROUNDS + 1), _settings(home))
    looks = [Run(*each, said.peak_bytes) for each in json.loads(said.said.splitlines()[-1])]
    return middle(looks[1:])


def _settings(home: Path) -> dict[str, str]:
    return {
        "DAGSTER_HOME": str(home),
        "OFF_PLATFORM_LAKE": str(home / "lake"),
        "OFF_PLATFORM_INBOX": str(home / "inbox"),
    }


def _pages(home: Path) -> dict[str, tuple[Run, Run]]:
    """The first visit of each page, and the middle of those that follow."""
    found = {}
    with _webserver(home) as process, _browser() as context:
        _visit(context, "/deployment", "off_platform", process)
        for name, (path, words) in PAGES.items():
            sys.stderr.write(f"  page: {name}\n")
            first, *later = (_visit(context, path, words, process) for _ in range(ROUNDS + 1))
            found[name] = (first, middle(later))
    return found


@contextmanager
def _browser() -> "Iterator[BrowserContext]":
    """Chromium with a profile, as people have it.

    A private window, Playwright's default, keeps no compiled scripts: 0.6 to 1 s more a page.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - an extra of few

    with (
        TemporaryDirectory() as profile,
        sync_playwright() as playwright,
        playwright.chromium.launch_persistent_context(
            profile,
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
            viewport={"width": 1440, "height": 900},
        ) as context,
    ):
        yield context


@contextmanager
def _webserver(home: Path) -> Iterator[int]:
    """The webserver of the home, with its code server; gives its process's id."""
    command = [sys.executable, "-m", "dagster_webserver", "-w", str(REPOSITORY / "workspace.yaml")]
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(PORT)],
        cwd=home,
        env={**os.environ, **_settings(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_answer(process)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for_answer(process: "subprocess.Popen[bytes]") -> None:
    ended = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/server_info", timeout=5).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > ended:
                raise
            time.sleep(0.2)
        else:
            return


def _visit(context: "BrowserContext", path: str, words: str, process: int) -> Run:
    """One visit in a tab of its own; says which query took longest."""
    waits: dict[Request, float] = {}
    took: dict[str, float] = {}

    def asked(request: "Request") -> None:
        if "/graphql" in request.url:
            waits[request] = time.perf_counter()

    def answered(request: "Request") -> None:
        if began := waits.pop(request, None):
            query = request.url.split("op=")[-1]
            took[query] = max(took.get(query, 0), time.perf_counter() - began)

    before = _cpu_seconds(process)
    page = context.new_page()
    page.set_default_timeout(1000 * PAGE_SECONDS)
    page.on("request", asked)
    page.on("requestfinished", answered)
    page.on("requestfailed", answered)
    started = time.perf_counter()
    page.goto(f"http://127.0.0.1:{PORT}{path}")
    page.get_by_text(words).first.wait_for()
    shown = _quiet_since(page, waits)
    page.close()
    slowest = max(took, key=lambda query: took[query], default="")
    said = f"slowest query {slowest}: {took.get(slowest, 0):.2f} s"
    return Run(shown - started, _cpu_seconds(process) - before, _peak_bytes(process), said)


def _quiet_since(page: "Page", waits: dict["Request", float]) -> float:
    """The moment since which no answer is awaited."""
    since, ended = time.perf_counter(), time.perf_counter() + PAGE_SECONDS
    while (now := time.perf_counter()) - since < QUIET_SECONDS and now < ended:
        page.wait_for_timeout(20)
        if waits:
            since = time.perf_counter()
    return since


def _cpu_seconds(process: int) -> float:
    """Of the webserver."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_bytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])

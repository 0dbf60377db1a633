"""Many small files in the inbox: what they cost in runs of many files, against a run per file.

The runs are those that the inbox's sensor asks for, each in a process of its own, in a new home of
Dagster. What they left is counted in Dagster's file, in the lake's files and at a receiver of
alerts: by none of the code that makes it.
"""

import json
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.generated import Sizes, import_file, scratch, where
from benchmarks.measuring import Run, python, run
from benchmarks.report import Line, Want, show

ROWS = 1_000
# As `import_files.py` makes them: two kinds of a thousand break a rule.
BROKEN = 2
CHECKS = 26
ASSETS = 5
ALONE = 10
CPU_MINUTES_MOST = 4.0
_KEY = re.compile(r"part[0-9]{3}\.csv@[0-9a-f]{8}")


def compare(sizes: Sizes) -> None:
    """Prints the comparison."""
    with scratch() as folder, _receiver() as receiver:
        together = _Home(folder / "together", sizes.inbox_files, receiver)
        runs = together.import_all()
        together.alert()
        counted = together.counted(receiver.titles)
        alone = _Home(folder / "alone", ALONE, receiver).import_alone()
        notes = (
            _estimated(alone, sizes.inbox_files),
            f"Counted afterwards: {counted}.",
            where(folder),
        )
        minutes = runs.cpu_seconds / 60
        most = CPU_MINUTES_MOST * sizes.inbox_files / 200
        times = alone.cpu_seconds / ALONE / (runs.cpu_seconds / sizes.inbox_files)
        wants = (
            Want(f"at most {most:g} CPU minutes", f"{minutes:.2f}", minutes <= most),
            Want("each file its own verdict, checks and alert", counted.short, counted.is_complete),
        )
        lines = [
            Line(f"{sizes.inbox_files} files in runs of up to 100", runs, None, wants),
            Line(f"{ALONE} files, a run each ({times:.1f} x the CPU time per file)", alone),
        ]
        show(f"inbox: files of {ROWS:,} rows, every rule, reports and checks", lines, notes)


def _estimated(alone: Run, files: int) -> str:
    minutes = alone.cpu_seconds / ALONE * files / 60
    return f"A run per file was measured on {ALONE} files; {files} take {minutes:.1f} CPU minutes."


@dataclass(frozen=True)
class Counted:
    """How many of so many files have what they should."""

    files: int
    verdicts: int
    reports: int
    checks: int
    alerts: int

    @property
    def is_complete(self) -> bool:
        """Whether all have everything."""
        return {self.verdicts, self.reports, self.checks, self.alerts} == {self.files}

    @property
    def short(self) -> str:
        """The smallest of the figures."""
        least = min(self.verdicts, self.reports, self.checks, self.alerts)
        return f"{least} of {self.files}"

    def __str__(self) -> str:
        """In a sentence."""
        return (
            f"of {self.files} files, {self.verdicts} have their accepted and rejected records in "
            f"the lake and a report beside them, {self.reports} one materialization of each asset, "
            f"{self.checks} the {CHECKS} checks with the two that fail, {self.alerts} one alert"
        )


class _Home:
    """A lake, an inbox of files and a home of Dagster."""

    def __init__(self, folder: Path, files: int, receiver: "_Receiver") -> None:
        self._folder, self._files = folder, files
        inbox = folder / "inbox"
        inbox.mkdir(parents=True)
        with import_file(files * ROWS, "csv").open(encoding="utf-8") as table:
            header = next(table)
            for number in range(files):
                rows = (next(table) for _ in range(ROWS))
                (inbox / f"part{number:03d}.csv").write_text(header + "".join(rows))
        self._settings = {
            "OFF_PLATFORM_LAKE": str(folder / "lake"),
            "OFF_PLATFORM_INBOX": str(inbox),
            "OFF_PLATFORM_ALERTS": receiver.url,
        }

    def _step(self, *words: str | Path) -> Run:
        return run(
            python("benchmarks.inbox_runs", words[0], self._folder, *words[1:]), self._settings
        )

    def import_all(self) -> Run:
        """The runs that the sensor asks for, one after another, with the sensor itself."""
        asked = self._step("requests")
        return _sum([asked, *(self._step("execute", each) for each in json.loads(asked.said))])

    def import_alone(self) -> Run:
        """A run for each file."""
        asked = self._step("requests_alone")
        return _sum([asked, *(self._step("execute", each) for each in json.loads(asked.said))])

    def alert(self) -> None:
        """The sensors of alerts, until none waits."""
        self._step("alerts")

    def counted(self, titles: list[str]) -> Counted:
        """What there is of each file."""
        counted = Counter(key for title in titles for key in _KEY.findall(title))
        log = next(self._folder.rglob("history/runs/index.db"))
        with sqlite3.connect(log) as events:
            made = events.execute(
                "SELECT partition, count(*), count(DISTINCT asset_key) FROM event_logs WHERE "
                "dagster_event_type = 'ASSET_MATERIALIZATION' AND partition IS NOT NULL GROUP BY 1"
            ).fetchall()
            checked = events.execute(
                "SELECT partition, count(DISTINCT check_name), sum(execution_status = 'FAILED') "
                "FROM asset_check_executions WHERE partition IS NOT NULL GROUP BY 1"
            ).fetchall()
        return Counted(
            self._files,
            self._verdicts(),
            sum(events == assets == ASSETS for _, events, assets in made),
            sum(checks == CHECKS and failed == BROKEN for _, checks, failed in checked),
            sum(count == 1 for count in counted.values()),
        )

    def _verdicts(self) -> int:
        import duckdb  # noqa: PLC0415 - after all measurements

        tables = self._folder / "lake" / "tables"
        with duckdb.connect() as connection:
            found = " UNION ALL ".join(
                f"SELECT \"import\", {good} AS good FROM '{tables}/products_{table}/*/*.parquet'"
                for table, good in (("accepted", True), ("quarantined", False))
            )
            rows = connection.execute(
                f'SELECT "import", count(*) FILTER (good), count(*) FILTER (NOT good) '
                f"FROM ({found}) GROUP BY 1"
            ).fetchall()
        right = {key for key, good, bad in rows if (good, bad) == (ROWS - BROKEN, BROKEN)}
        kept = self._folder / "lake" / "imports"
        return sum((kept / key / "report.html").stat().st_size > ROWS for key in right)


def _sum(runs: list[Run]) -> Run:
    return Run(
        sum(each.seconds for each in runs),
        sum(each.cpu_seconds for each in runs),
        max(each.peak_bytes for each in runs),
    )


@dataclass
class _Receiver:
    url: str
    titles: list[str]


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    """Takes alerts as JSON, and keeps their titles."""
    titles: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            titles.append(str(json.loads(data)["title"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield _Receiver(f"json://127.0.0.1:{server.server_address[1]}/", titles)
    finally:
        server.shutdown()
        server.server_close()

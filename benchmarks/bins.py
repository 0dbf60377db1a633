"""From the bins bucket behind a server to all tables, checks on; nobody else makes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.generated import Sizes, bins_bucket, scratch, where
from benchmarks.measuring import Run, python, run
from benchmarks.report import Line, Want, memory_below, seconds_below, show
from benchmarks.serving import served

SECONDS_MOST, SECONDS_MOST_FAR = 5.0, 8.0
LATENCY_MS = 30
MEMORY_MOST = 400e6
WHOLE_SET = 536_434
HOW = (
    "Each is a whole process: listing, every metadata object fetched and compared with its MD5, "
    "eight tables, all checks of all tables with Pandera and DuckDB. Run again, it lists only."
)


def measure(sizes: Sizes, *, large: bool) -> None:
    """Prints what it takes."""
    near = _measured(sizes.bins, 0)
    far = _measured(sizes.bins, LATENCY_MS)
    lines = [
        _line(f"{sizes.bins:,} bins", near[0], seconds_below(SECONDS_MOST, near[0])),
        _line("again, nothing changed", near[1]),
        _line(f"with {LATENCY_MS} ms of latency", far[0], seconds_below(SECONDS_MOST_FAR, far[0])),
    ]
    if large:
        whole = _measured(WHOLE_SET, 0)
        lines += [_line(f"{WHOLE_SET:,} bins", whole[0]), _line("again", whole[1])]
    with scratch() as folder:
        show("bins: from the bucket to all tables", lines, (HOW, where(folder)))


def _line(what: str, of_one: Run, *wants: Want) -> Line:
    return Line(what, of_one, None, (*wants, memory_below(MEMORY_MOST, of_one)))


def _measured(bins: int, latency_ms: int) -> tuple[Run, Run]:
    """The first run, and a second one over the same lake."""
    with _lake_and_server(bins_bucket(bins), latency_ms) as (lake, url):
        command = python("benchmarks.ours", "bins", lake, url)
        return run(command), run(command)


@contextmanager
def _lake_and_server(bucket: Path, latency_ms: int) -> Iterator[tuple[Path, str]]:
    with scratch() as folder, served(bucket, "--latency-ms", latency_ms) as url:
        yield folder / "lake", url

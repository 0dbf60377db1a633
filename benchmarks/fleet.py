"""A set of photos from a far server, by workers of Ray on this machine against one process."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.generated import Sizes, photo_bucket, scratch, where
from benchmarks.measuring import Run, in_turns, python, run
from benchmarks.report import Line, show
from benchmarks.serving import served

PLACES = 2
LATENCY_MS = 20
HERE, RAY = "one process", f"Ray, {PLACES} places"
HOW = (
    f"The server answers after {LATENCY_MS} ms. Seconds are those of the set, without the start of "
    "Python and Ray; CPU seconds and memory are those of the whole process, whose workers are not "
    "counted."
)


def compare(sizes: Sizes) -> None:
    """Prints the comparison."""
    bucket = photo_bucket(sizes.photos)
    with scratch() as folder, served(bucket, "--latency-ms", LATENCY_MS) as url:
        lake, into = folder / "lake", folder / "into"
        run(python("benchmarks.ours", "month_made", lake, bucket))

        def of(places: int) -> Callable[[], Run]:
            words = ("fleet_set", lake, url, into, sizes.photos, places)
            return lambda: _afresh(into, python("benchmarks.ours", *words))

        measured = in_turns({HERE: of(0), RAY: of(PLACES)}, sizes.rounds)
        lines = [Line(name, of_one, measured[HERE]) for name, of_one in measured.items()]
        show(f"fleet: {sizes.photos:,} photos of 10 to 40 kB", lines, (HOW, where(folder)))


def _afresh(into: Path, command: list[str]) -> Run:
    """Runs a command that fills a folder; its seconds are those that it says."""
    try:
        of_one = run(command, {"AWS_REGION": "us-east-1"})
    finally:
        shutil.rmtree(into, ignore_errors=True)
    return replace(of_one, seconds=json.loads(of_one.said.splitlines()[-1])["seconds"])

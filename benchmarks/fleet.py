"""A set of photos from a far server, by workers of Ray on this machine against one process."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.generated import Sizes, photo_bucket, scratch, where
from benchmarks.measuring import Run, in_turns, python, run
from benchmarks.report import Line, Want, faster_by, show
from benchmarks.serving import served

PLACES = 2
LATENCY_MS = 20
HERE, RAY = "one process", f"Ray, {PLACES} places"
RATE_LEAST = 0.8
DRIVER_MOST = 5e-6
HOW = (
    f"The server answers after {LATENCY_MS} ms. Seconds are those of the set, without the start of "
    "Python and Ray; CPU seconds and memory are those of the whole process, whose workers are not "
    "counted. The driver's CPU time is that of the process that hands out the parts, all of its "
    "threads, from the first part to the last."
)


def compare(sizes: Sizes) -> None:
    """Prints the comparison."""
    photos = sizes.far_photos
    bucket = photo_bucket(photos)
    with scratch() as folder, served(bucket, "--latency-ms", LATENCY_MS) as url:
        lake, into = folder / "lake", folder / "into"
        run(python("benchmarks.ours", "month_made", lake, bucket))

        def of(places: int) -> Callable[[], Run]:
            words = ("fleet_set", lake, url, into, photos, places)
            return lambda: _afresh(into, python("benchmarks.ours", *words))

        measured = in_turns({HERE: of(0), RAY: of(PLACES)}, sizes.rounds)
        here, ray = measured[HERE], measured[RAY]
        wants = (faster_by(RATE_LEAST, ray, here, HERE), _driver(ray, photos))
        lines = [Line(HERE, here), Line(RAY, ray, here, wants)]
        show(f"fleet: {photos:,} photos of 10 to 40 kB", lines, (HOW, where(folder)))


def _driver(ray: Run, photos: int) -> Want:
    each = _said(ray)["driver"] / photos
    sentence = f"driver below {DRIVER_MOST * 1e6:g} µs an object"
    return Want(sentence, f"{each * 1e6:.1f}", each < DRIVER_MOST)


def _afresh(into: Path, command: list[str]) -> Run:
    """Runs a command that fills a folder; its seconds are those that it says."""
    try:
        of_one = run(command, {"AWS_REGION": "us-east-1"})
    finally:
        shutil.rmtree(into, ignore_errors=True)
    return replace(of_one, seconds=_said(of_one)["seconds"])


def _said(of_one: Run) -> dict[str, float]:
    found: dict[str, float] = json.loads(of_one.said.splitlines()[-1])
    return found

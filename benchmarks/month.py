"""The job `monthly` with all its checks, in one process; there is nothing to compare it with."""

from pathlib import Path

from benchmarks.generated import (
    Sizes,
    earlier_key_list_bucket,
    key_list_bucket,
    scratch,
    where,
)
from benchmarks.measuring import Run, python, run
from benchmarks.report import Line, show

# Any month before the current one.
EARLIER = "2026-01-01"
FIRST, NEXT = "the first month", "a month after another, with 1 % new keys"


def measure(sizes: Sizes) -> None:
    """Prints what it takes."""
    bucket, earlier = key_list_bucket(sizes.keys), earlier_key_list_bucket(sizes.keys)
    with scratch() as folder:
        first = _run(folder / "first", bucket)
        run(python("benchmarks.ours", "month_made", folder / "next", earlier, EARLIER))
        after = _run(folder / "next", bucket)
        notes = [f"{name}: {of_one.said}." for name, of_one in ((FIRST, first), (NEXT, after))]
        title = f"month: the job `monthly` on {sizes.keys:,} keys"
        show(title, [Line(FIRST, first), Line(NEXT, after)], (*notes, where(folder)))


def _run(lake: Path, bucket: Path) -> Run:
    return run(python("benchmarks.ours", "month", lake, bucket))

"""How long the definitions take to load, which everybody waits for who starts the platform."""

import sys

from benchmarks.measuring import Run, in_turns, run
from benchmarks.report import Line, seconds_below, show

SECONDS_MOST = 2.0
ROUNDS = 5
PEER, OURS = "`import dagster`", "`import off_platform.definitions`"


def compare() -> None:
    """Prints the comparison."""

    def importing(module: str) -> Run:
        return run([sys.executable, "-c", f"import {module}"])

    measured = in_turns(
        {
            PEER: lambda: importing("dagster"),
            OURS: lambda: importing("off_platform.definitions"),
        },
        ROUNDS,
    )
    ours = measured[OURS]
    lines = [
        Line(PEER, measured[PEER]),
        Line(OURS, ours, measured[PEER], (seconds_below(SECONDS_MOST, ours),)),
    ]
    show(f"start: median of {ROUNDS} fresh processes", lines)

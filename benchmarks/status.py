"""How long `off-platform status` takes on a lake of 24 months, 2,000 imports and 5 sets."""

import sys
from pathlib import Path
from shlex import join

from benchmarks.generated import status_lake
from benchmarks.measuring import Run, in_turns, run, shell
from benchmarks.report import Line, seconds_below, show

SECONDS_MOST = 2.0
ROUNDS = 5


def measure() -> None:
    """Prints what it takes."""
    lake = status_lake()

    def status(*options: str) -> Run:
        command = [str(Path(sys.executable).with_name("off-platform")), "status", *options]
        # 1 says that something is open, which it is.
        return run(shell(f"{join(command)} || [ $? -eq 1 ]"), {"OFF_PLATFORM_LAKE": str(lake)})

    measured = in_turns({"`status`": status, "`status --json`": lambda: status("--json")}, ROUNDS)
    lines = [
        Line(name, of_one, wants=(seconds_below(SECONDS_MOST, of_one),))
        for name, of_one in measured.items()
    ]
    show("status: a lake of 24 months, 2,000 imports and 5 sets", lines)

"""Runs commands as processes of their own, and reports seconds, CPU seconds and peak memory.

What is measured against what is up to the comparisons; how it is shown is `report.py`.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parents[1]
# What is generated is kept here; what the measured programs write is removed each time.
GENERATED = REPOSITORY / "var" / "benchmarks"
# Where bytecode must not be written beside the sources, each start would compile all anew.
BYTECODE = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(GENERATED / "bytecode"),
}


class MeasuredCommandError(RuntimeError):
    """A measured command failed; the message has what it said."""


@dataclass(frozen=True)
class Run:
    """What running a command took.

    Attributes:
        seconds: from its start to its end.
        cpu_seconds: of the process and all it waited for, in user and system mode.
        peak_bytes: of the largest of its processes.
        said: its standard output.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    said: str = ""


def python(module: str, *arguments: str | Path | int) -> list[str]:
    """The command that runs a module of ours."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def shell(pipeline: str) -> list[str]:
    """The command that runs a pipeline."""
    return ["sh", "-c", pipeline]


def run(command: Sequence[str], settings: Mapping[str, str] | None = None) -> Run:
    """Runs a command to its end.

    A process counts the memory of the one that started it until it runs its own program, so this
    one must stay small: nothing large is imported here.

    Args:
        command: program and arguments.
        settings: environment variables to add.

    Raises:
        MeasuredCommandError: its exit code was not 0.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            cwd=REPOSITORY,
            env={**os.environ, **BYTECODE, **(settings or {})},
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            last = errors.read().decode(errors="replace")[-2000:]
            raise MeasuredCommandError(f"{' '.join(command)[:300]} failed: {last}")
        said = out.read().decode(errors="replace")
    # Linux counts in KiB.
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, said)


def in_turns(measured: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, Run]:
    """Measures each a few times, in turns, so that what else the machine does hits all alike.

    Returns:
        For each the median seconds and CPU seconds and the largest peak.
    """
    runs: dict[str, list[Run]] = {name: [] for name in measured}
    for number in range(rounds):
        for name, measure in measured.items():
            sys.stderr.write(f"  {name}, {number + 1} of {rounds}\n")
            runs[name].append(measure())
    return {name: middle(of_one) for name, of_one in runs.items()}


def middle(runs: Sequence[Run]) -> Run:
    """Median seconds and CPU seconds, largest peak, and what the last said."""
    return Run(
        median(one.seconds for one in runs),
        median(one.cpu_seconds for one in runs),
        max(one.peak_bytes for one in runs),
        runs[-1].said,
    )

"""How far a long piece of work is: counted here, shown as a bar at a terminal or as log lines.

What is counted is left to the caller; `transfer.py` counts objects and bytes.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from off_platform.words import duration, size

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LOG_SECONDS = 5.0
BAR_SECONDS = 0.1


class Display(Protocol):
    """Shows a tally; called often, shows as seldom as it likes."""

    def show(self, tally: "Tally") -> None:
        """Takes the state as it is now."""


@dataclass
class Tally:
    """What has been done: objects, bytes, and how many came to which end."""

    total: int | None = None
    unit: str = "objects"
    done: int = 0
    bytes: int = 0
    by_end: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    def add(self, end: str, size: int) -> None:
        """Counts one object that came to its end."""
        self.done += 1
        self.bytes += size
        self.by_end[end] += 1

    @property
    def rate(self) -> float:
        """Objects a second since the start."""
        return self.done / max(time.monotonic() - self.started, 1e-6)

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the rate; None while nothing is known."""
        if self.total is None or not self.done:
            return None
        return max(self.total - self.done, 0) / self.rate

    def sentence(self) -> str:
        """One line: done, rate, bytes, remaining time, failures by kind."""
        of = f" of {self.total:,}" if self.total is not None else ""
        left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
        ends = ", ".join(
            f"{count:,} {end}"
            for end, count in sorted(self.by_end.items())
            if end not in {"fetched", "unchanged"}
        )
        rate = f"{self.rate:,.0f} {self.unit}/s"
        failures = f"; {ends}" if ends else ""
        return f"{self.done:,}{of} {self.unit}, {size(self.bytes)}, {rate}{left}{failures}"


class LogDisplay:
    """A line every few seconds, for logs."""

    def __init__(self, write: Callable[[str], object], every: float = LOG_SECONDS) -> None:
        """Takes the function that writes a line, and the seconds between two of them."""
        self._write, self._every = write, every
        self._next = time.monotonic() + every

    def show(self, tally: Tally) -> None:
        """Writes a line when it is time again."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            self._write(tally.sentence())


class BarDisplay:
    """A bar at a terminal."""

    def __init__(self, progress: "RichProgress", task: "TaskID") -> None:
        """Takes rich's progress and the task of this work."""
        self._progress, self._task = progress, task
        self._next = 0.0

    def show(self, tally: Tally) -> None:
        """Moves the bar, at most ten times a second."""
        if time.monotonic() >= self._next or tally.done == tally.total:
            self._next = time.monotonic() + BAR_SECONDS
            self._progress.update(
                self._task, completed=tally.done, total=tally.total, detail=tally.sentence()
            )


@contextmanager
def terminal_display(title: str) -> Iterator[Display]:
    """A bar where somebody looks, lines on standard error where nobody does (a pipe, a log)."""
    if not sys.stderr.isatty():
        yield LogDisplay(lambda line: sys.stderr.write(f"{title}: {line}\n"))
        return

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[detail]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield BarDisplay(progress, progress.add_task(title, total=None, detail=""))

"""Progress of long work: counts, and log lines; `cli/progress_bar.py` shows a bar.

Callers count; `transfer.py` counts objects and bytes.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from off_platform.words import duration, size

LOG_SECONDS = 5.0


class Display(Protocol):
    """Shows a tally. It is called often and need not show every state."""

    def show(self, tally: "Tally") -> None:
        """Receives the current state."""


@dataclass
class Tally:
    """Work done so far: objects, bytes, the number of objects per outcome, and a note."""

    total: int | None = None
    unit: str = "objects"
    done: int = 0
    bytes: int = 0
    by_end: Counter[str] = field(default_factory=Counter)
    note: str = ""
    started: float = field(default_factory=time.monotonic)

    def add(self, end: str, size: int) -> None:
        """Counts one finished object."""
        self.done += 1
        self.bytes += size
        self.by_end[end] += 1

    @property
    def rate(self) -> float:
        """Objects per second since the start."""
        return self.done / max(time.monotonic() - self.started, 1e-6)

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the rate; None while unknown."""
        if self.total is None or not self.done:
            return None
        return max(self.total - self.done, 0) / self.rate

    def sentence(self) -> str:
        """One line: done, bytes, rate, remaining time, failures by kind."""
        of = f" of {self.total:,}" if self.total is not None else ""
        left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
        ends = ", ".join(
            f"{count:,} {end}"
            for end, count in sorted(self.by_end.items())
            if end not in {"fetched", "unchanged"}
        )
        moved = f", {size(self.bytes)}" if self.bytes else ""
        more = "".join(f"; {each}" for each in (ends, self.note) if each)
        return f"{self.done:,}{of} {self.unit}{moved}{self._rate_shown}{left}{more}"

    @property
    def _rate_shown(self) -> str:
        """Of slow work by the minute."""
        if not self.done:
            return ""
        number, time_unit = (self.rate, "s") if self.rate >= 1 else (self.rate * 60, "min")
        return f", {number:,.0f} {self.unit}/{time_unit}"


class LogDisplay:
    """Writes a line every few seconds, for logs."""

    def __init__(self, write: Callable[[str], object], every: float = LOG_SECONDS) -> None:
        """Takes the function that writes a line, and the seconds between lines."""
        self._write, self._every = write, every
        self._next = time.monotonic() + every

    def show(self, tally: Tally) -> None:
        """Writes a line if the interval has passed."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            self._write(tally.sentence())

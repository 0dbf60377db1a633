"""A comparison as a table: what was measured, the ratio to a peer, what is wanted, is it so.

The table is Markdown, so that it can stand in a page as it was printed.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measuring import Run

COLUMNS = ("what", "seconds", "CPU seconds", "peak memory", "ratio", "wanted")


@dataclass(frozen=True)
class Want:
    """What is wanted of a measurement, the figure that decides, and whether it is so."""

    sentence: str
    value: str
    met: bool

    def __str__(self) -> str:
        """As it stands in the table."""
        return f"{self.sentence}: {self.value}, {'met' if self.met else 'NOT MET'}"


def at_most_times(times: float, ours: Run, peer: Run, peer_name: str) -> Want:
    """Ours may take so many times the peer's time."""
    ratio = ours.seconds / peer.seconds
    return Want(f"at most {times:g} x {peer_name}", f"{ratio:.2f}", ratio <= times)


def faster_by(times: float, ours: Run, peer: Run, peer_name: str) -> Want:
    """Ours must be so many times as fast as the peer."""
    ratio = peer.seconds / ours.seconds
    return Want(f"{times:g} x as fast as {peer_name}", f"{ratio:.2f}", ratio >= times)


def memory_below(most_bytes: float, ours: Run) -> Want:
    """Ours must take less memory."""
    peak = ours.peak_bytes
    return Want(f"below {most_bytes / 1e6:,.0f} MB", f"{peak / 1e6:,.0f}", peak < most_bytes)


def seconds_below(most: float, ours: Run) -> Want:
    """Ours must take less time."""
    return Want(f"below {most:g} s", f"{ours.seconds:.2f}", ours.seconds < most)


@dataclass(frozen=True)
class Line:
    """A line of the table: what, what it took, the ratio to the peer where there is one, wants."""

    what: str
    run: Run
    peer: Run | None = None
    wants: tuple[Want, ...] = ()

    def cells(self) -> tuple[str, ...]:
        """Its cells, one a column."""
        ratio = f"{self.run.seconds / self.peer.seconds:.2f}" if self.peer else ""
        return (
            self.what.replace("|", "\\|"),
            f"{self.run.seconds:.2f}",
            f"{self.run.cpu_seconds:.2f}",
            f"{self.run.peak_bytes / 1e6:,.0f} MB",
            ratio,
            "; ".join(map(str, self.wants)),
        )


def show(title: str, lines: Sequence[Line], notes: Sequence[str] = ()) -> None:
    """Prints a comparison."""
    rows = [COLUMNS, *(line.cells() for line in lines)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    print(f"\n## {title}\n")
    for number, row in enumerate(rows):
        print(_row(row, widths))
        if number == 0:
            print(_rule(widths))
    for note in notes:
        print(f"\n{note}")
    sys.stdout.flush()


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *figures, last = (
        cell.rjust(width) if 0 < column < len(widths) - 1 else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join((first, *figures, last))} |"


def _rule(widths: Sequence[int]) -> str:
    first, *figures, last = ("-" * width for width in widths)
    return f"|-{first}-|" + "".join(f"-{figure}:|" for figure in figures) + f"-{last}-|"

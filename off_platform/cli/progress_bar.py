"""Progress: a bar in a terminal, lines if standard error is not a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from off_platform.storage.progress import Display, LogDisplay, Tally

BAR_SECONDS = 0.1


class BarDisplay:
    """A progress bar in a terminal."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        """Takes rich's progress and its task."""
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
    """A bar in a terminal; lines if standard error is a pipe or a file."""
    if not sys.stderr.isatty():
        yield LogDisplay(lambda line: sys.stderr.write(f"{title}: {line}\n"))
        return

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[detail]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield BarDisplay(progress, progress.add_task(title, total=None, detail=""))

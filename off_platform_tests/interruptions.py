"""Runs that end half-way: a folder that stops at its n-th write, and processes that are killed.

A process is forked from a server that has the libraries loaded, so that its life is its work.
"""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from itertools import count
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import Desk, desk_at
from off_platform_tests.waiting import PATIENCE_SECONDS

# Without `off_platform.definitions`, which reads the settings, and those of a process are its own.
PRELOADED = (
    "dagster._daemon.auto_run_reexecution.event_log_consumer",
    "duckdb",
    "hypothesis",
    "isal.igzip",
    "matplotlib",
    "obstore.store",
    "off_platform.automation.runs",
    "off_platform.cli.main",
    "off_platform.images.image_set",
    "off_platform.imports.assets",
    "off_platform.imports.importing",
    "off_platform.imports.outputs.report",
    "off_platform.imports.validation",
    "PIL.Image",
    "pyarrow.compute",
    "pyarrow.parquet",
    "pytest",
    "off_platform_tests.interruptions",
    "off_platform_tests.migrations",
)


class StoppingFolder(LocalFolder):
    """A folder that refuses changes after a number of them."""

    def __init__(self, root: Path, changes: int) -> None:
        """Allows a number of changes; the next one fails."""
        super().__init__(root)
        self.changes = changes

    def _change(self) -> None:
        if not self.changes:
            raise KeyboardInterrupt
        self.changes -= 1

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        self._change()
        super().remove(name)

    def _rename(self, made: Path, place: Path) -> None:
        self._change()
        super()._rename(made, place)

    def _link(self, made: Path, place: Path) -> bool:
        self._change()
        return super()._link(made, place)


def forks() -> ForkServerContext:
    """Where processes come from: a server that runs, and has the libraries loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    # The first process waits for the libraries, which is not its work.
    run_and_kill(context, time.sleep, PATIENCE_SECONDS, 0)
    return context


def run_and_kill(
    context: ForkServerContext, work: Callable[..., None], seconds: float, *arguments: Any
) -> bool:
    """Runs a function of a module in a process and kills it; whether it was killed at work."""
    process = context.Process(target=work, args=arguments)
    process.start()
    process.join(seconds)
    alive = process.is_alive()
    process.kill()
    process.join(PATIENCE_SECONDS)
    killed = alive and process.exitcode != 0
    if not killed and process.exitcode:
        raise RuntimeError(f"the process ended by itself with {process.exitcode}")
    process.close()
    return killed


class Kills:
    """Moments to kill at, spread over a work's time, which is learnt: machines vary while it runs.

    Attributes:
        wanted: how many kills at work there shall be.
        killed: how many there were.
    """

    def __init__(self, wanted: int, longest: float, luck: random.Random) -> None:
        """Takes how long the work took at most, in seconds."""
        self.wanted, self.killed = wanted, 0
        self._longest, self._luck = longest, luck

    def rounds(self) -> Iterator[int]:
        """Numbers of rounds, from 0, until there were as many kills as wanted."""
        for number in count():
            if self.killed >= self.wanted:
                return
            yield number

    def try_one(
        self, context: ForkServerContext, work: Callable[..., None], *arguments: Any
    ) -> bool:
        """Runs a function of a module in a process, and kills it at a moment; whether at work."""
        seconds = self._luck.uniform(0.01, self._longest)
        killed = run_and_kill(context, work, seconds, *arguments)
        if killed:
            self.killed += 1
        else:
            self._longest = seconds
        return killed


def at_a_desk(step: Callable[[Desk], object], lake: Path, source: Source) -> None:
    """What a process does: a step at a desk over a lake."""
    with desk_at(lake, source) as desk:
        step(desk)

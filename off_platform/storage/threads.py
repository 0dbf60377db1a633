"""Work in threads of this process: the next item is made while one is used; several at once.

Both keep the order of the items, hold few of them, and raise what the work raises. Arrow, Pillow,
zlib and DuckDB work outside of the interpreter's lock, so that threads use all cores; they need no
start-up and end with the process.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import TypeVar

# How often a thread with an item that nobody takes looks whether it is still wanted.
_LOOK_SECONDS = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")


class _End:
    """Behind the last item."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ahead(items: Iterator[Item], *, may_block: bool = False) -> Generator[Item]:
    """The items; a thread makes the next ones, of which one waits, while one is used.

    Args:
        items: from an iterator that only the thread uses.
        may_block: whether making one can take for ever, as reading a pipe can: then a caller who
            stops does not wait for the thread, which ends with the process.

    Raises:
        BaseException: what `items` raises.
    """
    waiting: Queue[Item | _End | BaseException] = Queue(1)
    stopped = threading.Event()
    thread = threading.Thread(target=_fill, args=(items, waiting, stopped), daemon=True)
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        with suppress(Empty):
            waiting.get_nowait()
        if not may_block:
            thread.join()


def _fill(
    items: Iterator[Item],
    waiting: "Queue[Item | _End | BaseException]",
    stopped: threading.Event,
) -> None:
    try:
        for item in items:
            if not _put(waiting, item, stopped):
                return
        _put(waiting, _End(), stopped)
    except BaseException as error:  # noqa: BLE001 - raised again by whoever takes it
        _put(waiting, error, stopped)


def _put(
    waiting: "Queue[Item | _End | BaseException]",
    item: Item | _End | BaseException,
    stopped: threading.Event,
) -> bool:
    """Whether somebody still wants it."""
    while not stopped.is_set():
        with suppress(Full):
            waiting.put(item, timeout=_LOOK_SECONDS)
            return True
    return False


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, held: int | None = None
) -> Iterator[Result]:
    """The results of some work on items, in the order of the items.

    Args:
        work: on one item; it must not change what the work on another reads.
        items: taken one by one.
        threads: at least 1.
        held: how many items are taken before the result of the first is; by default one a thread.

    Raises:
        Exception: what `work` or `items` raises.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, "in-order") as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) == (held or threads):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for each in pending:
                each.cancel()

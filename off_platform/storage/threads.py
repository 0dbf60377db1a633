"""Work in threads of this process: reading ahead, and ordered parallel work.

Both keep the order of the items, hold few in memory and propagate errors. Arrow, Pillow, zlib and
DuckDB release the GIL, so threads use all cores; they start at once and end with the process.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import TypeVar

# How often a thread with a finished item checks whether its consumer still exists.
_LOOK_SECONDS = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")


class _End:
    """Marks the end of the items."""


def cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ahead(items: Iterator[Item], *, may_block: bool = False) -> Generator[Item]:
    """Yields the items; a thread produces the next ones, one of which waits, while one is used.

    Args:
        items: an iterable that only the thread uses.
        may_block: whether producing an item can block forever, as reading a pipe can: then a caller
            that stops does not wait for the thread, which ends with the process.

    Raises:
        BaseException: from `items`.
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
    """Puts an entry into the queue; false if the consumer is gone."""
    while not stopped.is_set():
        with suppress(Full):
            waiting.put(item, timeout=_LOOK_SECONDS)
            return True
    return False


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, held: int | None = None
) -> Generator[Result]:
    """Yields the results of work on items, in the order of the items.

    Closing it waits for the work in progress, and starts no more.

    Args:
        work: processes one item; must be independent of other items.
        items: consumed one by one.
        threads: at least 1.
        held: maximum number of items in progress; by default one per thread.

    Raises:
        Exception: from `work` or `items`.
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

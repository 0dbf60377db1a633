"""Reads the next batch of a file while others are checked, several at once, in threads.

Knows nothing of formats and rules. Arrow does nearly all the work on a batch outside of Python's
lock, which is held for a fifth of the time. Threads need no start-up and end with the process.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import TypeVar

from off_platform.imports.readers.batches import Batch, Found, Reader

# Batches that wait, besides the one that is read and the one that is checked.
WAITING = 1
_LOOK_SECONDS = 0.1
# What reads and what writes are threads of their own, which more would wait for.
MOST_THREADS = 4

Item = TypeVar("Item")
Result = TypeVar("Result")
Part = tuple[Batch | None, list[Found]]


def read_ahead(reader: Reader, rows: int) -> Generator[Part]:
    """The batches of a file, each with what was found until it was read; None at the end.

    Args:
        reader: of the file.
        rows: of a batch, at most.

    Raises:
        UnreadableError: as `Reader.batches` does.
    """
    queue: Queue[Part | BaseException] = Queue(WAITING)
    stopped = threading.Event()
    thread = threading.Thread(target=_read, args=(reader, rows, queue, stopped), daemon=True)
    thread.start()
    try:
        while True:
            part = queue.get()
            if isinstance(part, BaseException):
                raise part
            yield part
            if part[0] is None:
                return
    finally:
        stopped.set()
        with suppress(Empty):
            queue.get_nowait()
        thread.join()


def _read(
    reader: Reader, rows: int, queue: "Queue[Part | BaseException]", stopped: threading.Event
) -> None:
    batches = reader.batches(rows)
    try:
        for batch in batches:
            if not _put(queue, (batch, reader.take_found()), stopped):
                return
        _put(queue, (None, reader.take_found()), stopped)
    except BaseException as error:  # noqa: BLE001 - raised again by whoever takes it
        _put(queue, error, stopped)


def _put(
    queue: "Queue[Part | BaseException]", part: Part | BaseException, stopped: threading.Event
) -> bool:
    """Whether somebody still wants it."""
    while not stopped.is_set():
        try:
            queue.put(part, timeout=_LOOK_SECONDS)
        except Full:
            continue
        return True
    return False


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """The results of some work on items, in the order of the items.

    Args:
        work: on one item; it must not change what the work on another reads.
        items: taken one by one; no more than there are threads are held.
        threads: at least 1.

    Raises:
        Exception: what `work` or `items` raises.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, "batches") as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) == threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for each in pending:
                each.cancel()

"""Reads the next batch of a file while the one before is looked at; knows nothing of formats."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Full, Queue

from off_platform.imports.readers.batches import Batch, Found, Reader

# Batches that wait, besides the one that is read and the one that is looked at.
WAITING = 1
_LOOK_SECONDS = 0.1

Part = tuple[Batch | None, list[Found]]


def read_ahead(reader: Reader, rows: int) -> Iterator[Part]:
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

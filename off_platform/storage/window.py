"""Limits the bytes that wait in memory for their turn, for any sizes of objects.

Estimates from a mean fail when large objects follow small ones, so the waiting bytes are counted.
The batch in turn proceeds even if the window is full, so nothing waits forever.
"""

import threading


class Window:
    """Bytes of batches that were fetched before their turn; shared by all threads."""

    def __init__(self, most: int) -> None:
        """Starts empty, with batch 0 in turn; `most` bytes may wait before others are held back."""
        self._most = most
        self._bytes = 0
        self._turn = 0
        self._ended = False
        self._changed = threading.Condition()

    def enter(self, batch: int) -> None:
        """Waits until there is room, or until it is this batch's turn."""
        if self._bytes < self._most:
            return
        with self._changed:
            while self._bytes >= self._most and batch > self._turn and not self._ended:
                self._changed.wait()

    def add(self, size: int) -> None:
        """Adds bytes that wait from now on."""
        with self._changed:
            self._bytes += size

    def next_turn(self, batch: int, freed: int) -> None:
        """Makes it this batch's turn; the bytes of earlier batches no longer wait."""
        with self._changed:
            self._turn = batch
            self._bytes -= freed
            self._changed.notify_all()

    def end(self) -> None:
        """Wakes all waiting threads: the transfer has ended."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

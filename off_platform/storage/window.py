"""How many bytes may wait in memory for their turn, however the sizes of the objects change.

Guesses from a mean fail when small objects are followed by large ones; here what really waits is
counted. The next in turn proceeds even when the window is full, so nothing waits forever.
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
        """So many bytes wait from now on."""
        with self._changed:
            self._bytes += size

    def next_turn(self, batch: int, freed: int) -> None:
        """It is this batch's turn; the bytes of those before it no longer wait."""
        with self._changed:
            self._turn = batch
            self._bytes -= freed
            self._changed.notify_all()

    def end(self) -> None:
        """Wakes all waiting threads: there are no turns any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

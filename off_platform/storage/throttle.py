"""Back-off of all requests together: S3 answers 503 SlowDown for a prefix, not for one request.

Many clients that back off one by one keep the server at its limit; here one SlowDown halves what
is on its way and holds everything for a moment, and each success lets a little more through.
"""

import random
import threading
import time

LONGEST_PAUSE = 20.0
FIRST_PAUSE = 0.05


class Throttle:
    """How many requests may be on their way, and from when; shared by all threads."""

    def __init__(self, most: int) -> None:
        """Starts with `most` requests at the same time, which is also where it recovers to."""
        self._most = most
        self._allowed = float(most)
        self._under_way = 0
        self._pause = FIRST_PAUSE
        self._resume_at = 0.0
        self._calm = True
        self._changed = threading.Condition()

    @property
    def allowed(self) -> float:
        """How many requests may be on their way now."""
        return self._allowed

    def enter(self) -> float:
        """Waits for a place; gives the moment it was granted, for `slow_down`."""
        if self._calm:
            # The lock costs more than a 25 kB object's copy when 64 threads want it; while nothing
            # was refused the number of threads is bound enough.
            return time.monotonic()
        with self._changed:
            while (wait := self._resume_at - time.monotonic()) > 0 or (
                self._under_way >= self._allowed
            ):
                self._changed.wait(min(max(wait, 0.01), 1.0))
            self._under_way += 1
            return time.monotonic()

    def leave(self) -> None:
        """A request that came through: one place is free, and the limit rises a little."""
        if self._calm:
            return
        with self._changed:
            self._under_way = max(self._under_way - 1, 0)
            self._allowed = min(self._allowed + 1 / self._allowed, self._most)
            self._pause = max(self._pause * 0.98, FIRST_PAUSE)
            self._calm = self._allowed >= self._most
            self._changed.notify()

    def slow_down(self, granted: float) -> None:
        """A request that was refused: everything waits, and half as much goes on afterwards.

        Args:
            granted: what `enter` gave. Requests that were on their way before the last halving tell
                nothing new, so that one burst halves once.
        """
        with self._changed:
            self._under_way = max(self._under_way - 1, 0)
            if granted >= self._resume_at:
                self._calm = False
                self._allowed = max(self._allowed / 2, 1.0)
                jitter = random.uniform(0.5, 1.5)  # noqa: S311 - spreads machines, hides nothing
                self._resume_at = time.monotonic() + self._pause * jitter
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._changed.notify_all()

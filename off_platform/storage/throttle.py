"""A shared back-off of all requests: S3 answers 503 SlowDown for a prefix, not for one request.

Clients that back off independently keep the server at its limit; here a burst of SlowDowns halves
the number of concurrent requests and pauses all, and each success raises it a little. A few
refusals among many answers are not a burst: only the refused request is retried.
"""

import random
import threading
import time
from typing import NamedTuple

LONGEST_PAUSE = 20.0
FIRST_PAUSE = 0.05
# Each answer moves the share of refusals by a sixteenth, so five in a row make a burst, and a share
# of a tenth does not. Below the smaller share counting stops.
WEIGHT = 1 / 16
BURST_SHARE = 0.25
CALM_SHARE = 0.01


class Grant(NamedTuple):
    """Permission for one request: since when, and whether it is counted as in progress."""

    moment: float
    counted: bool


class Throttle:
    """Limits the number of concurrent requests, and pauses them; shared by all threads."""

    def __init__(self, most: int) -> None:
        """Starts with `most` concurrent requests, the limit to which it recovers."""
        self._most = most
        self._allowed = float(most)
        self._under_way = 0
        self._pause = FIRST_PAUSE
        self._resume_at = 0.0
        self._refused_share = 0.0
        self._came_through_at = time.monotonic()
        self._calm = True
        self._ended = threading.Event()
        self._changed = threading.Condition()

    @property
    def allowed(self) -> float:
        """The current limit of concurrent requests."""
        return self._allowed

    @property
    def refused_seconds(self) -> float:
        """Seconds since the last success."""
        return time.monotonic() - self._came_through_at

    @property
    def ended(self) -> bool:
        """Whether the transfer has ended."""
        return self._ended.is_set()

    def end(self) -> None:
        """Wakes all waiting threads, which then see that work has ended."""
        with self._changed:
            self._ended.set()
            self._changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Waits before a retry, but not beyond the end of the transfer."""
        self._ended.wait(seconds)

    def enter(self) -> Grant:
        """Waits for permission, which is passed to `leave` or `slow_down` afterwards."""
        if self._calm:
            # With 64 threads the lock costs more than copying a 25 kB object; until a request is
            # refused, the number of threads is limit enough.
            return Grant(time.monotonic(), counted=False)
        with self._changed:
            while not self.ended and (
                (wait := self._resume_at - time.monotonic()) > 0 or self._under_way >= self._allowed
            ):
                self._changed.wait(min(max(wait, 0.01), 1.0))
            self._under_way += 1
            return Grant(time.monotonic(), counted=True)

    def leave(self, grant: Grant) -> None:
        """Ends a successful request; the limit rises a little."""
        self._came_through_at = time.monotonic()
        if self._calm and not grant.counted:
            return
        with self._changed:
            self._under_way -= grant.counted
            self._allowed = min(self._allowed + 1 / self._allowed, self._most)
            self._refused_share -= self._refused_share * WEIGHT
            self._pause = max(self._pause / 2, FIRST_PAUSE)
            self._calm = self._allowed >= self._most and self._refused_share < CALM_SHARE
            self._changed.notify()

    def slow_down(self, grant: Grant) -> None:
        """Ends a refused request: in a burst all wait, then resume at half the rate.

        Requests sent before the last halving are ignored, so that one burst halves once.
        """
        with self._changed:
            self._under_way -= grant.counted
            self._calm = False
            if grant.moment >= self._resume_at:
                self._refused_share += (1 - self._refused_share) * WEIGHT
                if self._refused_share >= BURST_SHARE:
                    self._halve()
            self._changed.notify_all()

    def _halve(self) -> None:
        self._allowed = max(self._allowed / 2, 1.0)
        jitter = random.uniform(0.5, 1.5)  # noqa: S311 - spreads machines, hides nothing
        self._resume_at = time.monotonic() + self._pause * jitter
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        # Starts with half a burst, so the next one is detected sooner than the first.
        self._refused_share = BURST_SHARE / 2

"""Many objects: fetched with bounds, verified, one outcome each, in order.

What a whole object looks like is told by the caller's check; where the bytes go is his affair too
(`image_sets/build.py`). One object with its tries is `fetch.py`, a big one to a file `download.py`.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from off_platform.storage.fetch import (
    Bounds,
    Came,
    Facts,
    Limits,
    Outcome,
    Streak,
    Tag,
    Wanted,
    fetch,
    looked_at,
    without_asking,
)
from off_platform.storage.progress import Display, Tally
from off_platform.storage.throttle import Throttle
from off_platform.storage.window import Window

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["Limits", "Outcome", "Wanted", "transfer"]

# What may wait in memory for its turn; at 25 kB an object 1,280 of them, at 400 kB 80.
WINDOW_BYTES = 32 * 2**20
COUNTED_BYTES = 2**18
MOST_PLACES = 4096
LARGEST_BATCH = 16
# Before the first outcome tells a mean, few objects are asked for: they may be large.
FIRST_MEAN_BYTES = 2 * 2**20
# A store that answers sooner is near: so few threads keep it busy, and more of them would only wait
# for the interpreter's lock (20,000 photos in 3.2 s with 6, in 3.7 s with 64).
NEAR_SECONDS = 0.008
THREADS_WHEN_NEAR = 6
# How long a batch takes, at most, at the pace of the quickest answer.
BATCH_SECONDS = 0.25


def transfer(
    store: "ObjectStore",
    wanted: Iterable[Wanted[Tag, Facts]],
    limits: Limits,
    display: Display | None = None,
    tally: Tally | None = None,
    before_waiting: Callable[[], object] = lambda: None,
) -> Iterator[Outcome[Tag, Facts]]:
    """Fetches objects and gives one outcome each, in the order they were wanted.

    Missing, changed, corrupt and refused objects are outcomes, not exceptions. Memory does not grow
    with the number of objects: what waits for its turn is bounded in bytes.

    Args:
        store: opened without retries of its own (`objects.Access.retries`).
        wanted: read as it is needed, so it may be a generator over any number of objects.
        limits: bounds.
        display: where progress is shown.
        tally: what is counted, with the total where it is known.
        before_waiting: called when the next outcome is not there yet.

    An interruption (Ctrl-C) while waiting is raised once the outcomes of what was on its way were
    given; nothing new is asked for meanwhile.
    """
    tally = tally or Tally()
    bounds = Bounds(limits, Throttle(limits.concurrency), Window(WINDOW_BYTES), Streak())
    threads = _Threads(limits.concurrency)
    try:
        for outcome in _in_order(store, iter(wanted), bounds, threads, before_waiting):
            tally.add(outcome.status, len(outcome.data or b""))
            if display:
                display.show(tally)
            yield outcome
    finally:
        bounds.end()
        threads.end()


class _Threads:
    """As many threads as keep the store busy: few when it is near, all that are allowed when far.

    Threads start with the first work they are given.
    """

    def __init__(self, most: int) -> None:
        self._most, self._few = most, min(THREADS_WHEN_NEAR, most)
        self._first = ThreadPoolExecutor(self._few, "transfer")
        self._more = ThreadPoolExecutor(max(most - self._few, 1), "transfer")

    def submit(
        self, store: "ObjectStore", number: int, batch: list[Wanted[Tag, Facts]], bounds: Bounds
    ) -> Future[list[Outcome[Tag, Facts]]]:
        pool = self._first if number % self.at_work(bounds) < self._few else self._more
        return pool.submit(_fetch_batch, store, number, batch, bounds)

    def at_work(self, bounds: Bounds) -> int:
        """How many threads there is work for: few until an answer tells how far the store is."""
        quickest = bounds.streak.quickest
        return self._most if NEAR_SECONDS <= quickest < math.inf else self._few

    def end(self) -> None:
        for pool in (self._first, self._more):
            pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    store: "ObjectStore",
    wanted: Iterator[Wanted[Tag, Facts]],
    bounds: Bounds,
    threads: _Threads,
    before_waiting: Callable[[], object],
) -> Iterator[Outcome[Tag, Facts]]:
    """Keeps a row of batches under way; a batch spares most of a future's 30 µs an object."""
    batches: deque[Future[list[Outcome[Tag, Facts]]]] = deque()
    submitted, objects, size, under_way, taken = 0, 0, 0, 0, 0
    while True:
        mean = size / objects if objects else FIRST_MEAN_BYTES
        places = max(1, min(int(WINDOW_BYTES / max(mean, 1)), MOST_PLACES))
        batch_size = max(1, min(places // (4 * threads.at_work(bounds)), LARGEST_BATCH))
        # A stop loses the batches on their way, which must be no more than a moment's work.
        batch_size = min(batch_size, max(1, int(BATCH_SECONDS / bounds.streak.quickest)))
        while under_way < places and (batch := list(islice(wanted, batch_size))):
            batches.append(threads.submit(store, submitted, batch, bounds))
            submitted, under_way = submitted + 1, under_way + len(batch)
        if not batches:
            return
        bounds.window.next_turn(submitted - len(batches), freed=taken)
        taken = 0
        if not batches[0].done():
            before_waiting()
        try:
            ended = batches[0].result()
        except Exception:
            raise
        except BaseException:
            bounds.end()
            yield from _on_their_way(batches)
            raise
        batches.popleft()
        for outcome in ended:
            objects, under_way = objects + 1, under_way - 1
            taken += len(outcome.data or b"")
            yield outcome
        size += taken


def _on_their_way(
    batches: deque[Future[list[Outcome[Tag, Facts]]]],
) -> Iterator[Outcome[Tag, Facts]]:
    """What comes of the batches that were begun, up to the first object that was given up."""
    for batch in reversed(batches):
        batch.cancel()
    for batch in batches:
        if batch.cancelled():
            return
        for outcome in batch.result():
            if outcome.status == "failed":
                return
            yield outcome


def _fetch_batch(
    store: "ObjectStore", number: int, batch: list[Wanted[Tag, Facts]], bounds: Bounds
) -> list[Outcome[Tag, Facts]]:
    """Fetches all, then looks at all: between two requests little of Python is run.

    Whoever comes back from a request needs the interpreter's lock, so that looking at each object
    between requests took half as long again as all of it does now.
    """
    came: list[Came | Outcome[Tag, Facts]] = []
    uncounted = 0
    for wanted in batch:
        bounds.window.enter(number)
        if wanted.known:
            # Says nothing about the store.
            fetched = without_asking(wanted, wanted.known)
        else:
            fetched = fetch(store, wanted, bounds)
            bounds.streak.add(
                failed=not isinstance(fetched, Came) and fetched.status in {"failed", "corrupt"}
            )
        came.append(fetched)
        uncounted += len(fetched.data or b"")
        # Not after each small object, because all threads share the lock.
        if uncounted >= COUNTED_BYTES or len(came) == len(batch):
            bounds.window.add(uncounted)
            uncounted = 0
    return [
        looked_at(wanted, fetched) if isinstance(fetched, Came) else fetched
        for wanted, fetched in zip(batch, came, strict=True)
    ]

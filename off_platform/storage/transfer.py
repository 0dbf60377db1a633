"""Fetches many objects within limits, verified, with one outcome each, in order.

The caller decides whether an object is complete, and writes the bytes
(`image_sets/fetching/build.py`). `fetch.py` fetches one object with retries, `download.py` a large
one to a file.
"""

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic

from off_platform.settings import Settings
from off_platform.storage.fetch import (
    Bounds,
    Facts,
    Limits,
    Outcome,
    Received,
    Streak,
    Tag,
    Wanted,
    checked,
    fetch,
    known_outcome,
)
from off_platform.storage.progress import Display, Tally
from off_platform.storage.throttle import Throttle
from off_platform.storage.window import Window

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["Limits", "Outcome", "Wanted", "limits_from", "transfer"]

# Bytes that may wait for their turn: 1,280 objects of 25 kB, or 80 of 400 kB.
WINDOW_BYTES = 32 * 2**20
COUNTED_BYTES = 2**18
MOST_PLACES = 4096


def limits_from(settings: Settings) -> Limits:
    """The limits of fetching from the settings."""
    return Limits(settings.concurrency, settings.attempts)


LARGEST_BATCH = 16
# Until the first outcome gives a mean size, few objects are requested: they may be large.
FIRST_MEAN_BYTES = 2 * 2**20
# A store that answers faster is near: few threads keep it busy, and more would only wait for the
# GIL (20,000 photos in 3.2 s with 6, in 3.7 s with 64).
NEAR_SECONDS = 0.008
THREADS_WHEN_NEAR = 6
# Maximum seconds per batch, estimated from the quickest answer.
BATCH_SECONDS = 0.25
# Minimum number of batches that wait for a thread.
SPARE_BATCHES = 2
# The batch size grows with the number of finished objects: 1 for the first 255, 16 from 2,048 on.
DONE_PER_UNDER_WAY = 128


def transfer(
    store: "ObjectStore",
    wanted: Iterable[Wanted[Tag, Facts]],
    limits: Limits,
    display: Display | None = None,
    tally: Tally | None = None,
    when_taken: Callable[[], object] = lambda: None,
) -> Generator[Outcome[Tag, Facts]]:
    """Fetches objects and yields one outcome each, in the order of the requests.

    Whoever may stop before the last outcome closes it (`contextlib.closing`): the garbage collector
    would end its threads from any thread, even one that holds a lock this needs.

    Missing, changed, corrupt and refused objects are outcomes, not exceptions. Memory does not grow
    with the number of objects: the bytes that wait for their turn are bounded.

    Args:
        store: opened without retries of its own (`objects.Access.retries`).
        wanted: read lazily, so that it may be a generator over any number of objects.
        limits: bounds.
        display: where progress is shown.
        tally: counts the objects; has the total if it is known.
        when_taken: called after each batch of outcomes, before waiting for the next.

    An interruption (Ctrl-C) while waiting is raised after the outcomes of requests in progress; no
    new requests are made.
    """
    tally = tally or Tally()
    bounds = Bounds(limits, Throttle(limits.concurrency), Window(WINDOW_BYTES), Streak())
    threads = _Threads(limits.concurrency)
    try:
        row = _Row(store, iter(wanted), bounds, threads)
        for outcome in _in_order(row, bounds, when_taken):
            tally.add(outcome.status, len(outcome.data or b""))
            if display:
                display.show(tally)
            yield outcome
    finally:
        bounds.end()
        threads.end()


class _Threads:
    """Enough threads to keep the store busy: few for a near one, more for a far one.

    Threads start on demand.
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
        """Number of threads to use: few until the latency of the store is known."""
        quickest = bounds.streak.quickest
        return self._most if NEAR_SECONDS <= quickest < math.inf else self._few

    def end(self) -> None:
        for pool in (self._first, self._more):
            pool.shutdown(wait=True, cancel_futures=True)


class _Row(Generic[Tag, Facts]):
    """Batches in progress, in order; batching saves most of a future's 30 µs per object.

    A killed process loses the batches in progress. So only enough is requested to keep the threads
    busy, unless the next batch takes long; and the first batches are small.
    """

    def __init__(
        self,
        store: "ObjectStore",
        wanted: Iterator[Wanted[Tag, Facts]],
        bounds: Bounds,
        threads: _Threads,
    ) -> None:
        self._store, self._wanted, self._bounds, self._threads = store, wanted, bounds, threads
        self.batches: deque[Future[list[Outcome[Tag, Facts]]]] = deque()
        self._ended: SimpleQueue[object] = SimpleQueue()
        self._submitted, self._running = 0, 0
        self._under_way, self._taken, self._bytes = 0, 0, 0

    @property
    def turn(self) -> int:
        """The number of the first batch."""
        return self._submitted - len(self.batches)

    def fill(self, *, waiting: bool = False) -> None:
        """Requests more, while there is more and room for it."""
        at_work = self._threads.at_work(self._bounds)
        most = at_work + max(SPARE_BATCHES, at_work // 4)
        places, size = self._room(at_work)
        while self._under_way < places and (self._running if waiting else len(self.batches)) < most:
            batch = list(islice(self._wanted, size))
            if not batch:
                return
            future = self._threads.submit(self._store, self._submitted, batch, self._bounds)
            future.add_done_callback(self._ended.put)
            self.batches.append(future)
            self._submitted, self._running = self._submitted + 1, self._running + 1
            self._under_way += len(batch)

    def wait(self) -> None:
        """Waits until the first batch has ended; others continue."""
        while not self.batches[0].done():
            self._note_ended(self._ended.get())
            self.fill(waiting=True)
        while not self._ended.empty():
            self._note_ended(self._ended.get())

    def take(self) -> list[Outcome[Tag, Facts]]:
        """The outcomes of the first batch, which has ended."""
        outcomes = self.batches[0].result()
        self.batches.popleft()
        self._under_way -= len(outcomes)
        self._taken += len(outcomes)
        self._bytes += bytes_of(outcomes)
        return outcomes

    def _note_ended(self, _: object) -> None:
        self._running -= 1

    def _room(self, at_work: int) -> tuple[int, int]:
        """Number of objects that may be in progress, and number per batch."""
        mean = self._bytes / self._taken if self._taken else FIRST_MEAN_BYTES
        places = max(1, min(int(WINDOW_BYTES / max(mean, 1)), MOST_PLACES))
        size = min(places // (4 * at_work), LARGEST_BATCH, self._taken // DONE_PER_UNDER_WAY)
        # A stop loses the batches in progress, so they must be only a moment's work.
        return places, max(1, min(size, int(BATCH_SECONDS / self._bounds.streak.quickest)))


def bytes_of(outcomes: list[Outcome[Tag, Facts]]) -> int:
    """Bytes of the objects that arrived."""
    return sum(len(outcome.data or b"") for outcome in outcomes)


def _in_order(
    row: _Row[Tag, Facts], bounds: Bounds, when_taken: Callable[[], object]
) -> Iterator[Outcome[Tag, Facts]]:
    freed = 0
    while True:
        row.fill()
        if not row.batches:
            return
        bounds.window.next_turn(row.turn, freed=freed)
        try:
            row.wait()
            outcomes = row.take()
        except Exception:
            # A check that raises is a bug: do not wait for the others.
            raise
        except BaseException:
            bounds.end()
            yield from _on_their_way(row.batches)
            raise
        freed = bytes_of(outcomes)
        yield from outcomes
        when_taken()


def _on_their_way(
    batches: deque[Future[list[Outcome[Tag, Facts]]]],
) -> Iterator[Outcome[Tag, Facts]]:
    """The outcomes of the batches in progress, up to the first abandoned object."""
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
    """Fetches all, then checks all, so that little Python runs between two requests.

    A thread that returns from a request needs the GIL: checking each object between requests took
    1.5 times as long in total.
    """
    received: list[Received | Outcome[Tag, Facts]] = []
    uncounted = 0
    for wanted in batch:
        bounds.window.enter(number)
        if wanted.known:
            # It is not evidence about the store.
            fetched = known_outcome(wanted, wanted.known)
        else:
            fetched = fetch(store, wanted, bounds)
            bounds.streak.add(
                failed=not isinstance(fetched, Received) and fetched.status in {"failed", "corrupt"}
            )
        received.append(fetched)
        uncounted += len(fetched.data or b"")
        # Not after each small object, as all threads share the lock.
        if uncounted >= COUNTED_BYTES or len(received) == len(batch):
            bounds.window.add(uncounted)
            uncounted = 0
    return [
        checked(wanted, fetched) if isinstance(fetched, Received) else fetched
        for wanted, fetched in zip(batch, received, strict=True)
    ]

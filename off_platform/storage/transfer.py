"""Many objects: fetched with bounds, tried again, verified, one outcome each, in order.

What a whole object looks like is told by the caller's check; where the bytes go is his affair too
(`image_sets/build.py`). One big object to a file is `download.py`.
"""

import hashlib
import random
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from off_platform.storage.progress import Display, Tally
from off_platform.storage.throttle import Throttle
from off_platform.storage.window import Window

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore

Status = Literal["fetched", "unchanged", "missing", "refused", "corrupt", "failed"]
Tag = TypeVar("Tag")
Facts = TypeVar("Facts")

# An ETag is the MD5 of the bytes unless the object was uploaded in parts (then it has a dash) or
# encrypted with a key of its own.
MD5_ETAG = re.compile(r'"?([0-9a-f]{32})"?')

# What may wait in memory for its turn; at 25 kB an object 1,024 of them, at 400 kB 80.
WINDOW_BYTES = 32 * 2**20
COUNTED_BYTES = 2**18
MOST_PLACES = 4096
LARGEST_BATCH = 16
SENTENCE_MOST = 300
# Before the first outcome tells a mean, few objects are asked for: they may be large.
FIRST_MEAN_BYTES = 2 * 2**20
# So many times the tries of one object may meet a 503 before it counts as failed.
PATIENCE = 10
# A server that says nothing but 503 for so many seconds is not busy, it is gone.
LONGEST_BURST = 600.0
# So many failures before anything comes through mean that the store is away.
AWAY_AFTER = 50
FIRST_WAIT = 0.1
LONGEST_WAIT = 20.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a transfer: places at the same time, tries for an object, bytes of an object."""

    concurrency: int = 64
    attempts: int = 6
    object_bytes: int = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Wanted(Generic[Tag, Facts]):
    """An object to fetch.

    Attributes:
        key: in the store.
        tag: whatever the caller wants to find again in the outcome.
        check: bytes to what is wrong with them (None when whole) and facts for the outcome.
        etag: of the copy that is already there; unchanged objects are not sent again.
    """

    key: str
    tag: Tag
    check: Callable[[bytes], tuple[str | None, Facts]]
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Tag, Facts]):
    """What became of an object; `data` and `facts` only where it was fetched whole."""

    key: str
    tag: Tag
    status: Status
    reason: str | None = None
    data: bytes | None = None
    facts: Facts | None = None
    md5: str | None = None
    etag: str | None = None
    last_modified: datetime | None = None


class _SlowDownError(Exception):
    """The store asks for less."""


class _PassingError(Exception):
    """A failure that another try may not meet: a cut connection, a flipped bit, a 500."""


def transfer(
    store: "ObjectStore",
    wanted: Iterable[Wanted[Tag, Facts]],
    limits: Limits,
    display: Display | None = None,
    tally: Tally | None = None,
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
    """
    tally = tally or Tally()
    bounds = _Bounds(limits, Throttle(limits.concurrency), Window(WINDOW_BYTES), _Streak())
    with ThreadPoolExecutor(limits.concurrency, thread_name_prefix="transfer") as threads:
        try:
            for outcome in _in_order(store, iter(wanted), bounds, threads):
                tally.add(outcome.status, len(outcome.data or b""))
                if display:
                    display.show(tally)
                yield outcome
        finally:
            bounds.end()
            threads.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What one transfer's threads share."""

    limits: Limits
    throttle: Throttle
    window: Window
    streak: "_Streak"

    def end(self) -> None:
        self.throttle.end()
        self.window.end()


class _Streak:
    """How many objects failed before any did not, whichever thread tried them."""

    def __init__(self) -> None:
        self.failed = 0
        self.store_was_there = False

    def tries(self, attempts: int) -> int:
        """How many tries an object gets: one is enough to see that a store is still away.

        With all of them and their waits, a batch would take minutes before anybody learns of it.
        Once the store was there it is expected back: with single tries, an outage of seconds would
        cost all objects that are asked for in that time.
        """
        return attempts if self.store_was_there or self.failed < AWAY_AFTER else 1

    def add(self, *, failed: bool) -> None:
        """Notes how an object ended. Threads may miss each other's: nothing hangs on the count."""
        if failed:
            self.failed += 1
        else:
            self.store_was_there = True


def _in_order(
    store: "ObjectStore",
    wanted: Iterator[Wanted[Tag, Facts]],
    bounds: _Bounds,
    threads: ThreadPoolExecutor,
) -> Iterator[Outcome[Tag, Facts]]:
    """Keeps a row of batches under way; a batch spares most of a future's 30 µs an object."""
    batches: deque[Future[list[Outcome[Tag, Facts]]]] = deque()
    submitted, objects, size, under_way, taken = 0, 0, 0, 0, 0
    while True:
        mean = size / objects if objects else FIRST_MEAN_BYTES
        places = max(1, min(int(WINDOW_BYTES / max(mean, 1)), MOST_PLACES))
        batch_size = max(1, min(places // (2 * bounds.limits.concurrency), LARGEST_BATCH))
        while under_way < places and (batch := list(islice(wanted, batch_size))):
            batches.append(threads.submit(_fetch_batch, store, submitted, batch, bounds))
            submitted, under_way = submitted + 1, under_way + len(batch)
        if not batches:
            return
        bounds.window.next_turn(submitted - len(batches), freed=taken)
        taken = 0
        for outcome in batches.popleft().result():
            objects, under_way = objects + 1, under_way - 1
            taken += len(outcome.data or b"")
            yield outcome
        size += taken


def _fetch_batch(
    store: "ObjectStore", number: int, batch: list[Wanted[Tag, Facts]], bounds: _Bounds
) -> list[Outcome[Tag, Facts]]:
    outcomes, uncounted = [], 0
    for wanted in batch:
        bounds.window.enter(number)
        outcome = _fetch(store, wanted, bounds)
        bounds.streak.add(failed=outcome.status == "failed")
        outcomes.append(outcome)
        uncounted += len(outcome.data or b"")
        # Not after each small object, because all threads share the lock.
        if uncounted >= COUNTED_BYTES or len(outcomes) == len(batch):
            bounds.window.add(uncounted)
            uncounted = 0
    return outcomes


def _fetch(
    store: "ObjectStore", wanted: Wanted[Tag, Facts], bounds: _Bounds
) -> Outcome[Tag, Facts]:
    """Tries until there is an outcome, the tries are used up, or all has ended."""
    limits, throttle = bounds.limits, bounds.throttle
    reason, failures, refusals = "", 0, 0
    while failures < bounds.streak.tries(limits.attempts) and refusals < limits.attempts * PATIENCE:
        grant = throttle.enter()
        if throttle.ended:
            break
        try:
            outcome = _judge(store, wanted, limits)
        except _SlowDownError as error:
            # A burst is the throttle's affair, and one of minutes must not use up the tries.
            throttle.slow_down(grant)
            reason, refusals = str(error), refusals + 1
            if throttle.refused_seconds > LONGEST_BURST:
                break
            throttle.rest(_wait_before(min(refusals, 3)))
        except _PassingError as error:
            throttle.leave(grant)
            reason, failures = str(error), failures + 1
            if failures < bounds.streak.tries(limits.attempts):
                throttle.rest(_wait_before(failures))
        except BaseException:
            # A check that raises ends the transfer; others must not wait for its place.
            throttle.leave(grant)
            raise
        else:
            throttle.leave(grant)
            return outcome
    status: Status = "corrupt" if reason.startswith("MD5") else "failed"
    return _ended(wanted, status, f"{reason} ({failures + refusals} tries)")


def _wait_before(attempt: int) -> float:
    longest = min(FIRST_WAIT * 2**attempt, LONGEST_WAIT)
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads requests, hides nothing


def _judge(store: "ObjectStore", wanted: Wanted[Tag, Facts], limits: Limits) -> Outcome[Tag, Facts]:
    """One try: read, compare length and MD5, look at the content."""
    read = _read(store, wanted, limits)
    if isinstance(read, Outcome):
        return read
    data, meta = read
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if len(data) != meta["size"]:
        raise _PassingError(f"{len(data):,} bytes came where {meta['size']:,} were promised")
    promised = MD5_ETAG.fullmatch(meta["e_tag"] or "")
    if promised and promised[1] != md5:
        raise _PassingError(f"MD5 {md5} is not the {promised[1]} that the ETag promises")
    problem, facts = wanted.check(data)
    if problem and not promised and _reads_otherwise_again(store, wanted.key, data):
        raise _PassingError(problem)
    return Outcome(
        wanted.key,
        wanted.tag,
        "corrupt" if problem else "fetched",
        problem and problem[:SENTENCE_MOST],
        None if problem else data,
        None if problem else facts,
        md5,
        meta["e_tag"],
        meta["last_modified"],
    )


def _read(
    store: "ObjectStore", wanted: Wanted[Tag, Facts], limits: Limits
) -> "tuple[bytes, ObjectMeta] | Outcome[Tag, Facts]":
    """The whole object in one request, never glued from two: a changed object cannot slip in."""
    import obstore  # noqa: PLC0415 - 0.06 s, once used
    from obstore import exceptions  # noqa: PLC0415 - the same

    options: GetOptions | None = {"if_none_match": wanted.etag} if wanted.etag else None
    try:
        found = obstore.get(store, wanted.key, options=options)
        if found.meta["size"] > limits.object_bytes:
            return _ended(wanted, "refused", f"larger than {limits.object_bytes:,} bytes")
        return found.bytes().to_bytes(), found.meta
    except exceptions.NotModifiedError:
        return _ended(wanted, "unchanged", None)
    except FileNotFoundError:
        return _ended(wanted, "missing", "the bucket has no such object")
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError):
        return _ended(wanted, "refused", "the bucket refuses it, as it may for missing objects too")
    except (exceptions.BaseError, OSError) as error:
        raise _passing(error) from error


def _reads_otherwise_again(store: "ObjectStore", key: str, data: bytes) -> bool:
    """Without an MD5 a flipped bit shows only in the content, so another read may be whole."""
    import obstore  # noqa: PLC0415 - 0.06 s, once used
    from obstore import exceptions  # noqa: PLC0415 - the same

    try:
        return obstore.get(store, key).bytes().to_bytes() != data
    except (exceptions.BaseError, OSError) as error:
        raise _passing(error) from error


def _ended(wanted: Wanted[Tag, Facts], status: Status, reason: str | None) -> Outcome[Tag, Facts]:
    return Outcome(wanted.key, wanted.tag, status, reason and reason[:SENTENCE_MOST])


def _passing(error: Exception) -> Exception:
    """What another try may mend; a 503 apart, which obstore tells only in its text."""
    text = str(error).split("\n", 1)[0][:SENTENCE_MOST]
    if "status code: 503" in text or "status code: 429" in text:
        return _SlowDownError("the server asked to slow down (503)")
    return _PassingError(text)

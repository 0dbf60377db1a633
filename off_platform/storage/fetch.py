"""Fetches one object, with retries until it is complete or unavailable.

Length and MD5 are compared here; the caller's check decides whether the content is complete.
`transfer.py` fetches many.
"""

import hashlib
import math
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

import obstore
from obstore import exceptions

from off_platform.storage.checksums import PARTS_ETAG, checksum_holds, in_memory, parts_hold
from off_platform.storage.objects import SENTENCE_MOST, in_one_line
from off_platform.storage.throttle import Throttle
from off_platform.storage.window import Window

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore

Status = Literal["fetched", "unchanged", "missing", "refused", "corrupt", "failed"]
Tag = TypeVar("Tag")
Facts = TypeVar("Facts")

# An ETag is the MD5 of the bytes unless the object was uploaded in parts (then it has a dash) or
# encrypted under SSE-KMS or SSE-C (it has 32 digits there too).
MD5_ETAG = re.compile(r'"?([0-9a-f]{32})"?')

# An object fails after this many times its attempts with a 503.
PATIENCE = 10
# A server that answers only 503 for this many seconds is not busy but down.
LONGEST_BURST = 600.0
# This many failures before any success mean that the store is unreachable.
AWAY_AFTER = 50
# Number of objects whose reads agree with each other but not with their ETag, after which a store
# without a matching ETag is assumed to have none that are MD5s. One or two may be damaged.
DISAGREEING = 3
OTHER_CHECKSUM = "the checksum does not match the one that the store keeps"
FIRST_WAIT = 0.1
LONGEST_WAIT = 20.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a transfer: concurrent requests, attempts per object, bytes of an object.

    The largest photos of the bucket have about 10 MB; 64 MiB keeps wrong objects out of memory.
    """

    concurrency: int = 64
    attempts: int = 6
    object_bytes: int = 64 * 2**20


class Received(NamedTuple):
    """An object as received, with the expected length and MD5."""

    data: bytes
    md5: str
    etag: str | None
    last_modified: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted(Generic[Tag, Facts]):
    """An object to fetch.

    Attributes:
        key: in the store.
        tag: any value for the caller, returned in the outcome.
        check: returns the problem of the bytes (None if complete) and facts for the outcome.
        etag: of the existing copy; unchanged objects are not sent again.
        known: the object from elsewhere; it is not requested from the store.
    """

    key: str
    tag: Tag
    check: Callable[[bytes], tuple[str | None, Facts]]
    etag: str | None = None
    known: Received | None = None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Tag, Facts]):
    """The outcome of an object; `data` and `facts` only if it was fetched completely."""

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
    """The store asks for fewer requests."""


class _PassingError(Exception):
    """A failure that a retry may avoid: a cut connection, a flipped bit, a 500."""


class _OtherChecksumError(_PassingError):
    """The bytes do not have the checksum that S3 stores."""


class _OtherMd5Error(_PassingError):
    """The bytes do not have the MD5 of the ETag, if the ETag is one."""

    def __init__(self, received: Received, expected: str) -> None:
        super().__init__(f"MD5 {received.md5} is not the {expected} of the ETag")
        self.received = received


@dataclass(frozen=True, slots=True)
class Bounds:
    """Shared by the threads of a transfer: limits, and its state so far."""

    limits: Limits
    throttle: Throttle
    window: Window
    streak: "Streak"

    def end(self) -> None:
        """Wakes all waiting threads, which then see that work has ended."""
        self.throttle.end()
        self.window.end()


class Streak:
    """The state of the store, shared by all threads.

    Attributes:
        failed: objects that failed before any arrived.
        store_was_there: whether any arrived.
        quickest: seconds of the quickest answer.
        etag_was_md5: whether any object had its ETag as MD5.
        disagreeing: objects whose reads agree with each other and not with their ETag.
    """

    def __init__(self) -> None:
        """Starts without information."""
        self.failed = 0
        self.store_was_there = False
        self.quickest = math.inf
        self.etag_was_md5 = False
        self.disagreeing = 0

    @property
    def etags_are_not_md5(self) -> bool:
        """Whether ETags of 32 digits are not MD5s here, as under SSE-KMS and SSE-C.

        S3's headers say so, but obstore does not expose them; so it is inferred from the objects.
        """
        return not self.etag_was_md5 and self.disagreeing >= DISAGREEING

    def tries(self, attempts: int) -> int:
        """Attempts per object: one is enough while the store is unreachable.

        With all attempts and their waits, a batch would take minutes to fail. A store that has
        answered before is expected back: with single attempts, an outage of seconds would lose all
        objects requested in that time.
        """
        return attempts if self.store_was_there or self.failed < AWAY_AFTER else 1

    def add(self, *, failed: bool) -> None:
        """Records an outcome. Concurrent updates may be lost, as the count is only a hint."""
        if failed:
            self.failed += 1
        else:
            self.store_was_there = True


class _Rereads:
    """Complete reads of one object, none of which has its ETag as MD5."""

    def __init__(self, streak: Streak) -> None:
        self._streak = streak
        self._seen: set[tuple[str, str | None]] = set()
        self._counted = False

    def agree(self, received: Received) -> bool:
        """Whether another read gave the same bytes, in a store whose ETags are not MD5s."""
        read = (received.md5, received.etag)
        if read not in self._seen:
            self._seen.add(read)
            return False
        if not self._counted:
            self._streak.disagreeing += 1
            self._counted = True
        return self._streak.etags_are_not_md5


def fetch(
    store: "ObjectStore", wanted: Wanted[Tag, Facts], bounds: Bounds
) -> Received | Outcome[Tag, Facts]:
    """Retries until there is an outcome, the attempts are used up, or the transfer has ended.

    An object with the expected MD5 is returned unchecked, for `checked`; so is one with two equal
    reads, in a store whose ETags are not MD5s (`Streak.etags_are_not_md5`).
    """
    limits, throttle = bounds.limits, bounds.throttle
    reason, failures, refusals = "", 0, 0
    rereads = _Rereads(bounds.streak)
    while failures < bounds.streak.tries(limits.attempts) and refusals < limits.attempts * PATIENCE:
        grant = throttle.enter()
        if throttle.ended:
            break
        try:
            found = _judge(store, wanted, bounds)
        except _SlowDownError as error:
            # The throttle handles a burst; one of minutes must not use up the attempts.
            throttle.slow_down(grant)
            reason, refusals = str(error), refusals + 1
            if throttle.refused_seconds > LONGEST_BURST:
                break
            throttle.rest(_wait_before(min(refusals, 3)))
        except _PassingError as error:
            throttle.leave(grant)
            reason, failures = str(error), failures + 1
            if isinstance(error, _OtherMd5Error) and rereads.agree(error.received):
                return error.received
            if failures < bounds.streak.tries(limits.attempts):
                throttle.rest(_wait_before(failures))
        except BaseException:
            # A check that raises ends the transfer; other threads must not wait for it.
            throttle.leave(grant)
            raise
        else:
            throttle.leave(grant)
            return found
    status: Status = "corrupt" if reason.startswith(("MD5", OTHER_CHECKSUM)) else "failed"
    return _ended(wanted, status, f"{reason} ({failures + refusals} tries)")


def known_outcome(wanted: Wanted[Tag, Facts], known: Received) -> Received | Outcome[Tag, Facts]:
    """The outcome of a known object, without a request."""
    if wanted.etag is not None and wanted.etag == known.etag:
        return _ended(wanted, "unchanged", None)
    return known


def _wait_before(attempt: int) -> float:
    longest = min(FIRST_WAIT * 2**attempt, LONGEST_WAIT)
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads requests, hides nothing


def _judge(
    store: "ObjectStore", wanted: Wanted[Tag, Facts], bounds: Bounds
) -> Received | Outcome[Tag, Facts]:
    """One attempt: reads, compares length and MD5; without an MD5, checks the content."""
    asked = time.monotonic()
    read = _read(store, wanted, bounds.limits)
    bounds.streak.quickest = min(bounds.streak.quickest, time.monotonic() - asked)
    if isinstance(read, Outcome):
        return read
    data, meta = read
    md5 = md5_hex(data)
    if len(data) != meta["size"]:
        raise _PassingError(f"{len(data):,} bytes arrived of {meta['size']:,}")
    received = Received(data, md5, meta["e_tag"], meta["last_modified"])
    expected = MD5_ETAG.fullmatch(meta["e_tag"] or "")
    if expected and expected[1] != md5:
        raise _OtherMd5Error(received, expected[1])
    if expected:
        bounds.streak.etag_was_md5 = True
        return received
    compared = _compared(store, wanted.key, received)
    if compared is False:
        raise _OtherChecksumError(OTHER_CHECKSUM)
    outcome = checked(wanted, received)
    doubtful = outcome.reason or (compared is None and PARTS_ETAG.fullmatch(received.etag or ""))
    if doubtful and _reads_otherwise_again(store, wanted.key, data):
        raise _PassingError(outcome.reason or "a second read returned different bytes")
    return outcome


def _compared(store: "ObjectStore", key: str, received: Received) -> bool | None:
    """Whether an object that was uploaded in parts is intact; None if that is unknown."""
    if not PARTS_ETAG.fullmatch(received.etag or ""):
        return None
    file = in_memory(received.data)
    if parts_hold(file, len(received.data), received.etag):
        return True
    return checksum_holds(store, key, file, received.etag)


def md5_hex(data: bytes) -> str:
    """MD5 of some bytes, as hexadecimal digits."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def checked(wanted: Wanted[Tag, Facts], received: Received) -> Outcome[Tag, Facts]:
    """Runs the caller's check on an object with verified bytes."""
    problem, facts = wanted.check(received.data)
    return Outcome(
        wanted.key,
        wanted.tag,
        "corrupt" if problem else "fetched",
        problem and problem[:SENTENCE_MOST],
        None if problem else received.data,
        None if problem else facts,
        received.md5,
        received.etag,
        received.last_modified,
    )


def _read(
    store: "ObjectStore", wanted: Wanted[Tag, Facts], limits: Limits
) -> "tuple[bytes, ObjectMeta] | Outcome[Tag, Facts]":
    """The whole object in one request, so that it is never joined from two versions."""
    options: GetOptions | None = {"if_none_match": wanted.etag} if wanted.etag else None
    try:
        found = obstore.get(store, wanted.key, options=options)
        # Computed on each access, 3 µs.
        meta = found.meta
        if meta["size"] > limits.object_bytes:
            return _ended(wanted, "refused", f"larger than {limits.object_bytes:,} bytes")
        return found.bytes().to_bytes(), meta
    except exceptions.NotModifiedError:
        return _ended(wanted, "unchanged", None)
    except FileNotFoundError:
        return _ended(wanted, "missing", "the bucket has no such object")
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError):
        return _ended(wanted, "refused", "the bucket refuses it, as it may for missing objects too")
    except (exceptions.BaseError, OSError) as error:
        raise _passing(error) from error


def _reads_otherwise_again(store: "ObjectStore", key: str, data: bytes) -> bool:
    """Raises for another read if there is no MD5: a flipped bit then shows only in the content."""
    try:
        return obstore.get(store, key).bytes().to_bytes() != data
    except (exceptions.BaseError, OSError) as error:
        raise _passing(error) from error


def _ended(wanted: Wanted[Tag, Facts], status: Status, reason: str | None) -> Outcome[Tag, Facts]:
    return Outcome(wanted.key, wanted.tag, status, reason and reason[:SENTENCE_MOST])


def _passing(error: Exception) -> Exception:
    """Errors that a retry may avoid; obstore reports a 503 only in the text of the error."""
    text = in_one_line(error)
    if "status code: 503" in text or "status code: 429" in text:
        return _SlowDownError("the server asked to slow down (503)")
    return _PassingError(text)

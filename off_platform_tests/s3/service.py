"""What is answered to a request, faults included; sockets and threads are elsewhere."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from off_platform_tests.s3.answers import (
    Answer,
    Ending,
    S3Error,
    no_such_key,
    not_implemented,
    plain_answer,
    precondition_failed,
    slow_down,
)
from off_platform_tests.s3.buckets import Bucket, Stored
from off_platform_tests.s3.faults import Fault, FaultLedger, Faults, changed
from off_platform_tests.s3.listings import MAX_PAGE_SIZE, Listings
from off_platform_tests.s3.requests import Request, byte_range, names_etag
from off_platform_tests.s3.writes import Writes

KEPT_BYTES = 256 * 1024**2
COPY_BYTES_MOST = 5 * 1024**3


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the server behaves when nothing goes wrong.

    Attributes:
        page_size: maximum number of entries per page of a listing.
        multipart_etags: every ETag is that of an upload in parts, not only a large object's.
        encrypted: every ETag has 32 digits but is not an MD5, as under SSE-KMS.
        missing_is_forbidden: an object that is not there is answered 403 instead of 404.
        copy_bytes_most: size of the largest object that one request copies.
        kept_bytes: how much of each bucket's small objects stays in memory.
    """

    page_size: int = MAX_PAGE_SIZE
    multipart_etags: bool = False
    encrypted: bool = False
    missing_is_forbidden: bool = False
    copy_bytes_most: int = COPY_BYTES_MOST
    kept_bytes: int = KEPT_BYTES


@dataclass
class Burst:
    """A time, or a number of requests, during which the whole server says SlowDown."""

    until: float = 0.0
    requests: int = 0

    def begin(self, seconds: float, requests: int) -> None:
        """Turns away everything for `seconds` from now, and the next `requests`."""
        self.until, self.requests = time.monotonic() + seconds, requests

    def hits(self) -> bool:
        """Whether this request is turned away; counts it."""
        if self.requests > 0:
            self.requests -= 1
            return True
        return self.until > 0 and time.monotonic() < self.until


class Service:
    """Answers requests for some buckets; not for several threads at once."""

    def __init__(self, folders: Mapping[str, Path], faults: Faults, options: Options) -> None:
        """Serves each folder under its bucket's name."""
        self.faults = faults
        self.burst = Burst()
        # Requests that wait for their latency now, and how many there were whenever one came.
        self.waiting = 0
        self.beside: list[int] = []
        self.buckets = {
            name: Bucket(
                folder,
                kept_bytes=options.kept_bytes,
                multipart_etags=options.multipart_etags,
                encrypted=options.encrypted,
            )
            for name, folder in folders.items()
        }
        self._options = options
        self._ledger = FaultLedger()
        self._listings = Listings(options.page_size)
        self._writes = Writes(self.buckets, options.copy_bytes_most)

    def answer(self, request: Request) -> Answer:
        """The answer to a request; refusals are answers too."""
        try:
            return self._answer(request)
        except S3Error as refused:
            error = refused
        except OSError as failed:
            error = S3Error(500, "InternalError", f"The folder failed: {failed.strerror}.")
        return error.answer(with_body=request.method != "HEAD")

    def _answer(self, request: Request) -> Answer:
        if self.burst.hits():
            raise slow_down()
        name, key = request.place
        bucket = self.buckets.get(name)
        if bucket is None:
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
        if not key:
            return self._answer_for_bucket(name, bucket, request)
        fault = self.faults.fault_of(key)
        if fault is Fault.SLOW_DOWN and self._ledger.due(name, key, self.faults.slow_down_burst):
            raise slow_down()
        if request.method not in {"GET", "HEAD"}:
            return self._writes.answer(name, key, request)
        return self._read(name, key, request, fault)

    def _answer_for_bucket(self, name: str, bucket: Bucket, request: Request) -> Answer:
        query = request.query
        if request.method == "HEAD":
            return plain_answer(200)
        if request.method == "GET" and query.get("list-type") == "2":
            return self._listings.answer(name, bucket, query)
        if request.method == "POST" and "delete" in query:
            return self._writes.delete_many(name, request)
        raise not_implemented()

    def _read(self, name: str, key: str, request: Request, fault: Fault | None) -> Answer:
        stored = None if fault is Fault.MISSING else self.buckets[name].find(key)
        if stored is None:
            if self._options.missing_is_forbidden:
                raise S3Error(403, "AccessDenied", "Access Denied")
            raise no_such_key()
        if not names_etag(request.headers.get("if-match", "*"), stored.etag):
            raise precondition_failed()
        if names_etag(request.headers.get("if-none-match", ""), stored.etag):
            return plain_answer(304, {"ETag": stored.etag})
        span = byte_range(request.headers.get("range"), stored.size)
        if request.method == "HEAD":
            return Answer(200 if span is None else 206, stored.head(span))
        if fault is not None and self._spoils(name, key, fault, stored, span):
            return self._spoiled(name, key, fault, stored, span)
        return whole_answer(stored, span)

    def _spoils(
        self, name: str, key: str, fault: Fault, stored: Stored, span: tuple[int, int] | None
    ) -> bool:
        start, stop = span or (0, stored.size)
        if start == stop or fault in {Fault.SLOW_DOWN, Fault.MISSING}:
            return False
        if fault is Fault.CHANGE:
            return self._ledger.due(name, key, 1)
        if fault is Fault.FLIP:
            if not start <= self.faults.flipped_byte(key, stored.size) < stop:
                return False
            if self.faults.flip_forever:
                return True
        return self._ledger.due(name, key, self.faults.only_first_attempts)

    def _spoiled(
        self, name: str, key: str, fault: Fault, stored: Stored, span: tuple[int, int] | None
    ) -> Answer:
        pieces = stored.pieces(span)
        answer = Answer(200 if span is None else 206, stored.head(span), pieces)
        if fault is Fault.FLIP:
            pieces.flipped_byte = self.faults.flipped_byte(key, stored.size)
            return answer
        pieces.stop -= (pieces.left + 1) // 2
        answer.ending = Ending.HANG if fault is Fault.STALL else Ending.CLOSE
        if fault is Fault.CHANGE:
            self.buckets[name].replace(key, changed(stored.read()))
        return answer


def whole_answer(stored: Stored, span: tuple[int, int] | None) -> Answer:
    """An answer with all of an object, or with the bytes of `span` (start, stop) of it."""
    if span is None and stored.whole is not None:
        return stored.whole
    return Answer(200 if span is None else 206, stored.head(span), stored.pieces(span))

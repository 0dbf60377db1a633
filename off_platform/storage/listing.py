"""Lists the objects below a prefix in parallel: key, size, ETag, Last-Modified.

A failed page is requested again from the last key, so no object is lost or listed twice, and an
incomplete listing is an error. Callers interpret the keys.
"""

import random
import string
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore import exceptions
from obstore.store import LocalStore

from off_platform.storage.objects import in_one_line
from off_platform.storage.progress import Display, Tally

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

PAGE_KEYS = 1000
PAGES_KEPT = 10
FIRST_WAIT = 0.2
LONGEST_WAIT = 20.0


class ListingError(OSError):
    """The bucket cannot be listed; the message says which prefix, and why."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a listing: keys of a folder after one key, up to and including another.

    Attributes:
        folder: all keys start with it, such as `metadata/`.
        after: the first key follows this one; None for the first.
        until: the last key is this one or comes before it; None for the last. Only for stores that
            list in byte order, as S3 does.
    """

    folder: str
    after: str | None = None
    until: str | None = None


def spans(folder: str, starts: str = string.digits) -> list[Span]:
    """Divides a folder into spans that can be listed concurrently.

    obstore lists whole folders only (a prefix `metadata/1` finds `metadata/1/...` but not
    `metadata/1.json`), so spans are bounded by keys.

    Args:
        folder: such as `metadata/`.
        starts: first characters of names, in ascending byte order.
    """
    cuts = [folder + start for start in starts[1:]]
    return [
        Span(folder, after, until)
        for after, until in zip([None, *cuts], [*cuts, None], strict=True)
    ]


def write_listing(
    store: "ObjectStore",
    parts: Sequence[Span],
    folder: Path,
    *,
    concurrency: int,
    attempts: int,
    display: Display | None = None,
) -> list[Path]:
    """Lists spans concurrently, each to its own Parquet file.

    Args:
        store: the store to list.
        parts: see `spans`.
        folder: folder for the files; their names sort in the order of the spans.
        concurrency: maximum number of concurrent spans.
        attempts: per page.
        display: where progress is shown.

    Returns:
        The files, with the columns key, bytes, etag (or null) and last_modified (UTC).

    Raises:
        ListingError: a page could not be fetched.
    """
    tally, lock, ended = Tally(unit="keys listed"), Lock(), Event()

    def write(numbered: tuple[int, Span]) -> Path:
        number, span = numbered
        path = folder / f"{number:05d}.parquet"
        try:
            pages = _pages(store, span, attempts, ended)
            _write(path, pages, lambda keys: _count(tally, lock, keys, display))
        except BaseException:
            # Otherwise the other spans would be listed completely before the error is raised.
            ended.set()
            raise
        return path

    with ThreadPoolExecutor(max(1, min(concurrency, len(parts))), "listing") as threads:
        return list(threads.map(write, enumerate(parts)))


def _count(tally: Tally, lock: Lock, keys: int, display: Display | None) -> None:
    with lock:
        tally.done += keys
        tally.by_end["listed"] += keys
        if display:
            display.show(tally)


def _pages(
    store: "ObjectStore", span: Span, attempts: int, ended: Event
) -> "Iterator[list[ObjectMeta]]":
    """The pages of a span; after a failure they resume after the last key."""
    # Local folders are listed unordered, so a listing cannot resume after a key.
    resumable = not isinstance(store, LocalStore)

    after, failures = span.after, 0
    while True:
        try:
            for page in obstore.list(store, span.folder, offset=after, chunk_size=PAGE_KEYS):
                failures = 0
                after = page[-1]["path"] if page else after
                until = span.until
                yield [each for each in page if until is None or each["path"] <= until]
                if ended.is_set() or (until and after is not None and after >= until):
                    return
        except (exceptions.BaseError, OSError) as error:
            failures += 1
            if failures >= attempts or not (resumable or after == span.after):
                reason = in_one_line(error)
                raise ListingError(
                    f"{span.folder!r} could not be listed in {attempts} tries: {reason}. "
                    "Nothing was changed; run it again."
                ) from error
            longest = min(FIRST_WAIT * 2**failures, LONGEST_WAIT)
            ended.wait(random.uniform(longest / 2, longest))  # noqa: S311 - spreads requests
            if ended.is_set():
                return
        else:
            return


def _write(path: Path, pages: "Iterator[list[ObjectMeta]]", count: Callable[[int], None]) -> None:

    # Columns take less memory than entries.
    waiting: list[pa.Table] = []
    with pq.ParquetWriter(path, _schema()) as file:
        for page in pages:
            waiting.append(_table(page))
            count(len(page))
            if len(waiting) >= PAGES_KEPT:
                file.write_table(pa.concat_tables(waiting))
                waiting.clear()
        file.write_table(pa.concat_tables([*waiting, _table([])]))


def _schema() -> pa.Schema:
    time_of = pa.timestamp("us", tz="UTC")
    return pa.schema(
        {"key": pa.string(), "bytes": pa.int64(), "etag": pa.string(), "last_modified": time_of}
    )


def _table(entries: "list[ObjectMeta]") -> pa.Table:
    columns = {"key": "path", "bytes": "size", "etag": "e_tag", "last_modified": "last_modified"}
    values = {name: [entry[of] for entry in entries] for name, of in columns.items()}  # type: ignore[literal-required]
    return pa.table(values, _schema())

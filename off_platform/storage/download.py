"""Downloads one large object to a file: resumable, never joined from two versions.

Many small objects are fetched by `transfer.py`.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions
from obstore.store import LocalStore

from off_platform.storage.checksums import PARTS_ETAG, checksum_holds, parts_hold
from off_platform.storage.fetch import MD5_ETAG, OTHER_CHECKSUM
from off_platform.storage.objects import Source, in_one_line, is_local
from off_platform.storage.progress import Display, Tally

if TYPE_CHECKING:
    from obstore import Bytes, GetOptions, GetResult, ObjectMeta
    from obstore.store import ObjectStore

CHUNK_BYTES = 4 * 2**20
# While a list is missing.
LOOKS = 8
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0


class DownloadError(OSError):
    """The object could not be fetched; the message is one sentence: which, and why."""


class GoneError(DownloadError):
    """The object is missing, or the bucket refuses it."""


@dataclass(frozen=True)
class Seen:
    """The store's facts about an object."""

    key: str
    etag: str | None
    bytes: int
    last_modified: datetime


def look(store: "ObjectStore", key: str) -> Seen:
    """Gets the facts of an object without fetching it.

    Raises:
        GoneError: it is missing or refused.
        DownloadError: the store cannot be reached or fails.
    """
    with _errors_in_words(key):
        return _seen(key, obstore.head(store, key))


def look_patiently(source: Source, key: str, attempts: int, say: Callable[[str], object]) -> Seen:
    """`look`, retried while the object is missing: upstream replaces its list occasionally.

    Delays double from 1 s to 60 s, so that eight attempts take two minutes. A folder is checked
    once, as missing files do not appear there by themselves.
    """
    store = source.store
    for attempt in range(1, 1 if is_local(source.url) else attempts):
        try:
            return look(store, key)
        except DownloadError as error:
            wait = wait_after(attempt)
            say(f"{error} Trying again in {wait:.0f} s ({attempt} of {attempts}).")
            time.sleep(wait)
    return look(store, key)


def wait_after(attempt: int) -> float:
    """Seconds to wait after a failed attempt; the first is 1."""
    return min(FIRST_WAIT * 2.0 ** (attempt - 1), LONGEST_WAIT)


def download(
    store: "ObjectStore",
    key: str,
    destination: Path,
    attempts: int = 6,
    display: Display | None = None,
) -> Seen:
    """Downloads an object to a file, which is placed only once it is complete.

    Bytes from before an interruption are kept next to the destination; the download resumes there
    with `If-Match`. If the object has changed, it starts again.

    Raises:
        GoneError: it is missing or refused.
        DownloadError: several consecutive attempts made no progress or were incomplete, or the
            disk is full.
    """
    part = destination.with_name(destination.name + ".part")
    tally = Tally(unit="bytes")
    failures = 0
    damaged: set[str] = set()
    while True:
        before = _length(part)
        try:
            seen = _continue(store, key, part, tally, display)
            _demand_whole(part, seen, damaged, store)
            part.replace(destination)
        except GoneError:
            raise
        except DownloadError:
            # A request ends at its timeout even while it transfers: on a slow line a large object
            # takes many requests, one per piece.
            failures = 0 if _length(part) > before else failures + 1
            if failures == attempts:
                raise
            time.sleep(wait_after(max(failures, 1)) / 4)
        except OSError as error:
            raise DownloadError(f"{destination} could not be written: {error.strerror}.") from error
        else:
            _note_of(part).unlink()
            return seen


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _continue(
    store: "ObjectStore", key: str, part: Path, tally: Tally, display: Display | None
) -> Seen:

    etag, have = _kept(part)
    options: GetOptions | None = None
    if etag and have:
        options = {"if_match": etag, "range": {"offset": have}}
    try:
        with _errors_in_words(key):
            found = obstore.get(store, key, options=options)
    except exceptions.PreconditionError:
        _forget(part)
        return _continue(store, key, part, tally, display)
    seen = _seen(key, found.meta)
    if not options:
        # Delete the part of another version before writing the note that would label it this one.
        _forget(part)
        _note_of(part).write_text(json.dumps({"etag": seen.etag, "bytes": seen.bytes}))
    tally.total = seen.bytes
    tally.done = have if options else 0
    with part.open("ab") as file:
        for chunk in _chunks(store, seen, found):
            file.write(chunk)
            tally.done, tally.bytes = tally.done + len(chunk), tally.bytes + len(chunk)
            if display:
                display.show(tally)
    return seen


def _chunks(store: "ObjectStore", seen: Seen, found: "GetResult") -> "Iterator[Bytes]":
    with _errors_in_words(seen.key):
        if isinstance(store, LocalStore):
            yield from _pieces(store, seen, found.range[0])
        else:
            yield from found.stream(min_chunk_size=CHUNK_BYTES)


def _pieces(store: LocalStore, seen: Seen, start: int) -> "Iterator[Bytes]":
    """A file in pieces; obstore's stream of one that is cut meanwhile never ends."""
    while start < seen.bytes:
        end = min(start + CHUNK_BYTES, seen.bytes)
        options: GetOptions = {"range": (start, end)}
        if seen.etag:
            options["if_match"] = seen.etag
        try:
            yield obstore.get(store, seen.key, options=options).bytes()
        except exceptions.PreconditionError as error:
            raise OSError("it was changed meanwhile") from error
        start = end


def _kept(part: Path) -> tuple[str | None, int]:
    """ETag and length of a part from which to resume.

    A complete part that was not placed was not verified either, and is read again.
    """
    try:
        note, have = json.loads(_note_of(part).read_text()), part.stat().st_size
        return (note["etag"], have) if have < note["bytes"] else (None, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None, 0


def _note_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_of(part).unlink(missing_ok=True)


def _demand_whole(part: Path, seen: Seen, damaged: set[str], store: "ObjectStore") -> None:
    """Checks the length, the MD5 if the ETag is one, and S3's checksum if it was uploaded in parts.

    Under SSE-KMS and SSE-C an ETag of 32 digits is not an MD5: two equal downloads are assumed to
    be the object. Damage shows in its content.

    Args:
        part: the downloaded file.
        seen: what the store reports of it.
        damaged: MD5s of earlier downloads that differ from the expected one; this one is added.
        store: the object's store.
    """
    if part.stat().st_size != seen.bytes:
        _forget(part)
        raise DownloadError(f"{seen.key} has a different length than announced.")
    expected = MD5_ETAG.fullmatch(seen.etag or "")
    if expected and expected[1] != (md5 := md5_of(part)) and md5 not in damaged:
        damaged.add(md5)
        _forget(part)
        raise DownloadError(f"{seen.key} is damaged: its MD5 does not match its ETag.")
    if PARTS_ETAG.fullmatch(seen.etag or ""):
        with part.open("rb") as file:
            whole = parts_hold(file, seen.bytes, seen.etag) or checksum_holds(
                store, seen.key, file, seen.etag
            )
        if whole is False:
            _forget(part)
            raise DownloadError(f"{seen.key} is damaged: {OTHER_CHECKSUM}.")


def md5_of(path: Path) -> str:
    """MD5 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _seen(key: str, meta: "ObjectMeta") -> Seen:
    return Seen(key, meta["e_tag"], meta["size"], meta["last_modified"])


@contextmanager
def _errors_in_words(key: str) -> Iterator[None]:
    """Turns errors of the store into messages, except those of a changed object."""
    try:
        yield
    except FileNotFoundError as error:
        raise GoneError(f"{key} is not there.") from error
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise GoneError(f"{key} is refused by the bucket, or does not exist.") from error
    except exceptions.PreconditionError:
        raise
    except (exceptions.BaseError, OSError) as error:
        text = in_one_line(error)
        raise DownloadError(f"{key} could not be read: {text}.") from error

"""A bucket's files for DuckDB, in few requests: an fsspec file system over one open store.

DuckDB's S3 extension would have to be downloaded. obstore's file system requests an object's size
up to four times per opening: of 2,263 requests of one small month, 1,564 were HEADs. Here one
request detects changes and returns the end of a file, which is all of a small one and the footer of
a large one. Of many small files of one query the next ones are requested ahead, as DuckDB opens one
after another in each of its few threads. `bucket_folder.py` writes.
"""

import io
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem
from fsspec.utils import glob_translate
from obstore import exceptions

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore

# Enough for a small table, or the footer of a large one.
END_BYTES = 2**20
# Total of the cached ends, per connection.
KEPT_BYTES = 32 * 2**20
# Files requested ahead; half of what may be cached, if all are as large as an end.
AHEAD_FILES = 16
# DuckDB reads column chunks; bytes after a small one are read with it.
BLOCK_BYTES = 2**20
# Starts the names of files that were replaced while somebody may read them.
REPLACED = ".replaced."
_MAGIC = re.compile(r"[*?\[]")


class ReplacedError(OSError):
    """A file was replaced while it was read; the message is one sentence."""


def replaced_key(key: str, etag: str) -> str:
    """Where an object with this ETag is kept after it was replaced."""
    folder, slash, file = key.rpartition("/")
    return f"{folder}{slash}{REPLACED}{file}.{re.sub('[^0-9A-Za-z-]', '', etag)}"


@dataclass(frozen=True, slots=True)
class Known:
    """An object's state at the last request; `end` are its last bytes, if cached."""

    size: int
    etag: str | None
    modified: datetime
    end: bytes = b""


class BucketFiles(AbstractFileSystem):  # type: ignore[misc]
    """Read-only files of one bucket; each query checks again whether they changed."""

    protocol = "s3"
    # Two servers may have buckets of the same name.
    cachable = False

    def __init__(self, store: "ObjectStore", bucket: str) -> None:
        """Takes a store of the whole bucket, without a prefix, and its name."""
        super().__init__()
        self._store, self._bucket = store, bucket
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._kept = 0
        # The small files of the last pattern in order, by key; those under way.
        self._listed: list[str] = []
        self._positions: dict[str, int] = {}
        self._ahead: dict[str, Future[Known | None]] = {}
        self._pool = ThreadPoolExecutor(AHEAD_FILES, "bucket-files")
        self._busy = threading.RLock()

    def glob(self, path: str, **_: Any) -> list[str]:
        """The paths that match a pattern, sorted; called once for each file of a query.

        One star lists folder by folder, two stars use one recursive listing.
        """
        key = self._key(path)
        if not _MAGIC.search(key):
            return [self._path(key)] if self._current(key) else []
        found = sorted(self._matching(key))
        with self._busy:
            small = [key for key in found if self._known[key].size <= END_BYTES]
            self._listed, self._positions = small, {key: at for at, key in enumerate(small)}
            # Requested for an earlier query; a file may have been replaced since.
            self._ahead.clear()
        return [self._path(key) for key in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size and time of an object.

        Raises:
            FileNotFoundError: there is none.
        """
        known = self._of(path)
        return {"name": self._path(self._key(path)), "size": known.size, "type": "file"}

    def modified(self, path: str) -> datetime:
        """Time at which an object was written."""
        return self._of(path).modified

    def _open(self, path: str, mode: str = "rb", **_: Any) -> "_File":
        if mode != "rb":
            raise ValueError("files of a bucket are only read here")
        key, known = self._key(path), self._of(path)
        if known.size <= END_BYTES and not known.end:
            # It was listed only: it is read now and cached for the next opening.
            known = self._with_next(key) or known
        return _File(self._store, key, known)

    def _with_next(self, key: str) -> Known | None:
        """A listed file with its bytes; those after it are requested as well."""
        with self._busy:
            at = self._positions.get(key, len(self._listed))
            for each in self._listed[at : at + AHEAD_FILES]:
                if each not in self._ahead and not self._known[each].end:
                    self._ahead[each] = self._pool.submit(self._fetch, each, None)
            wanted = self._ahead.get(key)
        if wanted is None:
            return self._current(key)
        known = wanted.result()
        with self._busy:
            self._noted_as(key, known)
            if self._ahead.get(key) is wanted:
                del self._ahead[key]
        return known

    def _of(self, path: str) -> Known:
        key = self._key(path)
        known = self._known.get(key) or self._current(key)
        if known is None:
            raise FileNotFoundError(path)
        return known

    def _matching(self, pattern: str) -> Iterator[str]:
        folder = _MAGIC.split(pattern, maxsplit=1)[0].rpartition("/")[0]
        if "**" in pattern:
            matches = re.compile(glob_translate(pattern)).fullmatch
            listed = (each for page in self._store.list(folder or None) for each in page)
            return self._noted(each for each in listed if matches(each["path"]))
        here, _, below = pattern[len(folder) :].lstrip("/").partition("/")
        matches = re.compile(glob_translate(f"{folder}/{here}".lstrip("/"))).fullmatch
        found = self._store.list_with_delimiter(folder or None)
        if not below:
            return self._noted(each for each in found["objects"] if matches(each["path"]))
        folders = (name.rstrip("/") for name in found["common_prefixes"])
        patterns = [f"{name}/{below}" for name in folders if matches(name)]
        if not _MAGIC.search(below):
            there = self._pool.map(self._current, patterns)
            return (key for key, known in zip(patterns, there, strict=True) if known)
        return (
            self._key(path) for each in patterns for path in self.glob(f"s3://{self._path(each)}")
        )

    def _noted(self, listed: "Iterator[ObjectMeta]") -> Iterator[str]:
        for each in listed:
            known = self._known.get(each["path"])
            if known is None or known.etag != each["e_tag"] or each["e_tag"] is None:
                self._keep(each["path"], Known(each["size"], each["e_tag"], each["last_modified"]))
            yield each["path"]

    def _current(self, key: str) -> Known | None:
        """An object's current state, with its end; None if it does not exist."""
        return self._noted_as(key, self._fetch(key, self._known.get(key)))

    def _noted_as(self, key: str, known: Known | None) -> Known | None:
        if known is None:
            self._forget(key)
        elif known is not self._known.get(key):
            self._keep(key, known)
        return known

    def _fetch(self, key: str, before: Known | None) -> Known | None:
        """An object's state with its end; `before` if it is still that, None if there is none."""
        options: GetOptions = {"range": {"suffix": END_BYTES}}
        if before and before.end and before.etag:
            options["if_none_match"] = before.etag
        try:
            found = self._store.get(key, options=options)
            return _known(found.meta, found.bytes().to_bytes())
        except exceptions.NotModifiedError:
            return before
        except FileNotFoundError:
            return None
        except exceptions.GenericError:
            # An empty object has no last bytes (416).
            meta = self._store.head(key)
            if meta["size"]:
                raise
            return _known(meta, b"")

    def _keep(self, key: str, known: Known) -> None:
        with self._busy:
            self._forget(key)
            self._known[key] = known
            self._kept += len(known.end)
            for old in list(self._known):
                if self._kept <= KEPT_BYTES:
                    return
                self._kept -= len(self._known[old].end)
                self._known[old] = replace(self._known[old], end=b"")

    def _forget(self, key: str) -> None:
        with self._busy:
            if known := self._known.pop(key, None):
                self._kept -= len(known.end)

    def _key(self, path: str) -> str:
        return path.removeprefix("s3://").removeprefix(f"{self._bucket}/")

    def _path(self, key: str) -> str:
        return f"{self._bucket}/{key}"


def _known(meta: "ObjectMeta", end: bytes) -> Known:
    return Known(meta["size"], meta["e_tag"], meta["last_modified"], end)


class _Position(threading.local):
    """A thread's position in a file."""

    at = 0


class _File(io.RawIOBase):
    """One version of an object as a file.

    DuckDB's threads share it, and each seeks and then reads, so each has its own position.
    """

    def __init__(self, store: "ObjectStore", key: str, known: Known) -> None:
        super().__init__()
        self._store, self._key, self._object = store, key, known
        self._place = _Position()
        # The first byte that is buffered, and the buffer.
        self._at_hand = known.size - len(known.end), known.end

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        before = {io.SEEK_SET: 0, io.SEEK_CUR: self._place.at, io.SEEK_END: self._object.size}
        self._place.at = before[whence] + offset
        return self._place.at

    def read(self, size: int | None = -1) -> bytes:
        at = self._place.at
        end = self._object.size if size is None or size < 0 else at + size
        end = min(end, self._object.size)
        if end <= at:
            return b""
        start, block = self._at_hand
        if not start <= at or end > start + len(block):
            start, block = at, self._fetched(at, max(end, min(at + BLOCK_BYTES, self._object.size)))
            self._at_hand = start, block
        self._place.at = end
        return block[at - start : end - start]

    def readall(self) -> bytes:
        return self.read()

    def _fetched(self, start: int, end: int) -> bytes:
        options: GetOptions = {"range": (start, end)}
        etag = self._object.etag
        if etag:
            options["if_match"] = etag
        with suppress(exceptions.PreconditionError):
            return self._store.get(self._key, options=options).bytes().to_bytes()
        with suppress(FileNotFoundError):
            kept: GetOptions = {"range": (start, end)}
            found = self._store.get(replaced_key(self._key, etag or ""), options=kept)
            return found.bytes().to_bytes()
        raise ReplacedError(f"{self._key} was replaced while it was read; run the command again.")

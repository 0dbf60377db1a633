"""A folder as a bucket: finds, lists, writes and deletes objects, and knows their ETags.

No HTTP here but the answer with a small object's bytes, which is made once and kept.
"""

import hashlib
import os
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from io import BufferedReader, BytesIO
from pathlib import Path

from off_platform_tests.s3.answers import Answer, Pieces, S3Error, head

KEPT_OBJECT_BYTES = 1024**2
MULTIPART_ABOVE_BYTES = 32 * 1024**2
PART_BYTES = 8 * 1024**2
NANOSECONDS = 1_000_000_000
# A file with such a name is being written and no object yet.
UNFINISHED = ".s3-server-"


def plain_etag(data: bytes) -> str:
    """The quoted MD5 that S3 gives an object uploaded in one request."""
    return f'"{_md5(data).hexdigest()}"'


def multipart_etag(parts: list[bytes]) -> str:
    """The quoted ETag that S3 makes of the MD5 digests of an object's parts."""
    return f'"{_md5(b"".join(parts)).hexdigest()}-{len(parts)}"'


def _file_etag(file: BufferedReader | BytesIO, *, multipart: bool) -> str:
    """The quoted ETag of an open file, as uploaded in one request or in parts of 8 MiB."""
    parts = iter(lambda: file.read(PART_BYTES), b"")
    if multipart:
        return multipart_etag([_md5(part).digest() for part in parts] or [_md5(b"").digest()])
    whole = _md5(b"")
    for part in parts:
        whole.update(part)
    return f'"{whole.hexdigest()}"'


def _md5(data: bytes) -> "hashlib._Hash":
    return hashlib.md5(data, usedforsecurity=False)


@dataclass(slots=True)
class Stored:
    """An object as it is now.

    Attributes:
        path: of its file.
        size: in bytes.
        modified_ns: when it was last written.
        etag: quoted.
        signature: differs from that of a later file; None where bytes stand in for the file.
        whole: the answer to a GET request for all of it, kept of a small object.
    """

    path: str
    size: int
    modified_ns: int
    etag: str
    signature: tuple[int, int, int] | None
    whole: Answer | None = None

    @property
    def modified(self) -> int:
        """When it was last written, whole seconds since 1970 (UTC)."""
        return self.modified_ns // NANOSECONDS

    def keep(self, data: bytes) -> None:
        """Keeps its bytes in memory, behind the head of their answer."""
        self.whole = Answer(200, self.head() + data)

    def head(self, span: tuple[int, int] | None = None) -> bytes:
        """The head of an answer with all of it, or with the bytes of `span` (start, stop)."""
        start, stop = span or (0, self.size)
        headers = {
            "Last-Modified": formatdate(self.modified, usegmt=True),
            "ETag": self.etag,
            "Accept-Ranges": "bytes",
            "Content-Type": "binary/octet-stream",
            "Content-Length": str(stop - start),
        }
        if span is not None:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{self.size}"
        return head(200 if span is None else 206, headers)

    def pieces(self, span: tuple[int, int] | None = None) -> Pieces:
        """Its bytes piece by piece; to be closed.

        Raises:
            OSError: its file went away.
        """
        source = os.open(self.path, os.O_RDONLY) if self.whole is None else self.read()
        return Pieces(source, *(span or (0, self.size)))

    def read(self) -> bytes:
        """All its bytes."""
        if self.whole is None:
            return Path(self.path).read_bytes()
        return self.whole.data[len(self.whole.data) - self.size :]


class Bucket:
    """The files below a folder as objects; symbolic links are followed.

    Not for several threads at once. A file that others change is noticed at the next request.
    """

    def __init__(
        self, folder: Path, *, kept_bytes: int, multipart_etags: bool, encrypted: bool
    ) -> None:
        """Serves `folder`, keeping up to `kept_bytes` of small objects in memory."""
        self._folder = os.fspath(folder.resolve())
        self._room, self._multipart_etags, self._encrypted = kept_bytes, multipart_etags, encrypted
        self._stored: dict[str, Stored] = {}

    def find(self, key: str) -> Stored | None:
        """The object `key` as it is now, or None where there is none."""
        stored = self._stored.get(key)
        if stored is not None and stored.signature is None:
            return stored
        path = self._path(key) if stored is None else stored.path
        if path is None:
            return None
        try:
            facts = os.stat(path)  # noqa: PTH116 - a Path costs more than the call, every request
        except OSError:
            self._forget(key)
            return None
        if stored is not None and stored.signature == _signature(facts):
            return stored
        return self._load(key, path) if stat.S_ISREG(facts.st_mode) else None

    def keys(self, prefix: str) -> list[str]:
        """The keys in the deepest folder that `prefix` names and below it, in byte order."""
        folder = prefix.rpartition("/")[0]
        top = self._path(folder) if folder else self._folder
        if top is None:
            return []
        skipped = len(self._folder) + 1
        found = [
            f"{place}/{name}"[skipped:]
            for place, _, names in os.walk(top, followlinks=True)
            for name in names
        ]
        return sorted(key for key in found if self._path(key) is not None)

    def warm(self) -> None:
        """Reads every object once, so that the first requests are as fast as all others."""
        for key in self.keys(""):
            self.find(key)

    def write(self, key: str, data: bytes, *, etag: str | None = None) -> Stored:
        """Puts `data` down as the object `key`, in one step; `etag` where it is not to be derived.

        Raises:
            S3Error: a folder cannot hold such a key (400), or holds a key in its way (409).
        """
        path = self._path(key)
        if path is None:
            raise S3Error(400, "InvalidURI", "A folder cannot hold this key.")
        try:
            _put_down(Path(path), data)
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            message = "A folder cannot hold both a key and keys below it."
            raise S3Error(409, "OperationAborted", message) from None
        return self._load(key, path, etag)

    def replace(self, key: str, data: bytes) -> None:
        """Lets `data` stand in for the object `key`, with a later Last-Modified; no file changes.

        Raises:
            KeyError: there is no such object.
        """
        old = self.find(key)
        if old is None:
            raise KeyError(key)
        self._forget(key)
        modified_ns = max(time.time_ns(), old.modified_ns + NANOSECONDS)
        stored = Stored(
            old.path, len(data), modified_ns, self._etag(BytesIO(data), len(data)), None
        )
        stored.keep(data)
        self._stored[key] = stored

    def delete(self, key: str) -> None:
        """Deletes the object `key`, if it is there, and the folders that this leaves empty."""
        path = self._path(key)
        self._forget(key)
        if path is None:
            return
        with suppress(OSError):
            Path(path).unlink()
            for folder in Path(path).parents:
                if os.fspath(folder) == self._folder:
                    break
                folder.rmdir()

    def _path(self, key: str) -> str | None:
        odd = any(part in {"", ".", ".."} or UNFINISHED in part for part in key.split("/"))
        return None if odd or "\0" in key else f"{self._folder}/{key}"

    def _etag(self, file: BufferedReader | BytesIO, size: int) -> str:
        multipart = self._multipart_etags or size > MULTIPART_ABOVE_BYTES
        etag = _file_etag(file, multipart=multipart)
        return plain_etag(etag.encode()) if self._encrypted else etag

    def _load(self, key: str, path: str, etag: str | None = None) -> Stored:
        self._forget(key)
        # Unbuffered, because a small file is then read by one call.
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - the same, a Path is slower
            facts = os.fstat(file.fileno())
            size = facts.st_size
            kept = file.read() if size <= min(KEPT_OBJECT_BYTES, self._room) else None
            content = BufferedReader(file) if kept is None else BytesIO(kept)
            etag = etag or self._etag(content, size)
        stored = Stored(path, size, facts.st_mtime_ns, etag, _signature(facts))
        if kept is not None and len(kept) == size:
            stored.keep(kept)
            self._room -= size
        self._stored[key] = stored
        return stored

    def _forget(self, key: str) -> None:
        stored = self._stored.pop(key, None)
        if stored is not None and stored.whole is not None and stored.signature is not None:
            self._room += stored.size


def _signature(facts: os.stat_result) -> tuple[int, int, int]:
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def _put_down(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(unfinished).replace(path)
    except OSError:
        Path(unfinished).unlink()
        raise

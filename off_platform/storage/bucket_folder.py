"""A folder in a bucket; see `folder.py`."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import ObjectStore

from off_platform.storage.bucket_copies import COPY_BYTES_MOST, copy_in_parts, create_in_parts
from off_platform.storage.bucket_files import END_BYTES, REPLACED, replaced_key
from off_platform.storage.folder import Folder
from off_platform.storage.leases import Lease, is_lease
from off_platform.storage.objects import Access, open_store
from off_platform.storage.threads import in_order

PIECE_BYTES = 2**20
T = TypeVar("T")
# Requests at the same time; each waits for the server, not for this process.
AT_ONCE = 32
# "The request can contain a list of up to 1,000 keys" (DeleteObjects).
DELETED_AT_ONCE = 1000
# obstore sends larger files in parts, twelve at once.
PUT_AT_ONCE_BYTES = 5 * 2**20
# Larger ones are created in parts: one of them is held in memory.
CREATED_AT_ONCE_BYTES = 32 * 2**20
# A refused conditional PUT of an absent object: another request was under way, nothing is stored.
CONFLICTS_MOST = 10
CONFLICT_SECONDS = 0.05
# Of a replaced table; no query takes so long.
REPLACED_KEPT = timedelta(hours=6)


class BucketFolder(Folder):
    """A prefix of a bucket: a PUT is atomic, a move is a copy on the server."""

    def __init__(
        self,
        store: ObjectStore,
        url: str,
        prefix: str = "",
        sweep: Callable[[], object] = lambda: None,
        access: Access | None = None,
        run: str = "",
    ) -> None:
        """Takes an open store, the URL it was opened with, and the prefix without slashes.

        `sweep` removes what killed runs left; it is called once, before the first scratch folder.
        `access` is that of the store; without it, objects over 5 GB cannot be moved. `run` is the
        id of the Dagster run that uses it.
        """
        self._store, self._url, self._prefix = store, url.rstrip("/"), prefix
        self._access, self._run = access, run
        # Those that this run has below the root it opened; nothing is written once one is lost.
        self._leases: list[Lease] = []
        self._sweep: Callable[[], object] | None = sweep

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """See `Folder.scratch`; remains of killed runs in the bucket are removed first."""
        sweep, self._sweep = self._sweep, None
        if sweep:
            sweep()
        with super().scratch() as scratch:
            yield scratch

    def settle(self) -> None:
        """See `Folder.settle`; a bucket answers once an object is durable."""

    def place(self, made: Path, name: str) -> None:
        """See `Folder.place`; puts the files, then deletes other files."""
        self._check_leases()
        if made.is_file():
            files = {name: made}
        else:
            inside = filter(Path.is_file, sorted(made.rglob("*")))
            files = {f"{name}/{path.relative_to(made).as_posix()}": path for path in inside}
        large = {name for name, path in files.items() if path.stat().st_size > PUT_AT_ONCE_BYTES}
        for placed in sorted(large):
            self._put(placed, files[placed])
        _all_at_once(lambda name: self._put(name, files[name]), files.keys() - large)
        if not made.is_file():
            self._delete(old for old in self.names(name) if old not in files)

    def replace(self, made: Path, name: str) -> None:
        """See `Folder.replace`; the old object is copied aside for some hours if it is large.

        A smaller one is read with one request.
        """
        self._check_leases()
        with suppress(FileNotFoundError):
            old = obstore.head(self._store, self._key(name))
            if old["size"] > END_BYTES and old["e_tag"]:
                self._copy((name, replaced_key(name, old["e_tag"])))
                self._delete(self._long_replaced(name))
        self.place(made, name)

    def _long_replaced(self, name: str) -> list[str]:
        folder = self._key(name).rpartition("/")[0]
        found = obstore.list_with_delimiter(self._store, folder or None)["objects"]
        before = datetime.now(UTC) - REPLACED_KEPT
        start = f"{self._prefix}/" if self._prefix else ""
        return [
            each["path"].removeprefix(start)
            for each in found
            if REPLACED in each["path"] and each["last_modified"] < before
        ]

    def _put(self, name: str, made: Path) -> None:
        with made.open("rb") as file:
            obstore.put(self._store, self._key(name), file)

    def place_new(self, made: Path, name: str) -> bool:
        """See `Folder.place_new`; one conditional PUT (If-None-Match), or an upload in parts."""
        self._check_leases()
        key = self._key(name)
        if made.stat().st_size > CREATED_AT_ONCE_BYTES and self._access is not None:
            bucket, start = self._of_store()
            return create_in_parts(made, bucket, start + key, self._access)
        data = made.read_bytes()
        for _ in range(CONFLICTS_MOST):
            try:
                obstore.put(self._store, key, data, mode="create", use_multipart=False)
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                with suppress(FileNotFoundError):
                    found = obstore.get(self._store, key)
                    return found.meta["size"] == len(data) and found.bytes().to_bytes() == data
            else:
                return True
            time.sleep(CONFLICT_SECONDS)
        raise OSError(f"{self.address(name)} could not be created: the bucket reports a conflict.")

    def move(self, name: str, to: str) -> None:
        """See `Folder.move`."""
        self.move_all([(name, to)])

    def move_all(self, moves: Sequence[tuple[str, str]]) -> None:
        """See `Folder.move_all`; objects are copied on the server, then deleted."""
        # Moved onto itself, an object would be deleted.
        for some in _batches((move for move in moves if move[0] != move[1]), DELETED_AT_ONCE):
            self._check_leases()
            done = list(in_order(self._copy, some, AT_ONCE))
            folders = [move for move, copied in zip(some, done, strict=True) if not copied]
            below = in_order(lambda move: self.names(move[0]), folders, AT_ONCE)
            inside = [
                (found, to + found.removeprefix(name))
                for (name, to), names in zip(folders, below, strict=True)
                for found in names
            ]
            _all_at_once(self._copy, inside)
            self._check_leases()
            self._delete(
                chain(
                    (name for (name, _), copied in zip(some, done, strict=True) if copied),
                    (name for name, _ in inside),
                )
            )

    def _copy(self, move: tuple[str, str]) -> bool:
        """Copies an object on the server; returns whether it exists."""
        key, to = map(self._key, move)
        try:
            obstore.copy(self._store, key, to)
        except FileNotFoundError:
            return False
        except exceptions.GenericError:
            if self._access is None or obstore.head(self._store, key)["size"] <= COPY_BYTES_MOST:
                raise
            bucket, start = self._of_store()
            copy_in_parts(bucket, start + key, start + to, self._access)
        return True

    def _of_store(self) -> tuple[str, str]:
        """The bucket, and what its keys begin with before those of the store."""
        parts = urlsplit(self._url)
        return parts.netloc, f"{parts.path.strip('/')}/".lstrip("/")

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        self.remove_all([name])

    def remove_all(self, names: Iterable[str]) -> None:
        """See `Folder.remove_all`."""
        for some in _batches(names, DELETED_AT_ONCE):
            self._check_leases()
            # If a deletion fails, no listing goes on behind the error.
            with closing(in_order(self._all_sizes, some, AT_ONCE)) as below:
                self._delete(chain(some, chain.from_iterable(below)))

    def _delete(self, names: Iterable[str]) -> None:
        """Deletes objects; missing ones are not an error."""
        for keys in _batches(map(self._key, names), DELETED_AT_ONCE):
            obstore.delete(self._store, keys)

    def names(self, below: str = "") -> list[str]:
        """See `Folder.names`."""
        return sorted(self.sizes(below))

    def sizes(self, below: str = "") -> dict[str, int]:
        """See `Folder.sizes`; leases and replaced files are not listed."""
        found = self._all_sizes(below)
        return {name: size for name, size in found.items() if not _is_hidden(name)}

    def _all_sizes(self, below: str) -> dict[str, int]:
        start = f"{self._prefix}/" if self._prefix else ""
        return {
            entry["path"].removeprefix(start): entry["size"]
            for page in obstore.list(self._store, prefix=self._key(below) or None)
            for entry in page
        }

    def entries(self) -> list[str]:
        """See `Folder.entries`; leases and replaced files are not listed."""
        found = obstore.list_with_delimiter(self._store, self._prefix or None)
        files = [entry["path"] for entry in found["objects"]]
        names = (
            path.rstrip("/").rpartition("/")[2] for path in [*found["common_prefixes"], *files]
        )
        return sorted(name for name in names if not _is_hidden(name))

    def folders(self, below: str = "") -> list[str]:
        """See `Folder.folders`."""
        found = obstore.list_with_delimiter(self._store, self._key(below) or None)
        return sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in found["common_prefixes"])

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """See `Folder.read`."""
        key = self._key(name)
        if length is None:
            return obstore.get(self._store, key).bytes().to_bytes()[offset:]
        # An empty range, or one after the end, is an error in a bucket but not on disk.
        try:
            if length > 0:
                return obstore.get_range(self._store, key, start=offset, length=length).to_bytes()
        except exceptions.GenericError:
            if obstore.head(self._store, key)["size"] > offset:
                raise
        return b""

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """See `Folder.local`; the file is copied piece by piece."""
        found = obstore.get(self._store, self._key(name))
        with self.scratch() as scratch:
            path = scratch / "file"
            with path.open("wb") as file:
                for piece in found.stream(min_chunk_size=PIECE_BYTES):
                    file.write(piece)
            yield path

    def exists(self, name: str) -> bool:
        """See `Folder.exists`."""
        try:
            obstore.head(self._store, self._key(name))
        except FileNotFoundError:
            return False
        return True

    def address(self, name: str = "") -> str:
        """See `Folder.address`: an `s3://` URL."""
        return f"{self._url}/{self._key(name)}".rstrip("/")

    def below(self, name: str) -> "BucketFolder":
        """See `Folder.below`."""
        folder = BucketFolder(
            self._store, self._url, self._key(name), access=self._access, run=self._run
        )
        folder._leases = self._leases
        return folder

    def __reduce__(self) -> tuple[Any, ...]:
        """As another process uses it: without the leases of this one."""
        return _reopened, (self._url, self._prefix, self._access)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """See `Folder.locked`; by a lease."""
        lease = Lease.take(self._store, self._prefix, self.address(), self._run)
        self._leases.append(lease)
        try:
            yield
        finally:
            self._leases.remove(lease)
            lease.release()

    def _check_leases(self) -> None:
        for lease in self._leases:
            lease.check()

    def _key(self, name: str) -> str:
        if ".." in name.split("/") or name.startswith("/"):
            raise ValueError(f"{name!r} would leave its folder")
        return f"{self._prefix}/{name}".strip("/")


def _is_hidden(name: str) -> bool:
    return is_lease(name) or name.rpartition("/")[2].startswith(REPLACED)


def _reopened(url: str, prefix: str, access: Access | None) -> BucketFolder:
    return BucketFolder(_store(url, access or Access()), url, prefix, access=access)


@cache
def _store(url: str, access: Access) -> ObjectStore:
    """One store for all folders that a process gets from others, as it keeps connections."""
    return open_store(url, access)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    return iter(lambda: list(islice(rest, size)), [])


def _all_at_once(work: Callable[[T], object], items: Iterable[T]) -> None:
    for _ in in_order(work, items, AT_ONCE):
        pass

"""A folder in a bucket; see `folders.py`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore import exceptions
from obstore.store import ObjectStore

from off_platform.storage.folders import Folder

PIECE_BYTES = 2**20


class BucketFolder(Folder):
    """A prefix of a bucket: a PUT is atomic, a move is a copy on the server."""

    def __init__(
        self,
        store: ObjectStore,
        url: str,
        prefix: str = "",
        sweep: Callable[[], object] = lambda: None,
    ) -> None:
        """Takes an open store, the URL it was opened with, and the prefix without slashes.

        `sweep` removes what killed runs left; it is called once, before the first scratch folder.
        """
        self._store, self._url, self._prefix = store, url.rstrip("/"), prefix
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
        """See `Folder.place`; puts files one by one, then deletes other files."""
        if made.is_file():
            files = {name: made}
        else:
            inside = filter(Path.is_file, sorted(made.rglob("*")))
            files = {f"{name}/{path.relative_to(made).as_posix()}": path for path in inside}
        for placed, path in files.items():
            with path.open("rb") as file:
                obstore.put(self._store, self._key(placed), file)
        for old in () if made.is_file() else self.names(name):
            if old not in files:
                obstore.delete(self._store, self._key(old))

    def move(self, name: str, to: str) -> None:
        """See `Folder.move`."""
        # Moved onto itself, an object would be deleted.
        for found in self._with_all_below(name) if name != to else ():
            target = to + found.removeprefix(name)
            obstore.copy(self._store, self._key(found), self._key(target))
            obstore.delete(self._store, self._key(found))

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        if keys := [self._key(found) for found in self._with_all_below(name)]:
            obstore.delete(self._store, keys)

    def names(self, below: str = "") -> list[str]:
        """See `Folder.names`."""
        return sorted(self.sizes(below))

    def sizes(self, below: str = "") -> dict[str, int]:
        """See `Folder.sizes`."""
        start = f"{self._prefix}/" if self._prefix else ""
        return {
            entry["path"].removeprefix(start): entry["size"]
            for page in obstore.list(self._store, prefix=self._key(below) or None)
            for entry in page
        }

    def entries(self) -> list[str]:
        """See `Folder.entries`."""
        found = obstore.list_with_delimiter(self._store, self._prefix or None)
        files = [entry["path"] for entry in found["objects"]]
        return sorted(
            path.rstrip("/").rpartition("/")[2] for path in [*found["common_prefixes"], *files]
        )

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
        return BucketFolder(self._store, self._url, self._key(name))

    def _with_all_below(self, name: str) -> list[str]:
        return [name] if self.exists(name) else self.names(name)

    def _key(self, name: str) -> str:
        if ".." in name.split("/") or name.startswith("/"):
            raise ValueError(f"{name!r} would leave its folder")
        return f"{self._prefix}/{name}".strip("/")

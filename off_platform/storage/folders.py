"""A folder that files are put into in one step, on disk or in a bucket.

What the files mean is not known here: tables are `lake.py`, image sets `image_sets/build.py`.
"""

import os
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions

from off_platform.storage.locks import is_held, locked
from off_platform.storage.syncing import sync_all, sync_one

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCRATCH = ".scratch"
# No run makes one file for two days.
SCRATCH_SECONDS = 2 * 24 * 3600
YOUNG_SECONDS = 60


class Folder(ABC):
    """Files by name (with `/` between parts), each put in place whole or not at all."""

    @abstractmethod
    def place(self, made: Path, name: str) -> None:
        """Puts a file or a folder made in `scratch` in place, over what was there."""

    @abstractmethod
    def settle(self) -> None:
        """Returns once all that was placed, moved and removed outlives a power cut."""

    @abstractmethod
    def move(self, name: str, to: str) -> None:
        """Moves a file or folder over what was there; a missing source is not an error.

        Of a folder that was there, the files that have no namesake in the moved one are kept, so
        that a move that was interrupted can be made again.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes a file or a folder with all in it; a missing target is not an error."""

    @abstractmethod
    def names(self, below: str = "") -> list[str]:
        """The names of all files below a folder of this folder, sorted."""

    @abstractmethod
    def sizes(self, below: str = "") -> dict[str, int]:
        """The sizes in bytes of all files below a folder of this folder."""

    @abstractmethod
    def entries(self) -> list[str]:
        """The names of files and folders directly in it, sorted; the scratch is none of them."""

    @abstractmethod
    def folders(self, below: str = "") -> list[str]:
        """The names of the folders directly below, sorted; the scratch is none of them."""

    @abstractmethod
    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """A file's bytes, or a part of them.

        Raises:
            FileNotFoundError: there is none.
        """

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""

    @abstractmethod
    def address(self, name: str = "") -> str:
        """The path or URL under which DuckDB and people find a file."""

    @abstractmethod
    def below(self, name: str) -> "Folder":
        """A folder in this folder."""

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """A file as one of this machine, for readers that want a path.

        Raises:
            FileNotFoundError: there is none.
        """
        with self.scratch() as scratch:
            path = scratch / "file"
            path.write_bytes(self.read(name))
            yield path

    @contextmanager
    def local_folder(self, name: str) -> Iterator[Path]:
        """A folder in it as one of this machine, for readers that want a path; only to be read."""
        with self.scratch() as scratch:
            for file in self.names(name):
                to = scratch / file
                to.parent.mkdir(parents=True, exist_ok=True)
                with self.local(file) as path:
                    shutil.copyfile(path, to)
            yield scratch / name

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A fresh folder on this machine to make files in, gone when the `with` block ends."""
        with tempfile.TemporaryDirectory(prefix="off-platform-") as folder:
            yield Path(folder)

    @contextmanager
    def kept(self, name: str) -> Iterator[Path]:
        """A folder on this machine to make files in, which a later run finds as a stop left it.

        Of a bucket nothing is kept: it is a fresh folder each time.
        """
        _ = name
        with self.scratch() as scratch:
            yield scratch

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for one run while the `with` block lasts; a killed run holds nothing.

        In a bucket nothing is held: there it is upon the user that no two runs go to one folder.

        Raises:
            off_platform.storage.locks.FolderInUseError: another run holds it.
        """
        yield

    def write(self, name: str, data: bytes) -> None:
        """Puts a small file in place."""
        with self.scratch() as scratch:
            made = scratch / "file"
            made.write_bytes(data)
            self.place(made, name)


class LocalFolder(Folder):
    """A folder on disk: files are made in its own `.scratch` and renamed, which is one step."""

    def __init__(self, root: Path, scratch: Path | None = None) -> None:
        """Takes the folder; `scratch` must be on the same disk."""
        self._root = root.absolute()
        self._scratch = scratch or self._root / SCRATCH

    def place(self, made: Path, name: str) -> None:
        """See `Folder.place`; all bytes are on the disk before the name is, and then the name."""
        sync_all(made)
        place = self._path(name)
        missing = [folder for folder in place.parents if not folder.exists()]
        self._rename(made, place)
        for folder in [place.parent, *(each.parent for each in missing)]:
            sync_one(folder)

    def settle(self) -> None:
        """See `Folder.settle`."""
        sync_all(self._root)

    def move(self, name: str, to: str) -> None:
        """See `Folder.move`."""
        source, place = self._path(name), self._path(to)
        # Onto itself, a folder would step aside for itself and be gone.
        if source != place and source.exists():
            self._move(source, place)

    def _move(self, source: Path, place: Path) -> None:
        if not (source.is_dir() and place.is_dir()):
            self._rename(source, place)
            return
        with os.scandir(source) as found:
            # Photos by the thousand: as text, which costs a third of the same as paths.
            for entry in list(found):
                to = f"{place}/{entry.name}"
                if entry.is_dir(follow_symlinks=False) or os.path.isdir(to):  # noqa: PTH112 - the same
                    self._move(Path(entry.path), Path(to))
                else:
                    os.replace(entry.path, to)  # noqa: PTH105 - the same
        source.rmdir()

    def remove(self, name: str) -> None:
        """See `Folder.remove`."""
        path = self._path(name)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def names(self, below: str = "") -> list[str]:
        """See `Folder.names`; the scratch is not listed."""
        found = (
            f"{start}{file}" for start, files in self._walk(self._path(below)) for file in files
        )
        return sorted(found)

    def sizes(self, below: str = "") -> dict[str, int]:
        """See `Folder.sizes`."""
        return {name: (self._root / name).stat().st_size for name in self.names(below)}

    def _walk(self, start: Path) -> Iterator[tuple[str, list[str]]]:
        """The files of each folder, after what precedes them in a name; not of the scratch."""
        for folder, folders, files in os.walk(start):
            if self._scratch in (path := Path(folder), *path.parents):
                folders.clear()
                continue
            inside = path.relative_to(self._root).as_posix()
            yield "" if inside == "." else f"{inside}/", files

    def entries(self) -> list[str]:
        """See `Folder.entries`."""
        found = self._root.iterdir() if self._root.exists() else ()
        return sorted(path.name for path in found if path != self._scratch)

    def folders(self, below: str = "") -> list[str]:
        """See `Folder.folders`."""
        start = self._path(below)
        found = start.iterdir() if start.is_dir() else ()
        return sorted(path.name for path in found if path.is_dir() and path != self._scratch)

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """See `Folder.read`."""
        with self._path(name).open("rb") as file:
            file.seek(offset)
            return file.read(-1 if length is None else length)

    def exists(self, name: str) -> bool:
        """See `Folder.exists`."""
        return self._path(name).is_file()

    def address(self, name: str = "") -> str:
        """See `Folder.address`: an absolute path."""
        return str(self._root / name)

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """See `Folder.local`: the file itself."""
        path = self._path(name)
        if not path.is_file():
            raise FileNotFoundError(path)
        yield path

    @contextmanager
    def local_folder(self, name: str) -> Iterator[Path]:
        """See `Folder.local_folder`: the folder itself."""
        yield self._path(name)

    @contextmanager
    def kept(self, name: str) -> Iterator[Path]:
        """See `Folder.kept`."""
        path = self._path(name)
        path.mkdir(parents=True, exist_ok=True)
        yield path

    def below(self, name: str) -> "LocalFolder":
        """See `Folder.below`; the scratch stays the same."""
        return LocalFolder(self._path(name), self._scratch)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """See `Folder.locked`; the folder is made."""
        self._root.mkdir(parents=True, exist_ok=True)
        with locked(self._root):
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """See `Folder.scratch`; what killed runs left behind is swept out first."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._sweep()
        with (
            tempfile.TemporaryDirectory(dir=self._scratch, ignore_cleanup_errors=True) as folder,
            locked(Path(folder)),
        ):
            yield Path(folder)

    def _sweep(self) -> None:
        """A run holds its scratch while it lives; where no lock is possible, age decides."""
        now = time.time()
        for left in self._scratch.iterdir():
            with suppress(FileNotFoundError, NotADirectoryError):
                age = now - left.stat().st_mtime
                # A minute, for a run that has just made its own and does not hold it yet.
                if age > SCRATCH_SECONDS or (age > YOUNG_SECONDS and is_held(left) is False):
                    shutil.rmtree(left, ignore_errors=True)

    def _path(self, name: str) -> Path:
        if ".." in Path(name).parts or name.startswith("/"):
            raise ValueError(f"{name!r} would leave its folder")
        return self._root / name

    def _rename(self, made: Path, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        if made.is_dir() and place.exists():
            # A folder cannot replace one that is not empty; the old one steps aside first.
            with self.scratch() as scratch:
                place.rename(scratch / "old")
                made.rename(place)
        else:
            made.replace(place)


class BucketFolder(Folder):
    """A prefix of a bucket: a PUT is one step, a move is a copy on the server's side."""

    def __init__(
        self,
        store: "ObjectStore",
        url: str,
        prefix: str = "",
        sweep: Callable[[], object] = lambda: None,
    ) -> None:
        """Takes an open store, the URL it was opened with, and the prefix without slashes.

        `sweep` removes what killed runs left; it is called once, before the first scratch.
        """
        self._store, self._url, self._prefix = store, url.rstrip("/"), prefix
        self._sweep: Callable[[], object] | None = sweep

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """See `Folder.scratch`; what killed runs left in the bucket is swept out first."""
        sweep, self._sweep = self._sweep, None
        if sweep:
            sweep()
        with super().scratch() as scratch:
            yield scratch

    def settle(self) -> None:
        """See `Folder.settle`; a bucket answers once it has something for good."""

    def place(self, made: Path, name: str) -> None:
        """See `Folder.place`; files are put one by one, then what else was there goes."""
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
        # Onto itself, the copy would be deleted with the original.
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
        # A range of nothing, or behind the end, is an error in a bucket and none on disk.
        try:
            if length > 0:
                return obstore.get_range(self._store, key, start=offset, length=length).to_bytes()
        except exceptions.GenericError:
            if obstore.head(self._store, key)["size"] > offset:
                raise
        return b""

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

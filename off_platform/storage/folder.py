"""A folder into which files are placed atomically.

On disk it is a `local_folder.py`, in a bucket a `bucket_folder.py`. Tables are in `lake.py`, image
sets in `image_sets/fetching/build.py`.
"""

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


class Folder(ABC):
    """Files by name (with `/` between parts), each placed completely or not at all."""

    @abstractmethod
    def place(self, made: Path, name: str) -> None:
        """Places a file or folder from `scratch`; replaces an existing one."""

    def replace(self, made: Path, name: str) -> None:
        """Places a file, as `place` does; who is reading an existing one can read it to its end."""
        self.place(made, name)

    @abstractmethod
    def place_new(self, made: Path, name: str) -> bool:
        """Places a file from `scratch` unless one of that name exists, in one step.

        Of any number of processes that place different files under one name, one succeeds.

        Returns:
            Whether the folder now has this file. False: another file was first and is kept. A file
            with the same bytes counts as this one, as the answer to a request may be lost.
        """

    @abstractmethod
    def settle(self) -> None:
        """Returns once everything placed, moved and removed survives a power cut."""

    @abstractmethod
    def move(self, name: str, to: str) -> None:
        """Moves a file or folder; replaces an existing one. A missing source is not an error.

        Files of an existing folder are kept unless the moved folder has one of that name, so an
        interrupted move can be repeated.
        """

    def move_all(self, moves: Sequence[tuple[str, str]]) -> None:
        """Moves files or folders, each as `move` does, in any order; in a bucket many at once.

        No target may be the target or source of another move. It can be repeated after an
        interruption.
        """
        for name, to in moves:
            self.move(name, to)

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes a file, or a folder with its content; a missing one is not an error.

        A folder that becomes empty is removed too.
        """

    def remove_all(self, names: Iterable[str]) -> None:
        """Removes files or folders, each as `remove` does; in a bucket many at once."""
        for name in names:
            self.remove(name)

    @abstractmethod
    def names(self, below: str = "") -> list[str]:
        """The names of all files below a folder of this folder, sorted."""

    @abstractmethod
    def sizes(self, below: str = "") -> dict[str, int]:
        """The sizes in bytes of all files below a folder of this folder."""

    @abstractmethod
    def entries(self) -> list[str]:
        """The names of files and folders directly in it, sorted, without the scratch."""

    @abstractmethod
    def folders(self, below: str = "") -> list[str]:
        """The names of the folders directly below, sorted, without the scratch."""

    @abstractmethod
    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """A file's bytes, or a part of them.

        Raises:
            FileNotFoundError: it does not exist.
        """

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether a file of that name exists."""

    @abstractmethod
    def address(self, name: str = "") -> str:
        """The path or URL under which DuckDB and people find a file."""

    @abstractmethod
    def below(self, name: str) -> "Folder":
        """A folder in this folder."""

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """A file as a local one, for readers that need a path.

        Raises:
            FileNotFoundError: it does not exist.
        """
        with self.scratch() as scratch:
            path = scratch / "file"
            path.write_bytes(self.read(name))
            yield path

    @contextmanager
    def local_folder(self, name: str) -> Iterator[Path]:
        """A folder in it as a local one, for readers that need a path; it must not be changed."""
        with self.scratch() as scratch:
            for file in self.names(name):
                to = scratch / file
                to.parent.mkdir(parents=True, exist_ok=True)
                with self.local(file) as path:
                    shutil.copyfile(path, to)
            yield scratch / name

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new local folder for building files, removed when the `with` block ends."""
        with tempfile.TemporaryDirectory(prefix="off-platform-") as folder:
            yield Path(folder)

    @contextmanager
    def kept(self, name: str) -> Iterator[Path]:
        """A local folder for building files, which survives an interrupted run.

        For a bucket it is a new folder each time.
        """
        _ = name
        with self.scratch() as scratch:
            yield scratch

    def is_kept(self, name: str) -> bool:
        """Whether an earlier run has left a folder of `kept`."""
        _ = name
        return False

    @abstractmethod
    def locked(self) -> AbstractContextManager[None]:
        """Locks the folder for one run during the `with` block; the lock ends with the process.

        On disk with its last moment; in a bucket within five minutes, and at once for runs of the
        same machine (`leases.py`).

        Raises:
            off_platform.storage.locks.FolderInUseError: another run has locked it.
        """

    def write(self, name: str, data: bytes) -> None:
        """Places a small file."""
        with self.scratch() as scratch:
            made = scratch / "file"
            made.write_bytes(data)
            self.place(made, name)

"""A folder on disk; see `folder.py`."""

import errno
import filecmp
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from off_platform.storage.folder import Folder
from off_platform.storage.locks import is_held, locked
from off_platform.storage.syncing import sync_all, sync_one

SCRATCH = ".scratch"
# No run takes two days to make one file.
SCRATCH_SECONDS = 2 * 24 * 3600
# A run may not have locked its new folder yet.
YOUNG_SECONDS = 60
# A file has only one name on some disks, such as exFAT and SMB shares.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class LocalFolder(Folder):
    """A folder on disk: files are built in its `.scratch` and renamed, which is atomic."""

    def __init__(self, root: Path, scratch: Path | None = None) -> None:
        """Takes the folder; `scratch` must be on the same disk."""
        self._root = root.absolute()
        # Arrow reads the relative path `s3:/x` as a URL, DuckDB `~/x` as one of the home folder.
        self._scratch = (scratch or self._root / SCRATCH).absolute()

    def place(self, made: Path, name: str) -> None:
        """See `Folder.place`; syncs the bytes to disk first, then the name."""
        place = self._path(name)
        with _synced(made, place):
            self._rename(made, place)

    def place_new(self, made: Path, name: str) -> bool:
        """See `Folder.place_new`; the file gets a second name, which an existing one prevents."""
        place = self._path(name)
        with _synced(made, place):
            place.parent.mkdir(parents=True, exist_ok=True)
            if not self._link(made, place) and not filecmp.cmp(made, place, shallow=False):
                return False
        made.unlink(missing_ok=True)
        return True

    def _link(self, made: Path, place: Path) -> bool:
        try:
            os.link(made, place)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Nobody else locks the scratch folder itself.
            self._scratch.mkdir(parents=True, exist_ok=True)
            with locked(self._scratch, wait=True):
                if place.exists():
                    return False
                shutil.copyfile(made, made.with_name(f"{made.name}.new"))
                made.with_name(f"{made.name}.new").replace(place)
        return True

    def settle(self) -> None:
        """See `Folder.settle`."""
        sync_all(self._root)

    def move(self, name: str, to: str) -> None:
        """See `Folder.move`."""
        source, place = self._path(name), self._path(to)
        # Moved onto itself, a folder would be removed.
        if source != place and source.exists():
            self._move(source, place)

    def _move(self, source: Path, place: Path) -> None:
        if not (source.is_dir() and place.is_dir()):
            self._rename(source, place)
            return
        with os.scandir(source) as found:
            # Sets have thousands of photos; strings take a third of the time of paths.
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
        if path.parent != self._root:
            with suppress(OSError):
                path.parent.rmdir()

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
        """The prefix of each folder and its files, without the scratch."""
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
        if not start.is_dir():
            return []
        # The listing says what is a folder: a table may have thousands.
        with os.scandir(start) as found:
            names = sorted(entry.name for entry in found if entry.is_dir())
        return [name for name in names if start / name != self._scratch]

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

    def is_kept(self, name: str) -> bool:
        """See `Folder.is_kept`."""
        return self._path(name).is_dir()

    def below(self, name: str) -> "LocalFolder":
        """See `Folder.below`; the scratch stays the same."""
        return LocalFolder(self._path(name), self._scratch)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """See `Folder.locked`; creates the folder."""
        self._root.mkdir(parents=True, exist_ok=True)
        with locked(self._root):
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """See `Folder.scratch`; remains of killed runs are removed first."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._sweep()
        with (
            tempfile.TemporaryDirectory(dir=self._scratch, ignore_cleanup_errors=True) as folder,
            # Others lock it only to see whether it is held.
            locked(Path(folder), wait=True),
        ):
            yield Path(folder)

    def _sweep(self) -> None:
        """Removes scratch folders that no run holds; only old ones, if locks are not possible."""
        now = time.time()
        for left in self._scratch.iterdir():
            with suppress(FileNotFoundError, NotADirectoryError):
                # Of either sign: the clock may have been set back since.
                age = abs(now - left.stat().st_mtime)
                if age < YOUNG_SECONDS:
                    continue
                # The clock may also have been set forward: what is held stays at any age.
                held = is_held(left)
                if held is False or (held is None and age > SCRATCH_SECONDS):
                    shutil.rmtree(left, ignore_errors=True)

    def _path(self, name: str) -> Path:
        if ".." in Path(name).parts or name.startswith("/"):
            raise ValueError(f"{name!r} would leave its folder")
        return self._root / name

    def _rename(self, made: Path, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        if made.is_dir() and place.exists():
            # A folder cannot replace one that is not empty; the old one is moved away first.
            with self.scratch() as scratch:
                place.rename(scratch / "old")
                made.rename(place)
        else:
            made.replace(place)


@contextmanager
def _synced(made: Path, place: Path) -> Iterator[None]:
    """Syncs the bytes to disk before they are placed in the `with` block, and the names after."""
    sync_all(made)
    missing = [folder for folder in place.parents if not folder.exists()]
    yield
    for folder in [place.parent, *(each.parent for each in missing)]:
        sync_one(folder)

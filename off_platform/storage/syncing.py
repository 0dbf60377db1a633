"""Syncs files and folders to disk, so that they survive a power cut.

`local_folder.py` decides the order.
"""

import ctypes
import errno
import os
import sys
from functools import cache
from pathlib import Path


def sync_one(path: Path) -> None:
    """Syncs a file's bytes, or the names in a folder, if the file system can."""
    if os.name != "posix" and path.is_dir():
        return
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        # Some network file systems refuse it for folders; a full disk is an error.
        if not path.is_dir() or error.errno not in _REFUSED:
            raise
    finally:
        os.close(opened)


def sync_all(path: Path) -> None:
    """Syncs a file, or a folder with its content.

    One call for the whole file system if possible: a thousand photos synced one by one cost a
    thousand commits of its journal.
    """
    if path.is_dir() and not _sync_file_system(path):
        for folder, _, files in os.walk(path):
            for file in files:
                sync_one(Path(folder, file))
            sync_one(Path(folder))
    elif path.is_file():
        sync_one(path)


# Of a folder: invalid, not supported.
_REFUSED = frozenset({errno.EINVAL, errno.ENOTSUP})


def _sync_file_system(path: Path) -> bool:
    """Syncs the path's file system with `syncfs`; returns whether the system has that call.

    Raises:
        OSError: bytes could not be written.
    """
    library = _libc()
    if library is None:
        return False
    opened = os.open(path, os.O_RDONLY)
    try:
        if library.syncfs(opened) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(opened)
    return True


@cache
def _libc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    return library if hasattr(library, "syncfs") else None

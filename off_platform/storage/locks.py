"""Locks a folder on disk, so that only one process uses it.

`local_folder.py` decides which folders to lock.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderInUseError(OSError):
    """Another run is using a folder; the message is one sentence."""


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Locks a folder during the `with` block; the system unlocks it when the process is killed.

    The folder itself is locked, so no lock file is left. Without support by disk and system nothing
    is locked.

    Args:
        folder: to lock.
        wait: whether to wait until another process unlocks it.

    Raises:
        FolderInUseError: another run has locked it and `wait` is false.
    """
    if os.name != "posix":
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        _lock(held, folder, wait=wait)
        yield
    finally:
        os.close(held)


def is_held(folder: Path) -> bool | None:
    """Whether a run has locked a folder; None if locks are not possible."""
    if os.name != "posix":
        return None

    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(held)


def _lock(held: int, folder: Path, *, wait: bool) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise FolderInUseError(
            f"Another run is using {folder}; wait until it ends, or use another folder."
        ) from None
    except OSError:
        # Some network disks have no locks.
        return

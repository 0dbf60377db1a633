"""Locks a folder on disk, so that only one process works in it.

Which folders are locked is decided by `folders.py`.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderInUseError(OSError):
    """Another run is at work in a folder; the message is one sentence."""


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Locks a folder during the `with` block; the system unlocks it when a process is killed.

    The folder itself is locked, so that no lock file is left. Disks and systems without such locks
    lock nothing.

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
    """Whether a run has locked a folder; None where locks are not possible."""
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
            f"Another run is at work in {folder}; wait for its end, or take another folder."
        ) from None
    except OSError:
        # Some network disks have no locks.
        return

"""A folder on disk that one process holds, so that no second one works in it at the same time.

What is held, and where nothing can be, is said by `folders.py`.
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
    """Holds a folder while the `with` block lasts; the system lets go of it for a killed run.

    The folder itself is locked, so that no file of it stays behind. On a disk or a system that
    knows no such locks nothing is held.

    Args:
        folder: that is held.
        wait: whether to wait for another process to let go of it.

    Raises:
        FolderInUseError: another run holds it, and nobody waits.
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
    """Whether a run holds a folder; None where nothing can be held."""
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
        # Some disks in a network know no locks.
        return

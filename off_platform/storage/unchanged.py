"""Ensures that a file or folder of somebody else stays the same while it is read several times.

A file that is overwritten meanwhile would give a result of two files: the corrections of one in the
rows of the other. Where a copy is made first, as of imports, this is not needed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ChangedFileError(OSError):
    """Somebody changed the file meanwhile; the message is one sentence."""


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Compares size, time and identity of a file, or of all in a folder, after the `with` block.

    Raises:
        ChangedFileError: they differ; also in place of an error of the block, which may follow
            from it.
    """
    before = _state(path)
    try:
        yield
    except Exception as error:
        if _state(path) != before:
            raise _changed(path) from error
        raise
    if _state(path) != before:
        raise _changed(path)


def _changed(path: Path) -> ChangedFileError:
    return ChangedFileError(f"{path} was changed while it was read; run again once it is complete.")


def _state(path: Path) -> list[tuple[str, int, int, int]]:
    """What changes with the content, also if the file is replaced; empty if it is gone."""
    states = []
    for each in [path, *sorted(path.rglob("*"))]:
        try:
            # What a link leads to is read, too.
            about = each.stat()
        except OSError:
            continue
        states.append((str(each), about.st_ino, about.st_size, about.st_mtime_ns))
    return states

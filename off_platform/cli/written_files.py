"""The files a command is asked to write: they can be written, and are replaced as a whole.

The first is ensured before any work starts.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer


def demand_apart(path: Path, *written: Path | None, what: str = "part of the import") -> None:
    """Ensures that output overwrites neither the user's input, nor anything that is not a file.

    Args:
        path: the input, a file or folder.
        written: the files to write; None for those that are not asked for.
        what: the input, for the message.

    Raises:
        typer.BadParameter: a file cannot be written there.
    """
    places = [to for to in written if to is not None]
    for to in places:
        demand_file(to)
        is_inside = path.is_dir() and to.resolve().is_relative_to(path.resolve())
        if is_inside or (to.exists() and path.exists() and to.samefile(path)):
            raise typer.BadParameter(f"{to} is {what} itself; name another file")
    if len({to.absolute() for to in places}) < len(places):
        raise typer.BadParameter("the same file is named twice; each output needs its own")


def demand_file(to: Path) -> None:
    """Ensures that a file can be written in a folder that exists.

    Raises:
        typer.BadParameter: it cannot.
    """
    _demand_writable(to)
    if not to.absolute().parent.is_dir() or (to.exists() and not to.is_file()):
        raise typer.BadParameter(f"{to} cannot be written: name a file in a folder that exists")


def folder(text: str) -> Path:
    """A folder to write, from an option or argument.

    Raises:
        typer.BadParameter: it is a file, cannot be written, or is empty, as `--out ""` of an unset
            variable is, which would mean the current folder.
    """
    if not text.strip():
        raise typer.BadParameter("must not be empty; name a folder")
    _demand_writable(Path(text))
    if Path(text).exists() and not Path(text).is_dir():
        raise typer.BadParameter(f"{text} is a file; name a folder")
    return Path(text)


def _demand_writable(to: Path) -> None:
    """Tries it: permissions alone do not show what the system forbids, as in /proc."""
    try:
        place = to.absolute()
        places = (place, *place.parents) if place.is_dir() else place.parents
        with tempfile.TemporaryFile(dir=next(each for each in places if each.exists())):
            pass
    except OSError as error:
        raise typer.BadParameter(
            f"{to} cannot be written ({error.strerror}): name a place that you may write"
        ) from error


def demand_ending(to: Path | None, *endings: str) -> None:
    """Ensures that a file to write has one of these endings.

    Raises:
        typer.BadParameter: it has another.
    """
    if to is not None and to.suffix.lower() not in endings:
        raise typer.BadParameter(f"{to} must end in {' or '.join(endings)}")


@contextmanager
def replaced(to: Path) -> Iterator[Path]:
    """A file beside the one to write, put in its place after the `with` block.

    A command that is stopped leaves the earlier file; what one that is killed leaves, the next one
    replaces.
    """
    part = to.with_name(f".{to.name}.part")
    # A link there would lead elsewhere.
    part.unlink(missing_ok=True)
    try:
        yield part
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)

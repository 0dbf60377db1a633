"""Ensures that the files a command is asked to write can be written, before any work starts."""

import os
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
        folder = to.absolute().parent
        if not folder.is_dir() or (to.exists() and not to.is_file()):
            raise typer.BadParameter(f"{to} cannot be written: name a file in a folder that exists")
        if not os.access(folder, os.W_OK):
            raise typer.BadParameter(f"{to} cannot be written: the folder {folder} is read-only")
        is_inside = path.is_dir() and to.resolve().is_relative_to(path.resolve())
        if is_inside or (to.exists() and path.exists() and to.samefile(path)):
            raise typer.BadParameter(f"{to} is {what} itself; name another file")
    if len({to.absolute() for to in places}) < len(places):
        raise typer.BadParameter("the same file is named twice; each output needs its own")


def folder(text: str) -> Path:
    """A folder to write, from an option or argument.

    Raises:
        typer.BadParameter: it is a file, or empty, as `--out ""` of an unset variable is, which
            would mean the current folder.
    """
    if not text.strip():
        raise typer.BadParameter("must not be empty; name a folder")
    if Path(text).exists() and not Path(text).is_dir():
        raise typer.BadParameter(f"{text} is a file; name a folder")
    return Path(text)


def demand_ending(to: Path | None, *endings: str) -> None:
    """Ensures that a file to write has one of these endings.

    Raises:
        typer.BadParameter: it has another.
    """
    if to is not None and to.suffix.lower() not in endings:
        raise typer.BadParameter(f"{to} must end in {' or '.join(endings)}")

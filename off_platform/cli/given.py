"""Local files of what `validate` and `import` are given: URLs and standard input are received."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from off_platform.cli.context import OUT_OF_REACH, WRONG, err
from off_platform.cli.given_paths import STANDARD_INPUT, is_elsewhere
from off_platform.cli.temporary import temporary_folder
from off_platform.imports.intake.received import (
    NotReceivedError,
    RefusedError,
    download,
    save_stream,
    shown_url,
)
from off_platform.words import file_name


@dataclass(frozen=True)
class Given:
    """A file or folder to check or import.

    Attributes:
        shown: as it was given, for messages; a URL without password and query.
        path: the local file or folder, under the producer's name.
    """

    shown: str
    path: Path


@dataclass(frozen=True)
class NotReceived:
    """A URL or standard input that could not be received.

    Attributes:
        shown: as `Given.shown`.
        message: why, in a sentence.
        code: the command's exit code.
    """

    shown: str
    message: str
    code: int


@contextmanager
def local_files(paths: Sequence[str], name: str | None) -> Iterator[list[Given | NotReceived]]:
    """The local files, in the same order; what was received is removed afterwards.

    Args:
        paths: checked by `demand_paths`.
        name: of the one file that is received.

    Raises:
        OSError: the disk is full.
    """
    with ExitStack() as folders:
        given: list[Given | NotReceived] = []
        for each in paths:
            if is_elsewhere(each):
                given.append(_tried(each, folders.enter_context(temporary_folder()), name))
            else:
                given.append(Given(file_name(Path(each).as_posix()), Path(each)))
        yield given


def _tried(place: str, folder: Path, name: str | None) -> Given | NotReceived:
    """What was received, or why nothing was: others may be received nevertheless."""
    try:
        return _received(place, folder, name)
    except NotReceivedError as error:
        return NotReceived(_shown(place), str(error), OUT_OF_REACH)
    except RefusedError as error:
        return NotReceived(_shown(place), str(error), WRONG)


def _shown(place: str) -> str:
    try:
        return place if place == STANDARD_INPUT else shown_url(place)
    except RefusedError:
        return place.partition(":")[0] + "://"


def _received(place: str, folder: Path, name: str | None) -> Given:
    if place == STANDARD_INPUT:
        path, shown = folder / (name or "standard-input"), place
        if sys.stdin is None:
            raise RefusedError("Standard input is closed.")
        save_stream(sys.stdin.buffer, path)
        return Given(shown, path)
    shown = shown_url(place)
    with err.status(f"{shown} ..."):
        path = download(place, folder)
    return Given(shown, path.rename(folder / name) if name else path)

"""Local files of what `validate` and `import` are given: URLs and standard input are received."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from off_platform.cli.context import err
from off_platform.cli.given_paths import STANDARD_INPUT, is_elsewhere
from off_platform.cli.temporary import temporary_folder
from off_platform.imports.intake.received import download, save_stream, shown_url
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

    @property
    def is_received(self) -> bool:
        """Whether it comes from a URL or standard input."""
        return is_elsewhere(self.shown)


@contextmanager
def local_files(paths: Sequence[str], name: str | None) -> Iterator[list[Given]]:
    """The local files, in the same order; what was received is removed afterwards.

    Args:
        paths: checked by `demand_paths`.
        name: of the one file that is received.

    Raises:
        off_platform.imports.intake.received.NotReceivedError: a server cannot be reached.
        off_platform.imports.intake.received.RefusedError: a URL is not a file, or it is too large.
    """
    with ExitStack() as folders:
        given = []
        for each in paths:
            if is_elsewhere(each):
                given.append(_received(each, folders.enter_context(temporary_folder()), name))
            else:
                given.append(Given(file_name(Path(each).as_posix()), Path(each)))
        yield given


def _received(place: str, folder: Path, name: str | None) -> Given:
    if place == STANDARD_INPUT:
        path, shown = folder / (name or "standard-input"), place
        save_stream(sys.stdin.buffer, path)
        return Given(shown, path)
    shown = shown_url(place)
    with err.status(f"{shown} ..."):
        path = download(place, folder)
    return Given(shown, path.rename(folder / name) if name else path)

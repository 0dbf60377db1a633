"""Publishes a set: sends what is missing or differs, the card last. Where to is a `Target`.

Stopped at any moment and run again, it sends only what is not there yet. Nothing is removed unless
that was asked for.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from off_platform.image_sets.pages.set_pages import CARD
from off_platform.image_sets.publishing.publishable import Publishable
from off_platform.storage.folder import Folder
from off_platform.storage.progress import Display, Tally
from off_platform.storage.threads import cores, in_order
from off_platform.words import counted

NAMED = 3
# Of files sent together; the Hub allows about 100 commits an hour.
BATCH_BYTES = 4 * 10**9


class TargetRefusedError(ValueError):
    """The target does not let this user write there; the message says why and what to do."""


class TargetUnreachableError(OSError):
    """The target cannot be reached, or failed; the message is one sentence."""


@dataclass(frozen=True)
class Upstream:
    """A file as the target has it: its size in bytes, and what identifies its bytes."""

    size: int
    digest: Any


class Target(Protocol):
    """Where a set is published."""

    @property
    def address(self) -> str:
        """Where people find it."""

    @property
    def batch_files(self) -> int:
        """Maximum number of files sent together."""

    def advice(self, files: Mapping[str, int]) -> Iterator[str]:
        """What the target may not like about these files, one sentence each."""

    def prepare(self) -> None:
        """Ensures that files can be sent.

        Raises:
            TargetRefusedError: this user may not write there.
            TargetUnreachableError: it cannot be reached.
        """

    def present(self) -> dict[str, Upstream]:
        """The files that are there, by name; none if it does not exist yet.

        Raises: as `prepare`.
        """

    def is_same(self, upstream: Upstream, path: Path) -> bool:
        """Whether a file there has the bytes of a local one of the same size."""

    def send(self, files: Mapping[str, Path], about: str) -> None:
        """Sends files; `about` says what they are. Raises: as `prepare`."""

    def remove(self, names: list[str], about: str) -> None:
        """Removes files. Raises: as `prepare`."""


@dataclass(frozen=True)
class Difference:
    """The files of a set to send, those that are there already, and those that only the target has.

    The card is the last one to send.
    """

    to_send: tuple[str, ...]
    same: tuple[str, ...]
    only_there: tuple[str, ...]


def difference(made: Publishable, target: Target) -> Difference:
    """Compares a set with its target.

    Raises:
        TargetRefusedError: this user may not look.
        TargetUnreachableError: it cannot be reached.
    """
    there = target.present()
    alike = [name for name, size in made.files.items() if there.get(name, _NONE).size == size]
    compare = partial(_is_same, made.folder, target, there)
    found = in_order(compare, alike, cores())
    same = {name for name, is_same in zip(alike, found, strict=True) if is_same}
    return Difference(
        tuple(name for name in made.files if name not in same),
        tuple(name for name in made.files if name in same),
        tuple(sorted(there.keys() - made.files.keys())),
    )


_NONE = Upstream(-1, None)


def _is_same(folder: Folder, target: Target, there: Mapping[str, Upstream], name: str) -> bool:
    with folder.local(name) as path:
        return target.is_same(there[name], path)


def publish(
    made: Publishable, name: str, target: Target, display: Display, *, delete: bool
) -> Difference:
    """Sends what is missing or differs.

    The card goes last, once everything else was found at the target, so that no half of a set is
    announced. With `delete`, files that only the target has are removed after that.

    Args:
        made: the set; nobody may change it meanwhile.
        name: its name, for messages.
        target: where it goes.
        display: shows the progress.
        delete: whether to remove files that only the target has.

    Raises:
        TargetRefusedError: this user may not write there.
        TargetUnreachableError: it cannot be reached, or lost files.
    """
    target.prepare()
    found = difference(made, target)
    tally = Tally(len(found.to_send), "files")
    display.show(tally)
    rest = [each for each in found.to_send if each != CARD]
    for batch in _batches(rest, made.files, target.batch_files):
        _send(made, batch, target, tally, f"Image set {name}: {counted(len(batch), 'file')}")
        display.show(tally)
    _demand_arrived(made, target)
    if CARD in found.to_send:
        _send(made, [CARD], target, tally, f"Image set {name}")
        display.show(tally)
    if delete and found.only_there:
        target.remove(list(found.only_there), f"Image set {name}: files that it no longer has")
    return found


def _batches(names: list[str], sizes: Mapping[str, int], most: int) -> Iterator[list[str]]:
    """The files in order, so many together that progress is seen and a stop loses little."""
    batch: list[str] = []
    total = 0
    for name in names:
        if batch and (len(batch) == most or total + sizes[name] > BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(name)
        total += sizes[name]
    if batch:
        yield batch


def _send(made: Publishable, names: list[str], target: Target, tally: Tally, about: str) -> None:
    with ExitStack() as stack:
        paths = {name: stack.enter_context(made.folder.local(name)) for name in names}
        target.send(paths, about)
    for name in names:
        tally.add("sent", made.files[name])


def _demand_arrived(made: Publishable, target: Target) -> None:
    """Looks for every file but the card, as a target may leave out files without a word."""
    there = target.present()
    absent = [
        name
        for name, size in made.files.items()
        if name != CARD and there.get(name, _NONE).size != size
    ]
    if absent:
        raise TargetUnreachableError(
            f"{target.address} took {counted(len(absent), 'file')} but does not have them: "
            f"{', '.join(absent[:NAMED])}; the card was not sent. Run the command again."
        )

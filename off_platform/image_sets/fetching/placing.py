"""Groups as files: their drafts, and how a finished one is placed so that only one maker counts.

A maker creates the rows of its group only if there are none: who is second removes what it built.
`groups.py` fills the drafts, `construction/plans.py` has the names.
"""

import hashlib
import shutil
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from off_platform.image_sets.construction.containers import Container
from off_platform.image_sets.construction.plans import rows_name
from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.fetching.drafts import JOURNAL, Draft, Row, draft_name, line
from off_platform.image_sets.fetching.earlier import Losses, losses_of
from off_platform.image_sets.files.set_files import (
    ATTEMPT,
    BUILDING,
    LOOSE,
    attempted,
    set_aside,
    staged_name,
)
from off_platform.storage.folder import Folder
from off_platform.storage.locks import FolderInUseError, locked

# Each may be a file of many MB, partly in memory.
PLACED_AT_ONCE = 4
_ATTEMPT_FILE = "attempt"


@dataclass(frozen=True)
class Build:
    """What the makers of a set's groups share.

    Attributes:
        folder: the set's.
        digest: of its plan.
        is_first: see `construction/plans.py`.
        how: the set is built.
    """

    folder: Folder
    digest: str
    is_first: bool
    how: How

    @property
    def is_final(self) -> bool:
        """Whether shards are created under their final names."""
        return self.is_first and self.how.layout == "shards" and not self.how.arranged

    def name(self, group: int) -> str:
        """The name of a group's shard or folder."""
        if self.how.arranged:
            return staged_name(group)
        return f"{group:05d}" + (".tar" if self.how.layout == "shards" else "")

    def names(self, group: int) -> list[str]:
        """The names of all files that a group may have."""
        name = self.name(group)
        return [set_aside(name), name] if self.is_ordered(group) else [name]

    def is_ordered(self, group: int) -> bool:
        """Whether this is the set's first shard, from which a loader takes the columns."""
        return group == 0 and self.how.layout == "shards" and not self.how.arranged

    def is_done(self, group: int) -> bool:
        """Whether a group's rows are in place."""
        return self.folder.exists(rows_name(group, self.digest))


@dataclass(frozen=True)
class OpenGroup:
    """A group under construction.

    Attributes:
        draft: its objects so far.
        attempt: distinguishes its files from those of other makers.
        is_kept: whether the draft survives this process.
        places: closes the draft's folder.
    """

    draft: Draft
    attempt: str
    is_kept: bool
    places: ExitStack


def open_group(build: Build, group: int) -> OpenGroup:
    """Opens the draft of an earlier run, unless its process is still alive; otherwise a new one."""
    places = ExitStack()
    place = places.enter_context(build.folder.kept(draft_name(group)))
    is_kept = build.folder.is_kept(draft_name(group))
    try:
        places.enter_context(locked(place))
    except FolderInUseError:
        place, is_kept = places.enter_context(build.folder.scratch()), False
    file = place / _ATTEMPT_FILE
    attempt = file.read_text() if file.exists() else ""
    if not ATTEMPT.fullmatch(attempt):
        attempt = token_hex(4)
        file.write_text(attempt)
    if (place / JOURNAL).exists():
        _take_back(build, group, place, attempt)
    return OpenGroup(Draft(place, build.name(group), build.how.staged), attempt, is_kept, places)


def _take_back(build: Build, group: int, place: Path, attempt: str) -> None:
    """Gets back the containers of a run that ended before it placed the rows."""
    for name in build.names(group):
        build.folder.move(_aside(name, attempt), f"{draft_name(group)}/{name}")
        # Another maker may count on the one under the final name.
        if build.is_final and not (place / name).exists() and build.folder.exists(name):
            with build.folder.local(name) as there:
                shutil.copyfile(there, place / name)


def _aside(name: str, attempt: str) -> str:
    return f"{BUILDING}/{attempted(name, attempt)}"


class Placing:
    """Places finished groups by threads, beside the requests for the next ones.

    Attributes:
        losses: of the groups that were placed.
        already: number of groups of which another maker had placed the rows.
    """

    def __init__(self, build: Build) -> None:
        """Takes what is built."""
        self._build, self._folder = build, build.folder
        self._threads = ThreadPoolExecutor(PLACED_AT_ONCE, "place")
        self._under_way: deque[Future[tuple[Losses, bool]]] = deque()
        self.losses, self.already = Losses(), 0

    def place(self, group: int, opened: OpenGroup) -> None:
        """Places a group whose draft is closed; waits while there are `PLACED_AT_ONCE`."""
        with ExitStack() as waiting:
            # If a group before it cannot be placed, a later run resumes its draft.
            waiting.push(opened.places)
            self._start(self._place, group, opened)
            waiting.pop_all()

    def place_rows(self, group: int, rows: list[Row]) -> None:
        """Places the rows of a group whose files stay as they are."""
        self._start(self._place_unchanged, group, rows)

    def settle(self) -> None:
        """Returns once all groups are in place."""
        while self._under_way:
            self._take()

    def close(self) -> None:
        """Waits for the groups under way."""
        with self._threads:
            self.settle()

    def _start(self, work: Callable[..., tuple[Losses, bool]], *arguments: Any) -> None:
        while len(self._under_way) >= PLACED_AT_ONCE:
            self._take()
        self._under_way.append(self._threads.submit(work, *arguments))

    def _take(self) -> None:
        losses, is_first = self._under_way.popleft().result()
        self.losses = self.losses + losses
        self.already += not is_first

    def _place_unchanged(self, group: int, rows: list[Row]) -> tuple[Losses, bool]:
        with self._folder.scratch() as scratch:
            made = scratch / JOURNAL
            made.write_text("".join(map(line, rows)), encoding="utf-8")
            is_first = self._folder.place_new(made, self._rows_name(group))
        return losses_of(group, rows), is_first

    def _place(self, group: int, opened: OpenGroup) -> tuple[Losses, bool]:
        """Places the containers, and then the rows that name them."""
        with opened.places:
            draft = opened.draft
            if self._build.is_ordered(group):
                draft.arrange()
            made = [draft.container.with_name(name) for name in self._build.names(group)]
            containers = [
                self._container(group, path, opened.attempt) for path in made if path.exists()
            ]
            with draft.journal.open("a", encoding="utf-8") as lines:
                lines.writelines(line(each.line) for each in containers)
            is_first = self._folder.place_new(draft.journal, self._rows_name(group))
            if not is_first:
                own = (each.place for each in containers if each.place.startswith(BUILDING))
                self._folder.remove_all(own)
            if opened.is_kept:
                self._folder.remove(draft_name(group))
            return losses_of(group, draft.rows), is_first

    def _container(self, group: int, made: Path, attempt: str) -> Container:
        """Places a container: under its final name, if nobody reads the set and it is free."""
        aside = _aside(made.name, attempt)
        if made.is_dir():
            self._folder.place(made, aside)
            return Container(LOOSE, group, aside)
        name, size = made.name, made.stat().st_size
        with made.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if self._build.is_final and self._folder.place_new(made, name):
            return Container(name, group, name, size, digest)
        self._folder.place(made, aside)
        return Container(name, group, aside, size, digest)

    def _rows_name(self, group: int) -> str:
        return rows_name(group, self._build.digest)

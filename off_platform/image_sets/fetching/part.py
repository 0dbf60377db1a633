"""Parts of a set, each some groups of its plan: fetched and written wherever a fleet does it.

A part is plain data and may be done again, or by two processes at once: see `placing.py`. No object
passes through the process that asks for it. `build.py` divides a set and judges the whole.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from off_platform.image_sets.construction.lake_objects import IN_LAKE, with_object
from off_platform.image_sets.construction.planned_rows import rows_to_fetch
from off_platform.image_sets.construction.plans import Begun, demand_plan, rows_name
from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.fetching.earlier import HAD, Losses, losses_before
from off_platform.image_sets.fetching.groups import (
    Ended,
    GroupMaker,
    Row,
    wanted_object,
    with_copy_kept,
)
from off_platform.image_sets.fetching.placing import Build
from off_platform.image_sets.photos.contents import Content
from off_platform.storage.fetch import Wanted
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display, Tally
from off_platform.storage.transfer import transfer

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# This many consecutive failures mean that the source is unreachable.
GIVE_UP_AFTER = 100
# Of DuckDB in a part, which reads some thousand rows of the plan; larger joins are spilled.
PART_MEMORY = "128MB"


class SourceUnreachableError(ConnectionError):
    """Nothing can be fetched; the message contains the first reason."""


@dataclass(frozen=True)
class Site:
    """What all parts of a set have in common.

    Attributes:
        folder: the set's.
        lake: its tables, of which `texts` is one.
        source: the bucket.
        how: the set is built.
        begun: the plan.
        texts: SQL of a table with the bytes of some objects, which are not requested, see
            `lake_objects.with_texts`.
    """

    folder: Folder
    lake: Lake
    source: Source
    how: How
    begun: Begun
    texts: str | None = None

    @property
    def build(self) -> Build:
        """For the makers of groups."""
        return Build(self.folder, self.begun.digest, self.begun.is_first, self.how)


@dataclass(frozen=True)
class Part:
    """Some groups of a set.

    Attributes:
        groups: by number, in order.
        damaged: files of the existing set whose copies are not used.
        concurrency: objects that are fetched at the same time.
    """

    groups: tuple[int, ...]
    damaged: frozenset[str]
    concurrency: int


@dataclass(frozen=True)
class PartMade:
    """What became of a part.

    Attributes:
        groups: of the part.
        by_end: numbers of objects of this run, by outcome.
        bytes: that were received.
        already: groups that another maker had done.
        resumed: objects of groups and drafts that were done before.
        asked: objects that were requested from the source.
        failed: those of them that failed or were damaged.
        corrupt: those of them that were damaged.
        losses: of the groups.
    """

    groups: tuple[int, ...]
    by_end: Counter[str]
    bytes: int
    already: int
    resumed: int
    asked: int
    failed: int
    corrupt: int
    losses: Losses


@dataclass(frozen=True)
class Beside:
    """What a part shares with the process that asks for it, if they are the same."""

    connection: "duckdb.DuckDBPyConnection"
    tally: Tally
    display: Display | None


def make_part(site: Site, part: Part, beside: Beside | None = None) -> PartMade:
    """Fetches the remaining objects of some groups, and places the groups.

    Args:
        site: the set.
        part: of it.
        beside: in the process that asks for it; its groups are known to be left.

    Raises:
        off_platform.image_sets.construction.plans.OtherPlanError: another run has begun the set
            anew; nothing was done.
        SourceUnreachableError: a hundred consecutive objects failed or were damaged.
        OSError: the disk is full or not writable; finished groups are kept.
    """
    demand_plan(site.folder, site.begun.digest)
    build = site.build
    groups = [group for group in part.groups if beside or not build.is_done(group)]
    others = sorted({*part.groups} - {*groups})
    with ExitStack() as stack:
        connection = beside.connection if beside else stack.enter_context(_connected(site.lake))
        tally = beside.tally if beside else Tally()
        store = site.source.store if beside else _opened(site.source).store
        maker = stack.enter_context(GroupMaker(build, store))
        done = _resumed(maker, groups)
        if tally.total is not None:
            tally.total -= len(done)
        rows = rows_to_fetch(site.folder, groups, connection, site.texts)
        wanted = _wanted(site, part, rows, done)
        limits = replace(site.how.limits, concurrency=part.concurrency)
        display = beside.display if beside else None
        fetching = transfer(store, wanted, limits, display, tally, maker.flush)
        outcomes = stack.enter_context(closing(fetching))
        watch = _Watch(maker, build)
        kept = (with_copy_kept(outcome, site.how) for outcome in watch.over(outcomes))
        try:
            for number, of_group in _by_group(groups, kept):
                maker.make(number, of_group)
            maker.placing.settle()
        except BaseException:
            watch.examine_again()
            raise
        before = losses_before(site.folder, build.digest, others, connection)
    placing = maker.placing
    return PartMade(
        part.groups,
        tally.by_end,
        tally.bytes,
        placing.already + len(others),
        len(done) + before.planned,
        watch.asked,
        watch.failed,
        watch.corrupt,
        before + placing.losses,
    )


@cache
def _opened(source: Source) -> Source:
    """One store for all parts of a process, as it keeps connections."""
    return source


def _connected(lake: Lake) -> "AbstractContextManager[duckdb.DuckDBPyConnection]":
    return lake.connect(PART_MEMORY, threads=1)


def _resumed(maker: GroupMaker, groups: list[int]) -> set[int]:
    """The positions of objects in drafts that an earlier run has left."""
    drafts = (draft for group in groups if (draft := maker.begun(group)))
    return {row["position"] for draft in drafts for row in draft.rows}


def _by_group(
    groups: list[int], outcomes: Iterator[Ended]
) -> Iterator[tuple[int, Iterator[Ended]]]:
    """The outcomes by group, including groups with nothing left to request."""
    of_groups = groupby(outcomes, lambda each: each.tag["group"])
    number, of_group = next(of_groups, (None, iter(())))
    for group in groups:
        if group != number:
            yield group, iter(())
            continue
        yield group, of_group
        number, of_group = next(of_groups, (None, iter(())))


def _wanted(
    site: Site, part: Part, batches: "Iterator[pa.RecordBatch]", done: set[int]
) -> Iterator[Wanted[Row, Content]]:
    """The objects of a part's rows that are not done."""
    for batch in batches:
        for row in batch.to_pylist():
            if row["position"] not in done:
                yield wanted_object(with_object(_without(part.damaged, row)), site.how)


def _without(damaged: frozenset[str], row: Row) -> Row:
    """The row, with whether it had a copy; without the copy, if the file with it is damaged."""
    row[HAD] = row["old_path"] is not None
    if row["old_path"] not in damaged:
        return row
    return {name: None if name.startswith("old_") else value for name, value in row.items()}


class _Watch:
    """Detects an unreachable source, so that a set is not replaced by an empty one.

    Attributes:
        asked: objects that were requested.
        failed: those that failed or were damaged.
        corrupt: those that were damaged.
    """

    def __init__(self, maker: GroupMaker, build: Build) -> None:
        self._maker, self._build = maker, build
        self.asked = self.failed = self.corrupt = 0
        # The groups of the objects that failed or were damaged since one was received.
        self._in_a_row = list[int]()

    def examine_again(self) -> None:
        """Lets a later run examine the last objects again, if they failed: it may be why this ends.

        Drafts end without them for the same reason (`drafts.py`).
        """
        self._maker.placing.settle()
        rows = (rows_name(group, self._build.digest) for group in sorted({*self._in_a_row}))
        self._build.folder.remove_all(rows)

    def over(self, outcomes: Iterator[Ended]) -> Iterator[Ended]:
        """Passes the outcomes through.

        Raises:
            SourceUnreachableError: too many consecutive ones failed or were damaged.
        """
        # A source whose objects are all damaged (a wrong Content-Encoding, a captive portal) is as
        # bad as one that does not answer.
        in_a_row = self._in_a_row
        for outcome in outcomes:
            if outcome.tag[IN_LAKE]:
                yield outcome
                continue
            self.asked += 1
            if outcome.status in {"failed", "corrupt"}:
                self.failed += 1
                self.corrupt += outcome.status == "corrupt"
                in_a_row.append(outcome.tag["group"])
            elif in_a_row:
                in_a_row.clear()
            if len(in_a_row) >= GIVE_UP_AFTER:
                raise unreachable(len(in_a_row), outcome.reason or "")
            yield outcome


def unreachable(failed: int, reason: str) -> SourceUnreachableError:
    """The error of a number of consecutive failures, with the reason of one."""
    return SourceUnreachableError(
        f"{failed:,} consecutive objects failed or were damaged, so the rest was not tried: "
        f"{reason}. "
        "Finished work is kept."
    )

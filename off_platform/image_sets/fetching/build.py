"""Builds an image set part by part: fetches, verifies, writes; resumable at any moment.

The plan is in `construction/plans.py`, the last step in `finish.py`;
`construction/replacement.py` turns a half-built set into the set.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from off_platform.image_sets.construction.plans import (
    PLAN,
    abandon,
    groups_left,
    groups_planned,
    rows_name,
)
from off_platform.image_sets.fetching.earlier import Losses, damaged_paths, losses_before
from off_platform.image_sets.fetching.part import (
    GIVE_UP_AFTER,
    Beside,
    Part,
    PartMade,
    Site,
    SourceUnreachableError,
    make_part,
    unreachable,
)
from off_platform.storage.fleet import Fleet, demand_reachable
from off_platform.storage.progress import Display, Tally
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb

__all__ = ["SourceUnreachableError", "WrongSourceError", "build_groups"]

# A refresh that would lose a larger share of a set is taken for a mistake, such as a wrong URL.
LOST_SHARE_MOST = 0.5
# Of a place, however many there are.
CONCURRENCY_LEAST = 4


class WrongSourceError(LookupError):
    """The source answers, but lacks the objects of the set; the message is one sentence."""


def build_groups(
    site: Site,
    connection: "duckdb.DuckDBPyConnection",
    fleet: Fleet,
    part_groups: int,
    display: Display | None = None,
) -> Tally:
    """Fetches the remaining objects of a plan that `construction/plans.py` has written.

    An object that the set has already is requested only if it changed. The sizes of these copies
    are compared with the manifest first, and copies that differ are fetched again; damage inside a
    file is not searched for. If an object fails or is refused, its copy is kept.

    Args:
        site: the set and its bucket.
        connection: DuckDB that can read the folder.
        fleet: where the parts are done.
        part_groups: groups per part; in this process, all are one part.
        display: where progress is shown.

    Returns:
        Numbers of objects fetched, unchanged, missing and so on in this run.

    Raises:
        SourceUnreachableError: a hundred consecutive objects failed or were damaged, or all of a
            smaller set failed; the existing set is kept.
        WrongSourceError: nothing was received, or not most of the set's objects; the existing set
            is kept.
        off_platform.storage.fleet.UnusableFleetError: the fleet cannot reach the folder or bucket.
        off_platform.storage.fleet.LostPartsError: parts were lost; finished groups are kept.
        OSError: the disk is full or not writable; finished groups are kept.
    """
    folder, digest = site.folder, site.begun.digest
    demand_reachable(fleet, [folder.address(), site.source.url])
    left = groups_left(folder, connection)
    done = sorted({*groups_planned(folder, connection)} - {*left})
    losses = losses_before(folder, digest, done, connection)
    tally = Tally(total=_number_of_rows(site, left, connection))
    verdict = _Verdict(site, is_begun=bool(done), losses=losses)
    # In this process, objects are counted and shown one by one.
    beside = Beside(connection, tally, display) if fleet.is_here else None
    parts = _parts(site, left, None if fleet.is_here else part_groups, fleet.places, connection)
    under_way = set[int]()
    with (
        nullcontext() if fleet.is_here else _fetched_again(site, under_way),
        closing(
            fleet.map(partial(make_part, site, beside=beside), _handed_out(parts, under_way))
        ) as results,
    ):
        for made in results:
            under_way.difference_update(made.groups)
            if not fleet.is_here:
                _count(tally, made, fleet, display)
            verdict.add(made)
    verdict.demand_enough()
    return tally


@contextmanager
def _fetched_again(site: Site, groups: set[int]) -> Iterator[None]:
    """Removes the rows of the groups if the source is unreachable.

    Nobody has judged them, and a later run would take what failed for done.
    """
    try:
        yield
    except SourceUnreachableError:
        site.folder.remove_all(rows_name(group, site.begun.digest) for group in groups)
        raise


def _handed_out(parts: Iterator[Part], groups: set[int]) -> Iterator[Part]:
    """The parts; notes the groups of those that were taken."""
    for part in parts:
        groups.update(part.groups)
        yield part


def _parts(
    site: Site,
    groups: list[int],
    size: int | None,
    places: int,
    connection: "duckdb.DuckDBPyConnection",
) -> Iterator[Part]:
    """The groups in parts of a size, all in one if that is None."""
    damaged = damaged_paths(site.folder, connection)
    concurrency = max(CONCURRENCY_LEAST, site.how.limits.concurrency // places)
    concurrency = min(concurrency, site.how.limits.concurrency)
    step = size or max(len(groups), 1)
    for start in range(0, len(groups), step):
        yield Part(tuple(groups[start : start + step]), damaged, concurrency)


def _count(tally: Tally, made: PartMade, fleet: Fleet, display: Display | None) -> None:
    tally.by_end += made.by_end
    tally.done += made.by_end.total() + made.resumed
    tally.bytes += made.bytes
    tally.note = fleet.ran.sentence
    if display:
        display.show(tally)


def _number_of_rows(site: Site, groups: list[int], connection: "duckdb.DuckDBPyConnection") -> int:
    path = file_literal(site.folder.address(PLAN))
    wanted = ", ".join(map(str, groups)) or "NULL"
    found = connection.execute(
        f'SELECT count(*) FROM read_parquet({path}) WHERE "group" IN ({wanted})'
    ).fetchall()
    return int(found[0][0])


class _Verdict:
    """Ensures that a set is not replaced by one of which almost nothing was received."""

    def __init__(self, site: Site, *, is_begun: bool, losses: Losses) -> None:
        """Takes whether an earlier run has finished groups of this plan, and their losses."""
        self._site, self._is_begun, self._losses = site, is_begun, losses
        self._asked = self._failed = self._corrupt = 0
        # Of parts in a row of which nothing was received.
        self._in_a_row, self._groups = 0, list[int]()

    def add(self, made: PartMade) -> None:
        """Judges another part.

        Raises:
            SourceUnreachableError: nothing was received of it, and of those before.
        """
        self._losses = self._losses + made.losses
        self._is_begun = self._is_begun or bool(made.resumed)
        self._asked += made.asked
        self._failed += made.failed
        self._corrupt += made.corrupt
        if made.failed == made.asked:
            self._in_a_row += made.failed
            self._groups += made.groups if made.failed else ()
        else:
            self._in_a_row, self._groups = 0, []
        if self._in_a_row >= GIVE_UP_AFTER:
            self._give_up(self._in_a_row)

    def demand_enough(self) -> None:
        """Judges the whole.

        Raises:
            SourceUnreachableError: nothing could be fetched.
            WrongSourceError: nothing was there, or not most of the set's objects.
        """
        site, found = self._site, self._losses
        if 0 < self._failed == self._asked and not self._corrupt and not self._is_begun:
            self._give_up(self._failed)
        if found.planned and not found.received:
            # Finished groups are not examined again; these must be.
            abandon(site.folder)
            raise WrongSourceError(
                f"none of {found.planned:,} objects were found at {site.source.url} "
                f"({found.reason}); nothing was changed: check the bucket's URL."
            )
        if found.lost > LOST_SHARE_MOST * found.had:
            rows = (rows_name(group, site.begun.digest) for group in found.groups)
            site.folder.remove_all(rows)
            raise WrongSourceError(
                f"{found.lost:,} of {found.had:,} objects of the set could not be fetched from "
                f"{site.source.url} this time ({found.reason}), so the set was left as it was: "
                "check the bucket's URL, or, if they are gone for good, build the set in a new "
                "folder."
            )

    def _give_up(self, failed: int) -> None:
        folder, digest = self._site.folder, self._site.begun.digest
        # Finished groups are not examined again; these must be.
        folder.remove_all(rows_name(group, digest) for group in self._groups)
        raise unreachable(failed, self._losses.reason)

"""Builds an image set group by group: fetches, verifies, writes; resumable at any moment.

The manifest is in `manifest.py`, the pages for people in `finish.py`; `building.py` turns a
half-built set into the set.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.fetching import building
from off_platform.image_sets.fetching.earlier import damaged_paths, losses
from off_platform.image_sets.fetching.groups import (
    Ended,
    GroupMaker,
    Row,
    wanted_object,
    with_copy_kept,
)
from off_platform.image_sets.fetching.lake_objects import IN_LAKE, with_object
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.storage.folders import Folder
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display, Tally
from off_platform.storage.sql import literal
from off_platform.storage.transfer import transfer

if TYPE_CHECKING:
    import duckdb

# This many consecutive failures mean that the source is unreachable.
GIVE_UP_AFTER = 100
# A refresh that would lose a larger share of a set is taken for a mistake, such as a wrong URL.
LOST_SHARE_MOST = 0.5


class SourceUnreachableError(ConnectionError):
    """Nothing can be fetched; the message contains the first reason."""


class WrongSourceError(LookupError):
    """The source answers, but lacks the objects of the set; the message is one sentence."""


def build_groups(
    folder: Folder,
    source: Source,
    how: How,
    connection: "duckdb.DuckDBPyConnection",
    display: Display | None = None,
    texts: str | None = None,
) -> Tally:
    """Fetches the remaining objects of a plan that `building.begin` has written.

    An object that the set has already is requested only if it changed. The sizes of these copies
    are compared with the manifest first, and copies that differ are fetched again; damage inside a
    file is not searched for. If an object fails or is refused, its copy is kept.

    Args:
        folder: the set's.
        source: the bucket.
        how: the set is built.
        connection: DuckDB that can read the folder.
        display: where progress is shown.
        texts: SQL of a table with the bytes of some objects, which are not requested, see
            `lake_objects.with_texts`.

    Returns:
        Numbers of objects fetched, unchanged, missing and so on in this run.

    Raises:
        SourceUnreachableError: a hundred consecutive objects failed or were damaged, or all of a
            smaller set failed; the existing set is kept.
        WrongSourceError: nothing was received, or not most of the set's objects; the existing set
            is kept.
        OSError: the disk is full or not writable; finished groups are kept.
    """
    groups = building.groups_left(folder, connection)
    is_begun = any(name.endswith(building.ROWS) for name in folder.names(BUILDING))
    damaged = damaged_paths(folder, connection)
    with GroupMaker(folder, source.store, how) as maker:
        begun = {group: draft for group in groups if (draft := maker.begun(group))}
        done = {row["position"] for draft in begun.values() for row in draft.rows}
        tally = Tally(total=_number_of_rows(folder, groups, connection) - len(done))
        wanted = (
            wanted_object(with_object(_without(damaged, row)), how)
            for batch in building.rows_to_fetch(folder, groups, connection, texts)
            for row in batch.to_pylist()
            if row["position"] not in done
        )
        outcomes = transfer(source.store, wanted, how.limits, display, tally, maker.flush)
        watched = _Watch(folder, is_begun or bool(done)).over(outcomes)
        kept = (with_copy_kept(outcome, how) for outcome in watched)
        for number, of_group in _by_group(groups, kept):
            maker.make(number, of_group)
    _demand_enough(folder, source.url, connection)
    return tally


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


def _number_of_rows(
    folder: Folder, groups: list[int], connection: "duckdb.DuckDBPyConnection"
) -> int:
    path = literal(folder.address(building.PLAN))
    wanted = ", ".join(map(str, groups)) or "NULL"
    found = connection.execute(
        f'SELECT count(*) FROM read_parquet({path}) WHERE "group" IN ({wanted})'
    ).fetchall()
    return int(found[0][0])


def _without(damaged: frozenset[str], row: Row) -> Row:
    """The row without its earlier copy, if the file with the copy is damaged."""
    if row["old_path"] not in damaged:
        return row
    return {name: None if name.startswith("old_") else value for name, value in row.items()}


def _demand_enough(folder: Folder, url: str, connection: "duckdb.DuckDBPyConnection") -> None:
    """Ensures that a set is not replaced by one of which almost nothing was received."""
    found = losses(folder, connection)
    if found.planned and not found.received:
        # Finished groups are not examined again; these must be.
        folder.remove(BUILDING)
        raise WrongSourceError(
            f"none of {found.planned:,} objects were found at {url} ({found.reason}); nothing was "
            "changed: check the bucket's URL."
        )
    if found.lost > LOST_SHARE_MOST * found.had:
        for group in found.groups:
            folder.remove(building.rows_name(group))
        raise WrongSourceError(
            f"{found.lost:,} of {found.had:,} objects of the set could not be fetched from {url} "
            f"this time ({found.reason}), so the set was left as it was: check the bucket's URL, "
            "or, if they are gone for good, build the set in a new folder."
        )


class _Watch:
    """Detects an unreachable source, so that a set is not replaced by an empty one."""

    def __init__(self, folder: Folder, is_begun: bool) -> None:  # noqa: FBT001 - of one module
        """Takes the set's folder, and whether an earlier run has finished groups of this plan."""
        self._folder, self._is_begun = folder, is_begun

    def over(self, outcomes: Iterator[Ended]) -> Iterator[Ended]:
        """Passes the outcomes through.

        Raises:
            SourceUnreachableError: too many consecutive ones failed or were damaged, or all failed.
        """
        # A source whose objects are all damaged (a wrong Content-Encoding, a captive portal) is as
        # bad as one that does not answer.
        seen, failed, reason, damaged = 0, list[int](), "", 0
        for outcome in outcomes:
            if outcome.tag[IN_LAKE]:
                yield outcome
                continue
            seen += 1
            if outcome.status in {"failed", "corrupt"}:
                damaged += outcome.status == "corrupt"
                failed.append(outcome.tag["group"])
                reason = outcome.reason or ""
            else:
                failed.clear()
            if len(failed) >= GIVE_UP_AFTER:
                raise self._given_up(failed, reason)
            yield outcome
        if 0 < len(failed) == seen and not damaged and not self._is_begun:
            raise self._given_up(failed, reason)

    def _given_up(self, failed: list[int], reason: str) -> SourceUnreachableError:
        # Finished groups are not examined again; these must be.
        for group in set(failed):
            self._folder.remove(building.rows_name(group))
        return SourceUnreachableError(
            f"{len(failed)} consecutive objects failed or were damaged, so the rest was not tried: "
            f"{reason}. "
            "Finished work is kept."
        )

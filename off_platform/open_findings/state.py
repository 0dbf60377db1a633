"""What is open now, read from the lake: without Dagster, its instance or its runs.

For the asset `open_findings`, the weekly alert and the command `status`:

    found = open_findings(lake, connection, this_month="2026-11-01", is_due=False)
    for item in found: print(item.kind, item.name, item.what, item.to_do)

An item is an import with records in quarantine that no newer import settled, a file refused as a
whole, a month that was not copied or not indexed, or an image set that is unfinished, lacks objects
or is older than the newest month. What runs, and which alerts wait, is not here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from off_platform.image_sets.set_states import SetState, set_states
from off_platform.images.missing_months import MissingMonth, missing_months, newest_key_list
from off_platform.images.snapshots import snapshot_of
from off_platform.imports.still_open import OpenImport, open_imports
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import BIN_IMAGE_SETS, IMAGE_SETS
from off_platform.words import counted

if TYPE_CHECKING:
    import duckdb

Kind = Literal["import", "month", "image set"]
KINDS: tuple[Kind, ...] = ("import", "month", "image set")
# The wing, and command, of the sets in a folder of the lake.
WINGS = {IMAGE_SETS: "images", BIN_IMAGE_SETS: "bins"}


@dataclass(frozen=True)
class OpenItem:
    """Something that somebody should look at.

    Attributes:
        kind: `import`, `month` or `image set`.
        name: of the import or set, or the month such as `2026-11`.
        since: when it was first seen; None if that is unknown.
        number: open records, missing tables or missing objects; 0 if it cannot be counted.
        what: what is open, in a sentence.
        to_do: what to do, in a sentence.
        is_lost: whether nothing can be done any more.
    """

    kind: Kind
    name: str
    since: datetime | None
    number: int
    what: str
    to_do: str
    is_lost: bool = False


@dataclass(frozen=True)
class NewestMonth:
    """The newest month that sets are chosen from, and the MD5 of its key list."""

    month: str
    key_list: str | None


def open_findings(
    lake: Lake,
    connection: "duckdb.DuckDBPyConnection",
    *,
    this_month: str,
    is_due: bool,
    sets: Mapping[str, Sequence[SetState]] | None = None,
) -> list[OpenItem]:
    """All open items: imports, the oldest first, then months, then sets.

    Args:
        lake: opened with the views of the wings.
        connection: DuckDB that can read the lake.
        this_month: first day of the current month.
        is_due: whether the current month should have been made by now, see
            `automation.ticks`.
        sets: from `sets_by_folder`, if they were read already.

    Raises:
        off_platform.storage.damaged_file.DamagedFileError: a file of the lake is damaged.
    """
    newest = newest_month(lake, connection)
    if sets is None:
        sets = sets_by_folder(lake, connection)
    return [
        *(_import(each) for each in open_imports(lake, connection)),
        *(_month(each) for each in missing_months(lake, this_month, is_due=is_due)),
        *(
            item
            for folder, states in sets.items()
            for state in states
            for item in _set(state, folder, newest)
        ),
    ]


def sets_by_folder(
    lake: Lake, connection: "duckdb.DuckDBPyConnection"
) -> dict[str, list[SetState]]:
    """The sets of both wings, by the folder of the lake that they are in."""
    return {folder: set_states(lake, connection, folder) for folder in WINGS}


def newest_month(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> NewestMonth | None:
    """The newest month with a key index; None before the first."""
    month = newest_key_list(lake)
    if month is None:
        return None
    snapshot = snapshot_of(lake, month, connection)
    return NewestMonth(month, snapshot.md5 if snapshot else None)


def sentence(found: Sequence[OpenItem]) -> str:
    """How many of each kind are open, such as: 2 imports and 1 month are open."""
    counts = [(kind, sum(item.kind == kind for item in found)) for kind in KINDS]
    said = [counted(number, kind) for kind, number in counts if number]
    if not said:
        return "Nothing is open."
    listed = " and ".join(filter(None, [", ".join(said[:-1]), said[-1]]))
    return f"{listed} {'is' if len(found) == 1 else 'are'} open."


def _import(found: OpenImport) -> OpenItem:
    what = (
        f"Refused: {found.refused}"
        if found.refused
        else f"{found.open:,} of {counted(found.quarantined, 'record')} in quarantine "
        f"{'is' if found.open == 1 else 'are'} open."
    )
    to_do = f"Send imports/{found.key}/report.html to the producer, and import the corrected file."
    return OpenItem("import", found.key, found.since, found.open, what, to_do)


def _month(found: MissingMonth) -> OpenItem:
    since = datetime.fromisoformat(found.month).replace(tzinfo=UTC)
    month = found.month[:7]
    if found.is_lost:
        what = "It was not copied, and cannot be recovered: the bucket keeps only its current list."
        to_do = "Nothing; check that the daemon runs, so that no other month is missed."
        return OpenItem("month", month, since, len(found.lacks), what, to_do, is_lost=True)
    if found.lacks == ("snapshots",):
        what = "It has not been copied yet, and was due."
        return OpenItem("month", month, since, 1, what, "Run the job monthly before it ends.")
    what = f"It lacks {', '.join(found.lacks)}."
    to_do = "Run the job monthly on this partition."
    return OpenItem("month", month, since, len(found.lacks), what, to_do)


def _set(state: SetState, folder: str, newest: NewestMonth | None) -> Iterator[OpenItem]:
    to_do = f"Build it again: off-platform {WINGS[folder]} {state.name}."
    if state.is_unfinished:
        what = "A build has begun and not ended."
        yield OpenItem("image set", state.name, None, 0, what, f"{to_do} It resumes.")
    if lacking := state.lacking:
        by_status = ", ".join(
            f"{count:,} {status}" for status, count in state.objects.items() if status != "fetched"
        )
        what = f"It lacks {counted(lacking, 'object')}: {by_status}."
        yield OpenItem("image set", state.name, None, lacking, what, to_do)
    facts = state.facts
    if newest and facts and facts.month and facts.key_list != newest.key_list:
        since = datetime.fromisoformat(newest.month).replace(tzinfo=UTC)
        what = f"It was chosen from {facts.month[:7]}; the newest month is {newest.month[:7]}."
        yield OpenItem("image set", state.name, since, 0, what, to_do)

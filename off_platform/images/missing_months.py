"""The months that are missing in the lake: those that were never copied, and those half made."""

from typing import NamedTuple

from off_platform.images.schemas import KEY_CHANGES, KEY_INDEX, PHOTOS, SNAPSHOTS
from off_platform.images.snapshots import missed_months
from off_platform.storage.lake import Lake

# What is made of a snapshot, in order.
MADE = (KEY_INDEX.name, PHOTOS.name, KEY_CHANGES.name)


class MissingMonth(NamedTuple):
    """A month that is not complete.

    Attributes:
        month: its first day.
        lacks: the tables that it lacks; `snapshots` if it was not copied.
        is_lost: whether it cannot be recovered, as the bucket keeps only its current key list.
    """

    month: str
    lacks: tuple[str, ...]
    is_lost: bool


def missing_months(lake: Lake, this_month: str, *, is_due: bool) -> list[MissingMonth]:
    """The missing months since the first snapshot, the oldest first; none before it.

    A lake may be used for imports or bins alone.

    Args:
        lake: with the tables of the months.
        this_month: first day of the current month.
        is_due: whether the current month should have been made by now.
    """
    copied = lake.partitions(SNAPSHOTS.name)
    if not copied:
        return []
    between = missed_months(copied[0], this_month)
    wanted = {*between, *copied, *([this_month] if is_due else [])}
    have = {table: {*lake.partitions(table)} for table in MADE}
    found = []
    for month in sorted(wanted):
        if month not in copied:
            found.append(MissingMonth(month, (SNAPSHOTS.name,), month < this_month))
        elif lacks := tuple(table for table in MADE if month not in have[table]):
            found.append(MissingMonth(month, lacks, is_lost=False))
    return found


def newest_key_list(lake: Lake) -> str | None:
    """The newest month that sets can be chosen from."""
    return max(lake.partitions(KEY_INDEX.name), default=None)

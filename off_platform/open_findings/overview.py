"""The state of a lake on one page: month, sets, imports and what is open. Reads the lake alone.

`cli/status_run.py` shows it. What is open, and why, is decided in `state.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from off_platform.image_sets.manifest import STATUSES
from off_platform.image_sets.set_states import SetState
from off_platform.images.months import MonthFigures, all_months
from off_platform.images.schemas import SNAPSHOTS
from off_platform.imports.specification.tables import PRODUCTS_IMPORTED
from off_platform.imports.still_open import READ_IMPORTS
from off_platform.open_findings.state import WINGS, OpenItem, open_findings, sets_by_folder
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

BINS = "bins"


@dataclass(frozen=True)
class SetShown:
    """An image set.

    Attributes:
        name: of the set.
        of: `images` or `bins`.
        month: from which it was chosen; None if unknown, or if its source has no months.
        fetched: number of objects in it.
        objects: number of objects chosen.
        is_unfinished: whether a build has begun and not ended.
    """

    name: str
    of: str
    month: str | None
    fetched: int
    objects: int
    is_unfinished: bool


@dataclass(frozen=True)
class ImportsShown:
    """All imports.

    Attributes:
        number: of imports.
        refused: how many were refused as a whole.
        newest: the last one that was made; None without imports.
        imported_at: when that was.
        products: number of products with an accepted record.
    """

    number: int
    refused: int
    newest: str | None
    imported_at: datetime | None
    products: int


@dataclass(frozen=True)
class Overview:
    """What `off-platform status` shows of a lake.

    Attributes:
        months: number of snapshots.
        month: the newest one; None before the first.
        figures: the newest row of `months`, which may be of an earlier month.
        bins: number of bins; None before they were listed.
        sets: the image sets, by name.
        imports: all imports.
        open: what somebody should look at, see `state.py`.
    """

    months: int
    month: str | None
    figures: MonthFigures | None
    bins: int | None
    sets: list[SetShown]
    imports: ImportsShown
    open: list[OpenItem]

    @property
    def wants_attention(self) -> bool:
        """Whether something can be done about anything that is open."""
        return not all(item.is_lost for item in self.open)


def overview(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", this_month: str, *, is_due: bool
) -> Overview:
    """Reads the lake; see `state.open_findings` for the arguments and errors."""
    copied = lake.partitions(SNAPSHOTS.name)
    sets = sets_by_folder(lake, connection)
    found = open_findings(lake, connection, this_month=this_month, is_due=is_due, sets=sets)
    figures = all_months(lake, connection)
    return Overview(
        months=len(copied),
        month=copied[-1] if copied else None,
        figures=figures[-1] if figures else None,
        bins=_rows(lake, connection, BINS),
        sets=[_set(state, WINGS[folder]) for folder, states in sets.items() for state in states],
        imports=_imports(lake, connection),
        open=found,
    )


def _set(state: SetState, wing: str) -> SetShown:
    return SetShown(
        state.name,
        wing,
        state.facts.month if state.facts else None,
        state.objects.get(STATUSES[0], 0),
        sum(state.objects.values()),
        state.is_unfinished,
    )


def _imports(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> ImportsShown:
    """From what `open_findings` has read of them: there is a file for each."""
    ((number, refused, newest, imported_at),) = connection.execute(f"""
        SELECT count(*), count(refused), max_by("import", (imported_at, "import")),
            max(imported_at) FROM {READ_IMPORTS}""").fetchall()
    products = _rows(lake, connection, PRODUCTS_IMPORTED.name) or 0
    return ImportsShown(number, refused, newest, imported_at, products)


def _rows(lake: Lake, connection: "duckdb.DuckDBPyConnection", table: str) -> int | None:
    """Number of rows of a table without partitions; None if it does not exist."""
    if not lake.has(table):
        return None
    found = connection.execute(f"SELECT count(*) FROM {lake.rows_of(table)}").fetchall()
    return int(found[0][0])

"""Open records in quarantine over all imports, and the imports that settled the others.

They come from the lake's view `products_quarantined`; nothing is stored.
"""

from typing import TYPE_CHECKING, NamedTuple

from off_platform.imports.specification.tables import OPEN, SETTLED, SUPERSEDED
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb

# Number of older imports shown in the UI.
MOST_SHOWN = 50


class State(NamedTuple):
    """The quarantined records of one import, by status.

    Attributes:
        key: the import.
        open: records whose products are not in a newer import.
        settled: records that a newer import accepted.
        superseded: records that newer imports have in quarantine, too.
        by: the newer imports.
    """

    key: str
    open: int
    settled: int
    superseded: int
    by: list[str]

    @property
    def sentence(self) -> str:
        """In words, such as `2 of 3 open, 1 settled by b.csv@12345678`."""
        count = self.open + self.settled + self.superseded
        said = [f"{self.open:,} of {count:,} open"]
        said += [f"{self.settled:,} settled"] if self.settled else []
        said += [f"{self.superseded:,} superseded"] if self.superseded else []
        more = ", ..." if len(self.by) > MOST_SHOWN else ""
        by = f" by {', '.join(self.by[:MOST_SHOWN])}{more}" if self.by else ""
        return f"{', '.join(said)}{by}"


def states(connection: "duckdb.DuckDBPyConnection", rows: str) -> list[State]:
    """The states of imports that have records in quarantine, by import.

    Args:
        connection: DuckDB that can read the lake.
        rows: SQL for the rows of the view `products_quarantined`.
    """
    found = connection.execute(f"""
        SELECT "import", {", ".join(map(_count_of, (OPEN, SETTLED, SUPERSEDED)))},
            coalesce(list(DISTINCT settled_by ORDER BY settled_by)
                FILTER (settled_by IS NOT NULL), [])
        FROM {rows} GROUP BY "import" ORDER BY "import" """).fetchall()
    return [State(*each) for each in found]


def settled_by(found: list[State], key: str) -> list[State]:
    """Those of which an import settled or superseded records."""
    return [state for state in found if key in state.by]


def still_open(connection: "duckdb.DuckDBPyConnection", rows: str) -> list[State]:
    """The imports that have open records; see `states`."""
    return [state for state in states(connection, rows) if state.open]


def _count_of(status: str) -> str:
    return f"count(*) FILTER (status = {literal(status)})"

"""Open records in quarantine over all imports, and the imports that settled the others.

They come from the lake's view `products_quarantined`; nothing is stored. `open_imports` reads the
same from fewer files, with the files that were refused as a whole.
"""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from off_platform.imports.specification.tables import (
    IMPORT,
    IMPORTS,
    OPEN,
    PRODUCTS_IMPORTED,
    PRODUCTS_QUARANTINED,
    SETTLED,
    SUPERSEDED,
)
from off_platform.storage.lake import Lake
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb

# Number of older imports shown in the UI.
MOST_SHOWN = 50
# The import, imported_at and refused of all imports, for who asks more of the same connection.
READ_IMPORTS = "read_imports"


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


class OpenImport(NamedTuple):
    """An import that is not settled.

    Attributes:
        key: the import.
        since: when it was first imported.
        open: its records in quarantine that no newer import contains.
        quarantined: all its records in quarantine.
        refused: why the whole file was refused; empty if it was not.
    """

    key: str
    since: datetime
    open: int
    quarantined: int
    refused: str


def open_imports(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> list[OpenImport]:
    """The imports with open records, and refused files that no newer file of the name replaces.

    One file is read per import and table, which takes half a second for 2,000 imports. What newer
    imports accepted comes from `products_imported`, a single file. The imports stay in the
    connection's table `READ_IMPORTS`.

    Returns:
        They, the oldest first.
    """
    imports = lake.all_rows_of(IMPORTS.name) or _NO_IMPORTS
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {READ_IMPORTS} AS
        SELECT "import", imported_at, refused, split_part("import", '@', 1) AS name
        FROM {imports}""")
    found = connection.execute(f"""
        WITH imports AS (FROM {READ_IMPORTS}),
        quarantined AS MATERIALIZED ({_quarantined(lake)}),
        met AS (
            SELECT *, row_number() OVER (
                PARTITION BY normal_form ORDER BY imported_at DESC, "import" DESC) = 1 AS newest
            FROM (SELECT DISTINCT "import", normal_form FROM quarantined)
                JOIN imports USING ("import")),
        open AS (
            SELECT quarantined."import", count(*) AS quarantined,
                count(*) FILTER (quarantined.normal_form IS NULL OR (newest
                    AND (accepted.imported_at IS NULL
                        OR (accepted.imported_at, accepted."import")
                            < (met.imported_at, met."import")))) AS open
            FROM quarantined LEFT JOIN met USING ("import", normal_form)
                LEFT JOIN ({_accepted(lake)}) AS accepted ON accepted.product = normal_form
            GROUP BY ALL),
        replaced AS (
            SELECT name, max(imported_at) AS imported_at FROM imports
            WHERE refused IS NULL GROUP BY name)
        SELECT i."import", i.imported_at, coalesce(open, 0), coalesce(quarantined, 0),
            coalesce(refused, '')
        FROM imports AS i LEFT JOIN open USING ("import") LEFT JOIN replaced AS r USING (name)
        WHERE open > 0 OR (refused IS NOT NULL
            AND (r.imported_at IS NULL OR r.imported_at < i.imported_at))
        ORDER BY i.imported_at, i."import" """).fetchall()
    return [OpenImport(*each) for each in found]


_NO_IMPORTS = """(SELECT NULL::VARCHAR AS "import", NULL::TIMESTAMPTZ AS imported_at,
    NULL::VARCHAR AS refused WHERE false)"""


def _quarantined(lake: Lake) -> str:
    """The import and product of each quarantined record; older files have no products."""
    nothing = f'SELECT NULL::VARCHAR AS "{IMPORT}", NULL::VARCHAR AS normal_form WHERE false'
    rows = lake.all_rows_of(PRODUCTS_QUARANTINED.name)
    if rows is None:
        return nothing
    return f"""SELECT "import", normal_form FROM (
        SELECT * FROM {rows} UNION ALL BY NAME {nothing})"""


def _accepted(lake: Lake) -> str:
    """The newest import that accepted each product."""
    if not lake.has(PRODUCTS_IMPORTED.name):
        return (
            "SELECT NULL::VARCHAR AS product, NULL::TIMESTAMPTZ AS imported_at, "
            'NULL::VARCHAR AS "import" WHERE false'
        )
    return f'SELECT product, imported_at, "import" FROM {lake.rows_of(PRODUCTS_IMPORTED.name)}'


def _count_of(status: str) -> str:
    return f"count(*) FILTER (status = {literal(status)})"

"""Views of the lake over several tables, as SQL.

`views.py` creates them with the others. So no table has to be rewritten when another one
changes the status of its rows.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

IMPORTS = "imports"
ACCEPTED = "products_accepted"
QUARANTINED = "products_quarantined"

OPEN = "open"
SETTLED = "settled"
SUPERSEDED = "superseded"


def _quarantined(rows: Mapping[str, str]) -> str:
    """The records in quarantine, each with its status after newer imports of its product.

    Imports are ordered by the time at which they were first taken in; the first that accepted the
    product settled it.
    """
    # Older files have no column normal_form; a product without one is in no newer import.
    return f"""
        WITH quarantined AS (
            SELECT * FROM {rows[QUARANTINED]}
            UNION ALL BY NAME SELECT NULL::VARCHAR AS normal_form WHERE false),
        met AS (
            SELECT "import", imported_at, normal_form, bool_or(passed) AS passed FROM (
                SELECT "import", product AS normal_form, true AS passed FROM {rows[ACCEPTED]}
                UNION ALL SELECT "import", normal_form, false FROM quarantined)
            JOIN (SELECT "import", imported_at FROM {rows[IMPORTS]}) USING ("import")
            WHERE normal_form IS NOT NULL GROUP BY ALL),
        newer AS (
            SELECT "import", normal_form, lead("import") OVER later AS next,
                first_value(CASE WHEN passed THEN "import" END IGNORE NULLS) OVER (
                    later ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS accepted_by
            FROM met WINDOW later AS (PARTITION BY normal_form ORDER BY imported_at, "import"))
        SELECT quarantined.*,
            CASE WHEN accepted_by IS NOT NULL THEN '{SETTLED}'
                WHEN next IS NOT NULL THEN '{SUPERSEDED}' ELSE '{OPEN}' END AS status,
            coalesce(accepted_by, next) AS settled_by
        FROM quarantined LEFT JOIN newer USING ("import", normal_form)"""


class DerivedView(NamedTuple):
    """A view over several tables.

    Attributes:
        tables: its tables; first the one that it is named after.
        query: makes its SQL from SQL for the rows of each table.
    """

    tables: tuple[str, ...]
    query: Callable[[Mapping[str, str]], str]


DERIVED: Mapping[str, DerivedView] = {
    QUARANTINED: DerivedView((QUARANTINED, ACCEPTED, IMPORTS), _quarantined),
}

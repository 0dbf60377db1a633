"""The views of the imports wing over several tables, as data."""

from collections.abc import Mapping

from off_platform.imports.specification.tables import (
    IMPORTS,
    OPEN,
    PRODUCTS_ACCEPTED,
    PRODUCTS_QUARANTINED,
    SETTLED,
    SUPERSEDED,
)
from off_platform.storage.derived_views import DerivedView

_OF_QUARANTINED = (PRODUCTS_QUARANTINED.name, PRODUCTS_ACCEPTED.name, IMPORTS.name)


def _quarantined(rows: Mapping[str, str]) -> str:
    """The records in quarantine, each with its status after newer imports of its product.

    Imports are ordered by the time at which they were first made; the first that accepted the
    product settled it.
    """
    # Older files have no column normal_form; a product without one is in no newer import.
    quarantined, accepted, imports = (rows[table] for table in _OF_QUARANTINED)
    return f"""
        WITH quarantined AS (
            SELECT * FROM {quarantined}
            UNION ALL BY NAME SELECT NULL::VARCHAR AS normal_form WHERE false),
        met AS (
            SELECT "import", imported_at, normal_form, bool_or(passed) AS passed FROM (
                SELECT "import", product AS normal_form, true AS passed FROM {accepted}
                UNION ALL SELECT "import", normal_form, false FROM quarantined)
            JOIN (SELECT "import", imported_at FROM {imports}) USING ("import")
            WHERE normal_form IN (SELECT normal_form FROM quarantined) GROUP BY ALL),
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


DERIVED: Mapping[str, DerivedView] = {
    PRODUCTS_QUARANTINED.name: DerivedView(_OF_QUARANTINED, _quarantined),
}

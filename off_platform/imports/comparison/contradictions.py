"""Columns of an import that contradict most of what Open Food Facts has, and the likely reason.

One wrong value is a difference; a column in which most values differ is a wrong unit or a shifted
column. `compared.py` makes the tables that are examined here.
"""

from collections import Counter
from dataclasses import dataclass

import duckdb

from off_platform.imports.comparison.compared import DIFFERS, SAME, VALUES
from off_platform.imports.specification.fields import BY_NAME
from off_platform.storage.sql import literal

# A column contradicts if more of its values differ than agree, of at least so many.
LEAST_COMPARED = 5
MOST_DIFFERENT = 0.5
# A reason explains at least this share of the different values.
EXPLAINED = 0.8
KJ_PER_KCAL = 4.184
# What a factor means, for a field of this unit.
_UNITS = {
    ("mg", 1e-3): "g instead of mg",
    ("µg", 1e-3): "mg instead of µg",
    ("µg", 1e-6): "g instead of µg",
    ("g", 1e3): "mg instead of g",
    ("mg", 1e3): "µg instead of mg",
    ("g", 1e6): "µg instead of g",
    ("kcal", KJ_PER_KCAL): "kJ instead of kcal",
    ("kJ", 1 / KJ_PER_KCAL): "kcal instead of kJ",
}
_FACTORS = (1e3, 1e-3, 1e6, 1e-6, KJ_PER_KCAL, 1 / KJ_PER_KCAL, 10, 0.1, 100, 0.01, 2.5, 0.4)
_FACTOR_NEAR = 0.03
_PROBABLY = ", probably "


@dataclass(frozen=True)
class Contradiction:
    """A column of an import in which most values differ.

    Attributes:
        key: the import.
        field: the column's field.
        differ: number of values that differ.
        compared: number of values that both have.
        reason: the likely reason; empty if none is evident.
    """

    key: str
    field: str
    differ: int
    compared: int
    reason: str = ""

    @property
    def sentence(self) -> str:
        """In words."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.field}, {self.differ:,} of {self.compared:,} values differ{why}"


def contradictions(connection: duckdb.DuckDBPyConnection) -> list[Contradiction]:
    """The contradictions in compared numbers, by import and field."""
    counted = connection.execute(f"""
        SELECT "import", field, count(*) FILTER (outcome = '{DIFFERS}') AS differ, count(*)
        FROM {VALUES} WHERE number IS NOT NULL AND outcome IN ('{SAME}', '{DIFFERS}')
        GROUP BY ALL HAVING count(*) >= {LEAST_COMPARED} AND differ > {MOST_DIFFERENT} * count(*)
        ORDER BY ALL""").fetchall()
    return [
        Contradiction(key, field, differ, of, _reason(connection, key, field))
        for key, field, differ, of in counted
    ]


def _reason(connection: duckdb.DuckDBPyConnection, key: str, field: str) -> str:
    """The likely reason: a wrong unit, the values of another column, another factor."""
    factor = _factor(connection, key, field)
    if _PROBABLY in factor:
        return factor
    return _shifted(connection, key, field) or factor


def _differing(key: str, field: str) -> str:
    return f"""SELECT product, number, known FROM {VALUES} WHERE "import" = {literal(key)}
        AND field = {literal(field)} AND outcome = '{DIFFERS}'"""


def _factor(connection: duckdb.DuckDBPyConnection, key: str, field: str) -> str:
    """The factor that explains most of a field's differences, in words; empty if none does."""
    near = ", ".join(
        f"count(*) FILTER (abs(number / NULLIF(known, 0) / {factor!r} - 1) <= {_FACTOR_NEAR})"
        for factor in _FACTORS
    )
    (row,) = connection.execute(
        f"SELECT count(*), {near} FROM ({_differing(key, field)})"
    ).fetchall()
    of, *explained = row
    count, factor = max(zip(explained, _FACTORS, strict=True))
    if count < EXPLAINED * of:
        return ""
    unit = _UNITS.get((BY_NAME[field].unit or "", factor))
    if factor == 0.4 and field == "salt_g":  # noqa: PLR2004 - sodium in salt
        unit = "sodium instead of salt"
    times = f"{factor:,g}" if factor >= 1 else f"1/{1 / factor:,g}"
    return f"{times} times what is known" + (f"{_PROBABLY}{unit}" if unit else "")


def _shifted(connection: duckdb.DuckDBPyConnection, key: str, field: str) -> str:
    """The field whose known values are in another's column, in words; empty if there is none."""
    found = connection.execute(f"""
        WITH own AS ({_differing(key, field)})
        SELECT v.field, count(*) FROM own JOIN {VALUES} AS v USING (product)
        WHERE v.field <> {literal(field)} AND own.number <> 0
            AND abs(own.number - v.known) <= 1e-6 * abs(own.number)
        GROUP BY v.field ORDER BY 2 DESC, 1 LIMIT 1""").fetchall()
    ((of,),) = connection.execute(
        f"SELECT count(*) FROM ({_differing(key, field)}) WHERE number <> 0"
    ).fetchall()
    if not found or found[0][1] < EXPLAINED * of:
        return ""
    return f"the values are those of {found[0][0]}; the columns are shifted or swapped"


def counts(connection: duckdb.DuckDBPyConnection) -> dict[str, Counter[str]]:
    """Number of values by field and outcome, in the order of the specification."""
    rows = connection.execute(
        f"SELECT field, outcome, count(*) FROM {VALUES} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    made: dict[str, Counter[str]] = {}
    for field, outcome, count in rows:
        made.setdefault(field, Counter())[outcome] = count
    order = [*(name for name in BY_NAME if name in made)]
    return {field: made[field] for field in order}

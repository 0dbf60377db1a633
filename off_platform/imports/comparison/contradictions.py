"""Columns of an import that contradict most of what Open Food Facts has, and the likely reason.

One wrong value is a difference, and so are new recipes and other roundings; a column in which most
values are far from the known ones is a wrong unit or a shifted column. `compared.py` makes the
tables that are examined here; `stored_contradictions` finds the same in the table
`products_compared`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from off_platform.imports.comparison.compared import DIFFERS, NUMBERS, SAME, VALUES, says_something
from off_platform.imports.specification.fields import BY_NAME
from off_platform.storage.sql import literal

# A column contradicts if more of its values are far from the known ones than near, of at least so
# many; or of fewer, if all are wrong by the factor of a unit. Two zeros say nothing about a unit.
LEAST_COMPARED = 5
LEAST_OF_UNIT = 3
MOST_DIFFERENT = 0.5
# Recipes and measurements vary by less; so do small amounts in grams, whatever their factor.
FAR = 0.1
SMALL_GRAMS = 0.3
LARGE_FACTOR = 10
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
# International units, of 0.3 µg of vitamin A and 0.025 µg of vitamin D.
_INTERNATIONAL = {("vitamin_a", 1 / 0.3), ("vitamin_d", 40.0)}
_FACTORS = (
    *(1e3, 1e-3, 1e6, 1e-6, KJ_PER_KCAL, 1 / KJ_PER_KCAL, 10, 0.1, 100, 0.01, 2.5, 0.4),
    *(factor for _, factor in _INTERNATIONAL),
)
_FACTOR_NEAR = 0.03
_IN_GRAMS = tuple(field for field in NUMBERS if BY_NAME[field].unit == "g")
_PROBABLY = ", probably "


@dataclass(frozen=True)
class Contradiction:
    """A column of an import in which most values are far from the known ones.

    Attributes:
        key: the import.
        field: the column's field.
        differ: number of values that are far.
        compared: number of values that both have, without those that are 0 in both.
        reason: the likely reason; empty if none is evident.
    """

    key: str
    field: str
    differ: int
    compared: int
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether there are enough values for a warning."""
        if self.compared >= LEAST_COMPARED:
            return self.differ > MOST_DIFFERENT * self.compared
        of_unit = _PROBABLY in self.reason and self.differ == self.compared
        return of_unit and self.compared >= LEAST_OF_UNIT

    @property
    def sentence(self) -> str:
        """The contradiction in words: field, how often, and the likely reason."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.field}, {self.differ:,} of {self.compared:,} values differ{why}"


def contradictions(connection: duckdb.DuckDBPyConnection) -> list[Contradiction]:
    """The contradictions in compared numbers, by import and field."""
    counted = f"""SELECT "import", field, count(*) FILTER ({far("number", "known")}) AS differ,
            count(*) FILTER ({says_something("number", "known")}) AS compared, NULL AS reason
        FROM {VALUES} WHERE number IS NOT NULL AND outcome IN ('{SAME}', '{DIFFERS}')
        GROUP BY ALL"""
    found = _contradicting(connection, counted)
    explained = (replace(each, reason=_reason(connection, each.key, each.field)) for each in found)
    return [each for each in explained if each.holds]


def stored_contradictions(connection: duckdb.DuckDBPyConnection, rows: str) -> list[Contradiction]:
    """`contradictions`, in the rows of `products_compared`; their reasons as they were found."""
    stored = far("TRY_CAST(value AS DOUBLE)", "TRY_CAST(known AS DOUBLE)")
    found = _contradicting(
        connection,
        f"""SELECT "import", field, count(*) FILTER ({stored}) AS differ,
            any_value(compared) AS compared, any_value(reason) AS reason
        FROM {rows} WHERE outcome = '{DIFFERS}' AND field IN {NUMBERS} GROUP BY ALL""",
    )
    return [each for each in found if each.holds]


def far(number: str, known: str) -> str:
    """SQL of whether a number of `field` is further from the known one than recipes vary."""
    small, large = f"least(abs({number}), abs({known}))", f"greatest(abs({number}), abs({known}))"
    matters = (
        f"field NOT IN {_IN_GRAMS} OR {large} >= {SMALL_GRAMS} "
        f"OR ({small} > 0 AND {large} >= {LARGE_FACTOR} * {small})"
    )
    return f"coalesce(abs({number} - {known}) > {FAR} * {large} AND ({matters}), false)"


def _contradicting(connection: duckdb.DuckDBPyConnection, counted: str) -> list[Contradiction]:
    found = connection.execute(f"""
        SELECT "import", field, differ, compared, coalesce(reason, '') FROM ({counted})
        WHERE compared >= {LEAST_OF_UNIT} AND differ > {MOST_DIFFERENT} * compared
        ORDER BY ALL""").fetchall()
    return [Contradiction(*each) for each in found]


def records_in(
    connection: duckdb.DuckDBPyConnection, rows: str, found: Sequence[Contradiction]
) -> int:
    """Number of records that differ in such a column, in the rows of `products_compared`."""
    if not found:
        return 0
    pairs = ", ".join(f"({literal(each.key)}, {literal(each.field)})" for each in found)
    ((records,),) = connection.execute(f"""SELECT count(DISTINCT product) FROM {rows}
        WHERE outcome = '{DIFFERS}' AND ("import", field) IN ({pairs})""").fetchall()
    return int(records)


def _reason(connection: duckdb.DuckDBPyConnection, key: str, field: str) -> str:
    """The likely reason: a wrong unit, the values of another column, another factor."""
    factor = _factor(connection, key, field)
    if _PROBABLY in factor:
        return factor
    return _shifted(connection, key, field) or factor


def _differing(key: str, field: str) -> str:
    return f"""SELECT product, number, known FROM {VALUES} WHERE "import" = {literal(key)}
        AND field = {literal(field)} AND outcome = '{DIFFERS}' AND {far("number", "known")}"""


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
    if (field, factor) in _INTERNATIONAL:
        unit = "IU instead of µg"
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

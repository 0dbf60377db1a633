"""Checks the bounds of a table's columns: all rows in SQL, a sample also by Pandera.

For tables of millions of rows, where Pandera alone takes three times as long. Smaller tables are
checked completely by `pandera_checks.validate`.
"""

from collections import defaultdict
from typing import TYPE_CHECKING

from off_platform.pandera_checks import frames, validate
from off_platform.quality import MOST_EXAMPLES, SHAPE, Column, Finding, Table
from off_platform.storage.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

# Number of rows checked by Pandera: all of a smaller table, about this many of a larger one.
SAMPLE_ROWS = 100_000
BATCH_ROWS = 50_000


def bounds_kept(
    connection: "duckdb.DuckDBPyConnection", table: Table, rows: str
) -> dict[str, Finding]:
    """Finds rows that break the bounds of a table's columns.

    All rows are checked in SQL, a sample also by Pandera. The sample is deterministic: rows are
    chosen by a hash of their first column.

    Args:
        connection: DuckDB that can read the table.
        table: the table; `shape` and every rule of its bounds are checked.
        rows: SQL for its rows.

    Returns:
        As `pandera_checks.validate`; each finding has the number of rows checked by Pandera.
    """
    findings = _in_sql(connection, table, rows)
    every = -(-findings[SHAPE].of // SAMPLE_ROWS) or 1
    columns = ", ".join(identifier(column.name) for column in table.columns)
    sample = f"SELECT {columns} FROM {rows} WHERE hash({table.columns[0].name}) % {every} = 0"
    reader = connection.cursor().sql(sample).to_arrow_reader(BATCH_ROWS)
    for rule, seen in validate(table, frames(reader)).items():
        if seen.broken > findings[rule].broken:
            findings[rule] = seen
        findings[rule].facts["rows_seen_by_pandera"] = seen.of
    return findings


def _in_sql(connection: "duckdb.DuckDBPyConnection", table: Table, rows: str) -> dict[str, Finding]:
    broken_by = _broken_by(table)
    counted = ", ".join(f"count_if({condition})" for condition in broken_by.values())
    of, *numbers = connection.execute(f"SELECT count(*), {counted} FROM {rows}").fetchall()[0]
    findings = {rule: Finding(of=of) for rule in broken_by}
    for (rule, condition), number in zip(broken_by.items(), numbers, strict=True):
        if number:
            found = connection.execute(f"""
                SELECT row, {table.columns[0].name}
                FROM (SELECT *, row_number() OVER () - 1 AS row FROM {rows})
                WHERE {condition} ORDER BY row LIMIT {MOST_EXAMPLES}""").fetchall()
            findings[rule].add(number, (f"row {row}: {name}" for row, name in found))
    return findings


def _broken_by(table: Table) -> dict[str, str]:
    """The SQL condition, by rule, of rows that break it."""
    conditions: dict[str, list[str]] = defaultdict(list)
    for column in table.columns:
        if not column.nullable:
            conditions[SHAPE].append(f"{identifier(column.name)} IS NULL")
        if column.rule:
            conditions[column.rule] += _outside(column)
    return {rule: " OR ".join(each) for rule, each in conditions.items()}


def _outside(column: Column) -> list[str]:
    """The SQL condition that a column is out of bounds."""
    outside, name = [], identifier(column.name)
    if column.pattern:
        outside.append(f"NOT regexp_full_match({name}, {literal(column.pattern)})")
    if column.one_of:
        outside.append(f"{name} NOT IN ({', '.join(map(literal, column.one_of))})")
    if column.least is not None:
        outside.append(f"{name} < {column.least}")
    return outside

"""Checks the bounds of a table's columns with Pandera; failures become findings of its rules.

Tables, columns and rules are described in `quality.py`.
"""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pandera.pandas as pa_pandera
import pyarrow as pa
from pandera.errors import SchemaErrors
from pandera.pandas import Check, DataFrameSchema

from off_platform.quality import MOST_EXAMPLES, SHAPE, Column, Finding, Table

# Types that pandas preserves. Numbers with nulls become floats; those, timestamps, dates and lists
# are checked by the Arrow schema, which the lake compares before a file is put in place.
_PANDERA_TYPES = {"string": "str", "int32": "int32", "int64": "int64", "double": "float64"}


def validate(table: Table, batches: Iterable[pd.DataFrame]) -> dict[str, Finding]:
    """Validates batches with a table's Pandera schema.

    Args:
        table: the table; its rule `shape` reports errors that are not about values.
        batches: frames with a continuous index, which appears in examples.

    Returns:
        Findings by rule id, for `shape` and each rule of column bounds.

    Raises:
        RuntimeError: a check raised an error, which is a bug.
    """
    schema = DataFrameSchema(
        {column.name: _pandera_column(column) for column in table.columns}, strict=True
    )
    findings = {rule: Finding() for rule in _rules_of_columns(table)}
    for frame in batches:
        for finding in findings.values():
            finding.of += len(frame)
        try:
            schema.validate(frame, lazy=True)
        except SchemaErrors as errors:
            _count(table, errors, frame, findings)
    return findings


def frames(batches: Iterable[pa.RecordBatch]) -> Iterable[pd.DataFrame]:
    """Arrow batches as frames with a continuous index."""
    start = 0
    for batch in batches:
        frame = batch.to_pandas()
        frame.index += start
        start += len(frame)
        yield frame


def _rules_of_columns(table: Table) -> list[str]:
    bounded = {column.rule for column in table.columns if column.rule}
    return [rule.id for rule in table.rules if rule.id == SHAPE or rule.id in bounded]


def _count(
    table: Table,
    errors: SchemaErrors,
    frame: pd.DataFrame,
    findings: dict[str, Finding],
) -> None:
    if "CHECK_ERROR" in errors.error_counts:
        raise RuntimeError(f"a check of {table.name} raised an error: {errors.message}")
    identity = table.columns[0].name
    cases = errors.failure_cases
    rules = cases["check"].where(cases["check"].isin(list(findings)), SHAPE)
    for rule, group in cases.groupby(rules, sort=False):
        # A row can break a rule in several columns; it is counted once.
        rows = group["index"].dropna().drop_duplicates()
        known = frame.index.intersection(rows[:MOST_EXAMPLES])
        named = frame.loc[known, identity] if identity in frame else known
        examples = [f"row {row}: {name}" for row, name in zip(known, named, strict=True)]
        if not examples:
            examples = [
                f"{case.column}: {case.check}" for case in group.head(MOST_EXAMPLES).itertuples()
            ]
        findings[str(rule)].add(max(len(rows), 1), examples)


def _pandera_column(column: Column) -> pa_pandera.Column:
    checks: list[Any] = []
    if column.pattern:
        # `$` would allow a newline at the end, and takes four times as long.
        whole = rf"^(?:{column.pattern})\Z"
        checks.append(Check.str_matches(whole, error=column.rule))
    if column.one_of:
        checks.append(Check.isin(column.one_of, error=column.rule))
    if column.least is not None:
        checks.append(Check.ge(column.least, error=column.rule))
    return pa_pandera.Column(
        None if column.nullable else _PANDERA_TYPES.get(column.type),
        checks,
        nullable=column.nullable,
        description=column.description,
    )

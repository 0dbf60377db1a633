"""The samples that predictions are compared with: their labels, units and siblings.

A *unit* is what a split keeps together: the visit of a bin, the product of a photo. The *siblings*
of a sample are the other samples of its unit or duplicate group, anywhere in the set. The tables
made here are in DuckDB: `held_out` and `samples`.
"""

from dataclasses import dataclass
from typing import Literal

import duckdb

from off_platform.evaluation.labelled_sets import LabelledSet, UnusableSetError
from off_platform.image_sets.declaration.shares import EXCLUDED
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.storage.sql import identifier, literal
from off_platform.words import counted, quoted

Task = Literal["counting", "classification"]
ALL = "all"
MOST_CLASSES = 10_000
USUAL_TRAIN_SHARE = 0.8
"""The share of train that is assumed for a set without splits."""

# Of a set with splits, the first one says what these kept together.
_UNITS = ("unit", "visit_id", "barcode")
_NUMBERS = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
)
# Floating-point numbers hold larger whole numbers only in part.
_MOST_COUNT = 2**53


@dataclass(frozen=True)
class HeldOut:
    """What predictions are compared with.

    Attributes:
        label: the column.
        label_type: its type in DuckDB.
        task: counting or classification.
        split: the split evaluated, or `all`.
        unit: `visit`, `product`, or `sample` if the set has neither.
        samples: number of samples with a label.
        units: number of their units.
        unlabelled: samples of the split that have no label, and are left out.
        trained_on: SQL condition of the samples that baselines learn from; None without them.
        train_share: share of train in the set, from 0 to 1.
        notes: what the user should know, in sentences.
    """

    label: str
    label_type: str
    task: Task
    split: str
    unit: str
    samples: int
    units: int
    unlabelled: int
    trained_on: str | None
    train_share: float
    notes: tuple[str, ...]


def held_out(
    connection: duckdb.DuckDBPyConnection,
    of: LabelledSet,
    label: str | None,
    task: Task | None,
    split: str | None,
) -> HeldOut:
    """Reads labels, splits and units of a set into the tables `samples` and `held_out`.

    Args:
        connection: DuckDB that can read the manifest.
        of: the set.
        label: a column; by default the obvious one, see `LabelledSet.label`.
        task: by default counting for numbers, classification for anything else.
        split: a split or `all`; by default test, or all samples of a set without splits.

    Raises:
        UnusableSetError: the set has no such label or split, or the label does not fit the task.
    """
    name = of.label(label)
    kind = of.columns[name]
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        raise UnusableSetError(
            f"The label {name} of {of.name} has several values per sample; name one with a single "
            "value."
        )
    task = task or ("counting" if kind.startswith(_NUMBERS) else "classification")
    unit_column = next((column for column in _UNITS if _has_values(connection, of, column)), None)
    _read_samples(connection, of, name, task, unit_column)
    shares = dict(
        connection.execute(
            "SELECT split, count(*) FROM samples WHERE split IS NOT NULL GROUP BY split ORDER BY 1"
        ).fetchall()
    )
    chosen = _chosen(of, split, shares)
    is_kept = f"split IS DISTINCT FROM {literal(EXCLUDED)}"
    is_chosen = is_kept if chosen == ALL else f"split = {literal(chosen)}"
    if task == "counting":
        _demand_counts(connection, of, name, is_chosen)
    samples, units, unlabelled = _hold_out(connection, is_chosen)
    if not samples:
        raise UnusableSetError(f"No sample of {of.name}, split {chosen}, has a label {name}.")
    trained_on, share = _trained_on(chosen, shares)
    return HeldOut(
        name,
        kind,
        task,
        chosen,
        ("visit" if of.is_of_bins else "product") if unit_column else "sample",
        samples,
        units,
        unlabelled,
        trained_on,
        share,
        tuple(_notes(chosen, shares, trained_on, unit_column, unlabelled, name)),
    )


def _hold_out(connection: duckdb.DuckDBPyConnection, is_chosen: str) -> tuple[int, int, int]:
    """Makes the table `held_out`; the number of its samples and units, and of samples left out."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE held_out AS
        SELECT row_number() OVER (ORDER BY sample) - 1 AS place, sample, label, siblings,
            dense_rank() OVER (ORDER BY unit) - 1 AS unit
        FROM samples WHERE {is_chosen} AND label IS NOT NULL""")
    ((samples, units, unlabelled),) = connection.execute(f"""
        SELECT count(*), coalesce(max(unit) + 1, 0),
            (SELECT count(*) FROM samples WHERE {is_chosen} AND label IS NULL)
        FROM held_out""").fetchall()
    return samples, units, unlabelled


def as_class(text: str, label_type: str) -> str:
    """SQL for a text as the class of a label: `3.0` is the class 3 of a label of numbers."""
    if label_type.startswith(_NUMBERS):
        number = f"try_cast({text} AS DOUBLE)"
        return f"""CASE WHEN trunc({number}) = {number} AND abs({number}) < {_MOST_COUNT}
            THEN {number}::BIGINT::VARCHAR ELSE {text} END"""
    if label_type == "BOOLEAN":
        return f"coalesce(try_cast({text} AS BOOLEAN)::VARCHAR, {text})"
    return text


def _has_values(connection: duckdb.DuckDBPyConnection, of: LabelledSet, column: str) -> bool:
    if column not in of.columns:
        return False
    found = connection.execute(f"SELECT count({identifier(column)}) > 0 FROM {of.rows}").fetchall()
    return bool(found[0][0])


def _read_samples(
    connection: duckdb.DuckDBPyConnection,
    of: LabelledSet,
    label: str,
    task: Task,
    unit_column: str | None,
) -> None:
    """Makes the table `samples`: one row per sample whose photo was fetched."""
    texts = ", ".join(map(literal, TEXT_KINDS))
    optional = {
        column: f"{column}::VARCHAR" if column in of.columns else "NULL::VARCHAR"
        for column in ("split", "duplicate_group")
    }
    unit = f"{identifier(unit_column)}::VARCHAR" if unit_column else "NULL::VARCHAR"
    raw = identifier(label)
    value = (
        f"try_cast({raw} AS DOUBLE)"
        if task == "counting"
        else f"nullif({as_class(f'{raw}::VARCHAR', of.columns[label])}, '')"
    )
    # A set of OCR results alone has no photos.
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE samples AS
        WITH fetched AS (
            SELECT sample, {raw}::VARCHAR AS written, {value} AS label, {unit} AS unit,
                {optional["split"]} AS split, {optional["duplicate_group"]} AS duplicates,
                kind IN ({texts}) AS is_text, position
            FROM {of.rows} WHERE status = 'fetched'),
        ones AS (
            FROM fetched WHERE NOT is_text OR (SELECT bool_and(is_text) FROM fetched)
            QUALIFY row_number() OVER (PARTITION BY sample ORDER BY position) = 1),
        named AS (
            SELECT * REPLACE (coalesce('unit ' || unit, 'sample ' || sample) AS unit) FROM ones)
        SELECT sample, written, label, split, unit, count(*) OVER (PARTITION BY unit) - 1
            + CASE WHEN duplicates IS NULL THEN 0
                ELSE count(*) OVER (PARTITION BY duplicates)
                    - count(*) OVER (PARTITION BY duplicates, unit) END AS siblings
        FROM named""")


def _chosen(of: LabelledSet, asked: str | None, shares: dict[str, int]) -> str:
    if asked == ALL or (asked is None and not shares):
        return ALL
    chosen = asked or "test"
    if chosen in shares:
        return chosen
    if not shares:
        raise UnusableSetError(
            f"{of.name} has no splits; leave --split out, or build it with some."
        )
    has = ", ".join(f"{name} ({count:,})" for name, count in shares.items())
    raise UnusableSetError(f"{of.name} has no split {chosen!r}; give --split: {has}, or {ALL}.")


def _demand_counts(
    connection: duckdb.DuckDBPyConnection, of: LabelledSet, label: str, condition: str
) -> None:
    wrong = connection.execute(f"""
        SELECT sample, written FROM samples WHERE {condition} AND written IS NOT NULL
            AND (label IS NULL OR label <> trunc(label) OR abs(label) > {_MOST_COUNT}) IS NOT FALSE
        ORDER BY sample LIMIT 1""").fetchall()
    for sample, written in wrong:
        raise UnusableSetError(
            f"The label {label} of {of.name} cannot be counted: the sample {sample} has "
            f"{quoted(written)}, which is not a whole number; give --task classification."
        )


def _trained_on(chosen: str, shares: dict[str, int]) -> tuple[str | None, float]:
    """The condition of the samples to learn from, and the share of train in the set."""
    used = {name: count for name, count in shares.items() if name != EXCLUDED}
    if chosen.startswith("fold_"):
        condition = f"split LIKE 'fold\\_%' ESCAPE '\\' AND split <> {literal(chosen)}"
        trained = sum(count for name, count in used.items() if name != chosen)
    else:
        condition, trained = "split = 'train'", used.get("train", 0)
    if not trained:
        return None, USUAL_TRAIN_SHARE
    return condition, trained / sum(used.values())


def _notes(
    chosen: str,
    shares: dict[str, int],
    trained_on: str | None,
    unit_column: str | None,
    unlabelled: int,
    label: str,
) -> "list[str]":
    notes = []
    if unlabelled:
        has = "has" if unlabelled == 1 else "have"
        notes.append(f"{counted(unlabelled, 'sample')} {has} no label {label}, left out.")
    if not shares:
        notes.append("The set has no splits: all of its samples are evaluated.")
    if trained_on is None:
        notes.append(
            "The set has no train split: there are no baselines, and a random split is assumed to "
            f"have {USUAL_TRAIN_SHARE:.0%} in train."
        )
    elif chosen in {ALL, "train"}:
        notes.append("The baselines were computed on samples that are also evaluated.")
    if unit_column is None:
        notes.append(
            "The manifest has neither visits nor products: samples are taken as independent, so "
            "intervals may be too narrow."
        )
    return notes

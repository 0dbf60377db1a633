"""The columns that figures are computed on, from the tables `held_out` and `answers`."""

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from off_platform.evaluation.held_out import MOST_CLASSES, HeldOut, as_class
from off_platform.evaluation.prediction_files import WrongPredictionsError
from off_platform.evaluation.predictions import RANKS, Predictions
from off_platform.evaluation.resampling import Codes, Numbers

NONE = -1
"""The code of a guess that was not given."""


@dataclass(frozen=True)
class Counted:
    """Columns for counting, one value per sample, in the order of `held_out`.

    Attributes:
        label: the true number.
        predicted: the predicted one; NaN if missing.
        unit: number of the sample's unit.
        siblings: number of the sample's siblings.
    """

    label: Numbers
    predicted: Numbers
    unit: Codes
    siblings: Codes


@dataclass(frozen=True)
class Classified:
    """Columns for classification, one value or row per sample, in the order of `held_out`.

    Attributes:
        classes: names by code: first those of the labels.
        of_labels: number of classes that labels have.
        label: code of the true class.
        ranked: codes of the guesses, one column per rank; `NONE` if not given.
        unit: number of the sample's unit.
        siblings: number of the sample's siblings.
        often: codes of the classes that train has most often, the most frequent first.
    """

    classes: tuple[str, ...]
    of_labels: int
    label: Codes
    ranked: Codes
    unit: Codes
    siblings: Codes
    often: Codes


def counted_columns(connection: duckdb.DuckDBPyConnection) -> Counted:
    """The columns for counting."""
    found = _columns(
        connection,
        """SELECT label, unit, siblings, coalesce(try_cast(ranked[1] AS DOUBLE), 'nan') AS predicted
            FROM held_out LEFT JOIN answers USING (place) ORDER BY place""",
    )
    return Counted(found["label"], found["predicted"], found["unit"], found["siblings"])


def classified_columns(
    connection: duckdb.DuckDBPyConnection, predictions: Predictions, held: HeldOut
) -> Classified:
    """The columns for classification.

    Raises:
        WrongPredictionsError: there are more classes than can be compared.
    """
    ranks = RANKS if predictions.are_ranked else 1
    of_labels = _number_classes(connection, held)
    names = connection.execute("SELECT name FROM classes ORDER BY code").fetchall()
    pivoted = ", ".join(
        f"coalesce(any_value(code) FILTER (rank = {rank}), {NONE}) AS rank_{rank}"
        for rank in range(1, ranks + 1)
    )
    found = _columns(
        connection,
        f"""SELECT c.code AS label, unit, siblings, columns('rank_.*')::BIGINT
            FROM held_out AS h JOIN classes AS c ON h.label = c.name
            JOIN (SELECT place, {pivoted}
                FROM held_out LEFT JOIN (SELECT place, rank, code FROM guesses
                    JOIN classes USING (name)) USING (place) GROUP BY place) USING (place)
            ORDER BY place""",
    )
    often = _columns(connection, "SELECT code FROM often JOIN classes USING (name) ORDER BY rank")
    return Classified(
        tuple(name for (name,) in names),
        of_labels,
        found["label"],
        np.stack([found[f"rank_{rank}"] for rank in range(1, ranks + 1)], axis=1),
        found["unit"],
        found["siblings"],
        often["code"],
    )


def _number_classes(connection: duckdb.DuckDBPyConnection, held: HeldOut) -> int:
    """Makes the tables `guesses`, `often`, `classes`; returns the number of classes of labels."""
    guess = as_class("guess", held.label_type)
    trained_on = held.trained_on or "false"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE guesses AS
        SELECT place, rank, {guess} AS name FROM (
            SELECT place, unnest(ranked) AS guess, generate_subscripts(ranked, 1) AS rank
            FROM answers)""")
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE often AS
        SELECT label AS name, row_number() OVER (ORDER BY count(*) DESC, label) AS rank
        FROM samples WHERE label IS NOT NULL AND {trained_on} GROUP BY label
        ORDER BY rank LIMIT {RANKS}""")
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE classes AS
        SELECT name, row_number() OVER (ORDER BY NOT of_labels, name) - 1 AS code, of_labels
        FROM (SELECT name, bool_or(of_labels) AS of_labels FROM (
            SELECT label AS name, true AS of_labels FROM held_out
            UNION ALL SELECT name, false FROM guesses UNION ALL SELECT name, false FROM often)
            GROUP BY name)""")
    ((classes, of_labels),) = connection.execute(
        "SELECT count(*), count(*) FILTER (of_labels) FROM classes"
    ).fetchall()
    if classes > MOST_CLASSES:
        raise WrongPredictionsError(
            f"Labels and predictions have {classes:,} different classes; at most {MOST_CLASSES:,} "
            f"can be compared. Is {held.label} the label, and are the predictions classes?"
        )
    return int(of_labels)


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> "dict[str, Any]":
    return {
        name: np.ma.getdata(values)
        for name, values in connection.execute(query).fetchnumpy().items()
    }

"""Predictions joined with the samples they are about: coverage, and the columns for the figures."""

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from off_platform.evaluation.held_out import MOST_CLASSES, HeldOut, as_class
from off_platform.evaluation.prediction_files import WrongPredictionsError
from off_platform.evaluation.predictions import RANKS, Predictions
from off_platform.storage.sql import literal
from off_platform.words import counted, quoted

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
NONE = -1
"""The code of a guess that was not given."""

EXAMPLES = 3
# Squares of larger errors would lose the smaller ones.
_MOST_NUMBER = 1e15


@dataclass(frozen=True)
class Coverage:
    """How the rows of a file and the evaluated samples correspond.

    Attributes:
        samples: number of samples evaluated.
        predicted: those with a prediction.
        rows: number of rows of the file.
        elsewhere: rows about other samples of the set.
        unknown: rows about samples that the set does not have.
        repeated: rows about an evaluated sample that has an earlier row, which is the one used.
        conflicting: samples whose rows differ.
        missing_first: the first samples without a prediction.
        unknown_first: the first names that the set does not have.
        conflicting_first: the first samples whose rows differ.
        hint: why names are unknown, if that is obvious.
    """

    samples: int
    predicted: int
    rows: int
    elsewhere: int
    unknown: int
    repeated: int
    conflicting: int
    missing_first: tuple[str, ...]
    unknown_first: tuple[str, ...]
    conflicting_first: tuple[str, ...]
    hint: str

    @property
    def is_whole(self) -> bool:
        """Whether every sample has one prediction."""
        return self.predicted == self.samples and not self.conflicting


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


def read_answers(
    connection: duckdb.DuckDBPyConnection, predictions: Predictions, held: HeldOut
) -> Coverage:
    """Joins the rows of a file with the table `held_out`, into the table `answers`.

    Raises:
        WrongPredictionsError: the file is damaged, a prediction is wrong, or no row fits.
    """
    given = predictions.query
    # Comparing hashes takes half the time of comparing lists.
    with predictions.file.errors_as_sentences():
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE answers AS
            SELECT place, count(*) AS rows, min(row) AS row, arg_min(ranked, row) AS ranked,
                min(hash(ranked)) <> max(hash(ranked)) AS differ,
                min(row) FILTER (problem IS NOT NULL) AS wrong, any_value(problem) AS problem
            FROM ({given}) JOIN held_out USING (sample) GROUP BY place""")
        ((rows, unknown, elsewhere, unknown_first),) = connection.execute(f"""
            SELECT count(*), count(*) FILTER (s.sample IS NULL),
                count(*) FILTER (s.sample IS NOT NULL AND h.sample IS NULL),
                arg_min(coalesce(g.sample, ''), row, {EXAMPLES}) FILTER (s.sample IS NULL)
            FROM ({given}) AS g LEFT JOIN samples AS s USING (sample)
                LEFT JOIN held_out AS h USING (sample)""").fetchall()
    _demand_sound(connection, predictions, held)
    ((predicted, repeated, conflicting),) = connection.execute("""
        SELECT count(*) FILTER (len(ranked) > 0), coalesce(sum(rows - 1), 0)::BIGINT,
            count(*) FILTER (differ) FROM answers""").fetchall()
    unknown_first = tuple(unknown_first or ())
    coverage = Coverage(
        held.samples,
        predicted,
        rows,
        elsewhere,
        unknown,
        repeated,
        conflicting,
        _first(connection, "len(ranked) > 0 IS NOT TRUE"),
        unknown_first,
        _first(connection, "differ"),
        _hint(connection, unknown_first),
    )
    if not predicted:
        raise WrongPredictionsError(
            f"{predictions.file.path} has no prediction for {_of_split(held)}: of its "
            f"{counted(rows, 'row')}, {unknown:,} name samples that the set does not have"
            f"{_such_as(unknown_first)}, and {elsewhere:,} are about other samples of the set."
            f"{coverage.hint}"
        )
    return coverage


def _of_split(held: HeldOut) -> str:
    return "any sample" if held.split == "all" else f"the split {held.split}"


def _such_as(names: tuple[str, ...]) -> str:
    return f" (such as {quoted(names[0])})" if names else ""


def _first(connection: duckdb.DuckDBPyConnection, condition: str) -> tuple[str, ...]:
    found = connection.execute(f"""
        SELECT sample FROM held_out LEFT JOIN answers USING (place)
        WHERE {condition} ORDER BY place LIMIT {EXAMPLES}""").fetchall()
    return tuple(sample for (sample,) in found)


def _hint(connection: duckdb.DuckDBPyConnection, unknown: tuple[str, ...]) -> str:
    """Numbers written as numbers lose their zeros."""
    for name in unknown:
        found = connection.execute(
            f"""SELECT sample FROM samples WHERE sample LIKE '0%'
                AND ltrim(sample, '0') = ltrim({literal(name)}, '0') LIMIT 1"""
        ).fetchall()
        if found:
            return (
                f" The set has {quoted(found[0][0])}, not {quoted(name)}: leading zeros were lost; "
                "keep the column as text (in pandas: dtype={'sample': str})."
            )
    return ""


def _demand_sound(
    connection: duckdb.DuckDBPyConnection, predictions: Predictions, held: HeldOut
) -> None:
    """Ensures that the predictions of evaluated samples can be used."""
    file = predictions.file
    wrong = connection.execute("SELECT min_by((wrong, problem), wrong) FROM answers").fetchall()
    if wrong[0][0]:
        row, problem = wrong[0][0]
        raise WrongPredictionsError(f"{file.place(row)}: {problem}.")
    if held.task == "counting":
        found = connection.execute(f"""
            SELECT row, ranked[1] FROM answers WHERE len(ranked) > 0
                AND (abs(try_cast(ranked[1] AS DOUBLE)) < {_MOST_NUMBER}) IS NOT TRUE
                AND isnan(try_cast(ranked[1] AS DOUBLE)) IS NOT TRUE
            ORDER BY row LIMIT 1""").fetchall()
        for row, text in found:
            raise WrongPredictionsError(
                f"{file.place(row)}: the prediction {quoted(text)} is not a number below "
                f"10^15, and the label {held.label} is counted; see --task."
            )
        # What pandas writes for a missing number.
        connection.execute(
            "UPDATE answers SET ranked = [] WHERE isnan(try_cast(ranked[1] AS DOUBLE))"
        )


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


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> "dict[str, Any]":
    return {
        name: np.ma.getdata(values)
        for name, values in connection.execute(query).fetchnumpy().items()
    }

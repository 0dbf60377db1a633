"""Predictions joined with the samples they are about, into the table `answers`; their coverage."""

from dataclasses import dataclass

import duckdb

from off_platform.evaluation.held_out import HeldOut
from off_platform.evaluation.prediction_files import WrongPredictionsError
from off_platform.evaluation.predictions import Predictions
from off_platform.storage.sql import literal
from off_platform.words import counted, quoted

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

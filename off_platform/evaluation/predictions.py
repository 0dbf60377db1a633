"""What a file of predictions says: the sample of each row, and a ranking of guesses.

| column | content |
|---|---|
| `sample`, `file_name`, `__key__` or `id` | the sample; folder and ending are ignored |
| `prediction` | a number or a class, or a list of classes, best first |
| `prediction_1` ... `prediction_5` | classes, best first |
| `score:CLASS`, one per class | a score; higher is better |
"""

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import duckdb

from off_platform.evaluation.prediction_files import (
    ANY_JSON,
    PredictionFile,
    WrongPredictionsError,
    prediction_file,
)
from off_platform.storage.sql import identifier, literal
from off_platform.words import shortened

SAMPLE_COLUMNS = ("sample", "file_name", "__key__", "id")
"""The columns that may name the sample; the first that the file has is used."""

ONE = "prediction"
SCORE = "score:"
RANKS = 5
"""The number of guesses that count, for the top-5 accuracy."""

_RANKED = tuple(f"{ONE}_{rank}" for rank in range(1, RANKS + 1))
_NESTED = ("STRUCT", "MAP", "UNION", "BLOB")


@dataclass(frozen=True)
class Predictions:
    """The predictions in a file.

    Attributes:
        file: the file.
        query: SQL with one row per row of the file: `row` (from 1), `sample`, `ranked` (texts, best
            first, at most `RANKS`; none without a prediction), `problem` (what is wrong, or null).
        are_ranked: whether a row may have several guesses.
    """

    file: PredictionFile
    query: str
    are_ranked: bool


def predictions_in(path: Path, connection: duckdb.DuckDBPyConnection) -> Predictions:
    """Reads which columns a file has.

    Raises:
        WrongPredictionsError: it is not a file of a known format, or lacks a column.
    """
    file = prediction_file(path, connection)
    sample = next(filter(None, map(file.named, SAMPLE_COLUMNS)), None)
    if sample is None:
        raise WrongPredictionsError(
            f"{path} has no column that names the sample: {_listed(SAMPLE_COLUMNS, 'or')}; it has "
            f"{_shown(file)}."
        )
    guesses, problem, are_ranked = _guesses(file)
    # Loaders give a path, or a name with its ending.
    name = f"regexp_replace({_as_text(file, sample)}, '^.*[/\\\\]', '')"
    name = rf"regexp_replace({name}, '\.(jpe?g|png|webp|gif|json)$', '', 'i')"
    return Predictions(
        file,
        f"""SELECT row_number() OVER () AS row, {name} AS sample, {problem} AS problem,
                list_filter({guesses}, lambda guess: guess <> '')[1:{RANKS}] AS ranked
            FROM {file.rows}""",
        are_ranked,
    )


def _guesses(file: PredictionFile) -> tuple[str, str, bool]:
    """SQL for the guesses, SQL for what is wrong with them, and whether there may be several."""
    ranked = list(takewhile(bool, map(file.named, _RANKED)))
    classes = [name for name in file.columns if name.lower().startswith(SCORE)]
    if one := file.named(ONE):
        return _of_one_column(file, one)
    if ranked:
        return (
            f"[{', '.join(_as_text(file, name) for name in ranked if name)}]",
            "NULL",
            len(ranked) > 1,
        )
    if classes:
        return _of_scores(file, classes)
    raise WrongPredictionsError(
        f"{file.path} has no column {ONE}, {_RANKED[0]} to {_RANKED[-1]}, or {SCORE}CLASS; it has "
        f"{_shown(file)}."
    )


def _of_one_column(file: PredictionFile, name: str) -> tuple[str, str, bool]:
    column, kind = identifier(name), file.columns[name]
    if kind == ANY_JSON:
        problem = f"""CASE json_type({column}) WHEN 'OBJECT'
            THEN 'the column {ONE} has an object, not a number, a text or a list of these' END"""
        guesses = f"""CASE json_type({column}) WHEN 'ARRAY' THEN {column}->>'$[*]'
            ELSE [{_as_text(file, name)}] END"""
        return guesses, problem, True
    if kind.endswith("]"):
        return f"{column}::VARCHAR[]", "NULL", True
    if kind.startswith(_NESTED):
        raise WrongPredictionsError(
            f"{file.path}: the column {ONE} has the type {shortened(kind, 40)}; a number, a text "
            "or a list of these is expected."
        )
    return f"[{_as_text(file, name)}]", "NULL", False


def _of_scores(file: PredictionFile, columns: list[str]) -> tuple[str, str, bool]:
    scores = ", ".join(f"try_cast({_as_text(file, name)} AS DOUBLE)" for name in columns)
    names = ", ".join(literal(name[len(SCORE) :]) for name in columns)
    order = f"list_grade_up([{scores}], 'DESC', 'NULLS LAST')[1:{RANKS}]"
    wrong = f"list_position(list_transform([{scores}], lambda s: isfinite(s) IS TRUE), false)"
    problem = f"""'the score of ' || [{names}][nullif({wrong}, 0)] || ' is not a finite number'"""
    return f"list_transform({order}, lambda place: [{names}][place])", problem, True


def _as_text(file: PredictionFile, name: str) -> str:
    column = identifier(name)
    return f"({column}->>'$')" if file.columns[name] == ANY_JSON else f"{column}::VARCHAR"


def _listed(names: tuple[str, ...], last: str) -> str:
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def _shown(file: PredictionFile) -> str:
    return shortened(", ".join(map(repr, file.columns)), 200)

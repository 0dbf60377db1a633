"""The flow of an evaluation: reads set and file, and computes everything that is reported.

What comes out is in `results.py`; definitions of figures are in `counting.py`,
`classification.py`, `resampling.py` and `leaks.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
import numpy as np

from off_platform.evaluation import classification, counting
from off_platform.evaluation.answers import Coverage, read_answers
from off_platform.evaluation.columns import (
    Classified,
    Counted,
    classified_columns,
    counted_columns,
)
from off_platform.evaluation.confusion import confusions
from off_platform.evaluation.held_out import HeldOut, Task, held_out
from off_platform.evaluation.labelled_sets import QUANTITY, LabelledSet
from off_platform.evaluation.leaks import leak_probability
from off_platform.evaluation.predictions import RANKS, predictions_in
from off_platform.evaluation.published import ABID_COUNTING, LARGEST_COUNT
from off_platform.evaluation.resampling import Codes, Numbers, Resampling, ratio, sums_by_code
from off_platform.evaluation.results import Evaluation, Figures, OfClass, Part, Scored
from off_platform.words import shortened


def evaluate(
    connection: duckdb.DuckDBPyConnection,
    of: LabelledSet,
    predictions: Path,
    *,
    label: str | None = None,
    task: Task | None = None,
    split: str | None = None,
) -> Evaluation:
    """Evaluates a file of predictions on a split of a set.

    Args:
        connection: DuckDB that can read the set.
        of: the set.
        predictions: the file, see `predictions.py`.
        label: see `held_out`.
        task: see `held_out`.
        split: see `held_out`.

    Raises:
        off_platform.evaluation.labelled_sets.UnusableSetError: the set has no such label or split.
        off_platform.evaluation.prediction_files.WrongPredictionsError: the file is wrong.
    """
    held = held_out(connection, of, label, task, split)
    given = predictions_in(predictions, connection)
    coverage = read_answers(connection, given, held)
    if held.task == "counting":
        made = _of_counting(connection, of, held, coverage, counted_columns(connection))
    else:
        columns = classified_columns(connection, given, held)
        made = _of_classification(of, held, coverage, columns)
    return replace(made, notes=(*held.notes, *made.notes))


def _of_counting(
    connection: duckdb.DuckDBPyConnection,
    of: LabelledSet,
    held: HeldOut,
    coverage: Coverage,
    columns: Counted,
) -> Evaluation:
    resampling = Resampling(columns.unit)
    figures = partial(counting.figures, columns.label, resampling=resampling)
    everything = np.ones(len(columns.label))
    labels, label = np.unique(columns.label, return_inverse=True)
    names = tuple(f"{each:.0f}" for each in labels)
    guess = counting.rounded(columns.predicted)
    place = np.clip(np.searchsorted(labels, guess), 0, len(labels) - 1)
    code = np.where(labels[place] == guess, place, len(labels))
    code = np.where(np.isfinite(guess), code, -1)
    is_published = of.is_of_bins and held.label == QUANTITY and labels[0] >= 0
    return Evaluation(
        of.name,
        held,
        coverage,
        figures(columns.predicted, everything),
        tuple(
            Scored(f"{name}: {value:.2f}".removesuffix(".00"), figures(same, everything))
            for name, value in _constants(connection, held).items()
            for same in [np.full(len(label), value)]
        ),
        *_parts(columns.siblings, held, partial(figures, columns.predicted)),
        tuple(_counted_classes(names, label, columns)),
        confusions(names, label, code),
        ABID_COUNTING if is_published and labels[-1] <= LARGEST_COUNT else None,
        (),
    )


def _constants(connection: duckdb.DuckDBPyConnection, held: HeldOut) -> dict[str, float]:
    """What one would predict without looking at a photo."""
    if held.trained_on is None:
        return {}
    train = f"(SELECT label FROM samples WHERE label IS NOT NULL AND {held.trained_on})"
    ((mean, median),) = connection.execute(
        f"SELECT avg(label), median(label) FROM {train}"
    ).fetchall()
    often = connection.execute(
        f"SELECT label FROM {train} GROUP BY label ORDER BY count(*) DESC, label LIMIT 1"
    ).fetchall()
    if mean is None:
        return {}
    return {
        "mean": mean,
        "rounded mean": float(counting.rounded(np.array(mean))),
        "median": median,
        "most frequent": often[0][0],
    }


def _counted_classes(names: tuple[str, ...], label: Codes, columns: Counted) -> "list[OfClass]":
    is_there = np.isfinite(columns.predicted)
    right = is_there & (counting.rounded(columns.predicted) == columns.label)
    error = np.where(is_there, columns.predicted - columns.label, 0.0)
    samples, hits, there, squared = (
        sums_by_code(label, each, len(names))
        for each in (np.ones(len(label)), right, is_there, error**2)
    )
    found = {"accuracy": ratio(hits, samples), "rmse": np.sqrt(ratio(squared, there))}
    return _classes(names, samples, found)


def _of_classification(
    of: LabelledSet, held: HeldOut, coverage: Coverage, columns: Classified
) -> Evaluation:
    resampling = Resampling(columns.unit)
    figures = partial(
        classification.figures, columns.label, classes=len(columns.classes), resampling=resampling
    )
    everything = np.ones(len(columns.label))
    names = columns.classes[: columns.of_labels]
    baselines = []
    if columns.often.size:
        # The most frequent class first, then the next ones.
        often = np.broadcast_to(columns.often, (len(columns.label), columns.often.size))
        most = shortened(columns.classes[columns.often[0]], 40)
        baselines = [Scored(f"most frequent: {most}", figures(often, everything))]
    strangers = np.unique(columns.ranked[:, 0][columns.ranked[:, 0] >= columns.of_labels]).size
    notes = []
    if strangers:
        notes.append(
            f"Predicted classes that no evaluated sample has: {strangers:,}; as in scikit-learn, "
            "each has an F1 of 0 in the macro F1."
        )
    if columns.ranked.shape[1] == 1:
        notes.append(f"The file has one guess per sample, so there is no top-{RANKS} accuracy.")
    return Evaluation(
        of.name,
        held,
        coverage,
        figures(columns.ranked, everything),
        tuple(baselines),
        *_parts(columns.siblings, held, partial(figures, columns.ranked)),
        tuple(_classified_classes(names, columns)),
        confusions(names, columns.label, columns.ranked[:, 0]),
        None,
        tuple(notes),
    )


def _classified_classes(names: tuple[str, ...], columns: Classified) -> "list[OfClass]":
    size, label, first = len(names), columns.label, columns.ranked[:, 0]
    known = (first >= 0) & (first < size)
    samples = sums_by_code(label, np.ones(len(label)), size)
    predicted = sums_by_code(first[known], np.ones(known.sum()), size)
    right = sums_by_code(label, label == first, size)
    found = {
        "precision": ratio(right, predicted),
        "recall": ratio(right, samples),
        "f1": ratio(2 * right, samples + predicted),
    }
    return _classes(names, samples, found)


def _classes(
    names: tuple[str, ...], samples: Numbers, found: Mapping[str, Numbers]
) -> "list[OfClass]":
    return [
        OfClass(
            name,
            int(samples[at]),
            {
                figure: float(values[at]) if np.isfinite(values[at]) else None
                for figure, values in found.items()
            },
        )
        for at, name in enumerate(names)
    ]


def _parts(
    siblings: Codes, held: HeldOut, figures: Callable[[Numbers], Figures]
) -> tuple[Part | None, Part | None]:
    if not siblings.any():
        return None, None
    leaks = leak_probability(siblings, held.train_share)
    return (
        Part("would leak", float(leaks.sum()), figures(leaks)),
        Part("the rest", float((1 - leaks).sum()), figures(1 - leaks)),
    )

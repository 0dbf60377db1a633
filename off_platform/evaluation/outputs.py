"""An evaluation as JSON for programs, and as an HTML page that opens without a network."""

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from off_platform.evaluation.confusion import OTHER, Grid
from off_platform.evaluation.resampling import CONFIDENCE, REPLICATES, SEED, Figure
from off_platform.evaluation.results import FIGURES, OF_CLASS, Evaluation, Figures, Part
from off_platform.templates import template_engine
from off_platform.words import readable

TITLES = {
    "accuracy": "accuracy",
    "within_one": "within one",
    "rmse": "RMSE",
    "mae": "MAE",
    "top_1": "top-1",
    "top_5": "top-5",
    "macro_f1": "macro F1",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}
SHARES = frozenset({"accuracy", "within_one", "top_1", "top_5", "precision", "recall"})
"""Figures that are shown as a percentage."""

MOST_CELLS = 30
MOST_ROWS = 1_000
MOST_PAIRS = 20
_MOST_NAME = 80


def shown(name: str, value: float | None) -> str:
    """A figure as text, with its unit."""
    if value is None:
        return "\u2013"
    return f"{value:.2%}".replace("%", " %") if name in SHARES else f"{value:.3f}"


def interval(name: str, figure: Figure) -> str:
    """A figure's interval as text."""
    if figure.low is None or figure.high is None:
        return "\u2013"
    if name in SHARES:
        return f"{100 * figure.low:.1f}\u2013{100 * figure.high:.1f}"
    return f"{figure.low:.3f}\u2013{figure.high:.3f}"


def part_name(part: Part) -> str:
    """A part, with the expected number of its samples."""
    return f"{part.name} ({part.samples:,.1f})"


def as_json(evaluation: Evaluation) -> str:
    """Everything, for programs: shares from 0 to 1, names as in `FIGURES` and `OF_CLASS`."""
    held, coverage = evaluation.held, evaluation.coverage
    said: dict[str, Any] = {
        "set": evaluation.image_set,
        "label": held.label,
        "task": held.task,
        "split": held.split,
        "samples": held.samples,
        "unit": held.unit,
        "units": held.units,
        "unlabelled": held.unlabelled,
        "coverage": {**asdict(coverage), "hint": coverage.hint.strip()},
        "interval": {"confidence": CONFIDENCE, "replicates": REPLICATES, "seed": SEED},
        "figures": _figures(evaluation.figures),
        "baselines": [
            {"name": each.name, "figures": _figures(each.figures)} for each in evaluation.baselines
        ],
        "random_split": {
            "train_share": held.train_share,
            "would_leak": _part(evaluation.leaked),
            "rest": _part(evaluation.rest),
        },
        "published": asdict(evaluation.published) if evaluation.published else None,
        "classes": [
            {"class": each.name, "samples": each.samples, **each.figures}
            for each in evaluation.classes
        ],
        "confusions": [
            {"label": each.label, "predicted": each.predicted, "samples": each.samples}
            for each in evaluation.confusions.pairs()
        ],
        "notes": evaluation.notes,
    }
    return json.dumps(said, indent=2, allow_nan=False)


def _figures(figures: Figures) -> dict[str, Any]:
    return {name: asdict(figure) for name, figure in figures.items()}


def _part(part: Part | None) -> dict[str, Any] | None:
    return {"samples": part.samples, "figures": _figures(part.figures)} if part else None


def write_page(evaluation: Evaluation, predictions: str, to: Path) -> None:
    """Writes the page.

    Args:
        evaluation: what to show.
        predictions: name of the file of predictions.
        to: the file to write.
    """
    page = _environment().get_template("evaluation.html.j2")
    wrong = evaluation.confusions.pairs(MOST_PAIRS, wrong=True)
    to.write_text(
        page.render(
            it=evaluation,
            predictions=predictions,
            kinds=FIGURES[evaluation.held.task],
            of_class=OF_CLASS[evaluation.held.task],
            grid=evaluation.confusions.grid(MOST_CELLS),
            classes=evaluation.classes[:MOST_ROWS],
            wrong=wrong,
            other=OTHER,
            replicates=REPLICATES,
        ),
        encoding="utf-8",
    )


def cells(grid: Grid) -> "list[list[tuple[int, float]]]":
    """The counts of a table, each with its share of the row."""
    return [[(count, count / max(sum(row), 1)) for count in row] for row in grid.counts]


@cache
def _environment() -> Environment:
    made = template_engine("off_platform.evaluation")
    made.globals |= {
        "title": TITLES.__getitem__,
        "shown": shown,
        "interval": interval,
        "part_name": part_name,
        "cells": cells,
    }
    # Names of classes and samples come from outside.
    made.filters["text"] = lambda text: readable(str(text), _MOST_NAME)
    return made

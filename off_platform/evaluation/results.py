"""What comes out of an evaluation, as data.

It is computed in `evaluate.py` and written in `outputs.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from off_platform.evaluation import classification, counting
from off_platform.evaluation.answers import Coverage
from off_platform.evaluation.confusion import Confusions
from off_platform.evaluation.held_out import HeldOut
from off_platform.evaluation.published import Published
from off_platform.evaluation.resampling import Figure

FIGURES: Mapping[str, Mapping[str, str]] = {
    "counting": counting.FIGURES,
    "classification": classification.FIGURES,
}
"""The figures of each task, with what they are."""

OF_CLASS: Mapping[str, tuple[str, ...]] = {
    "counting": ("accuracy", "rmse"),
    "classification": ("precision", "recall", "f1"),
}
"""The figures of each class."""

Figures = dict[str, Figure]


@dataclass(frozen=True)
class Scored:
    """Figures of the predictions, or of a baseline.

    Attributes:
        name: what predicts.
        figures: by name.
    """

    name: str
    figures: Figures


@dataclass(frozen=True)
class Part:
    """Figures of a part of the samples; `samples` is the expected number, see `leaks.py`."""

    name: str
    samples: float
    figures: Figures


@dataclass(frozen=True)
class OfClass:
    """Figures of one class; None where they cannot be computed."""

    name: str
    samples: int
    figures: dict[str, float | None]


@dataclass(frozen=True)
class Evaluation:
    """Everything that is reported.

    Attributes:
        image_set: name or folder of the set.
        held: what the predictions are compared with.
        coverage: how the rows of the file fit.
        figures: of the predictions.
        baselines: what trivial predictions reach, learned from train.
        leaked: figures of what a random split would have leaked; None if nothing.
        rest: figures of the rest.
        classes: figures of each class of the labels, in order.
        confusions: labels against first guesses.
        published: figures of others.
        notes: sentences.
    """

    image_set: str
    held: HeldOut
    coverage: Coverage
    figures: Figures
    baselines: tuple[Scored, ...]
    leaked: Part | None
    rest: Part | None
    classes: tuple[OfClass, ...]
    confusions: Confusions
    published: Published | None
    notes: tuple[str, ...]

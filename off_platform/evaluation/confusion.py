"""Which classes are taken for which: a count for each pair of label and first guess."""

from dataclasses import dataclass

import numpy as np

from off_platform.evaluation.resampling import Codes

OTHER = "(other)"
"""A guess that is not the label of any evaluated sample, or a class that is not shown."""

NO_PREDICTION = "(none)"


@dataclass(frozen=True)
class Pair:
    """Samples of one class with one first guess; `share` is of the samples of the class."""

    label: str
    predicted: str
    samples: int
    share: float


@dataclass(frozen=True)
class Grid:
    """A part of the confusions as a table: one row per label, one column per guess."""

    labels: tuple[str, ...]
    predicted: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Confusions:
    """All pairs that occur, without those of a count of 0.

    Attributes:
        classes: of the labels.
        label: code of a class, in order.
        predicted: code of the guess; `len(classes)` is `OTHER`, the next one `NO_PREDICTION`.
        samples: of each pair.
    """

    classes: tuple[str, ...]
    label: Codes
    predicted: Codes
    samples: Codes

    def pairs(self, most: int | None = None, *, wrong: bool = False) -> list[Pair]:
        """The pairs by label and guess; or the wrong ones, the largest first."""
        of_class = np.bincount(self.label, self.samples, len(self.classes))
        names = (*self.classes, OTHER, NO_PREDICTION)
        places = np.arange(len(self.label))
        if wrong:
            places = places[self.label != self.predicted]
            places = places[np.argsort(-self.samples[places], kind="stable")]
        return [
            Pair(
                names[self.label[at]],
                names[self.predicted[at]],
                int(self.samples[at]),
                float(self.samples[at] / of_class[self.label[at]]),
            )
            for at in places[:most]
        ]

    def grid(self, most: int) -> Grid:
        """The most frequent classes in their order, and `OTHER` for the rest."""
        size = len(self.classes)
        of_class = np.bincount(self.label, self.samples, size)
        shown = np.sort(np.argsort(-of_class, kind="stable")[:most])
        # Where each class is in the table; the place after the shown ones is OTHER.
        at = np.full(size + 2, len(shown))
        at[shown] = np.arange(len(shown))
        at[size + 1] = len(shown) + 1
        table = np.zeros((len(shown) + 2, len(shown) + 2), dtype=np.int64)
        np.add.at(table, (at[self.label], at[self.predicted]), self.samples)
        names = (*(self.classes[code] for code in shown), OTHER, NO_PREDICTION)
        rows = [place for place in range(len(names)) if place < len(shown) or table[place].any()]
        columns = [
            place for place in range(len(names)) if place < len(shown) or table[:, place].any()
        ]
        return Grid(
            tuple(names[place] for place in rows),
            tuple(names[place] for place in columns),
            tuple(tuple(int(table[row, column]) for column in columns) for row in rows),
        )


def confusions(classes: tuple[str, ...], label: Codes, predicted: Codes) -> Confusions:
    """Counts the pairs.

    Args:
        classes: of the labels.
        label: code of each sample's class.
        predicted: code of its first guess; larger than those of `classes` for any other class,
            negative without a prediction.
    """
    size = len(classes)
    guess = np.where(predicted < 0, size + 1, np.minimum(predicted, size))
    pairs, samples = np.unique(label * (size + 2) + guess, return_counts=True)
    return Confusions(classes, pairs // (size + 2), pairs % (size + 2), samples.astype(np.int64))

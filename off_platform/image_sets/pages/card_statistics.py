"""The statistics of a data card as plain values, and the biases that they show, in sentences.

`manifest_statistics.py` counts them; `charts.py` draws them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from off_platform.words import counted, share, shortened

DOMINANT_SHARE = 0.5
"""Share of the labelled samples above which one value dominates a label."""
SMALL_PIXELS = 400
"""Photos whose longer side is below this number of pixels count as small."""
SMALL_SHARE = 0.5
"""Share of small photos above which the card says so."""
UNLABELLED_SHARE = 0.01
"""Share of samples without the class label above which the card says so."""
FEW_SAMPLES = 10
"""Classes with fewer samples than this can hardly be learned or measured."""
SIDES = (100, 200, 400, 800, 1600, 3200)
"""Bounds of the chart of photo sizes: pixels of the longer side."""
_MOST_VALUE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFigures:
    """A split: its name, and its numbers of samples, photos and units (products or visits)."""

    name: str
    samples: int
    photos: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dominance:
    """The most frequent value of a label: `samples` of the `labelled` samples have it."""

    label: str
    value: str
    samples: int
    labelled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """The classes of a set.

    Attributes:
        label: the label whose values are the classes.
        top: the most frequent classes, each with its number of samples.
        classes: number of classes.
        few: number of classes with fewer than `FEW_SAMPLES` samples.
        unlabelled: number of samples without this label.
        by_split: samples of the top classes by class and split; empty without splits.
    """

    label: str
    top: tuple[tuple[str, int], ...]
    classes: int
    few: int
    unlabelled: int
    by_split: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CardStatistics:
    """The statistics of a set; those of classes, sizes and languages leave out excluded samples.

    Attributes:
        samples: number of samples with a photo.
        photos: number of photos.
        sides: number of photos by the bounds of `SIDES`; the first are below the first bound.
        small: number of photos whose longer side is below `SMALL_PIXELS`.
        classes: the classes; None without a class label.
        languages: the most frequent languages of the text on the photos, each with its samples.
        splits: one per split, in order; empty if the set is not split.
        dominant: the labels of which one value dominates.
        copies: number of photos with the same bytes as an earlier one.
        groups: number of groups of near duplicates.
        grouped: number of photos in them.
        grouping: whether near duplicates were looked for.
        excluded: why samples were excluded, each with its number of samples.
    """

    samples: int
    photos: int
    sides: tuple[int, ...]
    small: int
    classes: ClassFigures | None = None
    languages: tuple[tuple[str, int], ...] = ()
    splits: tuple[SplitFigures, ...] = ()
    dominant: tuple[Dominance, ...] = ()
    copies: int = 0
    groups: int = 0
    grouped: int = 0
    grouping: bool = False
    excluded: tuple[tuple[str, int], ...] = ()

    @property
    def biases(self) -> tuple[str, ...]:
        """What the figures show that a user of the set should know, one sentence each."""
        return (
            *_of_values(self.dominant),
            *(_of_classes(self.classes, self.samples) if self.classes else ()),
            *_of_sizes(self.small, self.photos),
            *self._of_duplicates(),
            *(
                f"{counted(samples, 'sample')} excluded: {reason.removesuffix('.')}."
                for reason, samples in self.excluded
            ),
        )

    def _of_duplicates(self) -> Iterator[str]:
        if self.copies:
            yield (
                f"{counted(self.copies, 'photo')} ({share(self.copies, self.photos)}) "
                "with the same bytes as another photo of the set."
            )
        if self.groups:
            yield (
                f"{counted(self.grouped, 'photo')} ({share(self.grouped, self.photos)}) in "
                f"{counted(self.groups, 'group')} of near duplicates."
            )


def _of_values(dominant: tuple[Dominance, ...]) -> Iterator[str]:
    for each in dominant:
        yield (
            f"{share(each.samples, each.labelled)} of the samples with {each.label} have "
            f"{shortened(each.value, _MOST_VALUE)}."
        )


def _of_classes(classes: ClassFigures, samples: int) -> Iterator[str]:
    if classes.few:
        yield (
            f"{classes.few:,} of {classes.classes:,} classes ({classes.label}) have fewer than "
            f"{FEW_SAMPLES} samples."
        )
    if classes.unlabelled > UNLABELLED_SHARE * samples:
        yield (
            f"{counted(classes.unlabelled, 'sample')} ({share(classes.unlabelled, samples)}) "
            f"without {classes.label}."
        )


def _of_sizes(small: int, photos: int) -> Iterator[str]:
    if small > SMALL_SHARE * photos:
        yield f"{share(small, photos)} of the photos are smaller than {SMALL_PIXELS} pixels."

"""Figures of classification: how often the right class is guessed.

Macro F1 is the mean of the F1 scores of all classes that occur among labels or predictions, as in
scikit-learn. A missing prediction is wrong: it lowers the recall of its class.
"""

import numpy as np

from off_platform.evaluation.resampling import Codes, Figure, Numbers, Resampling, ratio

FIGURES = {
    "top_1": "share of samples whose first guess is the label",
    "top_5": "share of samples with the label among the first five guesses",
    "macro_f1": "mean of the F1 scores of the classes, from 0 to 1",
}
# Classes whose sums are in memory at the same time: 1,000 draws of them take 2 MB a column.
_AT_ONCE = 256


def figures(
    label: Codes, ranked: Codes, weight: Numbers, classes: int, resampling: Resampling
) -> dict[str, Figure]:
    """The figures by name.

    Args:
        label: codes of the true classes.
        ranked: codes of the guesses, best first, one column per rank; negative if not given. With
            one column, there is no top-5 accuracy.
        weight: of each sample.
        classes: number of classes.
        resampling: of the same samples.
    """
    hits = ranked == label[:, None]
    samples, first, any_of_them = resampling.sums(
        weight, weight * hits[:, 0], weight * hits.any(axis=1)
    ).T
    only_one = ranked.shape[1] == 1
    values = {
        "top_1": ratio(first, samples),
        "top_5": np.full_like(samples, np.nan) if only_one else ratio(any_of_them, samples),
        "macro_f1": _macro_f1(label, ranked[:, 0], weight, classes, resampling),
    }
    return {name: resampling.figure(each) for name, each in values.items()}


def _macro_f1(
    label: Codes, predicted: Codes, weight: Numbers, classes: int, resampling: Resampling
) -> Numbers:
    right = weight * (label == predicted)
    total, present = (np.zeros(len(resampling.sums(weight))) for _ in range(2))
    for start in range(0, classes, _AT_ONCE):
        end = min(start + _AT_ONCE, classes)
        seen = resampling.sums_by_class(label, weight, start, end)
        seen += resampling.sums_by_class(predicted, weight, start, end)
        hits = resampling.sums_by_class(label, right, start, end)
        total += np.nansum(ratio(2 * hits, seen), axis=1)
        present += (seen > 0).sum(axis=1)
    return ratio(total, present)

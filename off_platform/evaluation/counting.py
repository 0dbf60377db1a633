"""Figures of counting: how far the predicted number is from the true one.

A prediction may have decimals: it is right if it rounds to the label (halves up), and RMSE and MAE
use it as it is. A missing prediction is wrong; RMSE and MAE are those of the predicted samples.
"""

import numpy as np

from off_platform.evaluation.resampling import Figure, Numbers, Resampling, ratio

FIGURES = {
    "accuracy": "share of samples whose rounded prediction is the label",
    "within_one": "share of samples whose rounded prediction is at most 1 off",
    "rmse": "root of the mean squared error, in units of the label",
    "mae": "mean absolute error, in units of the label",
}


def rounded(predicted: Numbers) -> Numbers:
    """Whole numbers, halves up; NaN stays NaN."""
    return np.floor(predicted + 0.5)


def figures(
    label: Numbers, predicted: Numbers, weight: Numbers, resampling: Resampling
) -> dict[str, Figure]:
    """The figures by name.

    Args:
        label: true numbers.
        predicted: predicted ones; NaN if missing.
        weight: of each sample.
        resampling: of the same samples.
    """
    is_there = np.isfinite(predicted)
    off = np.where(is_there, rounded(predicted) - label, np.inf)
    error = np.where(is_there, predicted - label, 0.0)
    samples, right, within, there, absolute, squared = resampling.sums(
        weight,
        weight * (off == 0),
        weight * (np.abs(off) <= 1),
        weight * is_there,
        weight * np.abs(error),
        weight * error**2,
    ).T
    values = {
        "accuracy": ratio(right, samples),
        "within_one": ratio(within, samples),
        "rmse": np.sqrt(ratio(squared, there)),
        "mae": ratio(absolute, there),
    }
    return {name: resampling.figure(each) for name, each in values.items()}

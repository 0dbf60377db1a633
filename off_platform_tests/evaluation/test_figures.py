"""Each figure is what its definition says, computed naively, sample by sample."""

from math import floor, isclose, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.evaluation import classification, counting
from off_platform.evaluation.confusion import NO_PREDICTION, OTHER, confusions
from off_platform.evaluation.leaks import leak_probability
from off_platform.evaluation.resampling import MOST_BLOCKS, Resampling

WEIGHTS = st.integers(1, 8).map(lambda eighths: eighths / 8)
COUNTS = st.tuples(
    st.integers(0, 6),
    st.one_of(st.none(), st.integers(-16, 80).map(lambda eighths: eighths / 8)),
    WEIGHTS,
)
CLASSES = st.tuples(
    st.integers(0, 4), st.lists(st.integers(0, 6), max_size=5, unique=True), WEIGHTS
)


def single(samples: int) -> Resampling:
    """Each sample is a unit."""
    return Resampling(np.arange(samples))


@given(st.lists(COUNTS, min_size=1, max_size=40))
def test_counting_is_as_computed_one_by_one(samples: list[tuple[int, float | None, float]]) -> None:
    label, predicted, weight = (
        np.array([np.nan if value is None else value for value in column], dtype=float)
        for column in zip(*samples, strict=True)
    )
    found = counting.figures(label, predicted, weight, single(len(samples)))
    right = within = squared = absolute = there = total = 0.0
    for is_, said, counts in samples:
        total += counts
        if said is not None:
            there += counts
            right += counts * (floor(said + 0.5) == is_)
            within += counts * (abs(floor(said + 0.5) - is_) <= 1)
            squared += counts * (said - is_) ** 2
            absolute += counts * abs(said - is_)
    assert isclose(found["accuracy"].value or 0, right / total)
    assert isclose(found["within_one"].value or 0, within / total)
    if not there:
        assert found["rmse"].value is found["mae"].value is None
    else:
        assert isclose(found["rmse"].value or 0, sqrt(squared / there))
        assert isclose(found["mae"].value or 0, absolute / there)


def as_ranked(samples: list[tuple[int, list[int], float]]) -> Any:
    label = np.array([each[0] for each in samples])
    ranked = np.full((len(samples), 5), -1)
    for row, (_, guesses, _) in zip(ranked, samples, strict=True):
        row[: len(guesses)] = guesses
    return label, ranked, np.array([each[2] for each in samples])


@given(st.lists(CLASSES, min_size=1, max_size=40))
def test_classification_is_as_computed_one_by_one(
    samples: list[tuple[int, list[int], float]],
) -> None:
    label, ranked, weight = as_ranked(samples)
    found = classification.figures(label, ranked, weight, 7, single(len(samples)))
    total = sum(counts for *_, counts in samples)
    first = sum(counts for is_, said, counts in samples if said[:1] == [is_])
    among = sum(counts for is_, said, counts in samples if is_ in said)
    assert isclose(found["top_1"].value or 0, first / total)
    assert isclose(found["top_5"].value or 0, among / total)
    scores = []
    for each in {is_ for is_, *_ in samples} | {said[0] for _, said, _ in samples if said}:
        hits = sum(counts for is_, said, counts in samples if is_ == each and said[:1] == [each])
        actual = sum(counts for is_, _, counts in samples if is_ == each)
        guessed = sum(counts for _, said, counts in samples if said[:1] == [each])
        scores.append(2 * hits / (actual + guessed))
    assert isclose(found["macro_f1"].value or 0, sum(scores) / len(scores))


def test_more_classes_than_fit_at_once_are_all_in_the_macro_f1() -> None:
    label = np.arange(1000)
    ranked = np.where(label < 700, label, 0)[:, None]
    found = classification.figures(label, ranked, np.ones(1000), 1000, single(1000))
    assert isclose(found["macro_f1"].value or 0, (699 + 2 / 302) / 1000)
    assert found["top_5"].value is None


@pytest.mark.loaders
@given(st.lists(CLASSES, min_size=1, max_size=60))
def test_classification_is_that_of_scikit_learn(
    samples: list[tuple[int, list[int], float]],
) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    samples = [each for each in samples if each[1]] or [(0, [0], 1.0)]
    label, ranked, weight = as_ranked(samples)
    found = classification.figures(label, ranked, weight, 7, single(len(samples)))
    expected = {
        "top_1": metrics.accuracy_score(label, ranked[:, 0], sample_weight=weight),
        "macro_f1": metrics.f1_score(
            label, ranked[:, 0], average="macro", sample_weight=weight, zero_division=0
        ),
    }
    for name, value in expected.items():
        assert isclose(found[name].value or 0, value)


@pytest.mark.loaders
@given(st.lists(COUNTS.filter(lambda each: each[1] is not None), min_size=1, max_size=60))
def test_counting_is_that_of_scikit_learn(samples: list[tuple[int, float, float]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    label, predicted, weight = (
        np.array(column, dtype=float) for column in zip(*samples, strict=True)
    )
    found = counting.figures(label, predicted, weight, single(len(samples)))
    expected = {
        "rmse": metrics.root_mean_squared_error(label, predicted, sample_weight=weight),
        "mae": metrics.mean_absolute_error(label, predicted, sample_weight=weight),
    }
    for name, value in expected.items():
        assert isclose(found[name].value or 0, value, abs_tol=1e-12)


@given(st.integers(0, 12), st.floats(0, 1))
def test_a_sample_leaks_unless_all_of_its_siblings_are_held_out(
    siblings: int, share: float
) -> None:
    held_out = 1.0
    for _ in range(siblings):
        held_out *= 1 - share
    assert isclose(leak_probability(np.array([siblings]), share)[0], 1 - held_out, abs_tol=1e-9)


def test_the_expected_leak_is_that_of_many_random_splits() -> None:
    generator = np.random.default_rng(1)
    unit = np.repeat(np.arange(2000), generator.integers(1, 4, 2000))
    siblings = np.bincount(unit)[unit] - 1
    in_train = generator.random((50, len(unit))) < 0.8
    held, leaked = 0, 0
    for train in in_train:
        has = np.bincount(unit[train], minlength=2000) > 0
        held += (~train).sum()
        leaked += has[unit[~train]].sum()
    assert isclose(leak_probability(siblings, 0.8).mean(), leaked / held, rel_tol=0.02)


def spread(unit: Any, right: Any) -> float:
    found = counting.figures(right * 0.0, 1.0 - right, np.ones(len(right)), Resampling(unit))
    low, high = found["accuracy"].low, found["accuracy"].high
    assert low is not None
    assert high is not None
    return high - low


def test_photos_of_a_unit_do_not_make_the_interval_narrower() -> None:
    right = np.random.default_rng(0).random(300) < 0.6
    alone = spread(np.arange(300), right)
    # Each photo nine times: no more is known than before.
    again = np.repeat(right, 9)
    assert isclose(spread(np.repeat(np.arange(300), 9), again), alone, rel_tol=0.05)
    assert isclose(spread(np.arange(2700), again), alone / 3, rel_tol=0.15)


def test_the_interval_is_that_of_the_binomial() -> None:
    right = np.arange(400) < 240
    assert isclose(spread(np.arange(400), right), 2 * 1.96 * sqrt(0.6 * 0.4 / 400), rel_tol=0.1)


def test_units_in_blocks_have_the_same_interval() -> None:
    units = 20 * MOST_BLOCKS
    right = np.random.default_rng(0).random(units) < 0.6
    expected = 2 * 1.96 * sqrt(0.6 * 0.4 / units)
    assert isclose(spread(np.arange(units), right), expected, rel_tol=0.1)


def test_the_same_units_have_the_same_interval() -> None:
    right = np.random.default_rng(0).random(300) < 0.6
    unit = np.arange(300) // 2
    assert spread(unit, right) == spread(unit, right)


def test_one_unit_has_no_interval() -> None:
    found = counting.figures(np.ones(3), np.ones(3), np.ones(3), Resampling(np.zeros(3, int)))
    assert found["accuracy"].value == 1
    assert found["accuracy"].low is None


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 6)), min_size=1, max_size=50),
    st.integers(1, 5),
)
def test_every_sample_is_in_one_cell(pairs: list[tuple[int, int]], most: int) -> None:
    names = ("a", "b", "c", "d")
    label, guess = (np.array(column) for column in zip(*pairs, strict=True))
    found = confusions(names, label, guess)
    shown = {(each.label, each.predicted): each.samples for each in found.pairs()}
    said = (*names, OTHER, OTHER, OTHER, NO_PREDICTION)
    expected: dict[tuple[str, str], int] = {}
    for of, as_ in pairs:
        expected[names[of], said[as_]] = expected.get((names[of], said[as_]), 0) + 1
    assert shown == expected
    grid = found.grid(most)
    assert sum(map(sum, grid.counts)) == len(pairs)
    for name, row in zip(grid.labels, grid.counts, strict=True):
        if name != OTHER:
            assert sum(row) == (label == names.index(name)).sum()
    wrong = found.pairs(wrong=True)
    assert [each.samples for each in wrong] == sorted(
        (each.samples for each in wrong), reverse=True
    )
    assert all(each.label != each.predicted for each in wrong)

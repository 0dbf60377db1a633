"""Intervals by bootstrap over units, as the photos of one visit or product are not independent.

The units are drawn with replacement, all of their samples together; the interval is from the 2.5th
to the 97.5th percentile of the figure over the draws. Sets of many units are divided at random into
`MOST_BLOCKS` blocks, which are drawn instead: the spread is the same, and the time stays bounded.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

REPLICATES = 1_000
MOST_BLOCKS = 2_000
CONFIDENCE = 0.95
SEED = 0


@dataclass(frozen=True)
class Figure:
    """A figure and its interval; None if it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None


class Resampling:
    """The draws for one order of samples. Row 0 is all units once, the others are the draws."""

    def __init__(self, unit: Codes) -> None:
        """Draws the units; the same ones for the same units.

        Args:
            unit: the number of each sample's unit, from 0.
        """
        generator = np.random.default_rng(SEED)
        units = int(unit.max(initial=-1)) + 1
        self.blocks = min(units, MOST_BLOCKS)
        block = np.arange(units) % max(self.blocks, 1)
        if units > self.blocks:
            block = generator.permutation(block)
        self._block = block[unit]
        even = np.full(self.blocks, 1 / max(self.blocks, 1))
        drawn = generator.multinomial(self.blocks, even, REPLICATES)
        self._draws = np.vstack([np.ones((1, self.blocks)), drawn])

    def sums(self, *columns: Numbers) -> Numbers:
        """The sum of each column, by draw and column."""
        by_block = [sums_by_code(self._block, each, self.blocks) for each in columns]
        summed: Numbers = self._draws @ np.stack(by_block, axis=1)
        return summed

    def sums_by_class(self, code: Codes, weight: Numbers, first: int, last: int) -> Numbers:
        """The sum of the weights of the samples of each class of a range, by draw and class."""
        inside = (code >= first) & (code < last)
        width = last - first
        cell = self._block[inside] * width + (code[inside] - first)
        by_cell = sums_by_code(cell, weight[inside], self.blocks * width)
        summed: Numbers = self._draws @ by_cell.reshape(self.blocks, width)
        return summed

    def figure(self, values: Numbers) -> Figure:
        """The figure of row 0, and its interval over the others."""
        drawn = values[1:][np.isfinite(values[1:])]
        if not np.isfinite(values[0]):
            return Figure(None, None, None)
        if self.blocks < 2 or not drawn.size:  # noqa: PLR2004 - one unit has no spread
            return Figure(float(values[0]), None, None)
        rest = (1 - CONFIDENCE) / 2
        low, high = np.quantile(drawn, [rest, 1 - rest])
        return Figure(float(values[0]), float(low), float(high))


def sums_by_code(code: Codes, weight: npt.ArrayLike, size: int) -> Numbers:
    """The sum of the weights of each code from 0 to `size` - 1."""
    return np.asarray(np.bincount(code, weight, size), dtype=np.float64)


def ratio(above: Numbers, below: Numbers) -> Numbers:
    """A quotient; NaN where there is nothing below."""
    quotient = np.full(above.shape, np.nan)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient

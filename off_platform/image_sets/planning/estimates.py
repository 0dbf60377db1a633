"""Totals estimated from a sample, each with its 95 % interval. Arithmetic only."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

# Of a normal distribution, which the mean of some hundred sizes nearly has, skewed as they are.
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Estimate:
    """A number of bytes, with the bounds of its 95 % interval; equal bounds if it is exact."""

    likely: int
    low: int
    high: int

    @classmethod
    def exactly(cls, count: int) -> "Estimate":
        """A number that is known."""
        return cls(count, count, count)

    def plus(self, count: int) -> "Estimate":
        """The estimate and a known number."""
        return Estimate(self.likely + count, self.low + count, self.high + count)

    def times(self, factor: float) -> "Estimate":
        """The estimate as if there were so many times the objects."""
        return Estimate(*(round(each * factor) for each in (self.likely, self.low, self.high)))


def estimated(sample: Sequence[int], objects: int) -> Estimate | None:
    """The total of some objects, from the sizes of a random sample of them.

    Args:
        sample: sizes; 0 for an object that does not exist.
        objects: number of all objects, the sampled ones included.

    Returns:
        The estimate, at least what was seen; None if it needs a sample and there is none. Of two
        or more objects a single size says little, so its bounds are nothing and twice as much.
    """
    seen = sum(sample)
    if len(sample) >= objects:
        return Estimate.exactly(seen)
    if not sample:
        return None
    likely = fmean(sample) * objects
    if len(sample) == 1:
        return Estimate(round(likely), seen, round(2 * likely))
    # Of a finite number of objects, those that were sampled are known.
    known = math.sqrt((objects - len(sample)) / (objects - 1))
    half = _Z * stdev(sample) / math.sqrt(len(sample)) * objects * known
    return Estimate(round(likely), max(round(likely - half), seen), round(likely + half))


def together(estimates: Iterable[Estimate | None]) -> Estimate | None:
    """The sum of independent estimates; None if one is unknown.

    Errors of independent samples partly cancel out: the bounds add up as squares.
    """
    each = list(estimates)
    known = [estimate for estimate in each if estimate is not None]
    if len(known) < len(each):
        return None
    likely = sum(estimate.likely for estimate in known)
    below = math.hypot(*(estimate.likely - estimate.low for estimate in known))
    above = math.hypot(*(estimate.high - estimate.likely for estimate in known))
    return Estimate(likely, round(likely - below), round(likely + above))

"""Reproducible chance: every drawing takes its own from the seed and a place, in any order."""

from random import Random


def chance(*place: object) -> Random:
    """A generator for one place, so that what is drawn elsewhere does not change it.

    Args:
        place: whatever names the place, the seed first: `chance(seed, "photo", 12)`.
    """
    return Random("/".join(map(str, place)))  # noqa: S311 - drawings, not secrets


def happens(luck: Random, share: float) -> bool:
    """Whether something happens that does so in a share, 0 to 1, of all cases."""
    return luck.random() < share

"""Chance that can be had again: every drawing takes its luck from a seed and a place, in any order.

Nothing here knows what is drawn.
"""

from random import Random


def chance(*place: object) -> Random:
    """A generator of its own for one place, so that what is drawn elsewhere cannot shift it.

    Args:
        place: whatever names the place, the seed first: `chance(seed, "photo", 12)`.
    """
    return Random("/".join(map(str, place)))  # noqa: S311 - drawings, not secrets


def happens(luck: Random, share: float) -> bool:
    """Whether something comes true that does so in a share, 0 to 1, of all cases."""
    return luck.random() < share

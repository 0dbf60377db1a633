"""The shares of a set's splits: `train=0.8,validation=0.1,test=0.1`, or equal folds.

Which sample is in which split is decided in `division/splits.py`.
"""

import re
from collections.abc import Mapping
from typing import Any

EXCLUDED = "excluded"
"""The part of a set whose samples are in no split."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_MOST_SPLITS = 100
# Of their sum, as 0.7 + 0.2 + 0.1 is not exactly 1.
_ROUNDING = 1e-9


def canonical_shares(given: object) -> object:
    """Shares as text, from a text or from a table of TOML.

    Raises:
        ValueError: they are invalid; the message says what is expected.
    """
    if isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(",")]
        given = {name.strip(): share.strip() for name, _, share in pairs}
    if not isinstance(given, Mapping):
        return given
    shares = {str(name): _share(str(name), share) for name, share in given.items()}
    if not 1 <= len(shares) <= _MOST_SPLITS:
        raise ValueError(f"there must be 1 to {_MOST_SPLITS} splits")
    if abs(sum(shares.values()) - 1) > _ROUNDING:
        raise ValueError(f"the shares add up to {sum(shares.values()):g}, not to 1")
    return ",".join(f"{name}={share!r}" for name, share in shares.items())


def _share(name: str, given: Any) -> float:
    if not _NAME.fullmatch(name) or name == EXCLUDED:
        raise ValueError(f"{name[:40]!r} cannot name a split: use lowercase letters, digits and _")
    try:
        share = float(given)
    except (TypeError, ValueError):
        share = 0.0
    if isinstance(given, bool) or not 0 < share <= 1:
        raise ValueError(
            f"the share of {name} must be a number above 0, at most 1, such as "
            "train=0.8,validation=0.1,test=0.1"
        )
    return share


def shares_of(split: str | None, folds: int | None) -> dict[str, float]:
    """The share of each split, by name, from the canonical text or a number of folds."""
    if folds:
        return {f"fold_{number}": 1 / folds for number in range(folds)}
    pairs = (part.partition("=") for part in split.split(",")) if split else ()
    return {name: float(share) for name, _, share in pairs}

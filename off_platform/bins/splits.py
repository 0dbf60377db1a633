"""Train, validation and test splits that do not leak, and how much others leak. Pure SQL.

A random split puts photos of one visit, of the same bin moments apart, on both sides: of 978
validation bins of a published list 672 have such a sibling in train.
"""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, model_validator

from off_platform.image_sets.declaration.labels import Units
from off_platform.stable_order import WORD, with_mix, words

if TYPE_CHECKING:
    from off_platform.settings import Settings

# The pilot set's positions start again from 1; they are sorted after those of the main set.
PILOT_OFFSET = 2**31
# Settings of the splits.
SHARES = ("bins_train_share", "bins_validation_share", "bins_split_seed")
_NUMBER = f"position + CASE WHEN id_space = 'pilot' THEN {PILOT_OFFSET} ELSE 0 END"


class SplitShares(BaseModel):
    """The shares of the splits; the rest is test."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float = Field(default=0.8, ge=0, le=1, description="Share of train.")
    validation: float = Field(default=0.1, ge=0, le=1, description="Share of validation.")
    seed: int = Field(default=0, description="Another seed gives other splits.")

    @model_validator(mode="after")
    def _at_most_all(self) -> "SplitShares":
        if self.train + self.validation > 1:
            raise ValueError("the shares of train and validation exceed 1")
        return self

    @property
    def by_split(self) -> dict[str, float]:
        """The share of each split."""
        rest = max(0.0, 1 - self.train - self.validation)
        return {"train": self.train, "validation": self.validation, "test": rest}


def shares_from(settings: "Settings") -> SplitShares:
    """The shares of the splits from the settings."""
    return SplitShares(
        train=settings.bins_train_share,
        validation=settings.bins_validation_share,
        seed=settings.bins_split_seed,
    )


def splits_query(bins: str, shares: SplitShares) -> str:
    """One row per bin; see the table `bin_splits`.

    The split of a visit follows from a hash of its smallest id alone, so it stays when other bins
    are added or removed, except for bins of the same visit. In return, the shares of all bins and
    of each expected quantity are only met within the limits of chance (`split_checks.py`).

    Args:
        bins: SQL of `bins`.
        shares: see there.
    """
    numbered = f"""
        SELECT id, visit_id, expected_quantity, {_NUMBER} AS number FROM {bins}"""
    of_visits = _hashed(_visits(bins), shares.seed, "of visits")
    of_bins = _hashed(numbered, shares.seed, "of bins")
    return f"""
        SELECT id, visit_id, expected_quantity, {_split(shares, "v.place")} AS split,
            {_split(shares, "b.place")} AS random_split
        FROM ({of_bins}) AS b JOIN (SELECT visit_id, place FROM ({of_visits})) AS v
            USING (visit_id)
        ORDER BY id"""


def units_of(samples: str, bins: str, seed: int) -> Units:
    """All photos of a visit stay together in a split, the same as in `bin_splits` for a seed.

    Args:
        samples: SQL for the samples: stem.
        bins: SQL of `bins`.
        seed: of the splits.
    """
    return Units(
        f"""SELECT stem AS sample, visit_id AS unit, place FROM ({samples})
            JOIN (SELECT id AS stem, visit_id FROM {bins}) USING (stem)
            JOIN ({_hashed(_visits(bins), seed, "of visits")}) USING (visit_id)""",
        "visit",
    )


def _visits(bins: str) -> str:
    """Visits, each with the number of its first bin."""
    return f"SELECT visit_id, min({_NUMBER}) AS number FROM {bins} GROUP BY visit_id"


def leak_query(splits: str, column: str) -> str:
    """Counts bins outside train, and those of them with a sibling in train.

    Args:
        splits: SQL with visit_id and a column with train, validation or test.
        column: its name.
    """
    return f"""
        SELECT count(*) FILTER ({column} <> 'train'),
            count(*) FILTER ({column} <> 'train' AND in_train)
        FROM (SELECT {column}, bool_or({column} = 'train') OVER (PARTITION BY visit_id) AS in_train
            FROM {splits})"""


def _hashed(rows: str, seed: int, what: str) -> str:
    """Rows with a `place` from 0 to 1, a stable hash of their column `number` and the seed."""
    first, second = words(f"{seed} {what}")
    query = with_mix(rows, f"xor(number & {WORD}, {first})", "mixed")
    query = with_mix(query, f"xor(mixed, {second})", "word")
    return f"SELECT *, word / {WORD + 1}.0 AS place FROM ({query})"


def _split(shares: SplitShares, at: str) -> str:
    return f"""CASE WHEN {at} < {shares.train} THEN 'train'
        WHEN {at} < {shares.train + shares.validation} THEN 'validation' ELSE 'test' END"""

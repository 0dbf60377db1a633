"""Train, validation and test that do not leak, and how much others leak. Pure SQL.

A random split puts photos of one visit, of the same bin moments apart, on both sides: of 978
validation bins of a published list 672 have such a sibling in train.
"""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from off_platform.settings import Settings
from off_platform.stable_order import WORD, with_mix, words

# Larger quantities are too few to be dealt out one by one.
LARGEST_CLASS = 20
# The pilot set's positions are counted anew; in the order they come behind those of the main set.
PILOT_OFFSET = 2**31


class SplitShares(BaseModel):
    """How the bins are dealt out; what train and validation leave is test."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float = Field(default=0.8, ge=0, le=1, description="Share of train.")
    validation: float = Field(default=0.1, ge=0, le=1, description="Share of validation.")
    seed: int = Field(default=0, description="Another seed deals them out otherwise.")

    @model_validator(mode="after")
    def _no_more_than_all(self) -> "SplitShares":
        if self.train + self.validation > 1:
            raise ValueError("train and validation together are more than all there is")
        return self


def shares_from(settings: Settings) -> SplitShares:
    """The shares of the splits, as the settings have them."""
    return SplitShares(
        train=settings.bins_train_share,
        validation=settings.bins_validation_share,
        seed=settings.bins_split_seed,
    )


def splits_query(bins: str, shares: SplitShares) -> str:
    """A row a bin; see the table `bin_splits`.

    The visits of each class of expected quantity are put in a stable order and dealt out by the
    shares, by the number of their photos; so every split has as many of each class as its share.

    Args:
        bins: SQL of `bins`.
        shares: see there.
    """
    visits = f"""
        SELECT visit_id, count(*) AS photos,
            least(max(expected_quantity), {LARGEST_CLASS}) AS class,
            min(position) + CASE WHEN any_value(id_space) = 'pilot' THEN {PILOT_OFFSET} ELSE 0 END
                AS number
        FROM {bins} GROUP BY visit_id"""
    ordered = _ordered(visits, shares.seed, "of visits")
    dealt = f"""
        SELECT visit_id, {_split(shares, "(before + photos / 2.0) / total")} AS split FROM (
            SELECT visit_id, photos, sum(photos) OVER (PARTITION BY class) AS total,
                coalesce(sum(photos) OVER (PARTITION BY class ORDER BY place, visit_id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
            FROM ({ordered}))"""
    numbered = f"""
        SELECT id, visit_id, expected_quantity,
            position + CASE WHEN id_space = 'pilot' THEN {PILOT_OFFSET} ELSE 0 END AS number
        FROM {bins}"""
    # The random split has just the sizes of the other.
    return f"""
        WITH dealt AS ({dealt}),
        joined AS (SELECT b.*, split FROM ({_ordered(numbered, shares.seed, "of bins")}) AS b
            JOIN dealt USING (visit_id)),
        sizes AS (SELECT count(*) FILTER (split = 'train') AS train,
            count(*) FILTER (split <> 'test') AS not_test FROM joined)
        SELECT id, visit_id, expected_quantity, split, CASE
            WHEN row_number() OVER (ORDER BY place, id) <= train THEN 'train'
            WHEN row_number() OVER (ORDER BY place, id) <= not_test THEN 'validation'
            ELSE 'test' END AS random_split
        FROM joined, sizes ORDER BY id"""


def leak_query(splits: str, column: str) -> str:
    """How many bins outside train there are, and how many of them have a sibling in train.

    Args:
        splits: SQL with visit_id and a column that says train, validation or test.
        column: its name.
    """
    return f"""
        SELECT count(*) FILTER ({column} <> 'train'),
            count(*) FILTER ({column} <> 'train' AND in_train)
        FROM (SELECT {column}, bool_or({column} = 'train') OVER (PARTITION BY visit_id) AS in_train
            FROM {splits})"""


def _ordered(rows: str, seed: int, what: str) -> str:
    """Rows with their place in a stable order by seed; they have the column `number`."""
    first, second = words(f"{seed} {what}")
    query = with_mix(rows, f"xor(number & {WORD}, {first})", "mixed")
    return with_mix(query, f"xor(mixed, {second})", "place")


def _split(shares: SplitShares, at: str) -> str:
    return f"""CASE WHEN {at} < {shares.train} THEN 'train'
        WHEN {at} < {shares.train + shares.validation} THEN 'validation' ELSE 'test' END"""

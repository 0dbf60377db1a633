"""The bins of an image set: options, and the query that chooses by them.

The order is stable (`stable_order.py`), so a larger n keeps the choice of a smaller one.
`image_sets/` fetches.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from off_platform.bins.keys import METADATA
from off_platform.bins.labels import LABELS
from off_platform.bins.schemas import HARD_FROM, SPLITS
from off_platform.bins.splits import PILOT_OFFSET
from off_platform.image_sets.declaration.options import Name, SetChoice
from off_platform.stable_order import WORD, with_mix, words
from off_platform.storage.sql import literal
from off_platform.words import quoted

# As written in image_sets.toml.
WING = "bins"
Code = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class BinChoice(SetChoice):
    """The options of an image set of the bins bucket."""

    id_space: Literal["main", "pilot", "both"] = Field(
        default="main", description="Padded ids, or the 1,200 unpadded ones of the pilot."
    )
    difficulty: Literal["moderate", "hard"] | None = Field(
        default=None, description="Bins of fewer than 6 expected items, or of 6 and more."
    )
    least_quantity: int = Field(default=0, ge=0, description="Minimum expected quantity.")
    most_quantity: int | None = Field(default=None, ge=0, description="Maximum expected quantity.")
    per_class: int | None = Field(
        default=None, ge=1, description="Maximum number of photos per expected quantity."
    )
    one_per_visit: bool = Field(default=False, description="One photo per visit.")
    exact: bool = Field(
        default=False, description="Only bins whose items add up to the expected quantity."
    )
    asins: tuple[Code, ...] = Field(default=(), description="Bins with one of these ASINs.")
    skus: tuple[Code, ...] = Field(default=(), description="Bins with one of these FCSKUs.")
    only_split: Literal["train", "validation", "test"] | None = Field(
        default=None,
        description="Only bins of this split, see bin_splits; also written as split.",
    )
    item_disjoint: bool = Field(
        default=False,
        description="Exclude bins that share an item with a bin of another split of the set.",
    )
    exclude: Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]+$")] | None = (
        Field(
            default=None,
            description="File of ids or photos to leave out, one per line; its path is relative to "
            "the file that declares the set.",
        )
    )
    known_labels = LABELS
    # Not by default: the metadata has them, and is the `.json` of shards without labels.
    labels: tuple[Name, ...] = Field(
        default=(), description=f"Labels of each sample: {', '.join(LABELS)}."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_split_is_a_filter(cls, options: Any) -> Any:
        """`split = "test"` chooses bins; shares, as in `split = "train=0.8,test=0.2"`, divide."""
        split = options.get("split") if isinstance(options, dict) else None
        if not isinstance(split, str) or "=" in split:
            return options
        if split not in SPLITS:
            raise ValueError(
                f"split: {quoted(split)} is not one of {', '.join(map(repr, SPLITS))}, whose "
                "bins are chosen; give shares to split the set, such as train=0.8,test=0.2"
            )
        rest = {name: value for name, value in options.items() if name != "split"}
        return {**rest, "only_split": split}

    @model_validator(mode="after")
    def _is_split(self) -> Self:
        if self.item_disjoint and not self.shares:
            raise ValueError("item_disjoint needs split or folds")
        return self

    @model_validator(mode="after")
    def _some_quantity_fits(self) -> Self:
        most = self.most_quantity
        if most is not None and self.least_quantity > most:
            raise ValueError(
                f"least_quantity {self.least_quantity} is above most_quantity {most}, "
                "so no bin fits"
            )
        if self.difficulty == "moderate" and self.least_quantity >= HARD_FROM:
            raise ValueError(
                f"difficulty moderate means fewer than {HARD_FROM} expected items, so no bin has "
                f"least_quantity {self.least_quantity}"
            )
        if self.difficulty == "hard" and most is not None and most < HARD_FROM:
            raise ValueError(
                f"difficulty hard means {HARD_FROM} expected items and more, so no bin has "
                f"most_quantity {most}"
            )
        return self


def candidates_query(
    choice: BinChoice, bins: str, bin_items: str, splits: str, excluded: str | None = None
) -> str:
    """The bins that fit the options, unordered.

    Args:
        choice: the options.
        bins: SQL of `bins`.
        bin_items: SQL of `bin_items`.
        splits: SQL of `bin_splits`.
        excluded: SQL of the ids that `exclude` names, see `excluded.py`.
    """
    conditions = [
        "image_key IS NOT NULL",
        f"id_space = '{choice.id_space}'" if choice.id_space != "both" else "",
        f"difficulty = '{choice.difficulty}'" if choice.difficulty else "",
        f"expected_quantity >= {choice.least_quantity}",
        f"expected_quantity <= {choice.most_quantity}" if choice.most_quantity is not None else "",
        "difference = 0" if choice.exact else "",
        _with_items(bin_items, "asin", choice.asins),
        _with_items(bin_items, "fcsku", choice.skus),
        f"id IN (SELECT id FROM {splits} WHERE split = '{choice.only_split}')"
        if choice.only_split
        else "",
        f"id NOT IN (SELECT id FROM {excluded})" if excluded else "",
    ]
    return f"SELECT * FROM {bins} WHERE {' AND '.join(filter(None, conditions))}"


def known_query(bin_items: str, column: str, codes: tuple[str, ...]) -> str:
    """Those of the given codes that occur in a bin.

    Args:
        bin_items: SQL of `bin_items`.
        column: `asin` or `fcsku`.
        codes: at least one.
    """
    return f"SELECT DISTINCT {column} FROM {bin_items} WHERE {_is_one_of(column, codes)}"


def objects_query(choice: BinChoice, candidates: str) -> str:
    """The chosen objects in order: for each bin its photo, then its metadata.

    The columns are those of `image_sets/building.Plan`.
    """
    first, second = words(choice.seed)
    number = (
        "SELECT *, position + CASE WHEN id_space = 'pilot' "
        f"THEN {PILOT_OFFSET} ELSE 0 END AS number FROM ({candidates})"
    )
    ordered = with_mix(number, f"xor(number & {WORD}, {first})", "mixed")
    ordered = with_mix(ordered, f"xor(mixed, {second})", "place")
    limits = {
        "visit_id": 1 if choice.one_per_visit else None,
        "expected_quantity": choice.per_class,
    }
    for column, most in limits.items():
        if most:
            ordered = f"""FROM ({ordered}) QUALIFY row_number() OVER (
                PARTITION BY {column} ORDER BY place, id) <= {most}"""
    chosen = f"""
        SELECT row_number() OVER (ORDER BY place, id) - 1 AS sample, id, image_key, metadata_md5
        FROM ({ordered}) ORDER BY place, id {f"LIMIT {choice.n}" if choice.n else ""}"""
    return f"""
        SELECT sample, stem, key, member AS file, kind, NULL::VARCHAR AS barcode,
            NULL::INTEGER AS image_id, member, known_md5
        FROM (
            SELECT sample, id AS stem, image_key AS key, 'photo' AS kind, id || '.jpg' AS member,
                NULL AS known_md5
            FROM ({chosen})
            UNION ALL SELECT sample, id, '{METADATA}' || id || '.json', 'metadata', id || '.json',
                metadata_md5
            FROM ({chosen}))
        ORDER BY sample, kind = 'metadata'"""


def _with_items(bin_items: str, column: str, values: tuple[str, ...]) -> str:
    if not values:
        return ""
    return f"id IN (SELECT bin_id FROM {bin_items} WHERE {_is_one_of(column, values)})"


def _is_one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(map(literal, values))})"

"""Pandera schemas, built from the fields and rules of the document.

Three of them, run over every batch: texts as they stand in the file, a column each; numbers, a
field each; and what follows from several numbers of one record. A check is named by the rule that
it enforces, or by the type of the text that is then explained by `values/`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd
import pandera.pandas as pa_pandera
import pyarrow as pa

from off_platform.imports.specification.fields import FIELDS, Field
from off_platform.imports.specification.rules import BY_ID

# Open Food Facts' own limits (openfoodfacts-server, DataQualityFood.pm): g per 100 g, and kJ.
OFF_MOST_GRAMS = 105.0
OFF_MOST_KJ = 3911.0
MACRONUTRIENTS = ("fat_g", "carbohydrates_g", "proteins_g")
GRAMS_IN = {"g": 1.0, "mg": 1e-3, "µg": 1e-6}
# "Sum of macronutrients should not exceed 100g": 0.1 of it may be rounding.
MACRONUTRIENTS_MOST = 100.1
MACRONUTRIENTS_AND_SALT_MOST = 105.0
# kJ are 4.184 times kcal; labels round both and count fibres differently.
KJ_PER_KCAL = (3.7, 4.7)
KJ_ROUNDING = 2.0
SALT_PER_SODIUM = 2.5
SALT_ROUNDING = 0.1
# Sums and differences of decimal numbers are not exact.
FLOAT_NOISE = 1e-9

NUMBERS: tuple[Field, ...] = tuple(field for field in FIELDS if field.type == "number")


@cache
def text_schema(
    columns: tuple[tuple[str, Field], ...], sound: Callable[[Field, Any], Any]
) -> pa_pandera.DataFrameSchema:
    """Whether the texts of a batch are sound as they stand.

    Args:
        columns: the file's columns, with the field that each is.
        sound: says of every text of a column whether there is nothing at all to say about it.

    Returns:
        A schema whose failures name the row and the column.
    """

    def check(field: Field) -> pa_pandera.Check:
        return pa_pandera.Check(
            lambda texts: pd.Series(sound(field, pa.array(texts)), index=texts.index),
            error=field.type,
        )

    return pa_pandera.DataFrameSchema(
        {
            column: pa_pandera.Column(None, [check(field)], nullable=True)
            for column, field in columns
        }
    )


@cache
def number_schema() -> pa_pandera.DataFrameSchema:
    """Bounds of every number that the document has a field for, absent ones are no matter."""
    return pa_pandera.DataFrameSchema(
        {
            field.name: pa_pandera.Column(
                float, _bounds(field), nullable=True, required=False, description=field.description
            )
            for field in NUMBERS
        }
    )


def _bounds(field: Field) -> list[pa_pandera.Check]:
    checks = [pa_pandera.Check.ge(0, error=_rule("negative"))]
    if field.most is not None:
        checks.append(pa_pandera.Check.le(field.most, error=_rule("above_range")))
    limit = _off_limit(field)
    if limit is not None and (field.most is None or limit < field.most):
        # Above the document's own range it is an error already.
        most = field.most or float("inf")
        checks.append(
            pa_pandera.Check(
                lambda numbers: (numbers <= limit) | (numbers > most),
                error=_rule("nutrient_above_off_limit"),
            )
        )
    return checks


def _off_limit(field: Field) -> float | None:
    """In the field's unit; energy whose unit is not told has none."""
    if field.unit == "kJ":
        return OFF_MOST_KJ
    grams = GRAMS_IN.get(field.unit or "")
    return OFF_MOST_GRAMS / grams if grams else None


# What follows from several numbers of a record: rule -> the fields that it is about, and the
# smallest and largest value of what `derive` puts in a column of the rule's name.
DERIVED: Mapping[str, tuple[tuple[str, ...], float, float]] = {
    "macronutrients_above_100": (
        MACRONUTRIENTS, 0, MACRONUTRIENTS_MOST + FLOAT_NOISE
    ),
    "macronutrients_and_salt": (
        (*MACRONUTRIENTS, "salt_g"), 0, MACRONUTRIENTS_AND_SALT_MOST + FLOAT_NOISE,
    ),
    "saturated_fat_above_fat": (("saturated_fat_g", "fat_g"), -100, FLOAT_NOISE),
    "sugars_above_carbohydrates": (("sugars_g", "carbohydrates_g"), -100, FLOAT_NOISE),
    "energy_disagrees": (("energy_kj", "energy_kcal"), 0, FLOAT_NOISE),
    "salt_and_sodium_disagree": (("salt_g", "sodium_g"), 0, SALT_ROUNDING + FLOAT_NOISE),
}  # fmt: skip


def derive(numbers: pd.DataFrame) -> pd.DataFrame:
    """What `derived_schema` looks at, from the numbers of a batch.

    Args:
        numbers: a column a field, per 100 g; NaN where a value is missing or out of its range.

    Returns:
        A column a rule of `DERIVED` whose fields are there; NaN where a value is missing. Sums in
        grams, of the macronutrients that are given; differences, positive when the rule is broken;
        of energy, the kJ that lie outside what the kcal allow.
    """
    # What is not given adds nothing: 60 g and 41 g are too much whatever the third is.
    some = any(name in numbers for name in MACRONUTRIENTS)
    absent = {name: float("nan") for name in MACRONUTRIENTS if some and name not in numbers}
    known = numbers.assign(**absent)
    made = {
        rule: _COMPUTE[rule](*(known[name] for name in fields))
        for rule, (fields, _, _) in DERIVED.items()
        if all(name in known for name in fields)
    }
    return pd.DataFrame(made, index=numbers.index)


def _sum(given: "Sequence[pd.Series[float]]") -> "pd.Series[float]":
    """Of those that are given; NaN where none is."""
    return pd.concat(given, axis="columns").sum(axis="columns", min_count=1)


def _energy_outside(kj: "pd.Series[float]", kcal: "pd.Series[float]") -> "pd.Series[float]":
    below = KJ_PER_KCAL[0] * kcal - KJ_ROUNDING - kj
    above = kj - KJ_PER_KCAL[1] * kcal - KJ_ROUNDING
    return below.clip(lower=0) + above.clip(lower=0)


_COMPUTE: Mapping[str, Callable[..., "pd.Series[float]"]] = {
    "macronutrients_above_100": lambda *given: _sum(given),
    "macronutrients_and_salt": lambda *given: _sum(given[:-1]) + given[-1],
    "saturated_fat_above_fat": lambda part, whole: part - whole,
    "sugars_above_carbohydrates": lambda part, whole: part - whole,
    "energy_disagrees": _energy_outside,
    "salt_and_sodium_disagree": lambda salt, sodium: (salt - SALT_PER_SODIUM * sodium).abs(),
}


@cache
def derived_schema() -> pa_pandera.DataFrameSchema:
    """Bounds of what `derive` makes."""
    return pa_pandera.DataFrameSchema(
        {
            rule: pa_pandera.Column(
                float,
                [pa_pandera.Check.in_range(least, most, error=_rule(rule))],
                nullable=True,
                required=False,
            )
            for rule, (_, least, most) in DERIVED.items()
        }
    )


def failures(schema: pa_pandera.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """What of a batch fails a schema.

    Args:
        schema: of this module.
        frame: with a plain index, 0 to its length.

    Returns:
        `column`, `check` (the rule, or the type of text) and `index` of every value that fails.

    Raises:
        RuntimeError: a check itself failed, or the frame has other columns: a bug of ours.
    """
    try:
        schema.validate(frame, lazy=True)
    except pa_pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        if cases["index"].isna().any() or "CHECK_ERROR" in errors.error_counts:
            raise RuntimeError(f"a check of an import failed itself: {errors.message}") from errors
        named: pd.DataFrame = cases[["column", "check", "index"]].astype({"index": "int64"})
        return named
    return pd.DataFrame({"column": [], "check": [], "index": []}).astype({"index": "int64"})


def _rule(rule_id: str) -> str:
    """The id of a rule that there is."""
    return BY_ID[rule_id].id

"""The bounds of numbers, and rules on several numbers of a record, as numpy vectors.

Every batch is checked with them. Pandera schemas with the same limits, which check the table of
accepted records again, are in `schemas.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from off_platform.imports.specification.fields import FIELDS, Field

Vector: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

# Open Food Facts' own limits (openfoodfacts-server, DataQualityFood.pm): g per 100 g, and kJ.
OFF_MOST_GRAMS = 105.0
OFF_MOST_KJ = 3911.0
MACRONUTRIENTS = ("fat_g", "carbohydrates_g", "proteins_g")
GRAMS_IN = {"g": 1.0, "mg": 1e-3, "µg": 1e-6}
# "Sum of macronutrients should not exceed 100g": 0.1 is allowed for rounding.
MACRONUTRIENTS_MOST = 100.1
MACRONUTRIENTS_AND_SALT_MOST = 105.0
# kJ are 4.184 times kcal; labels round both and count fibres differently.
KJ_PER_KCAL = (3.7, 4.7)
KJ_ROUNDING = 2.0
SALT_PER_SODIUM = 2.5
SALT_ROUNDING = 0.1
# Floating-point sums and differences are not exact.
FLOAT_NOISE = 1e-9

NUMBERS: tuple[Field, ...] = tuple(field for field in FIELDS if field.type == "number")


def off_limit(field: Field) -> float | None:
    """Open Food Facts' limit of a number, in the field's unit.

    Returns:
        None if there is none, or if the document's own range, an error, ends below it.
    """
    grams = GRAMS_IN.get(field.unit or "")
    limit = OFF_MOST_GRAMS / grams if grams else OFF_MOST_KJ if field.unit == "kJ" else None
    return None if limit is None or (field.most is not None and limit >= field.most) else limit


def out_of_bounds(field: Field, numbers: Vector) -> Iterator[tuple[str, Bools]]:
    """The rules on the size of a number, each with the numbers that break it.

    Args:
        field: the field of the numbers.
        numbers: NaN if missing, which breaks no rule.
    """
    yield "negative", numbers < 0
    too_large = np.zeros(len(numbers), dtype=bool)
    if field.most is not None:
        too_large = numbers > field.most
        yield "above_range", too_large
    limit = off_limit(field)
    if limit is not None:
        yield "nutrient_above_off_limit", (numbers > limit) & ~too_large


# Rules on several numbers of a record: rule -> its fields, and the smallest and largest value that
# `derive` may compute.
DERIVED: Mapping[str, tuple[tuple[str, ...], float, float]] = {
    "macronutrients_above_100": (MACRONUTRIENTS, 0, MACRONUTRIENTS_MOST + FLOAT_NOISE),
    "macronutrients_and_salt": (
        (*MACRONUTRIENTS, "salt_g"),
        0,
        MACRONUTRIENTS_AND_SALT_MOST + FLOAT_NOISE,
    ),
    "saturated_fat_above_fat": (("saturated_fat_g", "fat_g"), -100, FLOAT_NOISE),
    "sugars_above_carbohydrates": (("sugars_g", "carbohydrates_g"), -100, FLOAT_NOISE),
    "energy_disagrees": (("energy_kj", "energy_kcal"), 0, FLOAT_NOISE),
    "salt_and_sodium_disagree": (("salt_g", "sodium_g"), 0, SALT_ROUNDING + FLOAT_NOISE),
}


def derive(numbers: Mapping[str, Vector]) -> dict[str, Vector]:
    """Computes the values that the rules of `DERIVED` limit, from the numbers of a batch.

    Args:
        numbers: by field, per 100 g; NaN if a value is missing or out of range.

    Returns:
        A vector for each rule whose fields are present; NaN if a value is missing. Sums in grams,
        of the given macronutrients; differences, positive when the rule is broken; of energy, the
        kJ outside the range that the kcal allow.
    """
    # Missing values count as 0: 60 g and 41 g are too much for any third value.
    given = next((numbers[name] for name in MACRONUTRIENTS if name in numbers), None)
    absent = {} if given is None else dict.fromkeys(MACRONUTRIENTS, np.full(len(given), np.nan))
    known = absent | dict(numbers)
    return {
        rule: _COMPUTE[rule](*(known[name] for name in fields))
        for rule, (fields, _, _) in DERIVED.items()
        if all(name in known for name in fields)
    }


def out_of_derived(numbers: Mapping[str, Vector]) -> Iterator[tuple[str, Bools]]:
    """The rules of `DERIVED`, each with the records of a batch that break it; see `derive`."""
    for rule, computed in derive(numbers).items():
        _, least, most = DERIVED[rule]
        yield rule, (computed < least) | (computed > most)


def _sum(given: Sequence[Vector]) -> Vector:
    """The sum of given values; NaN if there are none."""
    missing = np.isnan(given)
    total: Vector = np.where(missing, 0, given).sum(axis=0)
    total[missing.all(axis=0)] = np.nan
    return total


def _energy_outside(kj: Vector, kcal: Vector) -> Vector:
    below = KJ_PER_KCAL[0] * kcal - KJ_ROUNDING - kj
    above = kj - KJ_PER_KCAL[1] * kcal - KJ_ROUNDING
    outside: Vector = np.maximum(below, 0) + np.maximum(above, 0)
    return outside


_COMPUTE: Mapping[str, Callable[..., Vector]] = {
    "macronutrients_above_100": lambda *given: _sum(given),
    "macronutrients_and_salt": lambda *given: _sum(given[:-1]) + given[-1],
    "saturated_fat_above_fat": lambda part, whole: part - whole,
    "sugars_above_carbohydrates": lambda part, whole: part - whole,
    "energy_disagrees": _energy_outside,
    "salt_and_sodium_disagree": lambda salt, sodium: np.abs(salt - SALT_PER_SODIUM * sodium),
}

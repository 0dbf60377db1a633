"""The bounds of numbers, and what follows from several numbers of one record, in numpy vectors.

Every batch is checked so. The Pandera schemas of the same limits, which check the table of accepted
records once more, are in `schemas.py`.
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


def off_limit(field: Field) -> float | None:
    """Open Food Facts' limit of a number, in the field's unit.

    Returns:
        None where it has none, and where the document's own range, an error, ends before it.
    """
    grams = GRAMS_IN.get(field.unit or "")
    limit = OFF_MOST_GRAMS / grams if grams else OFF_MOST_KJ if field.unit == "kJ" else None
    return None if limit is None or (field.most is not None and limit >= field.most) else limit


def out_of_bounds(field: Field, numbers: Vector) -> Iterator[tuple[str, Bools]]:
    """The rules about the size of a number, each with the numbers that break it.

    Args:
        field: of the numbers.
        numbers: NaN where there is none, which breaks no rule.
    """
    yield "negative", numbers < 0
    too_large = np.zeros(len(numbers), dtype=bool)
    if field.most is not None:
        too_large = numbers > field.most
        yield "above_range", too_large
    limit = off_limit(field)
    if limit is not None:
        yield "nutrient_above_off_limit", (numbers > limit) & ~too_large


# What follows from several numbers of a record: rule -> the fields that it is about, and the
# smallest and largest value that `derive` may compute for it.
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


def derive(numbers: Mapping[str, Vector]) -> dict[str, Vector]:
    """What the rules of `DERIVED` are about, from the numbers of a batch.

    Args:
        numbers: by field, per 100 g; NaN where a value is missing or out of its range.

    Returns:
        A vector for each rule whose fields are there; NaN where a value is missing. Sums in grams,
        of the macronutrients that are given; differences, positive when the rule is broken; of
        energy, the kJ outside the range that the kcal allow.
    """
    # What is not given adds nothing: 60 g and 41 g are too much whatever the third is.
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
    """Of those that are given; NaN where none is."""
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

"""The numbers of a batch of records: their ranges, and what follows from several of them.

The bounds themselves are Pandera schemas, in `schemas.py`; how a number is read from its text, in
`numbers.py`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from off_platform.imports import schemas
from off_platform.imports.columns import Columns
from off_platform.imports.findings import BatchFindings
from off_platform.imports.rules import told

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    Masks = dict[str, npt.NDArray[np.bool_]]

# Energy of 1 g of fat, carbohydrates, proteins (Regulation (EU) 1169/2011, annex XIV).
MACRONUTRIENTS = ("fat_g", "carbohydrates_g", "proteins_g")
KJ_PER_GRAM = (37, 17, 17)
KCAL_PER_GRAM = (9, 4, 4)
NEAR = 0.3
ENERGY = ("energy", "energy_kj", "energy_kcal")
# Labels round energy to whole numbers.
SAME = 0.02
OUT_OF_RANGE = ("negative", "above_range")


def check_numbers(
    values: "dict[str, pa.Array]", columns: Columns, findings: BatchFindings
) -> "Masks":
    """Checks the numbers of a batch and fills in those that can be computed.

    Args:
        values: a column a field; numbers that were computed are put in.
        columns: which field each column of the file is.
        findings: what is found is added there.

    Returns:
        For every computed field, at which records.
    """
    import pandas as pd  # noqa: PLC0415 - 0.4 s, once used
    import pyarrow as pa  # noqa: PLC0415 - 0.2 s, once used

    there = [field.name for field in schemas.NUMBERS if field.name in values]
    if not there:
        return {}
    numbers = pd.DataFrame({name: values[name].to_numpy(zero_copy_only=False) for name in there})
    report = _Report(numbers, columns, findings)
    failed = schemas.failures(schemas.number_schema(), numbers)
    for (name, rule), group in failed.groupby(["column", "check"], sort=False):
        positions = group["index"].to_numpy()
        report(str(rule), positions, [str(name)])
        if rule in OUT_OF_RANGE:
            # What follows from a value that cannot be is no second finding.
            numbers.loc[positions, name] = float("nan")
    derived = {**_settle_energy(numbers, report), **_derive_salt(numbers, report)}
    failed = schemas.failures(schemas.derived_schema(), schemas.derive(numbers))
    for rule, group in failed.groupby("check", sort=False):
        report(str(rule), group["index"].to_numpy(), schemas.DERIVED[str(rule)][0])
    for name in numbers:
        values[str(name)] = pa.array(numbers[name], from_pandas=True)
    return derived


class _Report:
    """Adds findings about one number or several of a record, naming and showing them all."""

    def __init__(self, numbers: "pd.DataFrame", columns: Columns, findings: BatchFindings) -> None:
        self._numbers, self._columns, self._findings = numbers, columns, findings

    def __call__(
        self,
        rule: str,
        positions: "npt.NDArray[np.int64]",
        fields: Sequence[str],
        proposal: "str | None" = None,
    ) -> None:
        import pyarrow.compute as pc  # noqa: PLC0415 - 0.2 s, once used

        if not len(positions):
            return
        named = [(name, column) for name in fields for column in self._columns.of(name)[:1]]
        shown = [_shown(self._numbers.loc[positions, name]) for name, _ in named]
        together = pc.binary_join_element_wise(*shown, " + ", null_handling="replace")
        self._findings.add(
            rule,
            positions,
            column=" + ".join(column for _, column in named),
            field=" + ".join(name for name, _ in named),
            value=together,
            message=pc.binary_join_element_wise(
                "'", together, told(rule, "").removeprefix("'"), ""
            ),
            proposal=proposal,
        )


def _shown(numbers: "pd.Series[float]") -> "pa.StringArray":
    import pyarrow as pa  # noqa: PLC0415 - 0.2 s, once used

    return pa.array([f"{number:.12g}" for number in numbers], pa.string())


def _settle_energy(numbers: "pd.DataFrame", report: _Report) -> "Masks":
    """Compares bare `energy` with what is there beside it, or tells its unit and puts it there.

    "Bare energy: if energy_kj or energy_kcal is given, it is compared; else computed from the
    macronutrients and the unit that lies within 30 % wins; else kJ with a warning."
    """
    import numpy as np  # noqa: PLC0415 - 0.1 s, once used

    if "energy" not in numbers:
        return {}
    for name in ("energy_kj", "energy_kcal"):
        if name not in numbers:
            numbers[name] = np.nan
    bare, kj, kcal = (numbers[name] for name in ENERGY)
    alone = bare.notna() & kj.isna() & kcal.isna()
    differs = bare.notna() & ~alone & ~_same(bare, kj) & ~_same(bare, kcal)
    fields = [name for name in ENERGY if numbers[name].notna().any()]
    report("energy_disagrees", np.flatnonzero(differs), fields)
    is_kj, is_kcal = (
        alone & _near(bare, numbers, factors) for factors in (KJ_PER_GRAM, KCAL_PER_GRAM)
    )
    report("energy_unit_detected", np.flatnonzero(is_kj | is_kcal), ["energy"])
    report("energy_unit_assumed", np.flatnonzero(alone & ~is_kj & ~is_kcal), ["energy"])
    as_kj = (alone & ~is_kcal).to_numpy()
    as_kcal = (alone & is_kcal).to_numpy()
    numbers.loc[as_kj, "energy_kj"] = bare[as_kj]
    numbers.loc[as_kcal, "energy_kcal"] = bare[as_kcal]
    return {"energy_kj": as_kj, "energy_kcal": as_kcal}


def _same(bare: "pd.Series[float]", other: "pd.Series[float]") -> "pd.Series[bool]":
    return (bare - other).abs() <= SAME * other + 1


def _near(
    bare: "pd.Series[float]", numbers: "pd.DataFrame", factors: Sequence[int]
) -> "pd.Series[bool]":
    """Whether energy is about what the macronutrients come to."""
    import pandas as pd  # noqa: PLC0415 - 0.4 s, once used

    if not all(name in numbers for name in MACRONUTRIENTS):
        return pd.Series(data=False, index=numbers.index)
    computed = sum(
        factor * numbers[name] for factor, name in zip(factors, MACRONUTRIENTS, strict=True)
    )
    return (bare - computed).abs() <= NEAR * computed


def _derive_salt(numbers: "pd.DataFrame", report: _Report) -> "Masks":
    """`salt_derived`: sodium alone gives salt."""
    import numpy as np  # noqa: PLC0415 - 0.1 s, once used

    if "sodium_g" not in numbers:
        return {}
    if "salt_g" not in numbers:
        numbers["salt_g"] = np.nan
    missing = (numbers["salt_g"].isna() & numbers["sodium_g"].notna()).to_numpy()
    report("salt_derived", np.flatnonzero(missing), ["sodium_g"])
    # 0.043 g of sodium are 0.1075 g of salt, not 0.10749999999999998.
    computed = (schemas.SALT_PER_SODIUM * numbers.loc[missing, "sodium_g"]).round(9)
    numbers.loc[missing, "salt_g"] = computed
    return {"salt_g": missing}

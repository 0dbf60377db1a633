"""The numbers of a batch of records: their ranges, and what follows from several of them.

The bounds themselves are Pandera schemas, in `schemas.py`; how a number is read from its text, in
`values/numbers/`.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.batches import Batch
from off_platform.imports.readers.cell_addresses import SEVERAL
from off_platform.imports.records.cells import Cell
from off_platform.imports.records.columns import Columns
from off_platform.imports.records.findings import BatchFindings
from off_platform.imports.records.typed_columns import present
from off_platform.imports.specification import schemas
from off_platform.imports.specification.fields import BY_NAME
from off_platform.imports.specification.rules import message_of

Masks = dict[str, npt.NDArray[np.bool_]]

# Energy of 1 g of fat, carbohydrates, proteins (Regulation (EU) 1169/2011, annex XIV).
KJ_PER_GRAM = (37, 17, 17)
KCAL_PER_GRAM = (9, 4, 4)
NEAR = 0.3
ENERGY = ("energy", "energy_kj", "energy_kcal")
# Labels round energy to whole numbers.
SAME = 0.02
OUT_OF_RANGE = ("negative", "above_range")
# What a field is computed from where it is not given.
COMPUTED_FROM = {"salt_g": "sodium_g", "energy_kj": "energy", "energy_kcal": "energy"}


def check_numbers(
    batch: Batch,
    cells: dict[str, Cell],
    values: dict[str, pa.Array],
    columns: Columns,
    findings: BatchFindings,
) -> Masks:
    """Checks the numbers of a batch and fills in those that can be computed.

    Args:
        batch: as it comes from a reader.
        cells: the columns, read; findings show what stands there.
        values: a column a field; numbers that were computed are put in.
        columns: which field each column of the file is.
        findings: what is found is added there.

    Returns:
        For every computed field, at which records.
    """
    there = [field.name for field in schemas.NUMBERS if field.name in values]
    if not there:
        return {}
    numbers = pd.DataFrame({name: values[name].to_numpy(zero_copy_only=False) for name in there})
    report = _Report(cells, columns, findings)
    _check_ranges(numbers, numbers, report)
    # What was given and is wrong is not missing.
    given = {name: _given(batch, columns, name) for name in COMPUTED_FROM}
    derived = {**_settle_energy(numbers, given, report), **_derive_salt(numbers, given, report)}
    if derived:
        computed = {name: numbers[name].where(mask) for name, mask in derived.items()}
        _check_ranges(pd.DataFrame(computed), numbers, report)
    failed = schemas.failures(schemas.derived_schema(), schemas.derive(numbers))
    for rule, group in failed.groupby("check", sort=False):
        report(str(rule), group["index"].to_numpy(), schemas.DERIVED[str(rule)][0])
    for name in numbers:
        values[str(name)] = pa.array(numbers[name], from_pandas=True)
    return derived


def _given(batch: Batch, columns: Columns, name: str) -> npt.NDArray[np.bool_]:
    """Which records say something about a field, be it right or wrong."""
    there = np.zeros(len(batch.rows), dtype=bool)
    for column in columns.of(name):
        if column in batch.columns:
            there |= present(batch.columns[column]).to_numpy(zero_copy_only=False)
    return there


def _check_ranges(some: pd.DataFrame, numbers: pd.DataFrame, report: "_Report") -> None:
    """Reports what of some numbers lies out of its range, and takes it out of all numbers.

    What follows from a value that cannot be is no second finding.
    """
    failed = schemas.failures(schemas.number_schema(), some)
    for (name, rule), group in failed.groupby(["column", "check"], sort=False):
        positions = group["index"].to_numpy()
        report(str(rule), positions, [str(name)])
        if rule in OUT_OF_RANGE:
            numbers.loc[positions, name] = float("nan")


class _Report:
    """Adds findings about one number or several of a record, naming and showing them all."""

    def __init__(self, cells: dict[str, Cell], columns: Columns, findings: BatchFindings) -> None:
        self._cells, self._columns, self._findings = cells, columns, findings

    def __call__(
        self,
        rule: str,
        positions: npt.NDArray[np.int64],
        fields: Sequence[str],
    ) -> None:

        if not len(positions):
            return
        rows = pa.array(positions)
        origins = [self._origin(self._sources(name, fields), rows) for name in fields]
        names, texts, columns = (
            pc.binary_join_element_wise(*parts, SEVERAL, null_handling="skip")
            for parts in zip(*origins, strict=True)
        )
        self._findings.add(
            rule,
            positions,
            column=columns,
            field=names,
            value=texts,
            message=pc.binary_join_element_wise(
                "'", texts, message_of(rule, "", _limit(rule, fields)).removeprefix("'"), ""
            ),
        )

    def _sources(self, name: str, fields: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Fields and columns that a number may come from; computed ones come from others."""
        names = {name, COMPUTED_FROM.get(name, name)} - ({*fields} - {name})
        for each in sorted(names, key=lambda each: each != name):
            yield from (
                (each, column) for column in self._columns.of(each) if column in self._cells
            )

    def _origin(
        self, given: Iterable[tuple[str, str]], rows: pa.Int64Array
    ) -> tuple[pa.StringArray, pa.StringArray, pa.StringArray]:
        """Field, text and column of each record, where it first says something."""
        fields = texts = columns = pa.nulls(len(rows), pa.string())
        for field, column in given:
            there = self._cells[column].texts.take(rows)
            first = pc.and_(there.is_valid(), texts.is_null())
            fields, texts, columns = (
                pc.if_else(first, new, old)
                for new, old in ((field, fields), (there, texts), (column, columns))
            )
        return fields, texts, columns


def _settle_energy(numbers: pd.DataFrame, given: Masks, report: _Report) -> Masks:
    """Compares bare `energy` with what is there beside it, or tells its unit and puts it there.

    "Bare energy: if energy_kj or energy_kcal is given, it is compared; else computed from the
    macronutrients and the unit that lies within 30 % wins; else kJ with a warning."
    """
    if "energy" not in numbers:
        return {}
    for name in ("energy_kj", "energy_kcal"):
        if name not in numbers:
            numbers[name] = np.nan
    bare, kj, kcal = (numbers[name] for name in ENERGY)
    alone = bare.notna() & ~given["energy_kj"] & ~given["energy_kcal"]
    beside = kj.notna() | kcal.notna()
    differs = bare.notna() & beside & ~_same(bare, kj) & ~_same(bare, kcal)
    report("energy_disagrees", np.flatnonzero(differs), ENERGY)
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
    bare: "pd.Series[float]", numbers: pd.DataFrame, factors: Sequence[int]
) -> "pd.Series[bool]":
    """Whether energy is about what the macronutrients come to."""
    if not all(name in numbers for name in schemas.MACRONUTRIENTS):
        return pd.Series(data=False, index=numbers.index)
    computed = sum(
        factor * numbers[name] for factor, name in zip(factors, schemas.MACRONUTRIENTS, strict=True)
    )
    return (bare - computed).abs() <= NEAR * computed


def _derive_salt(numbers: pd.DataFrame, given: Masks, report: _Report) -> Masks:
    """`salt_derived`: sodium alone gives salt."""
    if "sodium_g" not in numbers:
        return {}
    if "salt_g" not in numbers:
        numbers["salt_g"] = np.nan
    missing = numbers["sodium_g"].notna().to_numpy() & ~given["salt_g"]
    report("salt_derived", np.flatnonzero(missing), ["sodium_g"])
    # 0.043 g of sodium are 0.1075 g of salt, not 0.10749999999999998.
    computed = (schemas.SALT_PER_SODIUM * numbers.loc[missing, "sodium_g"]).round(9)
    numbers.loc[missing, "salt_g"] = computed
    return {"salt_g": missing}


def _limit(rule: str, fields: Sequence[str]) -> str:
    """The end of the sentence that a number is too large: how large it may be."""
    field = BY_NAME.get(fields[0])
    if rule != "above_range" or field is None or field.most is None:
        return ""
    return f"here that is {field.most:,g} {field.unit or ''}".rstrip()

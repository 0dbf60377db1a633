"""The numbers of a batch of records: their ranges, and consistency of several.

The bounds are in `specification/bounds.py`; `values/numbers/` parses numbers.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.batches import Batch
from off_platform.imports.readers.cell_addresses import SEVERAL
from off_platform.imports.records.cells import Cell
from off_platform.imports.records.columns import Columns
from off_platform.imports.records.findings import BatchFindings, messages_of
from off_platform.imports.records.typed_columns import present
from off_platform.imports.specification import bounds
from off_platform.imports.specification.bounds import Bools, Vector
from off_platform.imports.specification.fields import BY_NAME

Masks = dict[str, Bools]
Numbers = dict[str, Vector]

# Energy of 1 g of fat, carbohydrates, proteins (Regulation (EU) 1169/2011, annex XIV).
KJ_PER_GRAM = (37, 17, 17)
KCAL_PER_GRAM = (9, 4, 4)
NEAR = 0.3
ENERGY = ("energy", "energy_kj", "energy_kcal")
# Labels round energy to whole numbers.
SAME = 0.02
OUT_OF_RANGE = ("negative", "above_range")
# The source of a field that is computed if missing.
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
        cells: the interpreted columns; findings show their texts.
        values: one column per field; computed numbers are filled in.
        columns: the field of each column.
        findings: receives the findings.

    Returns:
        For every computed field, the records in which it was computed.
    """
    numbers = {
        field.name: np.array(values[field.name].to_numpy(zero_copy_only=False))
        for field in bounds.NUMBERS
        if field.name in values
    }
    if not numbers:
        return {}
    report = _Report(cells, columns, findings)
    _check_bounds(numbers, numbers, report)
    # A wrong value is not a missing one.
    there = {name: given(batch, columns, [name]) for name in COMPUTED_FROM}
    derived = {**_settle_energy(numbers, there, report), **_derive_salt(numbers, there, report)}
    computed = {name: np.where(mask, numbers[name], np.nan) for name, mask in derived.items()}
    _check_bounds(computed, numbers, report)
    for rule, broken in bounds.out_of_derived(numbers):
        report(rule, np.flatnonzero(broken), bounds.DERIVED[rule][0])
    for name, vector in numbers.items():
        values[name] = pa.array(vector, from_pandas=True)
    return derived


def given(batch: Batch, columns: Columns, names: Iterable[str]) -> Bools:
    """Which records have a value of any of some fields, right or wrong."""
    there = np.zeros(len(batch.rows), dtype=bool)
    for column in (column for name in names for column in columns.of(name)):
        if column in batch.columns:
            there |= present(batch.columns[column]).to_numpy(zero_copy_only=False)
    return there


def _check_bounds(some: Numbers, numbers: Numbers, report: "_Report") -> None:
    """Reports numbers that are out of bounds, and removes them.

    An impossible value must not cause further findings.
    """
    for field in bounds.NUMBERS:
        if field.name not in some:
            continue
        for rule, broken in bounds.out_of_bounds(field, some[field.name]):
            positions = np.flatnonzero(broken)
            report(rule, positions, [field.name])
            if rule in OUT_OF_RANGE:
                numbers[field.name][positions] = np.nan


class _Report:
    """Adds findings on one or several numbers of a record, with their columns and texts."""

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
            message=messages_of(rule, texts, _limit(rule, fields)),
        )

    def _sources(self, name: str, fields: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Fields and columns from which a number may come; computed ones come from others."""
        names = {name, COMPUTED_FROM.get(name, name)} - ({*fields} - {name})
        for each in sorted(names, key=lambda each: each != name):
            yield from (
                (each, column) for column in self._columns.of(each) if column in self._cells
            )

    def _origin(
        self, given: Iterable[tuple[str, str]], rows: pa.Int64Array
    ) -> tuple[pa.StringArray, pa.StringArray, pa.StringArray]:
        """Field, text and column of the first value of each record."""
        fields = texts = columns = pa.nulls(len(rows), pa.string())
        for field, column in given:
            there = self._cells[column].texts.take(rows)
            first = pc.and_(there.is_valid(), texts.is_null())
            fields, texts, columns = (
                pc.if_else(first, new, old)
                for new, old in ((field, fields), (there, texts), (column, columns))
            )
        return fields, texts, columns


def _settle_energy(numbers: Numbers, given: Masks, report: _Report) -> Masks:
    """Compares `energy` with the energy that has a unit; if alone, detects its unit and fills it.

    "Bare energy: if energy_kj or energy_kcal is given, it is compared; else computed from the
    macronutrients and the unit that lies within 30 % wins; else kJ with a warning."
    """
    if "energy" not in numbers:
        return {}
    for name in ("energy_kj", "energy_kcal"):
        numbers.setdefault(name, np.full(len(numbers["energy"]), np.nan))
    bare, kj, kcal = (numbers[name] for name in ENERGY)
    there = ~np.isnan(bare)
    alone = there & ~given["energy_kj"] & ~given["energy_kcal"]
    with_unit = ~np.isnan(kj) | ~np.isnan(kcal)
    differs = there & with_unit & ~_same(bare, kj) & ~_same(bare, kcal)
    report("energy_disagrees", np.flatnonzero(differs), ENERGY)
    is_kj, is_kcal = (
        alone & _near(bare, numbers, factors) for factors in (KJ_PER_GRAM, KCAL_PER_GRAM)
    )
    report("energy_unit_detected", np.flatnonzero(is_kj | is_kcal), ["energy"])
    report("energy_unit_assumed", np.flatnonzero(alone & ~is_kj & ~is_kcal), ["energy"])
    as_kj = alone & ~is_kcal
    kj[as_kj], kcal[is_kcal] = bare[as_kj], bare[is_kcal]
    return {"energy_kj": as_kj, "energy_kcal": is_kcal}


def _same(bare: Vector, other: Vector) -> Bools:
    same: Bools = np.abs(bare - other) <= SAME * other + 1
    return same


def _near(bare: Vector, numbers: Numbers, factors: Sequence[int]) -> Bools:
    """Whether energy is close to that of the macronutrients."""
    if not all(name in numbers for name in bounds.MACRONUTRIENTS):
        return np.zeros(len(bare), dtype=bool)
    computed = sum(
        factor * numbers[name] for factor, name in zip(factors, bounds.MACRONUTRIENTS, strict=True)
    )
    near: Bools = np.abs(bare - computed) <= NEAR * computed
    return near


def _derive_salt(numbers: Numbers, given: Masks, report: _Report) -> Masks:
    """Reports `salt_derived`: salt computed from sodium."""
    if "sodium_g" not in numbers:
        return {}
    salt = numbers.setdefault("salt_g", np.full(len(numbers["sodium_g"]), np.nan))
    missing = ~np.isnan(numbers["sodium_g"]) & ~given["salt_g"]
    report("salt_derived", np.flatnonzero(missing), ["sodium_g"])
    # 0.043 g of sodium is 0.1075 g of salt, not 0.10749999999999998.
    salt[missing] = (bounds.SALT_PER_SODIUM * numbers["sodium_g"][missing]).round(9)
    return {"salt_g": missing}


def _limit(rule: str, fields: Sequence[str]) -> str:
    """The end of the message that a number is too large: its limit."""
    field = BY_NAME.get(fields[0])
    if rule != "above_range" or field is None or field.most is None:
        return ""
    return f"here that is {field.most:,g} {field.unit or ''}".rstrip()

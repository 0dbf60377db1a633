"""Nutrients that another column says to be in another unit, inexact, or per serving.

Such columns are not in the specification. The nutrients are not converted: a corrected copy would
have the converted number beside a column that says the old unit.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from off_platform.imports.readers.batches import Batch
from off_platform.imports.records.columns import Columns
from off_platform.imports.records.findings import BatchFindings, messages_of
from off_platform.imports.records.nutrition import Masks, given
from off_platform.imports.records.typed_columns import present
from off_platform.imports.specification.bounds import NUMBERS, Bools
from off_platform.imports.specification.column_names import Qualifier, qualifier_of
from off_platform.imports.specification.fields import Field
from off_platform.imports.values.numbers.number import is_modifier, is_per_100, unit_of
from off_platform.imports.values.whole_columns import Distinct

RULE = "number_given_otherwise"


def check_how_given(
    batch: Batch, columns: Columns, derived: Masks, findings: BatchFindings
) -> None:
    """Reports `number_given_otherwise`: a column such as `fat_unit` contradicts how `fat` is read.

    Args:
        batch: as it comes from a reader.
        columns: the field of each column.
        derived: for every computed field, the records in which it was computed.
        findings: receives the findings.
    """
    for column in columns.unknown:
        qualifier = qualifier_of(column)
        if qualifier is None or column not in batch.columns:
            continue
        texts = batch.columns[column]
        fields = [qualifier.field.name] if qualifier.field else [each.name for each in NUMBERS]
        wrong = _said_otherwise(texts, qualifier, derived) & given(batch, columns, fields)
        positions = np.flatnonzero(wrong)
        value = texts.take(pa.array(positions))
        findings.add(
            RULE,
            positions,
            column=column,
            field=fields[0] if qualifier.field else None,
            value=value,
            message=messages_of(RULE, value, qualifier.assumed),
        )


def _said_otherwise(texts: pa.StringArray, qualifier: Qualifier, derived: Masks) -> Bools:
    """Which records say that a nutrient is given otherwise than it is read."""
    there: Bools = present(texts).to_numpy(zero_copy_only=False)
    if qualifier.field is None:
        return there & ~_which(texts, is_per_100)
    if qualifier.says == "unit":
        return there & ~_in_unit_read(texts, qualifier.field, derived)
    # A sign alone, such as `~`, is otherwise a mark for a missing value.
    return (there & ~_which(texts, "=".__eq__)) | _which(texts, is_modifier)


def _in_unit_read(texts: pa.StringArray, field: Field, derived: Masks) -> Bools:
    """Which records say the unit in which a number was read."""
    if field.name != "energy":
        return _which(texts, lambda text: unit_of(text) == field.unit)
    # It was read in kJ, in kcal, or compared with energy that has a unit.
    never = np.zeros(len(texts), dtype=bool)
    as_kj, as_kcal = (derived.get(name, never) for name in ("energy_kj", "energy_kcal"))
    says_kj = _which(texts, lambda text: unit_of(text) == "kJ")
    says_kcal = _which(texts, lambda text: unit_of(text) == "kcal")
    return (says_kj & ~as_kcal) | (says_kcal & ~as_kj)


def _which(texts: pa.StringArray, test: Callable[[str], bool]) -> Bools:
    """Which texts pass a test; it is asked once per distinct text."""
    distinct = Distinct.of(texts)
    passed = [text is not None and test(text.strip()) for text in distinct.texts.to_pylist()]
    of_text = distinct.spread(pa.array(passed, pa.bool_()))
    which: Bools = of_text.fill_null(False).to_numpy(zero_copy_only=False)  # noqa: FBT003 - a value
    return which

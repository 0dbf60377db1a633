"""Interprets the cells of a batch, column by column, and reports findings.

Distinct texts are checked vectorised; only those that fail are explained one by one. `record.py`
handles several columns of a record.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.barcodes.text import UPC_E_SHORT
from off_platform.imports.readers.batches import Batch
from off_platform.imports.records.columns import Columns
from off_platform.imports.records.explained import explained, is_error
from off_platform.imports.records.findings import BatchFindings
from off_platform.imports.records.typed_columns import (
    positions_of,
    split_lists,
    to_countries,
    to_numbers,
    to_timestamps,
)
from off_platform.imports.specification.column_names import ColumnField
from off_platform.imports.specification.fields import Field, Type
from off_platform.imports.values.explanation import Explanation
from off_platform.imports.values.whole_columns import Distinct


@dataclass(slots=True)
class Cell:
    """A column of a batch, interpreted.

    Attributes:
        place: its field.
        texts: the cleaned texts; null if missing or without a value.
        values: the values in the field's type: texts, numbers, timestamps, lists.
    """

    place: ColumnField
    texts: pa.StringArray
    values: pa.Array


def read_cells(
    batch: Batch, columns: Columns, explanation: Explanation, findings: BatchFindings
) -> dict[str, Cell]:
    """Interprets every column that is a field.

    Args:
        batch: as read.
        columns: the field of each column; includes those of the batch.
        explanation: the checks of their texts.
        findings: receives the findings.

    Returns:
        The columns, by their name in the file.
    """
    wanted = {name: place for name, place in columns.places.items() if name in batch.columns}
    distinct = {name: Distinct.of(batch.columns[name]) for name in wanted}
    failing = {
        name: positions
        for name, place in wanted.items()
        if len(positions := _failing(distinct[name], place.field, explanation))
    }
    _report_numbers(batch, wanted, failing, explanation, findings)
    cells = {}
    for name, place in wanted.items():
        texts, by_text = batch.columns[name], distinct[name]
        if name in failing:
            texts = _cleaned(texts, name, place, failing[name], explanation, findings)
            by_text = Distinct.of(texts)
        values = by_text.spread(_values(by_text.texts, place.field.type))
        cells[name] = Cell(place, texts, values)
    return cells


def _failing(column: Distinct, field: Field, explanation: Explanation) -> npt.NDArray[np.int64]:
    """The positions of texts that may break a rule."""
    odd = pa.array(~explanation.sound(field, column.texts))
    # Missing texts are sound.
    return positions_of(column.spread(odd))


def _report_numbers(
    batch: Batch,
    wanted: dict[str, ColumnField],
    failing: dict[str, npt.NDArray[np.int64]],
    explanation: Explanation,
    findings: BatchFindings,
) -> None:
    """Reports `barcode_not_text`: identifiers that are numbers in XLSX or JSON, but valid as texts.

    The shown value is proposed if its check digit is valid; others are explained as texts.
    """
    for column, flags in batch.not_text.items():
        if column not in wanted or wanted[column].field.type != "barcode":
            continue
        field = wanted[column].field
        numbers = np.flatnonzero(flags.to_numpy(zero_copy_only=False))
        odd = np.intersect1d(numbers, failing.get(column, np.array([], np.int64)))
        rejected = _errors(batch.columns[column].take(pa.array(odd)), field, explanation)
        positions = np.setdiff1d(numbers, odd[rejected])
        texts = batch.columns[column].take(pa.array(positions))
        # Six digits have no check digit.
        holds = pc.greater(pc.binary_length(texts), UPC_E_SHORT)
        findings.add(
            "barcode_not_text",
            positions,
            column=column,
            field=field.name,
            value=texts,
            proposal=pc.if_else(holds, texts, None),
            certain=holds,
        )


def _errors(texts: pa.StringArray, field: Field, explanation: Explanation) -> npt.NDArray[np.bool_]:
    """Which texts break a rule of error level."""
    encoded = texts.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    wrong = np.array([is_error(explanation.explain(field, text)) for text in distinct], dtype=bool)
    of_text: npt.NDArray[np.bool_] = wrong.take(encoded.indices.to_numpy())
    return of_text


def _cleaned(
    raw: pa.StringArray,
    column: str,
    place: ColumnField,
    failing: npt.NDArray[np.int64],
    explanation: Explanation,
    findings: BatchFindings,
) -> pa.StringArray:
    """The column with cleaned texts; null for those without a value."""
    encoded = raw.take(pa.array(failing)).dictionary_encode()
    about = explained(place.field, encoded.dictionary, explanation)
    _report(about, encoded.indices, failing, column, place, findings)
    mask = np.zeros(len(raw), dtype=bool)
    mask[failing] = True
    cleaned = about["meant"].combine_chunks().take(encoded.indices)
    return pc.replace_with_mask(raw, pa.array(mask), cleaned)


def _report(
    about: pa.Table,
    of_text: pa.Int32Array,
    failing: npt.NDArray[np.int64],
    column: str,
    place: ColumnField,
    findings: BatchFindings,
) -> None:
    """Adds the findings of a column, grouped by rule."""
    rules = about["rule"].combine_chunks().dictionary_encode()
    of_cell = rules.indices.take(of_text)
    for code, rule in sorted(enumerate(rules.dictionary.to_pylist()), key=lambda each: each[1]):
        broken = positions_of(pc.equal(of_cell, code))
        taken = about.select(["value", "message", "proposal", "certain"]).take(
            of_text.take(pa.array(broken))
        )
        texts = {name: taken[name].combine_chunks() for name in taken.column_names}
        findings.add(rule, failing[broken], column=column, field=place.field.name, **texts)


def _values(texts: pa.StringArray, field_type: Type) -> pa.Array:
    """The values of cleaned texts, in the field's type."""
    match field_type:
        case "number":
            return to_numbers(texts)
        case "timestamp":
            return to_timestamps(texts)
        case "list" | "languages":
            return split_lists(texts)
        case "countries":
            return to_countries(texts)
        case _:
            return texts

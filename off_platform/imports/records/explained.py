"""The odd texts of a column, explained: which rule each breaks, and what the tables take instead.

The commonest corrections are made of all texts at once; the readers of `values/` explain the others
one by one.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from off_platform.imports.records.findings import messages_of
from off_platform.imports.specification.fields import Field
from off_platform.imports.specification.rules import BY_ID, message_of
from off_platform.imports.values.explanation import Explanation
from off_platform.imports.values.reading import Reading

_SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("value", pa.string()),
        ("message", pa.string()),
        ("proposal", pa.string()),
        ("certain", pa.bool_()),
        ("meant", pa.string()),
    ]
)


def explained(field: Field, texts: pa.StringArray, explanation: Explanation) -> pa.Table:
    """Explains distinct texts that a rule may apply to.

    Args:
        field: of the column.
        texts: each once, none null.
        explanation: with what they are checked.

    Returns:
        One row per text, in their order: `rule`, null where none is broken, then `value`,
        `message`, `proposal` and `certain` of the finding, and `meant`: the text that the tables
        take, null where an error leaves open what was meant.
    """
    left = np.arange(len(texts))
    parts, positions = [], []
    for rule, correct in explanation.corrections(field):
        proposals = correct(texts.take(pa.array(left)))
        fit = proposals.is_valid().to_numpy(zero_copy_only=False)
        if fit.any():
            parts.append(_corrected(rule, texts.take(pa.array(left[fit])), proposals.drop_null()))
            positions.append(left[fit])
            left = left[~fit]
    if len(left) or not parts:
        others = texts.take(pa.array(left))
        parts.append(_one_by_one(others.to_pylist(), explanation.explain_all(field, others)))
        positions.append(left)
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate(positions))
    return pa.concat_tables(parts).take(pa.array(order)).combine_chunks()


def is_error(reading: Reading) -> bool:
    """Whether the text breaks a rule of error level."""
    return reading.rule is not None and BY_ID[reading.rule].level == "error"


def _corrected(rule: str, texts: pa.StringArray, proposals: pa.StringArray) -> pa.Table:
    """Texts whose correction is certain."""
    rules, certain = pa.repeat(rule, len(texts)), pa.repeat(True, len(texts))  # noqa: FBT003 - a value
    meant = pa.nulls(len(texts), pa.string()) if BY_ID[rule].level == "error" else proposals
    return pa.table(
        [rules, texts, messages_of(rule, texts), proposals, certain, meant], schema=_SCHEMA
    )


def _one_by_one(texts: Sequence[str], readings: Sequence[Reading]) -> pa.Table:
    pairs = list(zip(texts, readings, strict=True))
    columns = [
        [reading.rule for reading in readings],
        texts,
        [message_of(each.rule, text, each.detail) if each.rule else None for text, each in pairs],
        [reading.proposal for reading in readings],
        [reading.certain for reading in readings],
        [_meant(text, reading) for text, reading in pairs],
    ]
    return pa.table([pa.array(each, of.type) for each, of in zip(columns, _SCHEMA, strict=True)],
                    schema=_SCHEMA)  # fmt: skip


def _meant(text: str, reading: Reading) -> str | None:
    if reading.rule is None:
        return text
    if is_error(reading):
        return None
    return reading.proposal or None if reading.certain else text

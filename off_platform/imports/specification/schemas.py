"""Pandera schemas, built from the fields and rules of the document. Checks are named after rules.

They check the table of accepted records (`checks.py`), independently of `values/` and `bounds.py`,
which check and explain the file.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pandas as pd
import pandera.pandas as pa_pandera
import pyarrow as pa

from off_platform.barcodes.columns import check_digits_hold, expanded_upc_e, normal_forms
from off_platform.imports.specification.bounds import DERIVED, NUMBERS, off_limit
from off_platform.imports.specification.characters import URL
from off_platform.imports.specification.column_names import language_codes
from off_platform.imports.specification.fields import BARCODES, FIELDS, Field, Type
from off_platform.imports.specification.rules import BY_ID

# Lengths of accepted barcodes: UPC-E without its number system and check digit, EAN-8 or
# UPC-E, UPC-A, EAN-13, GTIN-14.
BARCODE_LENGTHS = (6, 8, 12, 13, 14)
# Unix seconds have at most ten digits until the year 2286; milliseconds have thirteen.
SECONDS_END = 10**10
# Six digits have no check digit.
_CHECKED = "|".join(f"[0-9]{{{length}}}" for length in BARCODE_LENGTHS[1:])


@cache
def accepted_schema() -> pa_pandera.DataFrameSchema:
    """The conditions on texts of accepted records.

    Columns are fields of the document, `product`, and `name`, the first of the record's names in
    any language; timestamps are Unix seconds. Numbers are `number_schema` and `derived_schema`.
    """
    columns = {"product": _text(_must_be_there("identifier_missing"))}
    columns |= {"name": _text(_must_be_there("product_name_missing"))}
    for field in FIELDS:
        if checks := _TEXT_CHECKS.get(field.type):
            columns[field.name] = _text(*checks())
    rule = _rule("identifiers_disagree")
    agree = pa_pandera.Check(_identifiers_agree, ignore_na=False, error=rule)
    return pa_pandera.DataFrameSchema(columns, checks=agree)


def _identifiers_agree(records: pd.DataFrame) -> "pd.Series[bool]":
    """Whether each barcode of a record is its product, or the other reading of its eight digits."""
    agree = pd.Series(True, index=records.index)  # noqa: FBT003 - a value
    readings = [records[name] for name in ("product", "other_reading") if name in records]
    for name in [name for name in BARCODES if name in records]:
        codes = pa.array(records[name], pa.string(), from_pandas=True)
        same = records[name].isna()
        for form in (codes, expanded_upc_e(codes)):
            normal = pd.Series(normal_forms(form).to_pandas().to_numpy(), index=records.index)
            for reading in readings:
                same |= normal.notna() & (normal == reading)
        agree &= same
    return agree


def _text(*checks: pa_pandera.Check) -> pa_pandera.Column:
    return pa_pandera.Column(None, list(checks), nullable=True, required=False)


def _must_be_there(rule_id: str) -> pa_pandera.Check:
    return pa_pandera.Check(
        lambda texts: texts.fillna("") != "", ignore_na=False, error=_rule(rule_id)
    )


def _of_pattern(rule_id: str, pattern: str) -> pa_pandera.Check:
    # `$` would allow a newline at the end.
    return pa_pandera.Check.str_matches(rf"^(?:{pattern})\Z", error=_rule(rule_id))


def _barcode_checks() -> list[pa_pandera.Check]:
    lengths = "|".join(f".{{{length}}}" for length in BARCODE_LENGTHS)
    return [
        _of_pattern("barcode_not_digits", "[0-9]*"),
        _of_pattern("barcode_length", lengths),
        _of_pattern("barcode_all_zeros", "(?:.|\n)*[^0](?:.|\n)*"),
        pa_pandera.Check(_check_digits, error=_rule("barcode_check_digit")),
    ]


def _check_digits(codes: "pd.Series[str]") -> "pd.Series[bool]":
    """Whether check digits are valid, for codes of a length that has one."""
    texts = pa.array(codes.to_numpy(dtype=object), pa.string())
    upc_e = expanded_upc_e(texts).is_valid().to_numpy(zero_copy_only=False)
    holds = pd.Series(check_digits_hold(texts) | upc_e, index=codes.index)
    return holds | ~codes.str.fullmatch(_CHECKED)


def _language_checks() -> list[pa_pandera.Check]:
    return [pa_pandera.Check.isin(language_codes(), error=_rule("language_unknown"))]


def _languages_checks() -> list[pa_pandera.Check]:
    def known(lists: "pd.Series[Any]") -> "pd.Series[bool]":
        parts = lists.explode()
        holds = parts.isin(language_codes()) | parts.isna()
        return holds.groupby(level=0).all()

    return [pa_pandera.Check(known, error=_rule("language_unknown"))]


def _timestamp_checks() -> list[pa_pandera.Check]:
    error = _rule("timestamp_milliseconds")
    return [pa_pandera.Check.lt(SECONDS_END, error=error), pa_pandera.Check.ge(0, error=error)]


_TEXT_CHECKS: Mapping[Type, Callable[[], list[pa_pandera.Check]]] = {
    "barcode": _barcode_checks,
    "language": _language_checks,
    "languages": _languages_checks,
    "timestamp": _timestamp_checks,
    "url": lambda: [_of_pattern("not_a_url", URL)],
}
# The other types allow any text, or their rules are warnings.
BOUNDED_TYPES = (*_TEXT_CHECKS, "number")


@cache
def number_schema() -> pa_pandera.DataFrameSchema:
    """Bounds of the document's numeric fields; missing columns are allowed."""
    return pa_pandera.DataFrameSchema(
        {
            field.name: pa_pandera.Column(
                float, _bounds(field), nullable=True, required=False, description=field.description
            )
            for field in NUMBERS
        }
    )


def _bounds(field: Field) -> list[pa_pandera.Check]:
    finite = pa_pandera.Check.lt(float("inf"), error=_rule("number_not_finite"))
    checks = [finite, pa_pandera.Check.ge(0, error=_rule("negative"))]
    if field.most is not None:
        checks.append(pa_pandera.Check.le(field.most, error=_rule("above_range")))
    limit = off_limit(field)
    if limit is not None:
        # Values above the document's own range are errors already.
        most = field.most or float("inf")
        checks.append(
            pa_pandera.Check(
                lambda numbers: (numbers <= limit) | (numbers > most),
                error=_rule("nutrient_above_off_limit"),
            )
        )
    return checks


@cache
def derived_schema() -> pa_pandera.DataFrameSchema:
    """Bounds of the results of `bounds.derive`."""
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
    """The values of a batch that fail a schema.

    Args:
        schema: one from this module.
        frame: with a plain index, 0 to its length.

    Returns:
        `column`, `check` (the rule) and `index` of every value that fails.

    Raises:
        RuntimeError: a check raised an error, or the frame has other columns; a bug.
    """
    try:
        schema.validate(frame, lazy=True)
    except pa_pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        if cases["index"].isna().any() or "CHECK_ERROR" in errors.error_counts:
            raise RuntimeError(
                f"a check of an import raised an error: {errors.message}"
            ) from errors
        named: pd.DataFrame = cases[["column", "check", "index"]].astype({"index": "int64"})
        return named
    return pd.DataFrame({"column": [], "check": [], "index": []}).astype({"index": "int64"})


def _rule(rule_id: str) -> str:
    """The id, after checking that the rule exists."""
    return BY_ID[rule_id].id

"""Pandera schemas, built from the fields and rules of the document. A check is named by its rule.

Numbers, and values computed from several numbers of one record, are checked in every batch. All
three schemas are checked again on the table of accepted records (`checks.py`): there they are
independent of the readers of `values/`, which judge the texts themselves and give reasons.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd
import pandera.pandas as pa_pandera
import pyarrow as pa

from off_platform.barcodes.columns import check_digits_hold, expanded_upc_e, normal_forms
from off_platform.imports.specification.characters import URL
from off_platform.imports.specification.column_names import language_codes
from off_platform.imports.specification.fields import BARCODES, FIELDS, Field, Type
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


# Lengths of accepted barcodes: UPC-E without its number system and check digit, EAN-8 or
# UPC-E, UPC-A, EAN-13, GTIN-14.
BARCODE_LENGTHS = (6, 8, 12, 13, 14)
# Unix seconds of ten digits at most, which end in the year 2286; milliseconds have thirteen.
SECONDS_END = 10**10
# Six digits have no check digit.
_CHECKED = "|".join(f"[0-9]{{{length}}}" for length in BARCODE_LENGTHS[1:])


@cache
def accepted_schema() -> pa_pandera.DataFrameSchema:
    """The conditions that texts of accepted records meet, with any reader.

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
    """Whether check digits hold, for codes of a length that has one."""
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
    """The limit in the field's unit; energy without a known unit has none."""
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
    """The columns of `derived_schema`, computed from the numbers of a batch.

    Args:
        numbers: one column per field, per 100 g; NaN where a value is missing or out of its range.

    Returns:
        One column per rule of `DERIVED` whose fields are present, NaN for missing values. Sums
        of the given macronutrients are in grams; differences are positive if the rule is broken;
        energy is the kJ outside of the range that the kcal allow.
    """
    # A missing value adds nothing: 60 g and 41 g are too much with any third value.
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
    """The sum of the given columns; NaN where all are missing."""
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
    """Bounds of the columns of `derive`."""
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
        schema: of this module.
        frame: with a plain index, 0 to its length.

    Returns:
        `column`, `check` (the rule) and `index` of every value that fails.

    Raises:
        RuntimeError: a check raised an error, or the frame has other columns; a bug of ours.
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
    """The id of an existing rule."""
    return BY_ID[rule_id].id

"""Units of measures are known whatever their spelling, and what is not known is not guessed."""

import duckdb
import pytest

from off_platform.bins.units import LENGTHS, WEIGHTS, factor_sql, is_known


@pytest.mark.parametrize(
    ("value", "unit", "millimetres"),
    [
        (3, "IN", 76.2), (3, "inches", 76.2), (3, "Inch", 76.2), (3, "in.", 76.2),
        (7.62, "CM", 76.2), (7.62, "centimetres", 76.2), (7.62, " Centimeters ", 76.2),
        (76.2, "mm", 76.2), (0.0762, "M", 76.2), (0.25, "feet", 76.2),
        (300, "hundredths-inches", 76.2),
        (1, "furlong", None), (1, "", None), (1, "kg", None), (1, "in'; --", None),
    ],
)  # fmt: skip
def test_lengths(value: float, unit: str, millimetres: float | None) -> None:
    query = f"SELECT ?::DOUBLE * {factor_sql('u', LENGTHS)} FROM (SELECT ?::VARCHAR AS u)"
    ((found,),) = duckdb.execute(query, [value, unit]).fetchall()
    assert found == (millimetres and pytest.approx(millimetres))
    assert is_known("length", unit) == (millimetres is not None)


@pytest.mark.parametrize(
    ("value", "unit", "grams"),
    [
        (1, "pounds", 453.59237), (1, "LB", 453.59237), (16, "oz", 453.59237),
        (16, "Ounces", 453.59237), (100, "hundredths-pounds", 453.59237),
        (1, "KG", 1000), (1, "kilograms", 1000), (5, "g", 5), (5, "Grams", 5), (5000, "mg", 5),
        (1, "stone", None), (1, "IN", None), (1, "", None),
    ],
)  # fmt: skip
def test_weights(value: float, unit: str, grams: float | None) -> None:
    query = f"SELECT ?::DOUBLE * {factor_sql('u', WEIGHTS)} FROM (SELECT ?::VARCHAR AS u)"
    ((found,),) = duckdb.execute(query, [value, unit]).fetchall()
    assert found == (grams and pytest.approx(grams))
    assert is_known("weight", unit) == (grams is not None)

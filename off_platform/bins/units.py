"""Units of the bins' measures, in any spelling, in millimetres or grams.

The dataset has `IN` and `pounds`; others in Amazon's catalogue are hundredths of them.
"""

INCH_MM = 25.4
POUND_G = 453.59237
_OUNCE_G = POUND_G / 16

# Millimetres, grams; spelled as by `normal`.
LENGTHS = {
    **dict.fromkeys(("in", "inch", "inches", '"'), INCH_MM),
    **dict.fromkeys(("hundredths-inches", "hundredths inches"), INCH_MM / 100),
    **dict.fromkeys(("ft", "foot", "feet"), 12 * INCH_MM),
    **dict.fromkeys(("yd", "yard", "yards"), 36 * INCH_MM),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
}
WEIGHTS = {
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), POUND_G),
    **dict.fromkeys(("hundredths-pounds", "hundredths pounds"), POUND_G / 100),
    **dict.fromkeys(("oz", "ounce", "ounces"), _OUNCE_G),
    **dict.fromkeys(("mg", "milligram", "milligrams"), 0.001),
    **dict.fromkeys(("g", "gram", "grams", "gramme", "grammes"), 1.0),
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms"), 1000.0),
    **dict.fromkeys(("kilogramme", "kilogrammes"), 1000.0),
}
_AROUND = " .\t"
UNCONVERTED = " OR ".join(
    f"({given} IS NOT NULL AND {metric} IS NULL)"
    for given, metric in (
        ("length", "length_mm"),
        ("width", "width_mm"),
        ("height", "height_mm"),
        ("weight", "weight_g"),
    )
)
"""SQL for the rows of `bin_items` with a measure whose unit is not known."""


def is_known(measure: str, unit: str) -> bool:
    """Whether a unit of a measure is known.

    Args:
        measure: `weight`, or one of the sides.
        unit: as given.
    """
    return unit.strip(_AROUND).lower() in (WEIGHTS if measure == "weight" else LENGTHS)


def factor_sql(unit: str, factors: dict[str, float]) -> str:
    """SQL for the number of millimetres or grams of a unit; null if it is unknown."""
    cases = " ".join(f"WHEN '{name}' THEN {factor!r}::DOUBLE" for name, factor in factors.items())
    return f"CASE lower(trim({unit}, '{_AROUND}')) {cases} END"

"""Columns that say how nutrients are given are never taken for the nutrients themselves."""

import pytest

from off_platform.imports.records.columns import Columns
from off_platform.imports.specification.column_names import nearest_name


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("fat_unit", "'fat' is read in g"),
        ("nutrition.fat_unit", "'fat' is read in g"),
        ("vitamin-c_unit", "'vitamin_c' is read in mg"),
        ("energy_unit", "'energy' is read in kJ or kcal"),
        ("salt_modifier", "'salt' is read as exact"),
        ("nutrition_data_per", "Nutrients are read per 100 g or 100 ml"),
    ],
)
def test_a_column_of_how_nutrients_are_given_says_how_they_are_read(column: str, said: str) -> None:
    columns = Columns()
    columns.meet([column])

    (found,) = columns.found

    assert (found.rule, found.proposal) == ("unknown_column", None)
    assert f"{said}; records in which it says otherwise are quarantined." in found.message


@pytest.mark.parametrize(
    ("column", "proposal"),
    [
        ("carbohydrates_serving", None),
        ("carbohydrates_prepared_100g", None),
        ("carbohydrates_100g", "carbohydrates"),
        ("serving_sze", "serving_size"),
        ("quantity_unit", None),
        ("nutrition_data_prepared_per", None),
        ("nutrition_data", None),
    ],
)
def test_an_amount_of_another_kind_is_no_misspelt_name(column: str, proposal: str | None) -> None:
    assert nearest_name(column) == proposal

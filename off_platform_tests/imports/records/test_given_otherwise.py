"""Records whose nutrients another column says to be given otherwise are not accepted."""

import json

import pytest

from off_platform_tests.imports.broken_records import GOOD, table
from off_platform_tests.imports.conftest import Validate

ENERGY_OF_FAT = {"energy": "899", "fat": "99.9", "carbohydrates": "0", "proteins": "0"}
RULE = "number_given_otherwise"


@pytest.mark.parametrize(
    ("numbers", "column", "said"),
    [
        ({"fat": "1.5"}, "fat_unit", "mg"),
        ({"fat_g": "1.5"}, "fat_unit", "mg"),
        ({"fat": "1.5"}, "Fat unit", "% DV"),
        ({"vitamin_c": "12"}, "vitamin-c_unit", "g"),
        ({"vitamin_d": "12"}, "vitamin_d_unit", "IU"),
        ({"energy_kj": "500"}, "energy-kj_unit", "kcal"),
        ({"energy": "500"}, "energy_unit", "kcal"),
        ({"energy": "500"}, "energy_unit", "g"),
        ({"salt": "0.1"}, "salt_modifier", "<"),
        ({"salt": "0.1"}, "salt_modifier", "~"),
        ({"salt": "0.1"}, "salt_modifier", "max"),
        ({"salt": "0.1"}, "salt_modifier", "?!x"),
        ({"salt": "0.1"}, "nutrition_data_per", "serving"),
        ({"iron": "3"}, "nutrition_data_per", "30 g"),
        ({"iron": "3"}, "nutrition_data_per", "1000 g"),
    ],
)
def test_a_number_given_otherwise_is_quarantined(
    validate: Validate, numbers: dict[str, str], column: str, said: str
) -> None:
    judged = validate(table({**GOOD, **numbers, column: said}))

    assert judged.verdict.accepted == 0
    (found,) = (each for each in judged.findings if each["rule"] == RULE)
    assert (found["row"], found["column"], found["value"]) == (2, column, said)
    assert found["proposal"] is None
    assert found["message"].startswith(f"'{said}': another column says")


@pytest.mark.parametrize(
    ("numbers", "column", "said"),
    [
        ({"fat": "1.5"}, "fat_unit", " G "),
        ({"fat": "1.5"}, "fat_unit", "g/100 ml"),
        ({"fat": "1.5"}, "fat_unit", ""),
        ({"fat": "1.5"}, "fat_unit", "N/A"),
        ({"vitamin_a": "12"}, "vitamin-a_unit", "mcg"),
        ({"energy": "500"}, "energy_unit", "kJ"),
        # By its macronutrients this energy is read in kcal.
        (ENERGY_OF_FAT, "energy_unit", "kcal"),
        ({"energy": "500", "energy_kj": "500"}, "energy_unit", "kJ"),
        ({"salt": "0.1"}, "salt_modifier", "="),
        ({"salt": "0.1"}, "salt_modifier", ""),
        ({"salt": "0.1"}, "salt_modifier", "-"),
        *(
            ({"salt": "0.1"}, "nutrition_data_per", said)
            for said in ("100g", "100 ml", "per 100 g", "pro 100 g / 100 ml", "Pour 100 g", "")
        ),
        # They say nothing about the number that is there, or about none.
        ({"fat": ""}, "fat_unit", "mg"),
        ({"fat": "N/A"}, "fat_unit", "mg"),
        ({"salt": "0.1"}, "fat_unit", "mg"),
        ({"fat": ""}, "nutrition_data_per", "serving"),
        ({"salt": "0.1"}, "nutrition_data_prepared_per", "serving"),
        ({"salt": "0.1"}, "nutrition_data", "on"),
        ({"quantity": "30 g"}, "quantity_unit", "mg"),
    ],
)  # fmt: skip
def test_a_number_given_as_it_is_read_is_accepted(
    validate: Validate, numbers: dict[str, str], column: str, said: str
) -> None:
    judged = validate(table({**GOOD, **numbers, column: said}))

    assert judged.verdict.accepted == 1
    assert RULE not in judged.rules


def test_each_record_is_judged_by_its_own_unit(validate: Validate) -> None:
    barcodes = ("3017620422003", "7622210449283", "3560070976478")
    units = ("g", "mg", "g")
    judged = validate(
        table(
            *(
                {"barcode": code, "product_name": "A", "fat": "5", "fat_unit": unit}
                for code, unit in zip(barcodes, units, strict=True)
            )
        )
    )

    assert [record["barcode"] for record in judged.accepted] == [barcodes[0], barcodes[2]]
    assert [record["fat_g"] for record in judged.accepted] == [5.0, 5.0]


def test_a_long_unit_is_shortened_in_the_message(validate: Validate) -> None:
    judged = validate(table({**GOOD, "fat": "5", "fat_unit": "mg" * 100}))

    (found,) = (each for each in judged.findings if each["rule"] == RULE)
    assert found["message"].startswith(f"'{'mg' * 30}...': another column says")


def test_units_of_nested_nutrients_are_seen(validate: Validate) -> None:
    record = {**GOOD, "nutrition": {"fat_g": 5, "fat_unit": "mg"}}

    judged = validate(json.dumps([record]), "x.json")

    assert judged.verdict.accepted == 0
    (found,) = (each for each in judged.findings if each["rule"] == RULE)
    assert (found["column"], found["field"]) == ("nutrition.fat_unit", "fat_g")

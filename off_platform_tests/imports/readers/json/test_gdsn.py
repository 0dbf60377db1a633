"""JSON of GS1's GDSN is named, with what of it maps onto the specification."""

import json
import re

import pytest

from off_platform.imports.readers.json.gdsn import GDSN, MARKS
from off_platform.imports.specification.fields import BY_NAME
from off_platform_tests.imports.conftest import Validate

TRADE_ITEM = {
    "gtin": "03017620422003",
    "isTradeItemAConsumerUnit": "true",
    "tradeItemInformation": {
        "extension": {
            "allergen_information:allergenInformationModule": {
                "allergenRelatedInformation": {
                    "allergen": [{"allergenTypeCode": "AM", "levelOfContainmentCode": "CONTAINS"}]
                }
            },
            "nutritional_information:nutritionalInformationModule": {
                "nutrientHeader": {
                    "nutrientDetail": [
                        {"nutrientTypeCode": "FAT", "quantityContained": {"#": "30.9"}}
                    ]
                }
            },
        }
    },
}
MAPPED = "gtin -> gtin; allergenTypeCode (CONTAINS) -> allergens; quantityContained (FAT) -> fat_g."


def _capital(found: re.Match[str]) -> str:
    return f'"{found[1].upper()}{found[2]}":'


CAPITALS = re.sub(r'"([a-z])(\w*)":', _capital, json.dumps([TRADE_ITEM]))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([TRADE_ITEM]),
        json.dumps({"catalogue_item_notification:catalogueItemNotificationMessage": [TRADE_ITEM]}),
        CAPITALS,
    ],
    ids=["trade items", "a notification", "with capitals"],
)
def test_gdsn_is_named_with_the_attributes_that_the_file_has(text: str, validate: Validate) -> None:
    found = validate(text, "x.json")
    assert found.rules == ["gdsn_json"]
    assert found.findings[0]["message"].endswith(f"onto the specification: {MAPPED}")
    assert found.verdict.refused


def test_a_product_that_mentions_gdsn_is_a_product(validate: Validate) -> None:
    text = ", ".join(f'"{mark}": 1' for mark in MARKS)
    product = {"barcode": "3017620422003", "product_name": f"Nutella {text} {MARKS[0]}"}
    assert validate(json.dumps([product]), "x.json").verdict.accepted == 1


def test_a_product_that_has_a_list_of_products_is_not_an_answer_of_the_api(
    validate: Validate,
) -> None:
    found = validate(json.dumps({"code": "3017620422003", "products": [{}, {}]}), "x.json")
    assert found.verdict.records == 1


def test_every_attribute_maps_onto_a_field_of_the_specification() -> None:
    assert {each.field for each in GDSN} <= BY_NAME.keys()
    assert len({(each.attribute, each.code) for each in GDSN}) == len(GDSN)

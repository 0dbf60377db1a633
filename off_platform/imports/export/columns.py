"""The columns of the Open Food Facts CSV format, and the field that each is made from. Pure.

The format is that of Product Opener's importer (openfoodfacts-server, `ProductOpener/Import.pm`).
`rows.py` makes the SQL from it, `reading_back.py` the columns of an import.
"""

import re
from collections.abc import Mapping

from off_platform.imports.export.options import NutrientColumns
from off_platform.imports.specification.fields import BY_NAME, FIELDS

# Fields whose column has another name.
OTHER_NAMES: Mapping[str, str] = {"brand": "brands", "url": "link"}
# Columns of texts and lists without a language, in the order of the file.
TEXTS = ("quantity", "serving_size", "url")
LISTS = (
    *("brand", "categories", "labels", "countries", "origins", "manufacturing_places"),
    *("packaging", "allergens", "traces"),
)
# Their English values are given in the column of the field, with the prefix of the language.
IN_ENGLISH: Mapping[str, str] = {
    "categories": "categories_en",
    "labels": "labels_en",
    "countries": "countries_en",
}
ENGLISH = "en:"
# Columns with the language at the end of their name.
OF_LANGUAGE = tuple(field.name for field in FIELDS if field.by_language)
PICTURE_URLS: Mapping[str, str] = {
    "image_url": "image_front_url",
    "image_ingredients_url": "image_ingredients_url",
    "image_nutrition_url": "image_nutrition_url",
    "image_packaging_url": "image_packaging_url",
}
# The platform sets these itself, or computes them.
NOT_IMPORTED: Mapping[str, str] = {
    "product_id": "products are identified by their barcode",
    "main_category": "computed from the categories",
    "languages": "computed from the columns with a language",
    "data_sources": "set by the platform",
    "created_t": "set by the platform",
    "last_modified_t": "set by the platform",
}
# `energy` without a unit is in one of those with one.
NUTRIENTS = tuple(
    field.name for field in FIELDS if field.type == "number" and field.name != "energy"
)
NAME_LANGUAGE = re.compile(rf"({'|'.join((*OF_LANGUAGE, *PICTURE_URLS.values()))})_([a-z]{{2}})")


def nutrient(field: str) -> str:
    """The name of a nutrient, such as `saturated-fat`."""
    return field.removesuffix("_g").replace("_", "-")


def nutrient_columns(field: str, form: NutrientColumns) -> tuple[str, str]:
    """The columns of a nutrient's value and unit."""
    name = nutrient(field)
    if form == "values":
        return f"{name}_value", f"{name}_unit"
    start = f"nutrition.input_sets.manufacturer.as_sold.100g.nutrients.{name}"
    return f"{start}.value_string", f"{start}.unit"


def unit_of(field: str) -> str:
    """The unit of a nutrient, as in the specification."""
    return BY_NAME[field].unit or ""

"""The fields of the document "Data Formats Specification", as data. Pure.

The rules that they must fulfil are in `rules.py`; how a text is read is in `values/`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import pycountry
from rapidfuzz import fuzz, process

Type = Literal[
    "barcode", "text", "list", "countries", "languages", "language", "number", "timestamp", "url",
    "quantity",
]  # fmt: skip

# The document's section names, in its order.
IDENTIFICATION = "Product Identification"
BASIC = "Basic Information"
CATEGORIES = "Categories"
LOCATION = "Location"
PACKAGING = "Packaging"
LANGUAGES = "Languages"
INGREDIENTS = "Ingredients"
NUTRITION = "Nutritional Information"
NUTRIENTS = "Additional Nutrients"
LABELS = "Labels & Certifications"
IMAGES = "Images"
METADATA = "Metadata"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the document.

    Attributes:
        name: our tables' name of it; of several names the document's first, of nutrients the one
            that says its unit.
        section: heading of the document's table that has it.
        description: the document's own.
        type: how its text is read.
        example: the document's own; empty where it has none.
        aliases: the document's other names of it.
        unit: of numbers, per 100 g or 100 ml.
        most: largest number, of "Reasonable ranges"; the document has none for other nutrients
            in grams, which are parts of 100 g.
        by_language: whether `<name>_<language code>` is a field too.
    """

    name: str
    section: str
    description: str
    type: Type
    example: str = ""
    aliases: tuple[str, ...] = ()
    unit: str | None = None
    most: float | None = None
    by_language: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the document gives it."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class Place:
    """What a column of a file is: a field, and the language where its name has one."""

    field: Field
    language: str | None = None


def _grams(name: str, description: str, example: str, most: float = 100) -> Field:
    return Field(
        f"{name}_g", NUTRITION, description, "number", example, (name,), unit="g", most=most
    )


def _image(side: str, description: str) -> Field:
    return Field(f"image_{side}_url", IMAGES, description, "url", "https://...")


FIELDS: tuple[Field, ...] = (
    Field("barcode", IDENTIFICATION, "EAN, UPC, or other barcode", "barcode", "3017620422003"),
    Field("code", IDENTIFICATION, "Alternative to barcode", "barcode", "3017620422003"),
    Field("gtin", IDENTIFICATION, "Global Trade Item Number", "barcode", "03017620422003"),
    Field("product_id", IDENTIFICATION, "Internal product ID", "text", "PROD12345"),
    Field("product_name", BASIC, "Product name", "text", "Nutella", by_language=True),
    Field("generic_name", BASIC, "Generic product description", "text",
          "Chocolate hazelnut spread", by_language=True),
    Field("brand", BASIC, "Brand name(s)", "list", "Ferrero", ("brands",)),
    Field("quantity", BASIC, "Package size with unit", "quantity", "400g"),
    Field("serving_size", BASIC, "Serving size with unit", "quantity", "15g"),
    Field("categories", CATEGORIES, "Product categories", "list", "Spreads, Chocolate spreads"),
    Field("categories_en", CATEGORIES, "Categories in English", "list",
          "Spreads, Chocolate spreads"),
    Field("main_category", CATEGORIES, "Primary category", "text", "Spreads"),
    Field("countries", LOCATION, "Countries where sold", "countries", "France, Germany, UK"),
    Field("countries_en", LOCATION, "Countries (English names)", "countries",
          "France, Germany, United Kingdom"),
    Field("manufacturing_places", LOCATION, "Where manufactured", "list", "France"),
    Field("origins", LOCATION, "Origin of ingredients", "list", "European Union"),
    Field("packaging", PACKAGING, "Packaging type(s)", "list", "Glass jar, Metal lid"),
    Field("packaging_text", PACKAGING, "Packaging instructions", "text",
          "Recycle glass and metal", by_language=True),
    Field("languages", LANGUAGES, "Available languages", "languages", "en, fr, de"),
    Field("lc", LANGUAGES, "Main language code", "language", "en"),
    Field("ingredients_text", INGREDIENTS, "Full ingredient list", "text",
          "Sugar, palm oil, hazelnuts (13%)...", by_language=True),
    Field("allergens", INGREDIENTS, "Allergen declarations", "list", "Milk, Nuts, Soybeans"),
    Field("traces", INGREDIENTS, "May contain traces of", "list", "Eggs, Peanuts"),
    Field("energy_kj", NUTRITION, "Energy in kilojoules", "number", "2252", unit="kJ", most=4000),
    Field("energy_kcal", NUTRITION, "Energy in kilocalories", "number", "539", unit="kcal",
          most=900),
    Field("energy", NUTRITION, "Energy (auto-detected)", "number", "2252", unit="kJ or kcal",
          most=4000),
    _grams("fat", "Total fat", "30.9"),
    _grams("saturated_fat", "Saturated fat", "10.6"),
    _grams("carbohydrates", "Total carbohydrates", "57.5"),
    _grams("sugars", "Sugars", "56.3"),
    _grams("fiber", "Dietary fiber", "0"),
    _grams("proteins", "Proteins", "6.3"),
    _grams("salt", "Salt", "0.107", most=50),
    _grams("sodium", "Sodium", "0.043"),
    Field("vitamin_a", NUTRIENTS, "Vitamin A", "number", unit="µg"),
    Field("vitamin_c", NUTRIENTS, "Vitamin C", "number", unit="mg"),
    Field("vitamin_d", NUTRIENTS, "Vitamin D", "number", unit="µg"),
    Field("calcium", NUTRIENTS, "Calcium", "number", unit="mg"),
    Field("iron", NUTRIENTS, "Iron", "number", unit="mg"),
    Field("omega_3_fat", NUTRIENTS, "Omega-3 fatty acids", "number", unit="g", most=100),
    Field("cholesterol", NUTRIENTS, "Cholesterol", "number", unit="mg"),
    Field("labels", LABELS, "Certifications/labels", "list", "Organic, Fair trade"),
    Field("labels_en", LABELS, "Labels (English)", "list", "Organic, Fair trade"),
    Field("image_url", IMAGES, "Product front image URL", "url", "https://...",
          ("image_front_url",)),
    _image("ingredients", "Ingredients image URL"),
    _image("nutrition", "Nutrition facts image URL"),
    _image("packaging", "Packaging image URL"),
    Field("data_sources", METADATA, "Data source identifier", "text", "Producer import 2024"),
    Field("created_t", METADATA, "Creation timestamp", "timestamp", "1642521600"),
    Field("last_modified_t", METADATA, "Last modified timestamp", "timestamp", "1642608000"),
    Field("url", METADATA, "Product URL", "url", "https://..."),
)  # fmt: skip

# "At least one identifier required"; in the order in which they name a product.
IDENTIFIERS = ("barcode", "code", "gtin", "product_id")
BARCODES = IDENTIFIERS[:3]
# "none" in these is what they say, not that nothing is said.
NONE_IS_A_VALUE = ("allergens", "traces")
# The column that our corrected copies add; it says what was corrected and is read over.
CORRECTIONS = "corrections_made"
NESTED = "nutrition."
# What other programs call the identifiers, as a word of a column's name.
_OTHER_NAMES = {"ean": "barcode", "ean13": "barcode", "upc": "barcode", "barcodes": "barcode",
                "gtin": "gtin", "gtin13": "gtin", "gtin14": "gtin"}  # fmt: skip

BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
NAMES: Mapping[str, Field] = {name: field for field in FIELDS for name in field.names}

_WITH_LANGUAGE = re.compile(
    f"({'|'.join(field.name for field in FIELDS if field.by_language)})_([A-Za-z]{{2,3}})"
)


def place_of(column: str) -> Place | None:
    """The field that a column of a file is, by its exact name; None when it is none.

    Only the language at its end may be in capitals.

    Args:
        column: the header's cell, or the path in a JSON object such as `nutrition.fat_g`.
    """
    if known := NAMES.get(column.removeprefix(NESTED)):
        return Place(known) if not column.startswith(NESTED) or known.unit else None
    if found := _WITH_LANGUAGE.fullmatch(column):
        language = found[2].lower()
        return Place(BY_NAME[found[1]], language) if language in language_codes() else None
    return None


def language_suffix(column: str) -> str | None:
    """What looks like a language code at the end of a column's name but is none."""
    found = _WITH_LANGUAGE.fullmatch(column)
    return found[2] if found and found[2].lower() not in language_codes() else None


def nearest_name(column: str) -> str | None:
    """The document's name that a column may have meant; None when none is near.

    Users of Open Food Facts ask for that (openfoodfacts-server issue 12556); it is a proposal,
    never a guess.
    """
    plain = re.sub(r"[\s:_.-]+", "_", column[:200].strip().lower()).strip("_")
    if plain in NAMES:
        return plain
    for word in plain.split("_"):
        if word in _OTHER_NAMES:
            return _OTHER_NAMES[word]
    for ending in ("_100g", "_value", "_unit"):
        if plain.endswith(ending) and plain.removesuffix(ending) in NAMES:
            return plain.removesuffix(ending)
    near = process.extractOne(plain, list(NAMES), scorer=fuzz.ratio, score_cutoff=82)
    return str(near[0]) if near else None


@cache
def language_codes() -> frozenset[str]:
    """ISO 639-1, as pycountry has it."""
    return frozenset(
        language.alpha_2 for language in pycountry.languages if hasattr(language, "alpha_2")
    )

"""The fields of the document "Data Formats Specification", as data. Pure.

`column_names.py` maps the columns of a file to fields. The rules of fields are in `rules.py`;
`values/` parses texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
        name: its name in our tables: the document's first, or for a nutrient the one with its unit.
        section: heading of its table in the document.
        description: the document's.
        type: the type of its values.
        example: the document's; empty if it has none.
        aliases: the document's other names for it.
        unit: of numbers, per 100 g or 100 ml.
        most: largest number, from the document's "Reasonable ranges". It gives none for other
            nutrients in grams, which are parts of 100 g.
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
        """All its names in the document."""
        return (self.name, *self.aliases)


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

# "At least one identifier required"; in the order in which they identify a product.
IDENTIFIERS = ("barcode", "code", "gtin", "product_id")
BARCODES = IDENTIFIERS[:3]
# Fields in which "none" is a value, not a placeholder.
NONE_IS_A_VALUE = ("allergens", "traces")
# The column that our corrected copies add; it says what was corrected, and is ignored when read.
CORRECTIONS = "corrections_made"
NESTED = "nutrition."

BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
NAMES: Mapping[str, Field] = {name: field for field in FIELDS for name in field.names}

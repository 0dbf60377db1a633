"""The fields of the document "Data Formats Specification", read from `fields.csv`. Pure.

`column_names.py` maps the columns of a file to fields. The rules of fields are in `rules.py`;
`values/` parses texts.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, cast

Type = Literal[
    "barcode",
    "text",
    "list",
    "countries",
    "languages",
    "language",
    "number",
    "timestamp",
    "url",
    "quantity",
]


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


def _fields() -> Iterator[Field]:
    table = files(__package__).joinpath("fields.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        yield Field(
            row["name"],
            row["section"],
            row["description"],
            cast("Type", row["type"]),
            row["example"],
            tuple(row["aliases"].split()),
            row["unit"] or None,
            float(row["most"]) if row["most"] else None,
            row["by_language"] == "yes",
        )


FIELDS: tuple[Field, ...] = tuple(_fields())

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

"""What the sandbox's products are made of: foods, their words in five languages, brands.

`foods.csv` has one food per line, lists separated by semicolons; `words.csv` has one word or
phrase per line, its English form first. All brands are invented.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

Language = Literal["en", "fr", "de", "it", "es"]

LANGUAGES: tuple[Language, ...] = ("en", "fr", "de", "it", "es")

COUNTRIES: dict[Language, tuple[str, ...]] = {
    "en": ("United Kingdom", "United States", "Ireland"),
    "fr": ("France", "Belgium", "Switzerland"),
    "de": ("Germany", "Austria", "Switzerland"),
    "it": ("Italy",),
    "es": ("Spain", "Mexico"),
}

BRANDS = (
    *("Norvella", "Tamberlune", "Okkaria", "Bramquist", "Pellumo", "Hesterwyn", "Quillmoor"),
    *("Zantelo", "Marivonne", "Grubelein", "Fennimond", "Castarella", "Ildebruno", "Wobblecombe"),
    *("Solveranza", "Petitmoulard", "Kornwinkel", "Dolcemarra", "Vallonette", "Thistlegate"),
)

# Of a food's columns, in the order of a nutrition table; those with "of which" in `words.csv`.
NUTRIENTS = {
    "fat": "Fat",
    "saturates": "of which saturates",
    "carbohydrate": "Carbohydrate",
    "sugars": "of which sugars",
    "protein": "Protein",
    "salt": "Salt",
}


@dataclass(frozen=True, slots=True)
class Food:
    """One food, its words in English.

    `colour` and `piece` are how it is drawn; `hues` are the colours of its packages, in degrees;
    `per_100` is grams in 100 g, in the order of `NUTRIENTS`; `categories` go from broad to narrow.
    """

    name: str
    colour: str
    piece: str
    shapes: tuple[str, ...]
    hues: tuple[int, ...]
    quantities: tuple[str, ...]
    per_100: tuple[float, ...]
    categories: tuple[str, ...]
    ingredients: tuple[str, ...]


def in_language(words: str, language: Language) -> str:
    """A word or phrase of `words.csv` in a language.

    Raises:
        KeyError: it is not there.
    """
    return WORDS[words][language]


def _table(name: str) -> Iterator[dict[str, str]]:
    text = files("off_platform.sandbox").joinpath(name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _food(row: dict[str, str]) -> Food:
    def split(column: str) -> tuple[str, ...]:
        return tuple(row[column].split(";"))

    return Food(
        name=row["name"],
        colour=row["colour"],
        piece=row["piece"],
        shapes=split("shapes"),
        hues=tuple(map(int, split("hues"))),
        quantities=split("quantities"),
        per_100=tuple(float(row[nutrient]) for nutrient in NUTRIENTS),
        categories=split("categories"),
        ingredients=split("ingredients"),
    )


WORDS = {row["en"]: row for row in _table("words.csv")}
FOODS = tuple(_food(row) for row in _table("foods.csv"))

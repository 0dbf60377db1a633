"""One invented product of the sandbox: what its package says and who photographed it. Pure.

The words come from `assortment.py`; where its photos lie is decided in `images_plan.py`.
"""

from dataclasses import dataclass

from off_platform.barcodes.text import with_check_digit
from off_platform.sandbox.assortment import (
    BRANDS,
    COUNTRIES,
    INGREDIENTS,
    LANGUAGES,
    SORTS,
    Language,
    Shape,
    Sort,
)
from off_platform.sandbox.seeds import chance

CONTRIBUTORS = ("anneke-scans", "berto", "colin.m", "dorothea", "pantry-app", "tidy-bot")

# First of September 2026, the moment of month 0's key list, in seconds since 1970.
FIRST_LIST_T = 1_788_220_800
MONTH_SECONDS = 30 * 86_400

# Width and height of what a contributor's telephone sends. The small ones are drawn oftenest, the
# largest by one product in forty, because the time to make a sandbox goes with the pixels.
_CAMERAS = ((480, 640), (540, 720), (600, 800), (720, 960), (800, 600), (900, 1200))
_CAMERA_WEIGHTS = (56, 20, 11, 6, 5, 2)
_LARGEST, _LARGEST_EVERY = (1200, 1600), 40


@dataclass(frozen=True, slots=True)
class Product:
    """A product and its contributor.

    `per_100` is grams in 100 g, in the order of `assortment.Sort.per_100`; times are seconds since
    1970; `camera` is width and height in pixels.
    """

    number: int
    code: str
    brand: str
    name: str
    claim: int
    language: Language
    country: str
    sort: Sort
    shape: Shape
    hue: int
    quantity: str
    per_100: tuple[float, ...]
    creator: str
    editor: str
    created_t: int
    modified_t: int
    camera: tuple[int, int]

    @property
    def energy(self) -> tuple[int, int]:
        """Kilojoules and kilocalories in 100 g, by the European factors for what is in it."""
        fat, _, carbohydrate, _, protein, _ = self.per_100
        return (
            round(37 * fat + 17 * (carbohydrate + protein)),
            round(9 * fat + 4 * (carbohydrate + protein)),
        )

    @property
    def ingredients(self) -> tuple[str, ...]:
        """The ingredients in the product's language, most first."""
        return tuple(_in_language(word, self.language) for word in self.sort.ingredients)


def invented_code(seed: int, number: int) -> str:
    """A valid EAN-13 of the prefixes 20 to 29, which shops may use inside as they like."""
    luck = chance(seed, "code", number)
    # 7919 has no factor in common with 10000, so that no two numbers share their last digits.
    digits = f"2{luck.randrange(10)}{luck.randrange(10**6):06d}{number * 7919 % 10_000:04d}"
    return with_check_digit(digits)


def product(seed: int, number: int, *, code: str | None = None, month: int = 0) -> Product:
    """The product with a number: always the same one for the same seed.

    Args:
        seed: of the whole sandbox.
        number: counted from 0.
        code: its barcode, where it may not be an invented EAN-13.
        month: in which it was added; 0 for all that was there from the start.
    """
    luck = chance(seed, "product", number)
    language = luck.choice(LANGUAGES)
    sort = SORTS[(number + seed) % len(SORTS)] if number < len(SORTS) else luck.choice(SORTS)
    age = luck.randrange(86_400, MONTH_SECONDS if month else 60 * MONTH_SECONDS)
    list_t = FIRST_LIST_T + month * MONTH_SECONDS
    return Product(
        number=number,
        code=code or invented_code(seed, number),
        brand=luck.choice(BRANDS),
        name=sort.names[LANGUAGES.index(language)],
        claim=luck.randrange(4),
        language=language,
        country=luck.choice(COUNTRIES[language]),
        sort=sort,
        shape=luck.choice(sort.shapes),
        hue=(luck.choice(sort.hues) + luck.randrange(-8, 9)) % 360,
        quantity=luck.choice(sort.quantities),
        per_100=tuple(round(grams * luck.uniform(0.93, 1.07), 2) for grams in sort.per_100),
        creator=luck.choice(CONTRIBUTORS),
        editor=luck.choice(CONTRIBUTORS),
        created_t=list_t - age,
        modified_t=list_t - age // 3,
        camera=_LARGEST
        if number % _LARGEST_EVERY == _LARGEST_EVERY // 4
        else luck.choices(_CAMERAS, _CAMERA_WEIGHTS)[0],
    )


def _in_language(ingredient: str, language: Language) -> str:
    place = LANGUAGES.index(language)
    return ingredient if place == 0 else INGREDIENTS[ingredient][place - 1]

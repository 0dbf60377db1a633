"""One invented product of the sandbox: the words on its package and who photographed it. Pure.

Its words are in `assortment.py`; which photos of it the bucket has, in `images_plan.py`.
"""

from dataclasses import dataclass

from off_platform.barcodes.text import with_check_digit
from off_platform.sandbox.assortment import (
    BRANDS,
    COUNTRIES,
    FOODS,
    LANGUAGES,
    Food,
    Language,
    in_language,
)
from off_platform.sandbox.seeds import chance

CONTRIBUTORS = ("anneke-scans", "berto", "colin.m", "dorothea", "pantry-app", "tidy-bot")

# When the key list of month 0 was written, 1 September 2026, in seconds since 1970.
FIRST_LIST_T = 1_788_220_800
MONTH_SECONDS = 30 * 86_400

# Width and height of photos, in pixels. Most are small, and one product in forty has
# the largest: the time to make a sandbox grows with the pixels.
_CAMERAS = ((480, 640), (540, 720), (600, 800), (720, 960), (800, 600), (900, 1200))
_CAMERA_WEIGHTS = (56, 20, 11, 6, 5, 2)
_LARGEST, _LARGEST_EVERY = (1200, 1600), 40


@dataclass(frozen=True, slots=True)
class Product:
    """A product and its contributor.

    `per_100` is grams in 100 g, in the order of `NUTRIENTS`; times are seconds since 1970;
    `design` is 0 to 3; `hue` is in degrees; `camera` is width and height of its photos in pixels.
    """

    number: int
    code: str
    brand: str
    name: str
    design: int
    language: Language
    country: str
    food: Food
    shape: str
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
        """The ingredients in the product's language, the largest share first."""
        return tuple(in_language(word, self.language) for word in self.food.ingredients)


def invented_code(seed: int, number: int) -> str:
    """A valid EAN-13 with a prefix of 20 to 29, which shops may use freely for their own labels."""
    luck = chance(seed, "code", number)
    # 7919 and 10000 have no common factor, so no two numbers below 10000 share their last digits.
    digits = f"2{luck.randrange(10)}{luck.randrange(10**6):06d}{number * 7919 % 10_000:04d}"
    return with_check_digit(digits)


def product(seed: int, number: int, *, code: str | None = None, month: int = 0) -> Product:
    """The product with a number, the same for the same seed.

    Args:
        seed: of the whole sandbox.
        number: counted from 0.
        code: its barcode, unless it is an invented EAN-13.
        month: in which it was added, 0 being the first.
    """
    luck = chance(seed, "product", number)
    language = luck.choice(LANGUAGES)
    food = FOODS[(number + seed) % len(FOODS)] if number < len(FOODS) else luck.choice(FOODS)
    age = luck.randrange(86_400, MONTH_SECONDS if month else 60 * MONTH_SECONDS)
    list_t = FIRST_LIST_T + month * MONTH_SECONDS
    return Product(
        number=number,
        code=code or invented_code(seed, number),
        brand=luck.choice(BRANDS),
        name=in_language(food.name, language),
        design=luck.randrange(4),
        language=language,
        country=luck.choice(COUNTRIES[language]),
        food=food,
        shape=luck.choice(food.shapes),
        hue=(luck.choice(food.hues) + luck.randrange(-8, 9)) % 360,
        quantity=luck.choice(food.quantities),
        per_100=tuple(round(grams * luck.uniform(0.93, 1.07), 2) for grams in food.per_100),
        creator=luck.choice(CONTRIBUTORS),
        editor=luck.choice(CONTRIBUTORS),
        created_t=list_t - age,
        modified_t=list_t - age // 3,
        camera=_LARGEST
        if number % _LARGEST_EVERY == _LARGEST_EVERY // 4
        else luck.choices(_CAMERAS, _CAMERA_WEIGHTS)[0],
    )

"""The metadata of the sandbox's bins in the form of the genuine files: items and JSON. Pure.

Which items are in which bin is decided in `bins_plan.py`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from off_platform.sandbox.products import Product, product
from off_platform.sandbox.seeds import chance

# Different products in all bins together; every tenth has the number of a book.
PRODUCTS = 30
BOOK_EVERY = 10
# Inches and pounds.
SIDES, WEIGHTS = (1.0, 14.0), (0.1, 4.0)
_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a bin: its key, the number of its product, and its fields in the metadata."""

    fcsku: str
    number: int
    fields: dict[str, Any]

    @property
    def quantity(self) -> int:
        """How many of it are in the bin."""
        return int(self.fields["quantity"])


@lru_cache(maxsize=4 * PRODUCTS)
def stocked(number: int, seed: int) -> Product:
    """The sandbox's product with a number."""
    return product(seed, number)


def item(number: int, quantity: int, seed: int, *, pilot: bool = False) -> Item:
    """A quantity of a product; key, sides and weight are the same in every bin of the seed.

    Args:
        number: of the product, 0 to `PRODUCTS` - 1.
        quantity: 1 or more.
        seed: of the sandbox.
        pilot: whether for the pilot set, whose items have no `normalizedName`.
    """
    luck, what = chance(seed, "bin item", number), stocked(number, seed)
    asin = _isbn_10(seed, number) if number % BOOK_EVERY == 0 else _asin(seed, number)
    name = f"{what.brand} {what.name}, {what.quantity}"
    height, width, length = sorted(round(luck.uniform(*SIDES), 11) for _ in range(3))
    fields: dict[str, Any] = {
        "asin": asin,
        "height": {"unit": "IN", "value": height},
        "length": {"unit": "IN", "value": length},
        "name": name,
        "quantity": quantity,
        "weight": {"unit": "pounds", "value": round(luck.uniform(*WEIGHTS), 13)},
        "width": {"unit": "IN", "value": width},
    }
    return Item(asin, number, fields if pilot else {**fields, "normalizedName": name})


def top(items: Iterable[Item], **more: Any) -> dict[str, Any]:
    """The metadata of a bin as an object; `more` adds or replaces fields."""
    held = list(items)
    return {
        "BIN_FCSKU_DATA": {each.fcsku: each.fields for each in held},
        "EXPECTED_QUANTITY": sum(each.quantity for each in held),
        **more,
    }


def as_json(value: dict[str, Any]) -> bytes:
    """As in the genuine files: four spaces, sorted keys, ASCII, no newline at the end."""
    return json.dumps(value, indent=4, sort_keys=True).encode()


def _asin(seed: int, number: int) -> str:
    """An invented ASIN."""
    return "B0" + "".join(chance(seed, "asin", number).choices(_LETTERS, k=8))


def _isbn_10(seed: int, number: int) -> str:
    """An invented ISBN-10 with a valid check digit."""
    digits = chance(seed, "isbn", number).choices(range(10), k=9)
    weighed = sum(weight * digit for weight, digit in zip(range(10, 1, -1), digits, strict=True))
    check = -weighed % 11
    return "".join(map(str, digits)) + ("X" if check == 10 else str(check))  # noqa: PLR2004 - the Roman ten

"""What lies in the sandbox's bins, in the genuine shape of the metadata. Pure.

How a bin looks is drawn in `bins_photos.py`; both are written in `bins_bucket.py`.
"""

import json
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from off_platform.sandbox.products import Product, product
from off_platform.sandbox.seeds import chance, happens

LEAST_BINS = 40
# So many different products lie in all bins together.
PRODUCTS = 30
PILOT_CLASSES = range(6)
# Expected quantities as often as in the first 10,000 genuine bins, about.
QUANTITIES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 14)
WEIGHTS = (2, 8, 14, 17, 15, 12, 10, 8, 6, 5, 3)
HTML_PAGE = b"<!DOCTYPE html>\n<html><body><h1>503 Slow Down</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a bin: which product, how many, and what its metadata say."""

    fcsku: str
    number: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BinPlan:
    """A bin: its id, its items, how many are expected, and its files; metadata may be none."""

    id: str
    items: tuple[Item, ...]
    expected: int
    metadata: bytes | None
    has_photo: bool = True


@dataclass(frozen=True, slots=True)
class BinsPlan:
    """All bins, and what is rare or wrong on purpose: each name with its ids."""

    bins: tuple[BinPlan, ...]
    awkward: dict[str, tuple[str, ...]]


def plan(bins: int, seed: int) -> BinsPlan:
    """All bins of a seed.

    Args:
        bins: in the main set, 40 or more.
        seed: another one gives other bins.

    Raises:
        ValueError: too few bins.
    """
    if bins < LEAST_BINS:
        raise ValueError(f"a sandbox needs {LEAST_BINS} bins or more, for all that is awkward")
    ids = [f"{number:05d}" for number in range(1, bins + 1)] + ["100000", "100001"]
    main = {each.id: each for each in _visits(ids, seed)}
    pilot = [
        _pilot(number, seed)
        for kind in PILOT_CLASSES
        for number in (200 * kind + 1, 200 * kind + 7)
    ]
    spoilt = _spoilt(main)
    everything = {**main, **{each.id: each for each in spoilt}}
    awkward: dict[str, tuple[str, ...]] = {
        name: (each.id,) for name, each in zip(AWKWARD, spoilt, strict=True)
    }
    awkward["id in both spaces when padded"] = ("1", "7")
    return BinsPlan((*everything.values(), *pilot), awkward)


def _visits(ids: list[str], seed: int) -> list[BinPlan]:
    """Bins one after another; every second or third is what became of the one before."""
    made: list[BinPlan] = []
    left = 0
    for bin_id in ids:
        luck = chance(seed, "bin", bin_id)
        if left and made and made[-1].items:
            items = _changed(made[-1].items, luck, seed)
            left -= 1
        else:
            quantity = luck.choices(QUANTITIES, WEIGHTS)[0]
            items = _items(quantity, luck, seed)
            left = luck.choices((0, 1, 2), (26, 66, 8))[0]
        made.append(_bin(bin_id, items))
    return made


def _items(quantity: int, luck: Random, seed: int) -> tuple[Item, ...]:
    found: list[Item] = []
    while quantity:
        number = luck.randrange(PRODUCTS)
        if any(item.number == number for item in found):
            break
        count = min(quantity, luck.choices((1, 2, 3, 5), (67, 18, 10, 5))[0])
        found.append(_item(number, count, seed, pilot=False))
        quantity -= count
    return tuple(found)


def _changed(items: tuple[Item, ...], luck: Random, seed: int) -> tuple[Item, ...]:
    """The bin a moment later: an item was put in, or one was taken out."""
    if len(items) > 1 and happens(luck, 0.5):
        return items[1:]
    added = _items(1, luck, seed)
    known = {item.number for item in items}
    return items + tuple(item for item in added if item.number not in known)


def _pilot(number: int, seed: int) -> BinPlan:
    """A bin of the pilot set: expected quantity is (id - 1) // 200."""
    luck, quantity = chance(seed, "pilot", number), (number - 1) // 200
    products = luck.sample(range(PRODUCTS), 2)
    counts = [quantity - quantity // 2, quantity // 2]
    items = tuple(
        _item(product, count, seed, pilot=True)
        for product, count in zip(products, counts, strict=True)
        if count
    )
    top = {**_top(items), "image_fname": f"{number}.jpg"}
    return BinPlan(str(number), items, quantity, _as_json(top))


def _bin(bin_id: str, items: tuple[Item, ...], **more: Any) -> BinPlan:
    top = {**_top(items), **more}
    return BinPlan(bin_id, items, top["EXPECTED_QUANTITY"], _as_json(top))


def _top(items: tuple[Item, ...]) -> dict[str, Any]:
    return {
        "BIN_FCSKU_DATA": {item.fcsku: item.fields for item in items},
        "EXPECTED_QUANTITY": sum(item.fields["quantity"] for item in items),
    }


def _as_json(top: dict[str, Any]) -> bytes:
    """As the genuine files have it: four spaces, keys in order, ASCII."""
    return json.dumps(top, indent=4, sort_keys=True).encode()


@cache
def stocked(number: int, seed: int) -> Product:
    """The product with a number, as everywhere in the sandbox."""
    return product(seed, number)


def _item(number: int, count: int, seed: int, *, pilot: bool) -> Item:
    luck, what = chance(seed, "asin", number), stocked(number, seed)
    # Every tenth is a book, with an ISBN-10 in place of an ASIN.
    is_book = number % 10 == 0
    alphabet = "0123456789" if is_book else "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    start = "3" if is_book else "B0"
    asin = start + "".join(luck.choices(alphabet, k=10 - len(start)))
    name = f"{what.brand} {what.name}, {what.quantity}"
    sides = sorted((luck.uniform(1, 14) for _ in range(3)), reverse=True)
    fields: dict[str, Any] = {
        "asin": asin,
        **{
            side: {"unit": "IN", "value": round(value, 11)}
            for side, value in zip(("length", "width", "height"), sides, strict=True)
        },
        "name": name,
        "quantity": count,
        "weight": {"unit": "pounds", "value": round(luck.uniform(0.1, 4), 4)},
    }
    if not pilot:
        fields["normalizedName"] = name
    return Item(asin, number, fields)


AWKWARD = (
    "a metadata file is an HTML page",
    "a metadata file was cut",
    "a photo has no metadata",
    "metadata have no photo",
    "more is expected than there is",
    "key and ASIN of an item differ",
    "an item has no ASIN",
    "an item has neither sides nor weight",
    "a name has HTML entities and a tab",
    "a quantity is a text",
)


def _spoilt(main: dict[str, BinPlan]) -> list[BinPlan]:
    """The awkward bins, in the order of their names in `AWKWARD`."""
    full = [each for each in main.values() if each.items]
    # From the middle on, so that the first bins of a sandbox are the plain ones.
    html, cut, unknown, unseen, short, other, nameless, sideless, named, text = full[
        len(full) // 2 : len(full) // 2 + len(AWKWARD)
    ]
    return [
        BinPlan(html.id, html.items, html.expected, HTML_PAGE),
        BinPlan(cut.id, cut.items, cut.expected, (cut.metadata or b"")[:200]),
        BinPlan(unknown.id, unknown.items, unknown.expected, None),
        BinPlan(unseen.id, unseen.items, unseen.expected, unseen.metadata, has_photo=False),
        _bin(short.id, short.items, EXPECTED_QUANTITY=short.expected + 1),
        _bin(other.id, (_with(other.items[0], fcsku="ZZ00SANDBX"), *other.items[1:])),
        _bin(nameless.id, (_with(nameless.items[0], asin=None), *nameless.items[1:])),
        _bin(sideless.id, (_with(sideless.items[0], length=None, width=None, height=None,
                                 weight=None), *sideless.items[1:])),
        _bin(named.id, (_with(named.items[0], name="Salt &amp; Pepper\tMill &reg;",
                              normalizedName="Salt &amp; Pepper Mill"), *named.items[1:])),
        BinPlan(text.id, text.items, text.expected,
                (text.metadata or b"").replace(b'"quantity": ', b'"quantity": "', 1)
                .replace(b',\n            "weight"', b'",\n            "weight"', 1)),
    ]  # fmt: skip


def _with(item: Item, *, fcsku: str | None = None, **fields: Any) -> Item:
    return Item(fcsku or item.fcsku, item.number, {**item.fields, **fields})

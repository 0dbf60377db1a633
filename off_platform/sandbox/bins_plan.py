"""What is in the sandbox's bins, and what is awkward on purpose. Pure.

The items' fields are in `bins_metadata.py`; the files are written by `bins_bucket.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from off_platform.sandbox.bins_metadata import PRODUCTS, Item, as_json, item, top
from off_platform.sandbox.seeds import chance, happens

LEAST_BINS = 40
# The stem of a key that is not a bin's.
STRAY_ID = "notes"
SIX_DIGITS = ("100000", "100001")
# Two of each class of 200, and the ends of some classes.
PILOT = (1, 7, 200, 201, 207, 401, 407, 523, 601, 607, 801, 807, 1001, 1007, 1200)
# Expected quantities of bins that are not empty, about as often as in the genuine set.
QUANTITIES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30)
QUANTITY_WEIGHTS = (77, 144, 168, 151, 117, 85, 60, 46, 50, 30, 25, 15, 10)
# Photos of a visit, about as often as in the first 10,000 genuine bins.
PHOTOS = (1, 2, 3)
PHOTO_WEIGHTS = (41, 54, 5)
# Quantities of an item, up to what is left of the bin's.
COUNTS = (1, 2, 3, 5, 12)
COUNT_WEIGHTS = (67, 18, 8, 5, 2)
MOST_SKUS = 8
# One visit in 25 is an empty bin; the first one early, so that the smallest set has one.
EMPTY_EVERY, EMPTY_FIRST = 25, 6
HTML_PAGE = b"<!DOCTYPE html>\n<html><body><h1>503 Slow Down</h1></body></html>\n"
CUT_AT = 200


@dataclass(frozen=True, slots=True)
class BinPlan:
    """A bin: its id, items, expected quantity and metadata file, if it has one.

    Where `metadata` is spoilt, `items` and `expected` are what it should say.
    """

    id: str
    items: tuple[Item, ...]
    expected: int
    metadata: bytes | None
    has_photo: bool = True


@dataclass(frozen=True, slots=True)
class BinsPlan:
    """All bins, and what is rare or wrong on purpose, each name with its ids."""

    bins: tuple[BinPlan, ...]
    awkward: dict[str, tuple[str, ...]]


def plan(bins: int, seed: int) -> BinsPlan:
    """All bins of the sandbox, which follow from a seed.

    Args:
        bins: in the main set with five digits, 40 or more and below 100,000.
        seed: another one gives other bins.

    Raises:
        ValueError: too few bins, or more than there are ids with five digits.
    """
    if not LEAST_BINS <= bins < int(SIX_DIGITS[0]):
        raise ValueError(
            f"A sandbox needs at least {LEAST_BINS} bins and has no more than 99999, not {bins}."
        )
    plain = _main([f"{number:05d}" for number in range(1, bins + 1)], seed)
    spoilt = _spoilt(plain)
    replaced = {each.id: each for each in spoilt.values()}
    main = [replaced.get(each.id, each) for each in plain]
    pilot = [_pilot(number, seed) for number in PILOT]
    everything = (*main, *_visit(SIX_DIGITS, (), seed), *pilot)
    awkward = {name: (each.id,) for name, each in spoilt.items()}
    return BinsPlan(everything, awkward | _rare(everything))


def _rare(bins: tuple[BinPlan, ...]) -> dict[str, tuple[str, ...]]:
    """What is rare but not wrong, and the key that is not a bin's."""
    ids = {each.id for each in bins}
    return {
        "a key is no bin's": (STRAY_ID,),
        "a bin is empty": tuple(each.id for each in bins if not each.items),
        "an id has six digits": SIX_DIGITS,
        "an id in both spaces when padded": tuple(
            str(number) for number in PILOT if f"{number:05d}" in ids
        ),
    }


def _main(ids: list[str], seed: int) -> list[BinPlan]:
    """Visits of one to three bins; neighbouring bins of two visits share no item."""
    made: list[BinPlan] = []
    visit = 0
    while len(made) < len(ids):
        place, visit = len(made), visit + 1
        if visit % EMPTY_EVERY == EMPTY_FIRST:
            made.append(_bin(ids[place], ()))
            continue
        photos = chance(seed, "visit", ids[place]).choices(PHOTOS, PHOTO_WEIGHTS)[0]
        before = made[-1].items if made else ()
        made += _visit(ids[place : place + photos], before, seed)
    return made


def _visit(ids: Iterable[str], before: tuple[Item, ...], seed: int) -> list[BinPlan]:
    """The bins of one visit; each shares an item with the one before it, the first with none."""
    made: list[BinPlan] = []
    for bin_id in ids:
        luck = chance(seed, "bin", bin_id)
        others = _others(made[-1].items if made else before)
        items = _changed(made[-1].items, others, luck, seed) if made else _fresh(others, luck, seed)
        made.append(_bin(bin_id, items))
    return made


def _others(items: tuple[Item, ...]) -> list[int]:
    """The numbers of the products that are not among the items."""
    return sorted(set(range(PRODUCTS)) - {each.number for each in items})


def _fresh(numbers: list[int], luck: Random, seed: int) -> tuple[Item, ...]:
    """What is in a bin at the first photo of a visit."""
    left = luck.choices(QUANTITIES, QUANTITY_WEIGHTS)[0]
    found: list[Item] = []
    for place, number in enumerate(luck.sample(numbers, MOST_SKUS), 1):
        wanted = left if place == MOST_SKUS else luck.choices(COUNTS, COUNT_WEIGHTS)[0]
        found.append(item(number, min(left, wanted), seed))
        left -= found[-1].quantity
        if not left:
            break
    return tuple(found)


def _changed(
    items: tuple[Item, ...], others: list[int], luck: Random, seed: int
) -> tuple[Item, ...]:
    """The bin a moment later: an item was put in, or one was taken out."""
    if len(items) > 1 and happens(luck, 0.5):
        return items[1:]
    return (*items, item(luck.choice(others), 1, seed))


def _pilot(number: int, seed: int) -> BinPlan:
    """A bin of the pilot set: expected quantity is (id - 1) // 200."""
    quantity = (number - 1) // 200
    numbers = chance(seed, "pilot", number).sample(range(PRODUCTS), 2)
    counts = (quantity - quantity // 2, quantity // 2)
    items = tuple(
        item(each, count, seed, pilot=True)
        for each, count in zip(numbers, counts, strict=True)
        if count
    )
    return _bin(str(number), items, image_fname=f"{number}.jpg")


def _bin(bin_id: str, items: tuple[Item, ...], **more: Any) -> BinPlan:
    """A bin with sound metadata; `more` adds or replaces fields of it."""
    said = top(items, **more)
    return BinPlan(bin_id, items, said["EXPECTED_QUANTITY"], as_json(said))


def _spoilt(main: list[BinPlan]) -> dict[str, BinPlan]:
    """What replaces some bins, each by what is awkward about it."""
    full = [each for each in main if each.items]
    # From the middle on, so that the first bins are sound.
    bins = iter(full[len(full) // 2 :])
    cut, short, text = next(bins), next(bins), next(bins)
    return {
        "a metadata file is an HTML page": replace(next(bins), metadata=HTML_PAGE),
        "a metadata file was cut": replace(cut, metadata=(cut.metadata or b"")[:CUT_AT]),
        "a photo has no metadata": replace(next(bins), metadata=None),
        "metadata have no photo": replace(next(bins), has_photo=False),
        "a quantity is a text": _first_altered(text, quantity=str(text.items[0].quantity)),
        "more is expected than there is": _bin(
            short.id, short.items, EXPECTED_QUANTITY=short.expected + 1
        ),
        "key and ASIN of an item differ": _first_altered(next(bins), fcsku="ZZ00SANDBX"),
        "an item has no ASIN": _first_altered(next(bins), asin=None),
        "an item has no weight": _first_altered(next(bins), weight=None),
        "an item has neither sides nor weight": _first_altered(
            next(bins), length=None, width=None, height=None, weight=None
        ),
        "a name has HTML entities and control characters": _first_altered(
            next(bins),
            name="Salt &amp; Pepper\tMill\x96Duo &reg;",
            normalizedName="Salt &amp; Pepper\tMill\x96Duo &reg;",
        ),
    }


def _first_altered(planned: BinPlan, *, fcsku: str | None = None, **fields: Any) -> BinPlan:
    """The same bin with another key or other fields of its first item."""
    first, *rest = planned.items
    altered = replace(first, fcsku=fcsku or first.fcsku, fields={**first.fields, **fields})
    return _bin(planned.id, (altered, *rest))

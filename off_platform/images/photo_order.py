"""The order in which photos are chosen for a seed: slices, and within a slice a number of each.

Each photo belongs to one of `SLICES` slices, by a mix of its barcode and image id. A seed puts the
slices in order, and the photos of each: the first thousand of 10 million are in one slice of the
table `photos`, whose row groups are the slices. Each photo is as likely as any other. Barcodes and
ids decide, not the key list, so that a photo has the same place in every month.

Sets of two seeds share as many photos as chance would have it, but whole slices of them: of large
sets, some pairs share more and some fewer. Many slices keep that small.
"""

from typing import TYPE_CHECKING, Any, TypeVar

from off_platform.image_sets.declaration.labels import Units
from off_platform.stable_order import SPREAD, WORD, mix, with_mix, words

if TYPE_CHECKING:
    import numpy as np

    Whole = TypeVar("Whole", int, np.ndarray[Any, Any])

SLICES = 256
# Barcodes of more digits than surely fit 63 bits are folded.
BARCODE_DIGITS = 18
FOLD = 1_000_003
_OF_SLICES = words("slices")


def number_of(barcode: str) -> int:
    """A barcode as a number of 64 bits."""
    return int(barcode[-BARCODE_DIGITS:]) ^ (int(barcode[:-BARCODE_DIGITS] or "0") * FOLD)


# The same as SQL.
_NUMBER = f"""CASE WHEN length(barcode) <= {BARCODE_DIGITS} THEN barcode::UBIGINT ELSE xor(
    right(barcode, {BARCODE_DIGITS})::UBIGINT,
    left(barcode, -{BARCODE_DIGITS})::UBIGINT * {FOLD}) END"""


def slice_of(number: "Whole", image_id: "Whole") -> "Whole":
    """The slice of a photo, from 0 on; of many at once where these are arrays of uint64.

    Args:
        number: of the barcode, see `number_of`.
        image_id: from 0 on.
    """
    return _mixed(number, image_id, _OF_SLICES) % SLICES


def slices_in_order(seed: int) -> list[int]:
    """The slices in the order in which a seed reads them."""
    first, second = words(f"slices {seed}")
    return sorted(range(SLICES), key=lambda each: mix(mix(each ^ first) ^ second))


def place(barcode: str, image_id: int, seed: int) -> tuple[int, int]:
    """What orders the photos for a seed: the rank of the slice, then a number of 32 bits.

    Args:
        barcode: in normal form.
        image_id: from 0 on.
        seed: any whole number.
    """
    number = number_of(barcode)
    rank = slices_in_order(seed).index(slice_of(number, image_id))
    return rank, _mixed(number, image_id, words(seed))


def ranked(photos: str, seed: int) -> str:
    """SQL of photos with a column `place` more, which orders them as the function does.

    Args:
        photos: SQL with the columns slice, barcode and image_id.
        seed: any whole number.
    """
    first, second = words(seed)
    query = f"SELECT *, ({_NUMBER}) AS number FROM ({photos})"
    query = with_mix(query, f"xor(number & {WORD}, {first})", "mixed")
    image = f"(image_id::UBIGINT * {SPREAD}) & {WORD}"
    query = with_mix(query, f"xor(xor(xor(mixed, number >> 32), {image}), {second})", "place")
    rank = f"list_position({slices_in_order(seed)}, slice)::UBIGINT"
    return f"SELECT * REPLACE (({rank} << 32) + place AS place) FROM ({query})"


def _mixed(number: "Whole", image_id: "Whole", seeded: tuple[int, int]) -> "Whole":
    first, second = seeded
    mixed = mix((number & WORD) ^ first)
    return mix(mixed ^ (number >> 32) ^ ((image_id * SPREAD) & WORD) ^ second)


def units_of(samples: str, seed: int) -> Units:
    """All photos of a product stay together in a split; its place follows from its barcode alone.

    Args:
        samples: SQL for the samples: stem, barcode, image_id.
        seed: of the splits.
    """
    first, second = words(f"{seed} of products")
    query = f"SELECT stem, barcode, ({_NUMBER}) AS number FROM ({samples})"
    query = with_mix(query, f"xor(number & {WORD}, {first})", "mixed")
    query = with_mix(query, f"xor(xor(mixed, number >> 32), {second})", "word")
    places = f"SELECT stem AS sample, barcode AS unit, word / {WORD + 1}.0 AS place FROM ({query})"
    return Units(places, "product")

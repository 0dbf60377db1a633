"""Columns of barcodes, in vectors of Arrow and numpy: the functions of `text.py` for all at once.

Nothing raises. Each function says what it gives for a text that is not a barcode.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.barcodes.text import (
    EAN_8,
    EAN_13,
    KIND_OF_LENGTH,
    MOST_DIGITS,
    UPC_A,
    UPC_E_SHORT,
)

Bools: TypeAlias = npt.NDArray[np.bool_]
# A `pyarrow.StringArray` or `LargeStringArray`; pyarrow publishes no types.
Texts: TypeAlias = Any


@dataclass(frozen=True)
class SameLength:
    """The texts of a column that have one length.

    Attributes:
        rows: their positions in the column.
        digits: a vector for each place; a byte that is not a digit is above 9.
    """

    rows: npt.NDArray[np.intp]
    digits: list[npt.NDArray[np.uint8]]

    @cached_property
    def holds(self) -> Bools:
        """Which are only digits, the last of which is the GS1 check digit of those before it."""
        holds: Bools = _check_digits(self.digits[:-1]) == self.digits[-1]
        return self._only_digits & holds

    @cached_property
    def zeros(self) -> Bools:
        """Which are all zeros, whose check digit holds."""
        zeros: Bools = np.max(self.digits, axis=0) == 0
        return zeros

    @property
    def upc_a(self) -> tuple[list[npt.NDArray[np.uint8]], Bools]:
        """The 12 digits of 6 or 8 read as UPC-E, and which are one; as `text.expanded_upc_e`."""
        short = len(self.digits) == UPC_E_SHORT
        zero = np.zeros_like(self.digits[0])
        system, a, b, c, d, e, last, *check = [zero, *self.digits] if short else self.digits
        # The last digit is up to 2, 3, 4, or above.
        which = np.clip(last, 2, 5) - 2
        third = ((last, c, c, c), (zero, zero, d, d), (zero, zero, zero, e))
        end = ((c, zero, zero, zero), (d, d, zero, zero), (e, e, e, last))
        middle = [np.choose(which, cases) for cases in third]
        body = [system, a, b, *middle, zero, zero, *(np.choose(which, cases) for cases in end)]
        computed = _check_digits(body)
        holds = self._only_digits & (system <= 1) & (np.max(body, axis=0) > 0)
        return [*body, computed], holds if short else holds & (computed == check[0])

    @cached_property
    def _only_digits(self) -> Bools:
        digits: Bools = np.max(self.digits, axis=0) <= 9  # noqa: PLR2004 - a digit
        return digits


def by_length(texts: Texts, lengths: Iterable[int]) -> Iterator[SameLength]:
    """The texts of a column by their length in bytes; lengths that no text has are left out.

    Args:
        texts: may be null, which has no length.
        lengths: those that are asked for, above 0.
    """
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    offsets = np.frombuffer(texts.buffers()[1] or b"", width)[texts.offset :][: len(texts)]
    characters = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    there = pc.binary_length(texts).fill_null(0).to_numpy(zero_copy_only=False)
    for length in lengths:
        rows = np.flatnonzero(there == length)
        if len(rows):
            starts = offsets[rows].astype(np.int64)
            digits = [characters[starts + place] - np.uint8(ord("0")) for place in range(length)]
            yield SameLength(rows, digits)


def check_digits_hold(codes: Texts) -> Bools:
    """Where `text.check_digit_holds`; of zeros alone it holds, and of what is not digits not."""
    holds = np.zeros(len(codes), dtype=bool)
    for same in by_length(codes, range(1, MOST_DIGITS + 1)):
        holds[same.rows] = same.holds
    return holds


def expanded_upc_e(codes: Texts) -> Texts:
    """`text.expanded_upc_e` of each; null for what is not a UPC-E."""
    characters = np.zeros((len(codes), UPC_A), dtype=np.uint8)
    there = np.zeros(len(codes), dtype=bool)
    for same in by_length(codes, (UPC_E_SHORT, EAN_8)):
        digits, holds = same.upc_a
        rows = same.rows[holds]
        characters[rows] = np.column_stack(digits)[holds] + ord("0")
        there[rows] = True
    if not there.any():
        return pa.nulls(len(codes), codes.type)
    offsets = np.arange(len(codes) + 1, dtype=np.int32) * UPC_A
    buffers = (np.packbits(there, bitorder="little"), offsets, characters)
    buffers = tuple(map(pa.py_buffer, buffers))
    return pa.Array.from_buffers(pa.string(), len(codes), buffers).cast(codes.type)


def normal_forms(codes: Texts) -> Texts:
    """`text.normal_form` of each; what is not a barcode is stripped and padded in the same way."""
    return _padded(pc.ascii_ltrim(codes, "0"), (EAN_8, EAN_13))


def least_padded(codes: Texts) -> Texts:
    """`text.least_padded` of each, which are only digits."""
    return _padded(pc.ascii_ltrim(codes, "0"), tuple(KIND_OF_LENGTH))


def _padded(significant: Texts, lengths: tuple[int, ...]) -> Texts:
    """Zeros in front up to the least length that is enough; the longest goes as it stands."""
    padded = pc.ascii_lpad(significant, lengths[-1], "0")
    for length in reversed(lengths[:-1]):
        fits = pc.less_equal(pc.binary_length(significant), length)
        padded = pc.if_else(fits, pc.ascii_lpad(significant, length, "0"), padded)
    return padded


def _check_digits(body: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """GS1: weighted from the right, thrice, once, and so on, up to the next ten."""
    total = np.zeros(len(body[0]) if body else 1, dtype=np.uint16)
    for place, digit in enumerate(reversed(body)):
        total += digit * np.uint16(1 if place % 2 else 3)
    return ((10 - total % 10) % 10).astype(np.uint8)

"""Columns of barcodes as Arrow and numpy vectors: the functions of `text.py` for whole columns.

No function raises. Each documents its result for a text that is not a barcode.
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
    """The texts of a column that have the same length.

    Attributes:
        rows: their positions in the column.
        digits: one vector per position; a byte that is not a digit is above 9.
    """

    rows: npt.NDArray[np.intp]
    digits: list[npt.NDArray[np.uint8]]

    @cached_property
    def holds(self) -> Bools:
        """Where all are digits, and the last is the GS1 check digit of those before it."""
        holds: Bools = _check_digits(self.digits[:-1]) == self.digits[-1]
        return self._only_digits & holds

    @cached_property
    def zeros(self) -> Bools:
        """Where all digits are zero, for which the check digit is valid."""
        zeros: Bools = np.max(self.digits, axis=0) == 0
        return zeros

    @property
    def upc_a(self) -> tuple[list[npt.NDArray[np.uint8]], Bools]:
        """The UPC-A of 6 or 8 digits, and where they are a UPC-E; as `text.expanded_upc_e`."""
        short = len(self.digits) == UPC_E_SHORT
        zero = np.zeros_like(self.digits[0])
        system, a, b, c, d, e, last, *check = [zero, *self.digits] if short else self.digits
        # The last digit is at most 2, is 3, is 4, or is above.
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
    """The texts of a column by length in bytes; lengths without texts are omitted.

    Args:
        texts: nulls have no length.
        lengths: the lengths to return, above 0.
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
    """Where `text.check_digit_holds`; true for zeros alone, false for texts that are not digits."""
    holds = np.zeros(len(codes), dtype=bool)
    for same in by_length(codes, range(1, MOST_DIGITS + 1)):
        holds[same.rows] = same.holds
    return holds


def expanded_upc_e(codes: Texts) -> Texts:
    """`text.expanded_upc_e` of each; null if it is not a UPC-E."""
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
    """`text.normal_form` of each; texts that are not barcodes are stripped and padded as well."""
    return _padded(pc.ascii_ltrim(codes, "0"), (EAN_8, EAN_13))


def least_padded(codes: Texts) -> Texts:
    """`text.least_padded` of each; the texts must be digits."""
    return _padded(pc.ascii_ltrim(codes, "0"), tuple(KIND_OF_LENGTH))


def _padded(significant: Texts, lengths: tuple[int, ...]) -> Texts:
    """Pads with leading zeros to the smallest sufficient length; longer texts stay as they are."""
    padded = pc.ascii_lpad(significant, lengths[-1], "0")
    for length in reversed(lengths[:-1]):
        fits = pc.less_equal(pc.binary_length(significant), length)
        padded = pc.if_else(fits, pc.ascii_lpad(significant, length, "0"), padded)
    return padded


def _check_digits(body: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """GS1: digits weighted 3, 1, 3, ... from the right, up to the next multiple of ten."""
    total = np.zeros(len(body[0]) if body else 1, dtype=np.uint16)
    for place, digit in enumerate(reversed(body)):
        total += digit * np.uint16(1 if place % 2 else 3)
    return ((10 - total % 10) % 10).astype(np.uint8)

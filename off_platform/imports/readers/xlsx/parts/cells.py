"""Interprets stored cells of a sheet: their texts, and what must be reported.

Texts and plain numbers are vectorised. Python values (`values.py`) are made only for others, once
per distinct value: dates, formats such as percents, errors.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.xlsx.parts.blocks import Block
from off_platform.imports.readers.xlsx.parts.formats import PLAIN, NumberFormat
from off_platform.imports.readers.xlsx.parts.package import Package, damaged, unescaped
from off_platform.imports.readers.xlsx.parts.values import (
    WITHOUT_VALUE,
    SenselessError,
    Shown,
    as_text,
    cell_name,
    value_of,
)

# Numbers that Python writes in the same way; others are parsed and written again.
_AS_WRITTEN = (
    "^(?:0|-?[1-9][0-9]*|-?[1-9][0-9]{0,6}[.][0-9]{0,7}[1-9]|"
    "-?0[.]0{0,3}[1-9](?:[0-9]{0,9}[1-9])?)$"
)

# The ways to read cells; 0 is for cells without a value.
_SHARED, _TEXT, _NUMBER, _ODD = range(1, 5)

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Read:
    """The content of a block's cells; arrays have an element per cell.

    Attributes:
        block: the cells.
        texts: texts of cells, and others.
        at: index into `texts`; -1 for none.
        shared: the workbook's shared texts.
        shared_at: index into `shared`; -1 for none.
        is_text: whether a cell is text, not a number, date or other value.
        values: Python values that are neither texts nor numbers, such as dates.
        value_at: index into `values`; -1 for none.
    """

    block: Block
    texts: pa.StringArray
    at: Indices
    shared: pa.StringArray
    shared_at: Indices
    is_text: npt.NDArray[np.bool_]
    values: list[Any]
    value_at: Indices

    def texts_of(self, cells: Indices) -> pa.StringArray:
        """The content of cells as one would type it; -1 for no cell."""
        at = np.where(cells >= 0, self.at[cells], -1)
        texts = self.texts.take(pa.array(at, mask=at < 0))
        shared_at = np.where(cells >= 0, self.shared_at[cells], -1)
        is_shared = shared_at >= 0
        if not is_shared.any():
            return texts
        shared = self.shared.take(pa.array(shared_at, mask=~is_shared))
        return shared if is_shared[cells >= 0].all() else pc.coalesce(texts, shared)

    def says(self, cells: Indices) -> npt.NDArray[np.bool_]:
        """Which cells are not empty or white space."""
        filled = self.is_text[cells] & _flags(pc.invert(pc.utf8_is_space(self.texts_of(cells))))
        return filled | self._has_value(cells)

    def rows_that_say(self) -> npt.NDArray[np.bool_]:
        """Which rows of the block have a cell that is not blank."""
        said = np.zeros(len(self.block.rows), bool)
        said[self.block.row[self._has_value(slice(None))]] = True
        # For most rows this is known without reading the texts.
        cells = np.flatnonzero(~said[self.block.row])
        said[self.block.row[cells[self.says(cells)]]] = True
        return said

    def bytes_of_rows(self) -> Indices:
        """The total length of the texts of each row."""
        length = np.zeros(len(self.at), np.int64)
        for texts, at in ((self.texts, self.at), (self.shared, self.shared_at)):
            if (has := at >= 0).any():
                length[has] = pc.binary_length(texts).fill_null(0).to_numpy()[at[has]]
        return np.bincount(self.block.row, length, len(self.block.rows)).astype(np.int64)

    def _has_value(self, cells: Any) -> npt.NDArray[np.bool_]:
        has = ~self.is_text[cells] & ((self.at[cells] >= 0) | (self.value_at[cells] >= 0))
        return np.asarray(has)


def read_cells(block: Block, package: Package, sheet: str) -> Read:
    """Reads the cells of some rows.

    Args:
        block: the cells.
        package: the workbook.
        sheet: its name, for messages.

    Raises:
        UnreadableError: a cell is invalid; the message names it.
    """
    return _Reading(block, package, sheet).read()


class _Reading:
    """Reads the cells of one block, group by group."""

    def __init__(self, block: Block, package: Package, sheet: str) -> None:
        self._block, self._package, self._sheet = block, package, sheet
        self._texts, self._at = block.texts, block.at.copy()

    def read(self) -> Read:
        block = self._block
        no_result = self._without_result()
        groups = self._of_kind([self._group(*kind) for kind in block.kinds])
        groups[(self._at < 0) | no_result] = 0
        is_text = (groups == _SHARED) | (groups == _TEXT)
        shared_at = np.full(len(self._at), -1)
        shared = np.flatnonzero(groups == _SHARED)
        shared_at[shared] = self._shared(shared)
        if block.may_escape:
            self._unescape(np.flatnonzero(groups == _TEXT))
        groups[self._written_otherwise(np.flatnonzero(groups == _NUMBER))] = _ODD
        values, value_at = self._odd(np.flatnonzero(groups == _ODD))
        value_at[no_result] = len(values)
        self._at[no_result | (shared_at >= 0)] = -1
        values.append(WITHOUT_VALUE)
        texts, at = self._texts, self._at
        return Read(block, texts, at, self._package.shared, shared_at, is_text, values, value_at)

    def _of_kind(self, numbers: list[int]) -> npt.NDArray[np.uint8]:
        """Per cell, the entry of its kind in a list."""
        return np.array(numbers, np.uint8).take(self._block.kind)

    def _group(self, style: str, kind: str) -> int:
        """The way to read cells of a style and a type."""
        match kind:
            case "s":
                return _SHARED
            case "str" | "inlineStr":
                return _TEXT
            case "" | "n" if self._format(style).is_plain:
                return _NUMBER
            case _:
                return _ODD

    def _format(self, style: str) -> NumberFormat:
        formats = self._package.formats
        return formats[int(style)] if style.isdigit() and int(style) < len(formats) else PLAIN

    def _without_result(self) -> npt.NDArray[np.bool_]:
        """Which cells have a formula without a stored result."""
        kinds = [kind for _, kind in self._block.kinds]
        formula = self._block.has_formula & (self._of_kind([k != "inlineStr" for k in kinds]) > 0)
        cells = np.flatnonzero(formula)
        may_be_empty = self._of_kind([kind == "str" for kind in kinds])[cells] > 0
        missing = (self._at[cells] < 0) & ~may_be_empty
        if self._package.is_to_be_calculated:
            missing |= _flags(pc.equal(self._stored(cells), "0"))
        formula[cells] = missing
        return formula

    def _stored(self, cells: Indices) -> pa.StringArray:
        at = self._at[cells]
        return self._texts.take(pa.array(at, mask=at < 0))

    def _put(self, cells: Indices, texts: pa.StringArray, place: Indices) -> None:
        """Sets the texts of cells."""
        at = len(self._texts) + place
        self._at[cells] = np.where(_flags(texts.is_valid())[place], at, -1)
        self._texts = pa.concat_arrays([self._texts, texts])

    def _shared(self, cells: Indices) -> Indices:
        stored, texts = self._stored(cells), self._package.shared
        is_number = _flags(pc.match_substring_regex(stored, "^[0-9]{1,9}$"))
        self._demand(is_number, cells, "refers to no shared text")
        at = stored.cast(pa.int64()).to_numpy()
        self._demand(at < len(texts), cells, "refers to a missing shared text")
        return np.where(_flags(texts.is_valid())[at], at, -1) if len(at) else at

    def _demand(self, holds: npt.NDArray[np.bool_], cells: Indices, otherwise: str) -> None:
        if not holds.all():
            raise self._damaged(int(cells[np.argmin(holds)]), otherwise)

    def _damaged(self, cell: int, reason: str) -> Exception:
        row = int(self._block.rows[self._block.row[cell]])
        name = cell_name(self._sheet, int(self._block.column[cell]), row)
        return damaged(f"the cell {name} {reason}")

    def _unescape(self, cells: Indices) -> None:
        cells = cells[_flags(pc.match_substring(self._stored(cells), "_x"))]
        if len(cells):
            texts = [unescaped(text) or None for text in self._stored(cells).to_pylist()]
            self._put(cells, pa.array(texts, pa.string()), np.arange(len(cells)))

    def _written_otherwise(self, cells: Indices) -> Indices:
        """Which numbers are not stored as Python writes them."""
        coded = self._stored(cells).dictionary_encode()
        as_written = _flags(pc.match_substring_regex(coded.dictionary, _AS_WRITTEN))
        return cells[~as_written[coded.indices.to_numpy()]] if len(cells) else cells

    def _odd(self, cells: Indices) -> tuple[list[Any], Indices]:
        """Python values of cells, one per distinct stored text, and the index of each cell."""
        value_at = np.full(len(self._at), -1)
        if not len(cells):
            return [], value_at
        coded = self._stored(cells).dictionary_encode()
        keys = (
            self._block.kind[cells].astype(np.int64) * len(coded.dictionary)
            + coded.indices.to_numpy()
        )
        distinct, first, place = np.unique(keys, return_index=True, return_inverse=True)
        texts, values = coded.dictionary.to_pylist(), []
        for key, cell in zip(distinct.tolist(), cells[first].tolist(), strict=True):
            style, kind = self._block.kinds[key // len(texts)]
            text, is_1904 = texts[key % len(texts)], self._package.from_1904
            try:
                values.append(value_of(kind, text, self._format(style), from_1904=is_1904))
            except SenselessError as error:
                raise self._damaged(cell, str(error)) from None
        is_number = [type(value) in {int, float, Shown} for value in values]
        value_at[cells] = np.where(np.array(is_number)[place], -1, place)
        self._put(cells, pa.array([as_text(value) for value in values], pa.string()), place)
        return values, value_at


def _flags(values: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    """An Arrow boolean array as numpy; null is false."""
    return values.fill_null(False).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]  # noqa: FBT003 - a value

"""Gathers the rows of a sheet into batches, with the findings in their cells."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.batches import Batch, Found
from off_platform.imports.readers.headers import MOST_COLUMNS
from off_platform.imports.readers.xlsx.parts.cells import Read
from off_platform.imports.readers.xlsx.parts.values import Odd, as_text, cell_name, letters_of
from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.fields import NAMES

# A batch ends earlier when its rows are wide or long, so that memory stays bounded.
MOST_BATCH_BYTES = 96 << 20
ERROR_VALUES = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)
_OF_TEXT = ("text", "list")


class Gathered:
    """The rows of a batch so far.

    Attributes:
        rows: their number.
    """

    def __init__(self, sheet: str, header: Sequence[str]) -> None:
        """Takes the sheet and its columns; starts empty."""
        self._sheet, self._header = sheet, header
        places = {name: field_of(name) for name in header}
        # Columns that are not in the specification are ignored, with their errors.
        self._ignored = [places[name] is None for name in header]
        self._numbers = {n for n, place in places.items() if place and place.field.type == "number"}
        # Quantities have a unit, so they are texts in every format.
        self._texts = {n for n, place in places.items() if place and place.field.type in _OF_TEXT}
        self._identifiers = {
            name for name in header if name in NAMES and NAMES[name].type == "barcode"
        }
        self.rows, self._bytes = 0, 0
        self._row_numbers: list[npt.NDArray[np.int64]] = []
        self._columns: list[list[pa.StringArray]] = [[] for _ in header]
        self._not_text: dict[str, list[pa.BooleanArray]] = {name: [] for name in self._identifiers}
        self._ragged: list[Found] = []
        self._of_cells: list[tuple[int, Found]] = []

    def fitting(self, sizes: npt.NDArray[np.int64], most: int) -> int:
        """Number of rows of these sizes in bytes that still fit; at least one in an empty batch."""
        room = int(np.searchsorted(np.cumsum(sizes) + self._bytes, MOST_BATCH_BYTES, "right"))
        return min(room or int(not self.rows), most - self.rows)

    def add(self, read: Read, places: npt.NDArray[np.int64], size: int) -> None:
        """Adds rows.

        Args:
            read: cells of a block.
            places: positions of the rows in the block, in order.
            size: of the rows, in bytes.
        """
        block, count, width = read.block, len(places), len(self._header)
        if not count:
            return
        nth = np.full(len(block.rows), -1)
        nth[places] = np.arange(count)
        row = nth[block.row]
        # One column after another, so that each is a slice.
        cells = np.full(count * width, -1)
        inside = np.flatnonzero((row >= 0) & (block.column < width))
        cells[block.column[inside] * count + row[inside]] = inside
        numbers = block.rows[places]
        texts = self._reported(read, cells, numbers)
        not_text = pa.array((cells >= 0) & ~read.is_text[cells])
        for at, name in enumerate(self._header):
            column = texts.slice(at * count, count)
            self._columns[at].append(column)
            if name in self._identifiers:
                flags = not_text.slice(at * count, count)
                self._not_text[name].append(pc.and_(flags, column.is_valid()))
        beyond = np.flatnonzero((row >= 0) & (block.column >= width))
        self._report_ragged(read, beyond)
        self._row_numbers.append(numbers)
        self.rows, self._bytes = self.rows + count, self._bytes + size

    def batch(self) -> Batch:
        """The rows as a batch."""
        columns = {
            name: pa.concat_arrays(parts)
            for name, parts in zip(self._header, self._columns, strict=True)
        }
        flags = {name: pa.concat_arrays(parts) for name, parts in self._not_text.items()}
        not_text = {name: each for name, each in flags.items() if pc.any(each).as_py()}
        return Batch(np.concatenate(self._row_numbers), columns, not_text)

    def found(self) -> list[Found]:
        """The findings on the rows: cells beyond the columns, then column by column."""
        of_cells = sorted(self._of_cells, key=lambda each: each[0])
        return [*self._ragged, *(found for _, found in of_cells)]

    def _reported(
        self, read: Read, cells: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]
    ) -> pa.StringArray:
        """The texts of cells, without those that are reported and have no value."""
        texts = read.texts_of(cells)
        value_at = np.where(cells >= 0, read.value_at[cells], -1)
        errors = pc.starts_with(texts, "#").fill_null(False).to_numpy(zero_copy_only=False)  # noqa: FBT003 - a value
        nothing = np.zeros(len(cells), bool)
        for cell in np.flatnonzero((value_at >= 0) | errors).tolist():
            at, nth = divmod(cell, len(numbers))
            value = texts[cell].as_py() if value_at[cell] < 0 else read.values[value_at[cell]]
            row = int(numbers[nth])
            for found in () if self._ignored[at] else self._of_value(row, at, value):
                self._of_cells.append((at, found))
                nothing[cell] = found.rule in {"number_is_date", "cell_error_value"}
        return pc.if_else(nothing, None, texts) if nothing.any() else texts

    def _of_value(self, row: int, at: int, value: Any) -> Iterator[Found]:
        """The finding on a cell that is neither text nor a plain number."""
        name, where = self._header[at], cell_name(self._sheet, at, row)
        text = as_text(value)
        match value:
            case Odd() if value.value is None:
                message = f"The cell {where} {value.message}."
                yield Found(row, name, value.rule, value.shown, message)
            case Odd() if name in self._numbers:
                message = (
                    f"The cell {where} does not show the number {value.shown} that it "
                    f"contains: {value.message}."
                )
                yield Found(row, name, value.rule, value.shown, message)
            case dt.date() | dt.time() | dt.timedelta() if name in self._numbers:
                meant = f"{value.day}.{value.month}" if isinstance(value, dt.date) else None
                message = (
                    f"The cell {where} contains a date, {text}; spreadsheets turn numbers such as "
                    "1.5 into dates."
                )
                yield Found(row, name, "number_is_date", text, message, meant)
            case dt.date() | dt.time() | dt.timedelta() | bool() if name in self._texts:
                kind = "a truth value" if isinstance(value, bool) else "a date or a time"
                message = f"The cell {where} holds {kind}, {text}, instead of a text."
                yield Found(row, name, "text_converted", text, message)
            case str() if value in ERROR_VALUES:
                message = f"The cell {where} shows the spreadsheet's error {value}."
                yield Found(row, name, "cell_error_value", value, message)

    def _report_ragged(self, read: Read, beyond: npt.NDArray[np.int64]) -> None:
        """Reports rows with non-empty cells beyond the columns."""
        block, width = read.block, len(self._header)
        rows = np.unique(block.row[beyond[read.says(beyond)]]) if len(beyond) else ()
        for place in rows:
            behind = np.flatnonzero(block.row == place)
            number, columns = int(block.rows[place]), block.column[behind]
            has = (read.at[behind] >= 0) | (read.shared_at[behind] >= 0)
            has |= read.value_at[behind] >= 0
            first = int(columns[has & (columns >= width)][0])
            many = min(int(columns[-1]) + 1, 8 * MOST_COLUMNS)
            message = f"Row {number:,} has {many:,} cells, but there are {width:,} columns."
            cell = f"{letters_of(first)}{number}"
            self._ragged.append(Found(number, None, "ragged_row", None, message, cell=cell))

"""The rows of a sheet: their cells in blocks, or row by row as texts.

Plain XML is read vectorised (`plain/`), and from the first exception by an XML parser
(`parsed.py`); both give the same cells, which `cells.py` interprets.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from off_platform.imports.readers.xlsx.parts.cells import Read, read_cells
from off_platform.imports.readers.xlsx.parts.layout import Layout
from off_platform.imports.readers.xlsx.parts.package import Package, Sheet
from off_platform.imports.readers.xlsx.parts.parsed import parsed_blocks
from off_platform.imports.readers.xlsx.parts.plain.reading import plain_blocks
from off_platform.imports.readers.xlsx.parts.plain.tags import NotPlainError
from off_platform.imports.readers.xlsx.parts.values import Odd

# The texts of a row from column A on; None for blank cells.
Texts = tuple[str | None, ...]


class Row(NamedTuple):
    """A row with cells.

    Attributes:
        number: from 1.
        place: its position in the block.
        read: the cells of its block.
    """

    number: int
    place: int
    read: Read

    @property
    def texts(self) -> Texts:
        """The content of the cells; an empty text if unknown, as for an error."""
        block, cells = self.read.block, self._cells
        texts = self.read.texts_of(cells).to_pylist()
        odd = (self.read.value_at[cells] >= 0).tolist()
        columns = block.column[cells].tolist()
        made: list[str | None] = [None] * (columns[-1] + 1) if columns else []
        for column, text, is_odd in zip(columns, texts, odd, strict=True):
            made[column] = "" if text is None and is_odd else text
        return tuple(made)

    @property
    def without_value(self) -> list[tuple[int, Odd]]:
        """The cells without a known content, such as errors, each with its column from 0."""
        cells = self._cells[self.read.value_at[self._cells] >= 0]
        values = [self.read.values[at] for at in self.read.value_at[cells].tolist()]
        columns = self.read.block.column[cells].tolist()
        return [
            (column, value)
            for column, value in zip(columns, values, strict=True)
            if isinstance(value, Odd) and value.value is None
        ]

    @property
    def _cells(self) -> npt.NDArray[np.int64]:
        first, behind = np.searchsorted(self.read.block.row, (self.place, self.place + 1))
        return np.arange(first, behind)


def blocks_of(package: Package, sheet: Sheet, layout: Layout | None = None) -> Iterator[Read]:
    """The cells of a sheet, in blocks of rows.

    Args:
        package: the workbook.
        sheet: the sheet.
        layout: receives the sheet's layout.

    Raises:
        UnreadableError: rows are out of order or duplicated, or the sheet is invalid otherwise.
    """
    last = 0
    layout = layout or Layout()
    try:
        with package.open(sheet.part) as file:
            for block in plain_blocks(file, layout):
                yield read_cells(block, package, sheet.name)
                last = int(block.rows[-1])
    except NotPlainError:
        with package.open(sheet.part) as file:
            for block in parsed_blocks(file, sheet.name, layout, last):
                yield read_cells(block, package, sheet.name)


def rows_of(package: Package, sheet: Sheet) -> Iterator[Row]:
    """The rows of a sheet, in order; see `blocks_of`."""
    for read in blocks_of(package, sheet):
        for place, number in enumerate(read.block.rows.tolist()):
            yield Row(number, place, read)

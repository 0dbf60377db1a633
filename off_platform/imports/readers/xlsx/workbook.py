"""Streams XLSX: the sheet with products as batches of text.

`parts/` reads the package and the rows of its sheets, `sheets.py` chooses the sheet, `gathered.py`
makes batches. Links of a workbook are never followed.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import numpy as np

from off_platform.imports.readers.batches import (
    Batch,
    Found,
    Reader,
    SourceFile,
    UnreadableError,
)
from off_platform.imports.readers.headers import read_header
from off_platform.imports.readers.xlsx.gathered import Gathered
from off_platform.imports.readers.xlsx.parts.layout import (
    HiddenRows,
    Layout,
    covering,
    hidden_found,
    merged_found,
    more_merged_found,
)
from off_platform.imports.readers.xlsx.parts.package import Package, Sheet
from off_platform.imports.readers.xlsx.parts.rows import blocks_of, rows_of
from off_platform.imports.readers.xlsx.parts.values import cell_name, letters_of
from off_platform.imports.readers.xlsx.sheets import Header, header_of

# Size of a cell in a batch, in addition to its text.
_CELL_BYTES = 8
_MOST_NAMED = 5


class XlsxReader(Reader):
    """Reads one sheet of a workbook."""

    header_row: int

    def __init__(
        self, package: Package, source: SourceFile, header: Header, found: list[Found]
    ) -> None:
        """Takes a workbook whose header has been read."""
        super().__init__(source)
        self._package, self._sheet, self.header_row = package, header.sheet, header.row
        self._first_found = found

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`."""
        self._found = list(self._first_found)
        layout, hidden = Layout(), HiddenRows()
        records, gathered = 0, self._gathered()
        for read in blocks_of(self._package, self._sheet, layout):
            numbers = read.block.rows
            places = np.flatnonzero(read.rows_that_say() & (numbers > self.header_row))
            for number in numbers[places].tolist() if read.block.hidden else ():
                if number in read.block.hidden:
                    hidden.add(number)
            records += len(places)
            sizes = read.bytes_of_rows()[places] + len(self.source.header) * _CELL_BYTES
            while len(places):
                fitting = gathered.fitting(sizes, rows)
                gathered.add(read, places[:fitting], int(sizes[:fitting].sum()))
                places, sizes = places[fitting:], sizes[fitting:]
                if len(places):
                    yield self._batch(gathered)
                    gathered = self._gathered()
        if gathered.rows:
            yield self._batch(gathered)
        if not records:
            raise UnreadableError(
                Found.of_file(
                    "no_records",
                    f"The sheet '{self._sheet.name}' has a header and nothing below it.",
                ),
                self._first_found,
            )
        self._found += hidden_found(self._sheet.name, self.source.header, hidden, layout)
        self._found += self._of_merged(layout)

    def _gathered(self) -> Gathered:
        return Gathered(self._sheet.name, self.source.header)

    def _batch(self, gathered: Gathered) -> Batch:
        self._found += gathered.found()
        return gathered.batch()

    def _of_merged(self, layout: Layout) -> Iterator[Found]:
        """The findings on merged cells that are not empty."""
        merged = covering(layout.merged, self.header_row, len(self.source.header))
        first = {(each.top, each.left): each for each in merged}
        tops = {each.top for each in merged}
        # Merged cells are listed after all rows, and few sheets have any: those are read again.
        rows = rows_of(self._package, self._sheet) if merged else iter(())
        for row in takewhile(lambda row: row.number <= max(tops), rows):
            for at, text in enumerate(row.texts) if row.number in tops else ():
                if text and (row.number, at) in first:
                    yield merged_found(
                        self._sheet.name, self.source.header, first[row.number, at], text
                    )
        if layout.more_merged:
            yield more_merged_found(self._sheet.name, layout.more_merged)


def open_xlsx(path: Path, source: SourceFile) -> XlsxReader:
    """Finds the sheet and reads its header.

    Raises:
        UnreadableError: the workbook is damaged, too large, or has no header.
    """
    package = Package(path)
    package.demand_readable()
    hidden = [sheet for sheet in package.sheets if sheet.is_hidden]
    found = [_hidden(hidden)] if hidden else []
    headers = [
        header
        for sheet in package.sheets
        if not sheet.is_hidden and (header := header_of(package, sheet))
    ]
    if not headers:
        message = "Every visible sheet is empty." if hidden else "Every sheet is empty."
        raise UnreadableError(Found.of_file("no_header", message), found)
    header = max(headers, key=lambda each: each.preference)
    values = header.values
    while values and values[-1] is None:
        values = values[:-1]
    source = replace(
        source,
        format="xlsx",
        sheet=header.sheet.name,
        sheets=tuple(sheet.name for sheet in package.sheets),
    )
    names, of_header = _read_header([text or "" for text in values], header.row, source)
    found += [*of_header, *_without_name(package, header)]
    if others := [each.sheet.name for each in headers if each is not header]:
        found.append(_more_sheets(header.sheet.name, others))
    if header.first < header.row:
        found.append(_above(header))
    return XlsxReader(package, replace(source, header=names), header, found)


def _read_header(
    cells: list[str], row: int, source: SourceFile
) -> tuple[tuple[str, ...], list[Found]]:
    """See `read_header`; a refused cell is named."""
    try:
        return read_header(cells, row)
    except UnreadableError as error:
        said = (error.found.value or "").strip()
        at = [at for at, cell in enumerate(cells) if said and cell.strip() == said][-1:]
        cell = f"{letters_of(at[0])}{row}" if at else None
        raise UnreadableError(replace(error.found, cell=cell), source=source) from None


def _without_name(package: Package, header: Header) -> Iterator[Found]:
    """The findings on cells of the header whose content is unknown, such as an error."""
    # Blank cells are None, and few headers have any such cell: those are read again.
    rows = rows_of(package, header.sheet) if "" in header.values else iter(())
    for row in takewhile(lambda row: row.number <= header.row, rows):
        for at, odd in row.without_value if row.number == header.row else ():
            where = cell_name(header.sheet.name, at, row.number)
            message = f"The column name {where} {odd.message}."
            cell = f"{letters_of(at)}{row.number}"
            yield Found(None, None, odd.rule, odd.shown, message, cell=cell)


def _hidden(sheets: list[Sheet]) -> Found:
    message = f"Hidden sheets were not read: {_named([sheet.name for sheet in sheets])}."
    return Found.of_file("hidden_sheets", message)


def _more_sheets(sheet: str, others: list[str]) -> Found:
    message = f"Only the sheet '{sheet}' was read, not {_named(others)}."
    return Found.of_file("more_sheets", message)


def _named(sheets: list[str]) -> str:
    named = ", ".join(f"'{name}'" for name in sheets[:_MOST_NAMED])
    more = len(sheets) - _MOST_NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _above(header: Header) -> Found:
    message = (
        f"The columns are named in row {header.row:,} of the sheet '{header.sheet.name}'; "
        "the rows above were not read."
    )
    return Found(header.first, None, "rows_above_header", None, message)

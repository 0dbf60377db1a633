"""XLSX, streamed: the sheet that has products -> batches of text.

The package is opened in `package.py`, the sheet is chosen in `sheets.py`, rows are read
in `rows.py`, cells in `cells.py`, what is around them in `layout.py`. What a
workbook links to is never followed.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from off_platform.imports.readers.batches import (
    Batch,
    Found,
    Reader,
    SourceFile,
    UnreadableError,
    batch_of,
)
from off_platform.imports.readers.headers import MOST_COLUMNS, read_header
from off_platform.imports.readers.xlsx.cells import Odd, as_text, cell_name, letters_of
from off_platform.imports.readers.xlsx.layout import (
    HiddenRows,
    Layout,
    covering,
    hidden_found,
    merged_found,
    more_merged_found,
)
from off_platform.imports.readers.xlsx.package import Package, Sheet
from off_platform.imports.readers.xlsx.rows import Values, rows_of
from off_platform.imports.readers.xlsx.sheets import Header, header_of
from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.fields import NAMES

# A batch ends earlier when its rows are wide, so that memory stays bounded.
MOST_BATCH_CELLS = 8 << 20
_MOST_NAMED = 5
ERROR_VALUES = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)
# Of what a cell may hold, what something may be said of.
_REPORTED = (dt.date, dt.time, dt.timedelta, bool, Odd)
_OF_TEXT = ("text", "list")


class XlsxReader(Reader):
    """Reads one sheet of a workbook."""

    header_row: int

    def __init__(
        self, package: Package, source: SourceFile, header: Header, found: list[Found]
    ) -> None:
        """For a workbook whose header was read."""
        super().__init__(source)
        self._package, self._sheet, self.header_row = package, header.sheet, header.row
        self._first_found = found
        self._identifiers = {
            name for name in source.header if name in NAMES and NAMES[name].type == "barcode"
        }
        places = {name: field_of(name) for name in source.header}
        self._numbers = {n for n, place in places.items() if place and place.field.type == "number"}
        # Quantities are named as texts, in every format.
        self._texts = {n for n, place in places.items() if place and place.field.type in _OF_TEXT}

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`."""
        self._found = list(self._first_found)
        numbers: list[int] = []
        cells: list[Values] = []
        records, width = 0, len(self.source.header)
        layout, hidden = Layout(), HiddenRows()
        for number, values in rows_of(self._package, self._sheet, layout):
            if number <= self.header_row or _is_empty(values):
                continue
            if number in layout.hidden_rows:
                hidden.add(number)
            if not _is_empty(values[width:]):
                self._found.append(_ragged(number, values, width))
            numbers.append(number)
            # Sheets can have 16,384 columns; only those of the header are kept.
            cells.append(values[:width])
            if len(numbers) == rows or len(numbers) * width > MOST_BATCH_CELLS:
                yield self._batch(numbers, cells)
                records += len(numbers)
                numbers, cells = [], []
        if cells:
            yield self._batch(numbers, cells)
        elif not records:
            raise UnreadableError(
                Found(None, None, "no_records", None,
                      f"The sheet '{self._sheet.name}' has a header and nothing below it."),
                self._first_found,
            )  # fmt: skip
        self._found += hidden_found(self._sheet.name, self.source.header, hidden, layout)
        self._found += self._of_merged(layout)

    def _of_merged(self, layout: Layout) -> Iterator[Found]:
        """What is to be said of merged cells that hold something."""
        merged = covering(layout.merged, self.header_row, len(self.source.header))
        first = {(each.top, each.left): each for each in merged}
        last = max((each.top for each in merged), default=0)
        # Merged cells are named behind all rows, and few sheets have any: those are read again.
        rows = rows_of(self._package, self._sheet) if merged else iter(())
        tops = {each.top for each in merged}
        for number, values in takewhile(lambda row: row[0] <= last, rows):
            if number not in tops:
                continue
            for at, value in enumerate(values):
                text = as_text(value)
                if text and (number, at) in first:
                    yield merged_found(
                        self._sheet.name, self.source.header, first[number, at], text
                    )
        if layout.more_merged:
            yield more_merged_found(self._sheet.name, layout.more_merged)

    def _batch(self, numbers: list[int], cells: list[Values]) -> Batch:
        width = len(self.source.header)
        padded = [(*values, *[None] * (width - len(values))) for values in cells]
        columns, flags = {}, {}
        for at, values in enumerate(zip(*padded, strict=True)):
            name = self.source.header[at]
            columns[name] = [value if type(value) is str else as_text(value) for value in values]
            if name in self._identifiers:
                flags[name] = [
                    type(value) is not str and as_text(value) is not None for value in values
                ]
            kinds = set(map(type, values))
            # Few texts begin so; a set of all would cost a third of the reading.
            has_errors = not ERROR_VALUES.isdisjoint(columns[name])
            if has_errors or any(issubclass(kind, _REPORTED) for kind in kinds):
                self._report(numbers, at, values, columns[name])
        return batch_of(numbers, columns, flags)

    def _report(self, numbers: list[int], at: int, values: Values, texts: list[str | None]) -> None:
        """What is to be said of cells that are no texts and no plain numbers."""
        name = self.source.header[at]
        for place, value in enumerate(values):
            where = cell_name(self._sheet.name, at, numbers[place])
            match value:
                case Odd():
                    if value.value is None or name in self._numbers:
                        said = f"The cell {where} {value.message}."
                        if value.value is not None:
                            said = (f"The cell {where} does not show the number {value.shown} that "
                                    f"it holds: {value.message}.")  # fmt: skip
                        self._say(numbers[place], name, value.rule, value.shown, said)
                case dt.date() | dt.time() | dt.timedelta() if name in self._numbers:
                    self._say_date(numbers[place], name, where, value)
                    texts[place] = None
                case dt.date() | dt.time() | dt.timedelta() | bool() if name in self._texts:
                    kind = "a truth value" if isinstance(value, bool) else "a date or a time"
                    said = f"The cell {where} holds {kind}, {as_text(value)}, instead of a text."
                    self._say(numbers[place], name, "text_converted", as_text(value), said)
                case str() if value in ERROR_VALUES:
                    said = f"The cell {where} shows the spreadsheet's error {value}."
                    self._say(numbers[place], name, "cell_error_value", value, said)
                    texts[place] = None

    def _say(self, row: int, column: str, rule: str, value: str | None, message: str) -> None:
        self._found.append(Found(row, column, rule, value, message))

    def _say_date(self, row: int, column: str, where: str, value: Any) -> None:
        meant = f"{value.day}.{value.month}" if isinstance(value, dt.date) else None
        said = (f"The cell {where} holds a date, {as_text(value)}; spreadsheets make dates of "
                "numbers such as 1.5.")  # fmt: skip
        self._found.append(Found(row, column, "number_is_date", as_text(value), said, meant))


def open_xlsx(path: Path, source: SourceFile) -> XlsxReader:
    """Finds the sheet and reads its header.

    Raises:
        UnreadableError: the workbook is damaged, too large, or has no header.
    """
    package = Package(path)
    hidden = [sheet for sheet in package.sheets if sheet.is_hidden]
    found = [_hidden(hidden)] if hidden else []
    headers = [
        header
        for sheet in package.sheets
        if not sheet.is_hidden and (header := header_of(package, sheet))
    ]
    if not headers:
        message = "Every sheet that can be seen is empty." if hidden else "Every sheet is empty."
        raise UnreadableError(Found(None, None, "no_header", None, message), found)
    header = max(headers, key=lambda each: each.preference)
    values = header.values
    while values and values[-1] is None:
        values = values[:-1]
    source = replace(
        source, format="xlsx", sheet=header.sheet.name,
        sheets=tuple(sheet.name for sheet in package.sheets),
    )  # fmt: skip
    names, of_header = _read_header([as_text(value) or "" for value in values], header.row, source)
    found += of_header
    if others := [each.sheet.name for each in headers if each is not header]:
        found.append(_more_sheets(header.sheet.name, others))
    if header.first < header.row:
        found.append(_above(header))
    return XlsxReader(package, replace(source, header=names), header, found)


def _read_header(
    cells: list[str], row: int, source: SourceFile
) -> tuple[tuple[str, ...], list[Found]]:
    """See `read_header`; the cell that it refuses is named."""
    try:
        return read_header(cells, row)
    except UnreadableError as error:
        said = (error.found.value or "").strip()
        at = [at for at, cell in enumerate(cells) if said and cell.strip() == said][-1:]
        cell = f"{letters_of(at[0])}{row}" if at else None
        raise UnreadableError(replace(error.found, cell=cell), source=source) from None


def _is_empty(values: Values) -> bool:
    """Whether no cell says anything; white space says nothing."""
    if values.count(None) == len(values):
        return True
    return not any(type(value) is not str or value.strip() for value in values if value is not None)


def _hidden(sheets: list[Sheet]) -> Found:
    message = f"Hidden sheets were not read: {_named([sheet.name for sheet in sheets])}."
    return Found(None, None, "hidden_sheets", None, message)


def _more_sheets(sheet: str, others: list[str]) -> Found:
    message = f"Only the sheet '{sheet}' was read, not {_named(others)}."
    return Found(None, None, "more_sheets", None, message)


def _named(sheets: list[str]) -> str:
    named = ", ".join(f"'{name}'" for name in sheets[:_MOST_NAMED])
    more = len(sheets) - _MOST_NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _above(header: Header) -> Found:
    message = (f"The columns are named in row {header.row:,} of the sheet '{header.sheet.name}'; "
               "what is above was not read.")  # fmt: skip
    return Found(header.first, None, "rows_above_header", None, message)


def _ragged(number: int, values: Values, width: int) -> Found:
    cells = min(len(values), 8 * MOST_COLUMNS)
    first = next(at for at, value in enumerate(values) if at >= width and value is not None)
    return Found(
        number, None, "ragged_row", None,
        f"Row {number:,} has {cells:,} cells, but there are {width:,} columns.",
        cell=f"{letters_of(first)}{number}",
    )  # fmt: skip

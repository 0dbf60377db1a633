"""XLSX, streamed: the first sheet that has a header -> batches of text.

Plain rows are read by `xlsx_rows.py`, all else by openpyxl.

What a workbook links to is never followed; what it unpacks to is bounded before it is unpacked.
"""

import datetime as dt
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off_platform.imports.fields import NAMES
from off_platform.imports.readers.batches import (
    Batch,
    Found,
    Reader,
    Source,
    UnreadableError,
    batch_of,
)
from off_platform.imports.readers.headers import MOST_COLUMNS, read_header
from off_platform.imports.readers.xlsx_rows import NotPlainError, plain_rows

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

# 100,000 rows of 40 columns unpack to 150 MB, 11 times their size.
MOST_UNPACKED = 8 << 30
MOST_RATIO = 150
RATIO_FROM = 64 << 20
# The shared texts are held in memory, at some three times their size.
MOST_SHARED = 96 << 20
MOST_ROWS = 1_048_576
# A batch ends earlier when its rows are wide, so that memory stays bounded.
MOST_BATCH_CELLS = 8 << 20
_MOST_WHOLE = 1e18
_PROLOGUE_BYTES = 4_096
ERROR_VALUES = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)


class XlsxReader(Reader):
    """Reads one sheet of a workbook."""

    def __init__(self, path: Path, source: Source, header_row: int, found: list[Found]) -> None:
        """For a workbook whose header was read."""
        super().__init__(source)
        self._path, self._header_row, self._first_found = path, header_row, found
        self._identifiers = {
            name for name in source.header if name in NAMES and NAMES[name].type == "barcode"
        }

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`."""
        self._found = list(self._first_found)
        numbers: list[int] = []
        cells: list[tuple[Any, ...]] = []
        records, width = 0, len(self.source.header)
        with _workbook(self._path) as book:
            for number, values in _rows(book, str(self.source.sheet)):
                if number <= self._header_row or _is_empty(values):
                    continue
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
                Found(None, None, "no_records", None, "There is a header and nothing below it.")
            )

    def _batch(self, numbers: list[int], cells: list[tuple[Any, ...]]) -> Batch:
        width = len(self.source.header)
        padded = [(*values, *[None] * (width - len(values))) for values in cells]
        columns, flags = {}, {}
        for name, values in zip(self.source.header, zip(*padded, strict=True), strict=True):
            columns[name] = [value if type(value) is str else as_text(value) for value in values]
            if name in self._identifiers:
                flags[name] = [value is not None and type(value) is not str for value in values]
            # Few texts begin so; a set of all would cost a third of the reading.
            if not ERROR_VALUES.isdisjoint(columns[name]):
                self._report_errors(numbers, name, columns[name])
        return batch_of(numbers, columns, flags)

    def _report_errors(self, numbers: list[int], name: str, values: list[str | None]) -> None:
        """A spreadsheet's error values; what they stand for is not known, so the cell is empty."""
        for place, value in enumerate(values):
            if value in ERROR_VALUES:
                message = f"The cell shows the spreadsheet's error {value}."
                self._found.append(Found(numbers[place], name, "cell_error_value", value, message))
                values[place] = None


def open_xlsx(path: Path, source: Source) -> XlsxReader:
    """Finds the sheet and reads its header.

    Raises:
        UnreadableError: the workbook is damaged, too large, or has no header.
    """
    _demand_bounded(path)
    with _workbook(path) as book:
        sheets = tuple(sheet.title for sheet in book.worksheets)
        filled = [(name, first) for name in sheets if (first := _first_row(book, name))]
    if not filled:
        raise UnreadableError(Found(1, None, "no_header", None, "Every sheet is empty."))
    sheet, (row, values) = filled[0]
    while values and values[-1] is None:
        values = values[:-1]
    names, found = read_header([as_text(value) or "" for value in values], row)
    if len(filled) > 1:
        others = ", ".join(f"'{name}'" for name, _ in filled[1:6])
        found.append(
            Found(None, None, "more_sheets", None,
                  f"Only the sheet '{sheet}' was read; {others} hold something, too.")
        )  # fmt: skip
    made = Source(
        source.name, "xlsx", source.bytes, source.sha256, sheet=sheet, sheets=sheets, header=names
    )
    return XlsxReader(path, made, row, found)


def raw_sheets(path: Path) -> Iterator[tuple[str, Iterator[tuple[int, tuple[Any, ...]]]]]:
    """Every sheet's name and rows, as openpyxl reads them; to be read in this order."""
    with _workbook(path) as book:
        for sheet in book.worksheets:
            yield sheet.title, _rows(book, sheet.title)


def as_text(value: object) -> str | None:
    """A cell as a person would type it: no `.0` behind whole numbers, dates in ISO 8601."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            # Beyond that, a float has no digits of its own to show.
            whole = value.is_integer() and abs(value) < _MOST_WHOLE
            return str(int(value)) if whole else repr(value)
        case dt.datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return str(value)


@contextmanager
def _workbook(path: Path) -> "Iterator[Workbook]":
    """The workbook, read as a stream; whatever is wrong with it is one sentence."""
    import openpyxl  # noqa: PLC0415 - 0.15 s, once used

    # By its name, openpyxl would refuse a workbook that is called otherwise.
    with warnings.catch_warnings(), path.open("rb") as file:
        # Of extensions it does not know, which are no affair of ours.
        warnings.simplefilter("ignore")
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        except Exception as error:
            # openpyxl checks little: a damaged part raises KeyError, TypeError, ParseError ...
            raise _damaged(error) from error
        try:
            yield book
        finally:
            book.close()


def _rows(book: "Workbook", sheet: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The rows of a sheet with their numbers, however far the sheet says that it goes."""
    worksheet, last = book[sheet], 0
    try:
        with worksheet._get_source() as file:  # noqa: SLF001 - pinned by a test of openpyxl
            for number, values in plain_rows(file, worksheet):
                _demand_number(number)
                last = number
                yield number, values
    except NotPlainError:
        pass
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise _damaged(error) from error
    else:
        return
    for number, values in _openpyxl_rows(worksheet):
        if number > last:
            yield number, values


def _openpyxl_rows(worksheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The same as openpyxl reads them, empty rows too."""
    # What the file says of its size is not to be trusted.
    worksheet.reset_dimensions()
    rows = enumerate(worksheet.iter_rows(values_only=True), 1)
    while True:
        try:
            number, values = next(rows)
        except StopIteration:
            return
        except Exception as error:
            # As in `_workbook`; the loop's body is outside, so that nothing of ours is hidden.
            raise _damaged(error) from error
        _demand_number(number)
        yield number, values


def _demand_number(number: int) -> None:
    if number > MOST_ROWS:
        raise UnreadableError(
            Found(None, None, "xlsx_damaged", None,
                  f"The sheet says that it has more than {MOST_ROWS:,} rows.")
        )  # fmt: skip


def _is_empty(values: tuple[Any, ...]) -> bool:
    return values.count(None) == len(values)


def _first_row(book: "Workbook", sheet: str) -> tuple[int, tuple[Any, ...]] | None:
    for number, values in _rows(book, sheet):
        if not _is_empty(values) and any(str(each).strip() for each in values if each is not None):
            return number, values
    return None


def _demand_bounded(path: Path) -> None:
    """`xlsx_too_large`: a small file may unpack to any size."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            declared = next((part.filename for part in parts if _declares(archive, part)), None)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError) as error:
        raise _damaged(error) from error
    if declared:
        # No program writes any; they serve to read other files, or to grow without end.
        raise _damaged(ValueError(f"'{declared[:80]}' declares a document type"))
    unpacked = sum(part.file_size for part in parts)
    shared = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    bomb = any(
        part.file_size > RATIO_FROM and part.file_size > MOST_RATIO * max(part.compress_size, 1)
        for part in parts
    )
    if bomb or unpacked > MOST_UNPACKED or shared > MOST_SHARED:
        raise UnreadableError(
            Found(None, None, "xlsx_too_large", None,
                  f"The workbook would unpack to {unpacked / 1e6:,.0f} MB; save it as CSV.")
        )  # fmt: skip


def _declares(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether a part has a document type, with entities perhaps."""
    if not part.filename.lower().endswith((".xml", ".rels")):
        return False
    with archive.open(part) as file:
        # Of UTF-16, too.
        return b"<!DOCTYPE" in file.read(_PROLOGUE_BYTES).replace(b"\0", b"").upper()


def _damaged(error: Exception) -> UnreadableError:
    reason = str(error).split("\n", 1)[0][:120] or type(error).__name__
    return UnreadableError(
        Found(None, None, "xlsx_damaged", None, f"The workbook is damaged: {reason}.")
    )


def _ragged(number: int, values: tuple[Any, ...], width: int) -> Found:
    cells = min(len(values), 8 * MOST_COLUMNS)
    return Found(
        number, None, "ragged_row", None,
        f"Row {number:,} has {cells:,} cells, but there are {width:,} columns.",
    )  # fmt: skip

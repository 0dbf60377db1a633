"""The raw rows of a CSV or TSV, read by Python's strict reader from bounded lines.

`reader.py` interprets them as records.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from off_platform.imports.readers.batches import Found, SourceFile, UnreadableError
from off_platform.imports.readers.delimited.blocks import Position
from off_platform.imports.readers.encodings import not_utf8

MOST_LINE_BYTES = 16 << 20
MOST_CELL_CHARACTERS = 1 << 20
# Text of an error of Python's reader.
_ERRORS = (
    (
        "field larger",
        "cell_too_long",
        "A cell of row {row:,} ({lines}) is longer than 1 MB; perhaps a quote is not closed.",
    ),
    (
        "unexpected end",
        "quote_not_closed",
        "The quote that row {row:,} opens on line {line:,} is never closed; it contains {lines}.",
    ),
    (
        "new-line character",
        "line_ending",
        "Row {row:,} ({lines}) contains a lone carriage return, which does not end a line.",
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A raw row, or why it is invalid."""

    number: int
    cells: list[str]
    broken: Found | None = None
    line: int = 0
    last_line: int = 0
    doubled_return: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether all cells are blank; their number does not matter then."""
        return self.broken is None and not any(map(str.strip, self.cells))


def raw_rows(path: Path, source: SourceFile) -> Iterator[Row]:
    """Every raw row, including the header and empty lines.

    Raises:
        UnreadableError: a line or cell is too long, the text is not UTF-8 or has NUL bytes, or a
            quote is never closed.
    """
    with path.open("rb") as file:
        yield from rows_of(path, file, source, Position())


def rows_of(path: Path, file: BinaryIO, source: SourceFile, place: Position) -> Iterator[Row]:
    """The rows of a file or a part of it, from a position on; see `raw_rows`."""
    csv.field_size_limit(MOST_CELL_CHARACTERS)
    lines = _Lines(path, file, source.encoding or "utf-8", place)
    reader = csv.reader(lines, delimiter=source.delimiter or ",", strict=True)
    while True:
        lines.start_row()
        first, cells, broken = place.line + 1, [], None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            broken = _broken(place.row + 1, first, place.line, str(error))
        place.row += 1
        yield Row(place.row, cells, broken, first, place.line, lines.doubled_return)


class _Lines:
    """The lines of a file, with limits on lines and on rows of several lines."""

    def __init__(self, path: Path, file: BinaryIO, encoding: str, place: Position) -> None:
        self._path, self._file, self._encoding, self._place = path, file, encoding, place
        self._errors = "strict" if encoding == "utf-8" else "replace"
        self._row_bytes = 0
        self.doubled_return = False

    def start_row(self) -> None:
        """Marks the next line as the beginning of a row."""
        self._row_bytes = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(MOST_LINE_BYTES)
        if not line:
            raise StopIteration
        place = self._place
        place.line += 1
        self._row_bytes += len(line)
        self._demand_bounded(line)
        self.doubled_return = line.endswith(b"\r\r\n")
        try:
            text = line.decode(self._encoding, self._errors)
        except UnicodeDecodeError as error:
            raise not_utf8(self._path, place.offset + error.start, line[error.start]) from None
        place.offset += len(line)
        return text.removeprefix("\ufeff") if place.line == 1 else text

    def _demand_bounded(self, line: bytes) -> None:
        place = self._place
        if len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
            _refuse(
                "line_too_long",
                f"Line {place.line:,} is longer than 16 MB; line endings "
                "are missing, or a quote is not closed.",
            )
        if self._row_bytes > MOST_LINE_BYTES:
            _refuse(
                "line_too_long",
                f"Row {place.row + 1:,} is longer than 16 MB; perhaps a quote is not closed.",
            )
        if b"\0" in line:
            at = place.offset + line.index(b"\0")
            _refuse(
                "nul_bytes", f"Line {place.line:,} contains a NUL byte, at byte {at:,} of the file."
            )


def _refuse(rule: str, message: str) -> NoReturn:
    raise UnreadableError(Found.of_file(rule, message))


def _broken(row: int, line: int, last: int, error: str) -> Found:
    """An error of Python's reader as a finding; all but misplaced quotes end the file."""
    lines = f"line {line:,}" if line == last else f"lines {line:,} to {last:,}"
    for part, rule, message in _ERRORS:
        if part in error:
            said = message.format(row=row, lines=lines, line=line)
            raise UnreadableError(Found(row, None, rule, None, said, line=line))
    message = f"Row {row:,} ({lines}) has text after a closing quote."
    return Found(row, None, "quote_misplaced", None, message, line=line)

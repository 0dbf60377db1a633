"""CSV and TSV, strictly, with Python's own reader: bounded lines of UTF-8 -> batches of text.

Sound blocks are read by `delimited_blocks.py`, to the same result.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from off_platform.imports.fields import CORRECTIONS, NAMES
from off_platform.imports.formulas import as_it_was, as_they_were
from off_platform.imports.readers.batches import (
    MOST_WAITING,
    Batch,
    Found,
    Reader,
    Source,
    UnreadableError,
    batch_of,
)
from off_platform.imports.readers.delimited_blocks import Place, blocks, columns_of
from off_platform.imports.readers.encodings import (
    BYTE_ORDER_MARK,
    encoding_of,
    not_utf8,
    refuse_wide,
)
from off_platform.imports.readers.headers import read_header

if TYPE_CHECKING:
    import pyarrow as pa

MOST_LINE_BYTES = 16 << 20
MOST_CELL_CHARACTERS = 1 << 20
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# A batch ends earlier when its rows are long or wide, so that memory stays bounded.
MOST_BATCH_CHARACTERS = 64 << 20
MOST_BATCH_CELLS = 8 << 20
MOST_EMPTY_NAMED = 5
_SAMPLE_BYTES = 256 << 10
# Words of Python's reader.
_ERRORS = (
    ("field larger", "cell_too_long",
     "A cell of row {row:,} is longer than 1 MB; perhaps a quote is not closed."),
    ("unexpected end", "quote_not_closed", "The quote that row {row:,} opens is never closed."),
    ("new-line character", "line_ending",
     "Row {row:,} has a carriage return alone, which ends no line."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands, or why it is none."""

    number: int
    cells: list[str]
    broken: Found | None = None


class DelimitedReader(Reader):
    """Reads one CSV or TSV file."""

    def __init__(self, path: Path, source: Source, header_row: int, found: list[Found]) -> None:
        """For a file whose header was read."""
        super().__init__(source)
        self._path, self._header_row = path, header_row
        self._first_found = found
        self._empty: list[int] = []
        self._empty_lines = 0

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`."""
        self._found = list(self._first_found)
        self._empty.clear()
        self._empty_lines = records = waiting = 0
        with self._path.open("rb") as file:
            for part in self._parts(file, rows):
                records += len(part.rows) if isinstance(part, Batch) else 1
                waiting = 0 if isinstance(part, Batch) else waiting + 1
                if isinstance(part, Batch):
                    yield self._as_it_was(part)
                    continue
                self._found.append(part)
                if waiting == MOST_WAITING:
                    yield batch_of([], dict.fromkeys(self.source.header, ()))
                    waiting = 0
        if not records:
            raise UnreadableError(
                Found(None, None, "no_records", None, "There is a header and nothing below it.")
            )
        if self._empty:
            self._found.append(_empty_lines(self._empty, self._empty_lines))

    def _note_empty(self, row: int) -> None:
        self._empty_lines += 1
        if len(self._empty) < MOST_EMPTY_NAMED:
            self._empty.append(row)

    def _as_it_was(self, batch: Batch) -> Batch:
        """A batch of a corrected copy, without the quotes before what looks like formulas."""
        if CORRECTIONS not in self.source.header:
            return batch
        columns = {name: as_they_were(texts) for name, texts in batch.columns.items()}
        return Batch(batch.rows, columns, batch.not_text)

    def _parts(self, file: BinaryIO, rows: int) -> Iterator[Batch | Found]:
        """Batches, and what was found of rows that are in none."""
        place, is_utf8 = Place(), self.source.encoding == "utf-8"
        delimiter, width = self.source.delimiter or ",", len(self.source.header)
        for block in blocks(file, rows):
            # The header, and whatever stands before it, is not plain.
            is_plain = is_utf8 and place.row >= self._header_row
            cells = columns_of(block, delimiter, width) if is_plain else None
            if cells is not None:
                yield from self._plainly(cells, place, rows)
                place.pass_over(block)
            elif block.ends is not None:
                yield from self._strictly(io.BytesIO(block.data), place, rows)
            else:
                file.seek(block.offset)
                yield from self._strictly(file, place, rows)

    def _plainly(self, cells: "list[pa.StringArray]", place: "Place", most: int) -> Iterator[Batch]:
        import numpy as np  # noqa: PLC0415 - 0.1 s, once used

        count = len(cells[0])
        most = max(min(most, MOST_BATCH_CELLS // len(cells)), 1)
        for start in range(0, count, most):
            length = min(most, count - start)
            first = place.row + start + 1
            columns = {
                name: column.slice(start, length)
                for name, column in zip(self.source.header, cells, strict=True)
            }
            yield Batch(np.arange(first, first + length), columns, {})

    def _strictly(self, file: BinaryIO, place: "Place", rows: int) -> Iterator[Batch | Found]:
        width, names = len(self.source.header), self.source.header
        numbers: list[int] = []
        cells: list[list[str]] = []
        characters = 0
        for row in _rows_of(self._path, file, self.source, place):
            if row.number <= self._header_row:
                continue
            if row.broken or len(row.cells) != width:
                if row.cells or row.broken:
                    yield row.broken or _ragged(row, width)
                else:
                    self._note_empty(row.number)
                continue
            numbers.append(row.number)
            cells.append(row.cells)
            # One cell of a row in sixteen tells enough of their length.
            characters += len(row.cells[0]) if len(numbers) % 16 else sum(map(len, row.cells)) * 16
            if (
                len(numbers) == rows
                or characters > MOST_BATCH_CHARACTERS
                or len(numbers) * width > MOST_BATCH_CELLS
            ):
                yield batch_of(numbers, dict(zip(names, zip(*cells, strict=True), strict=True)))
                numbers, cells, characters = [], [], 0
        if cells:
            yield batch_of(numbers, dict(zip(names, zip(*cells, strict=True), strict=True)))


def open_delimited(path: Path, source: Source, *, encoding: str | None = None) -> DelimitedReader:
    """Reads the header and tells the delimiter.

    Args:
        path: the file.
        source: what is known of it; `encoding` is set by it.
        encoding: to read it in, whatever it is; UTF-8 and nothing else by default.

    Raises:
        UnreadableError: it has no header, or is not UTF-8.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    if encoding is None:
        refuse_wide(sample)
    mark = sample.startswith(BYTE_ORDER_MARK)
    delimiter = _sniffed(sample.decode(encoding or "utf-8", "replace").removeprefix("\ufeff"))
    tabs = delimiter == "\t"
    made = Source(
        source.name, "tsv" if tabs and _named_tsv(path) else "csv", source.bytes, source.sha256,
        encoding or "utf-8", mark, delimiter,
    )  # fmt: skip
    header = next((row for row in raw_rows(path, made) if any(map(str.strip, row.cells))), None)
    if header is None:
        raise UnreadableError(Found(1, None, "no_header", None, "No row names the columns."))
    cells = (
        [as_it_was(cell) for cell in header.cells] if CORRECTIONS in header.cells else header.cells
    )
    names, found = read_header(cells, header.number)
    if mark:
        message = "The file begins with a byte order mark, which was read over."
        found.insert(0, Found(None, None, "byte_order_mark", None, message))
    if delimiter != ("\t" if made.format == "tsv" else ","):
        found.insert(0, _wrong_delimiter(delimiter))
    source = Source(
        made.name, made.format, made.bytes, made.sha256, made.encoding, mark, delimiter,
        header=names,
    )  # fmt: skip
    return DelimitedReader(path, source, header.number, found)


def raw_rows(path: Path, source: Source) -> Iterator[Row]:
    """Every row as it stands, the header and empty lines too.

    Raises:
        UnreadableError: a line or cell is too long, the text is not UTF-8 or has NUL bytes, or a
            quote is never closed.
    """
    with path.open("rb") as file:
        yield from _rows_of(path, file, source, Place())


def _rows_of(path: Path, file: BinaryIO, source: Source, place: Place) -> Iterator[Row]:
    """The rows of a file, or of a part of it, from a place on; see `raw_rows`."""
    csv.field_size_limit(MOST_CELL_CHARACTERS)
    lines = _Lines(path, file, source.encoding or "utf-8", place)
    reader = csv.reader(lines, delimiter=source.delimiter or ",", strict=True)
    while True:
        lines.start_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            place.row += 1
            yield Row(place.row, [], _broken(place.row, str(error)))
        else:
            place.row += 1
            yield Row(place.row, cells)


class _Lines:
    """The lines of a file, bounded; quoted cells make rows of several, bounded as well."""

    def __init__(self, path: Path, file: BinaryIO, encoding: str, place: Place) -> None:
        self._path, self._file, self._encoding, self._place = path, file, encoding, place
        self._errors = "strict" if encoding == "utf-8" else "replace"
        self._row_bytes = 0

    def start_row(self) -> None:
        """Says that the next line begins a row."""
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
        try:
            text = line.decode(self._encoding, self._errors)
        except UnicodeDecodeError as error:
            raise not_utf8(self._path, place.offset + error.start, line[error.start]) from None
        place.offset += len(line)
        return text.removeprefix("\ufeff") if place.line == 1 else text

    def _demand_bounded(self, line: bytes) -> None:
        place = self._place
        if len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
            _refuse("line_too_long", f"Line {place.line:,} is longer than 16 MB; line endings "
                    "are missing, or a quote is not closed.")  # fmt: skip
        if self._row_bytes > MOST_LINE_BYTES:
            _refuse("line_too_long", f"Row {place.row + 1:,} is longer than 16 MB; perhaps a quote "
                    "is not closed.")  # fmt: skip
        if b"\0" in line:
            at = place.offset + line.index(b"\0")
            _refuse("nul_bytes", f"Line {place.line:,} holds a NUL byte, at byte {at:,} of the "
                    "file.")  # fmt: skip


def _refuse(rule: str, message: str) -> NoReturn:
    raise UnreadableError(Found(None, None, rule, None, message))


def likely_encoding(path: Path) -> str:
    """What a text that is no UTF-8 is best read in, although it may fit no encoding."""
    return encoding_of(path) or "cp1252"


def _sniffed(sample: str) -> str:
    """The delimiter that makes the most known names, else the most columns, of the header."""
    lines = sample.splitlines()
    header = next((line for line in lines if line.strip()), "")[:MOST_CELL_CHARACTERS]

    def names(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            return 0, 0
        return sum(cell.strip() in NAMES for cell in cells), len(cells)

    return max(DELIMITERS, key=names)


def _named_tsv(path: Path) -> bool:
    return path.suffix.lower() in {".tsv", ".tab", ".txt"}


def _wrong_delimiter(delimiter: str) -> Found:
    return Found(
        None, None, "wrong_delimiter", "tab" if delimiter == "\t" else delimiter,
        f"The columns are separated by {DELIMITERS[delimiter]}; CSV has commas.", ",", certain=True,
    )  # fmt: skip


def _ragged(row: Row, width: int) -> Found:
    return Found(
        row.number, None, "ragged_row", None,
        f"Row {row.number:,} has {len(row.cells):,} cells, but there are {width:,} columns.",
    )  # fmt: skip


def _empty_lines(rows: list[int], count: int) -> Found:
    """Of empty lines, of which the first are named."""
    first = ", ".join(f"{row:,}" for row in rows)
    more = " and others" if count > len(rows) else ""
    return Found(
        rows[0], None, "empty_line", None,
        f"{count:,} empty lines were read over: rows {first}{more}.",
    )  # fmt: skip


def _broken(row: int, error: str) -> Found:
    """What Python's reader says, as a finding; all but misplaced quotes end the file."""
    for part, rule, message in _ERRORS:
        if part in error:
            raise UnreadableError(Found(row, None, rule, None, message.format(row=row)))
    message = f"Row {row:,} has text behind a closing quote."
    return Found(row, None, "quote_misplaced", None, message)

"""CSV and TSV, strictly, with Python's own reader: bounded lines of UTF-8 -> batches of text."""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from off_platform.imports.fields import NAMES
from off_platform.imports.readers.batches import (
    Batch,
    Found,
    Reader,
    Source,
    UnreadableError,
    batch_of,
)
from off_platform.imports.readers.headers import read_header
from off_platform.imports.readers.recognising import BYTE_ORDER_MARK

MOST_LINE_BYTES = 16 << 20
MOST_CELL_CHARACTERS = 1 << 20
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# A batch ends earlier when its rows are long, so that memory stays bounded.
MOST_BATCH_CHARACTERS = 64 << 20
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
_MARKS_OF_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LITTLE_OF_NUL = 0.2


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

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`."""
        self._found = list(self._first_found)
        width, names = len(self.source.header), self.source.header
        numbers: list[int] = []
        cells: list[list[str]] = []
        empty: list[int] = []
        records = characters = 0
        for row in raw_rows(self._path, self.source):
            if row.number <= self._header_row:
                continue
            if row.broken or len(row.cells) != width:
                if not row.cells and not row.broken:
                    empty.append(row.number)
                    continue
                self._found.append(row.broken or _ragged(row, width))
                records += 1
                continue
            numbers.append(row.number)
            cells.append(row.cells)
            # One cell of a row in sixteen tells enough of their length.
            characters += len(row.cells[0]) if len(numbers) % 16 else sum(map(len, row.cells)) * 16
            if len(numbers) == rows or characters > MOST_BATCH_CHARACTERS:
                yield batch_of(numbers, dict(zip(names, zip(*cells, strict=True), strict=True)))
                records += len(numbers)
                numbers, cells, characters = [], [], 0
        if cells:
            yield batch_of(numbers, dict(zip(names, zip(*cells, strict=True), strict=True)))
        if not records + len(numbers):
            raise UnreadableError(
                Found(None, None, "no_records", None, "There is a header and nothing below it.")
            )
        if empty:
            self._found.append(_empty_lines(empty))


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
    _refuse_utf_16(sample, encoding)
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
    names, found = read_header(header.cells, header.number)
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
    csv.field_size_limit(MOST_CELL_CHARACTERS)
    number = 0
    with path.open("rb") as file:
        lines = _lines(file, source.encoding or "utf-8")
        reader = csv.reader(lines, delimiter=source.delimiter or ",", strict=True)
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(number, [], _broken(number, str(error)))
            else:
                yield Row(number, cells)


def _lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    offset = 0
    strict = encoding == "utf-8"
    for number, line in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES), b""), 1):
        if len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
            raise UnreadableError(
                Found(None, None, "line_too_long", None,
                      f"Line {number:,} is longer than 16 MB; line endings are missing, or a quote "
                      "is not closed.")
            )  # fmt: skip
        if b"\0" in line:
            at = offset + line.index(b"\0")
            raise UnreadableError(
                Found(None, None, "nul_bytes", None,
                      f"Line {number:,} holds a NUL byte, at byte {at:,} of the file.")
            )  # fmt: skip
        try:
            text = line.decode(encoding, "strict" if strict else "replace")
        except UnicodeDecodeError as error:
            raise UnreadableError(
                not_utf8(line, number, offset + error.start, line[error.start])
            ) from None
        yield text.removeprefix("\ufeff") if number == 1 else text
        offset += len(line)


def not_utf8(sample: bytes, line: int, offset: int, byte: int) -> Found:
    """The finding about a byte that is no UTF-8, with the likely encoding."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - 0.05 s, only for damaged files

    best = from_bytes(sample[:_SAMPLE_BYTES]).best()
    likely = f"; it is probably {best.encoding.replace('_', '-')}" if best else ""
    return Found(
        None, None, "not_utf8", f"0x{byte:02x}",
        f"Line {line:,} is not UTF-8: byte {offset:,} of the file is 0x{byte:02x}{likely}.",
    )  # fmt: skip


def likely_encoding(path: Path) -> str:
    """What a text that is no UTF-8 was probably written in."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - 0.05 s, only for damaged files

    with path.open("rb") as file:
        best = from_bytes(file.read(_SAMPLE_BYTES)).best()
    return best.encoding if best and best.encoding not in {"ascii", "utf_8"} else "cp1252"


def _refuse_utf_16(sample: bytes, encoding: str | None) -> None:
    marked = sample.startswith(_MARKS_OF_UTF_16)
    if encoding is None and (marked or sample.count(b"\0") > _LITTLE_OF_NUL * len(sample)):
        raise UnreadableError(
            Found(None, None, "not_utf8", None,
                  "The file is UTF-16, as Excel's 'Unicode text' is; save it as 'CSV UTF-8'.")
        )  # fmt: skip


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


def _empty_lines(rows: list[int]) -> Found:
    first = ", ".join(f"{row:,}" for row in rows[:MOST_EMPTY_NAMED])
    more = ", ..." if len(rows) > MOST_EMPTY_NAMED else ""
    return Found(
        rows[0], None, "empty_line", None,
        f"{len(rows):,} empty lines were read over: rows {first}{more}.",
    )  # fmt: skip


def _broken(row: int, error: str) -> Found:
    """What Python's reader says, as a finding; all but misplaced quotes end the file."""
    for part, rule, message in _ERRORS:
        if part in error:
            raise UnreadableError(Found(row, None, rule, None, message.format(row=row)))
    message = f"Row {row:,} has text behind a closing quote."
    return Found(row, None, "quote_misplaced", None, message)

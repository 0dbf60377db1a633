"""The beginning of a CSV or TSV: its delimiter, its header, and lines before that."""

import csv
import re
from dataclasses import replace
from pathlib import Path

from off_platform.imports.readers.batches import Found, SourceFile, UnreadableError
from off_platform.imports.readers.delimited.reader import DelimitedReader
from off_platform.imports.readers.delimited.rows import MOST_CELL_CHARACTERS, Row, raw_rows
from off_platform.imports.readers.delimited.swallowed import swallowed_by_header
from off_platform.imports.readers.encodings import BYTE_ORDER_MARK, encoding_of, refuse_wide
from off_platform.imports.readers.headers import read_header
from off_platform.imports.specification.fields import CORRECTIONS, NAMES
from off_platform.imports.specification.formulas import as_it_was

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
DELIMITER_OF = {"csv": ",", "tsv": "\t"}
# Excel reads it as the delimiter, other programs as a header.
SEPARATOR_HINT = re.compile(r'\s*"?sep=([^"\r\n])"?[,;\t| ]*(?:\r*\n|$)', re.IGNORECASE)
_NAMED_TSV = {".tsv", ".tab"}
_SAMPLE_BYTES = 256 << 10


def open_delimited(
    path: Path, source: SourceFile, *, encoding: str | None = None
) -> DelimitedReader:
    """Reads the header and detects the delimiter.

    Args:
        path: the file.
        source: facts about it; `encoding` is set here.
        encoding: encoding to read it in; by default strict UTF-8.

    Raises:
        UnreadableError: it has no header, or is not UTF-8.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    if encoding is None:
        refuse_wide(sample)
    mark = sample.startswith(BYTE_ORDER_MARK)
    text = sample.decode(encoding or "utf-8", "replace").removeprefix("\ufeff")
    hint = SEPARATOR_HINT.match(text)
    text = text[hint.end() :] if hint else text
    named_tsv = path.suffix.lower() in _NAMED_TSV
    delimiter = _sniffed(text, "\t" if named_tsv else ",", hint[1] if hint else None)
    is_tsv = named_tsv or (delimiter == "\t" and path.suffix.lower() == ".txt")
    made = replace(
        source,
        format="tsv" if is_tsv else "csv",
        encoding=encoding or "utf-8",
        byte_order_mark=mark,
        delimiter=delimiter,
    )
    rows = (row for row in raw_rows(path, made) if not row.is_empty)
    if hint:
        next(rows)
    header = next(rows, None)
    if header is None:
        raise UnreadableError(Found.of_file("no_header", "No row names the columns."))
    if swallowing := swallowed_by_header(header.cells, delimiter):
        raise UnreadableError(_header_not_closed(header, swallowing))
    is_ours = CORRECTIONS in header.cells
    cells = [as_it_was(cell) for cell in header.cells] if is_ours else header.cells
    names, found = read_header(cells, header.number, header.line)
    if mark:
        message = "The file begins with a byte order mark, which was ignored."
        found.insert(0, Found.of_file("byte_order_mark", message))
    if hint:
        message = f"The first line, '{hint[0].strip()}', is a hint for Excel and was ignored."
        found.insert(0, Found(1, None, "separator_hint", hint[0].strip(), message, line=1))
    if delimiter != DELIMITER_OF[made.format]:
        found.insert(0, _wrong_delimiter(delimiter, made.format))
    return DelimitedReader(path, replace(made, header=names), header, found)


def likely_encoding(path: Path) -> str:
    """The best encoding for a text that is not UTF-8, even if none fits."""
    return encoding_of(path) or "cp1252"


def _header_not_closed(header: Row, swallowing: str) -> Found:
    last = header.line + len(swallowing.splitlines()) - 1
    message = (
        f"A quote in the header is opened on line {header.line:,} and closed on line {last:,}; "
        "the text between them looks like rows."
    )
    return Found(
        header.number, None, "quote_not_closed", swallowing[:200], message, line=header.line
    )


def _sniffed(sample: str, usual: str, hinted: str | None) -> str:
    """The delimiter that gives the most known names in the header, otherwise the most columns.

    Args:
        sample: the beginning of the file, from the header on.
        usual: that of the format, used for a header of one column.
        hinted: that of the hint for Excel; used unless it is not in the header.
    """
    lines = sample.splitlines()
    header = next((line for line in lines if line.strip()), "")[:MOST_CELL_CHARACTERS]

    def names(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            return 0, 0
        return sum(cell.strip() in NAMES for cell in cells), len(cells)

    if hinted in DELIMITERS and names(hinted)[1] > 1:
        return hinted
    return max((usual, *DELIMITERS), key=names)


def _wrong_delimiter(delimiter: str, wanted: str) -> Found:
    right = DELIMITER_OF[wanted]
    return Found(
        None,
        None,
        "wrong_delimiter",
        "tab" if delimiter == "\t" else delimiter,
        f"The columns are separated by {DELIMITERS[delimiter]}; {wanted.upper()} has "
        f"{DELIMITERS[right]}.",
        "tab" if right == "\t" else right,
        certain=True,
    )

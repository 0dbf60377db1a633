"""The corrected copy of a CSV or TSV: the bytes of the file, except corrected cells.

Delimiter, quotes, line ends and byte order mark are kept. A file with the wrong delimiter gets the
right one, and cells that contain it are quoted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from off_platform.imports.outputs.corrected.corrections import Certain, Copy, Corrections, noted
from off_platform.imports.readers.batches import SourceFile
from off_platform.imports.readers.delimited.blocks import Position
from off_platform.imports.readers.delimited.opening import DELIMITER_OF, DELIMITERS, open_delimited
from off_platform.imports.readers.delimited.rows import Row, rows_of
from off_platform.imports.readers.headers import plain_name
from off_platform.imports.specification.fields import CORRECTIONS
from off_platform.imports.specification.formulas import as_it_was, computes

_LINE_END = re.compile(r"[\r\n]*\Z")
# Only rows with a sign that may begin a cell, after quotes, apostrophes and space, are examined by
# cell: what is before it is no letter, digit or other punctuation.
_MAYBE_FORMULA = re.compile(rb"(?:^|[\x00-\x20\x7f-\xff,;|\"'])[=+@-]")


def copy_delimited(path: Path, source: SourceFile, certain: Certain, to: Path) -> Copy:
    """Writes the copy; see `corrected.write_corrected`."""
    rewriter = _Rewriter(path, source, certain)
    with to.open("wb") as file:
        for row, raw in _raw_rows(path, source):
            file.write(rewriter.row(row, raw))
    return rewriter.copy


def _raw_rows(path: Path, source: SourceFile) -> Iterator[tuple[Row, bytes]]:
    """Every row with its bytes, including its line end."""
    place = Position()
    with path.open("rb") as file, path.open("rb") as raw:
        before = 0
        for row in rows_of(path, file, source, place):
            yield row, raw.read(place.offset - before)
            before = place.offset


class _Rewriter:
    """Rewrites one row after another."""

    def __init__(self, path: Path, source: SourceFile, certain: Certain) -> None:
        self.copy = Copy()
        self._certain, self._names = certain, list(source.header)
        self._old = source.delimiter or ","
        self._new = DELIMITER_OF[source.format]
        self._header_row = open_delimited(path, source).header_row
        self._is_ours = CORRECTIONS in self._names
        # Its readers see that quotes were added to texts that compute.
        self._adds = not self._is_ours and (
            certain.any or any(self._computing(row, raw) for row, raw in _raw_rows(path, source))
        )
        self._at = {name: at for at, name in enumerate(self._names)}
        if self._new != self._old:
            self.copy.rewritten = (
                f"Its columns are separated by {DELIMITERS[self._new]} instead of "
                f"{DELIMITERS[self._old]}."
            )

    def row(self, row: Row, raw: bytes) -> bytes:
        """A row's bytes in the copy."""
        if row.number < self._header_row:
            # Its content is the delimiter, or nothing.
            return b"" if self._new != self._old and not row.is_empty else raw
        is_header = row.number == self._header_row
        corrections = {} if is_header or row.broken else self._certain.of(row.number)
        computing = self._computing(row, raw)
        adds = self._adds and len(row.cells) >= len(self._names) and not row.is_empty
        has_names = is_header and any(cell != plain_name(cell) for cell in row.cells)
        if not (corrections or computing or has_names or self._new != self._old):
            if adds and not is_header:
                # The other cells are as they were, so they need not be found.
                end = len(raw.rstrip(b"\r\n"))
                return raw[:end] + self._new.encode() + raw[end:]
            if not adds:
                return raw
        changes = _Changes(corrections, computing, adds=adds, is_header=is_header)
        return self._rewritten(row, raw.decode(), changes)

    def _rewritten(self, row: Row, text: str, changes: "_Changes") -> bytes:
        end = _LINE_END.search(text).start()  # type: ignore[union-attr]
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        cells = raw_cells(text[len(mark) : end], self._old)
        if changes.is_header:
            cells = [
                _quoted(raw, plain_name(name), self._new) if name != plain_name(name) else raw
                for raw, name in zip(cells, row.cells, strict=True)
            ]
        for column, proposal in changes.corrections.items():
            at = self._at[column]
            cells[at] = _quoted(cells[at], proposal, self._new)
        self.copy.corrected += len(changes.corrections)
        for at in changes.computing:
            self._neutralise(row, cells, at, changes)
        if changes.adds:
            cells.append(CORRECTIONS if changes.is_header else "")
        if changes.corrections and not changes.is_header:
            at = self._at.get(CORRECTIONS, len(self._names))
            before = row.cells[at] if at < len(row.cells) else ""
            said = noted(before, changes.corrections)
            cells[at] = _quoted(cells[at], f"'{said}" if computes(said) else said, self._new)
        made = self._new.join(_fitting(cell, self._new) for cell in cells)
        return f"{mark}{made}{text[end:]}".encode()

    def _neutralise(self, row: Row, cells: list[str], at: int, changes: "_Changes") -> None:
        """Prefixes cells that compute with a quote, after corrections."""
        name = self._names[at] if at < len(self._names) else f"(column {at + 1})"
        text = changes.corrections.get(name, row.cells[at])
        if not computes(text):
            return
        cells[at] = _quoted(cells[at], f"'{text}", self._new)
        self.copy.neutralised.add(f"line {row.line:,}, column {at + 1}")
        if not changes.is_header and len(row.cells) >= len(self._names):
            changes.corrections[name] = f"'{text}"

    def _computing(self, row: Row, raw: bytes) -> list[int]:
        """Positions of the cells that compute, before or after correction."""
        if not _MAYBE_FORMULA.search(raw):
            return []
        was = as_it_was if self._is_ours else str
        # In one of our copies, they already have the quote.
        return [at for at, cell in enumerate(row.cells) if computes(cell) and was(cell) == cell]


@dataclass(slots=True)
class _Changes:
    """The changes of a row."""

    corrections: Corrections
    computing: list[int]
    adds: bool
    is_header: bool


def raw_cells(text: str, delimiter: str) -> list[str]:
    """The cells of a row as written, including quotes.

    Args:
        text: the row's text, without its line end.
        delimiter: the separator of cells.
    """
    pattern, cells, at = _cell(delimiter), list[str](), 0
    # An empty text is also a cell.
    while at <= len(text) and (found := pattern.match(text, at)):
        cells.append(found[0])
        at = found.end() + len(delimiter)
    return cells


@cache
def _cell(delimiter: str) -> "re.Pattern[str]":
    """Reads a cell: quoted, or up to the next delimiter."""
    between = re.escape(delimiter)
    return re.compile(rf'"(?:[^"]|"")*+"(?={between}|\Z)|[^{between}]*+')


def _quoted(raw: str, text: str, delimiter: str) -> str:
    """A text, quoted as the cell it replaces."""
    needs = raw.startswith('"') or any(each in text for each in (delimiter, '"', "\r", "\n"))
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if needs else text


def _fitting(raw: str, delimiter: str) -> str:
    """The cell, quoted if it contains the delimiter and was not quoted."""
    return raw if raw.startswith('"') or delimiter not in raw else _quoted("", raw, delimiter)

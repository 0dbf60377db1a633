"""Reads CSV and TSV strictly: batches of text, and findings on other rows.

`blocks.py` reads sound blocks, `rows.py` all others row by row, with equal results; `opening.py`
reads the header.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pyarrow.compute as pc

from off_platform.imports.readers.batches import (
    MOST_WAITING,
    Batch,
    Found,
    Reader,
    SourceFile,
    UnreadableError,
    batch_of,
)
from off_platform.imports.readers.delimited.blocks import (
    Block,
    Position,
    blocks,
    columns_of,
    first_lines,
    without_text,
)
from off_platform.imports.readers.delimited.rows import Row, rows_of
from off_platform.imports.readers.delimited.swallowed import swallowed
from off_platform.imports.specification.fields import CORRECTIONS, IDENTIFIERS
from off_platform.imports.specification.formulas import as_they_were

if TYPE_CHECKING:
    import pyarrow as pa

    from off_platform.imports.readers.delimited.blocks import Places

# A batch ends earlier if its rows are long or wide, to limit memory.
MOST_BATCH_CHARACTERS = 64 << 20
MOST_BATCH_CELLS = 8 << 20
MOST_EMPTY_NAMED = 5


class DelimitedReader(Reader):
    """Reads one CSV or TSV file."""

    header_row: int

    def __init__(self, path: Path, source: SourceFile, header: Row, found: list[Found]) -> None:
        """Takes a file whose header has been read."""
        super().__init__(source)
        self._path, self._header = path, header
        self.header_row, self.header_line = header.number, header.line
        self._first_found = found
        self._empty = _Counted()
        self._doubled = _Counted()
        names = source.header
        self._identifier = next((at for at, name in enumerate(names) if name in IDENTIFIERS), 0)

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`."""
        self._found = list(self._first_found)
        self._empty, self._doubled = _Counted(), _Counted()
        records = waiting = 0
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
                Found.of_file("no_records", "There is a header and nothing below it.")
            )
        self._found += [
            *self._empty.found("empty_line", "{} empty lines were ignored: rows {}."),
            *self._doubled.found(
                "line_ending_doubled", "{} lines end with two carriage returns: rows {}."
            ),
        ]

    def _as_it_was(self, batch: Batch) -> Batch:
        """A batch of a corrected copy, without quotes before texts that compute."""
        if CORRECTIONS not in self.source.header:
            return batch
        columns = {name: as_they_were(texts) for name, texts in batch.columns.items()}
        return Batch(batch.rows, columns, batch.not_text, batch.lines)

    def _parts(self, file: BinaryIO, rows: int) -> Iterator[Batch | Found]:
        """Batches, and findings on rows that are in none."""
        place, is_utf8 = Position(), self.source.encoding == "utf-8"
        delimiter, width = self.source.delimiter or ",", len(self.source.header)
        for block in blocks(file, rows):
            # The header, and lines before it, are not plain.
            is_plain = is_utf8 and place.row >= self._header.number
            cells = columns_of(block, delimiter, width) if is_plain else None
            if cells is not None:
                yield from self._plainly(block, cells, place, rows)
                place.pass_over(block)
            elif block.ends is not None:
                yield from self._strictly(io.BytesIO(block.data), place, rows)
            else:
                file.seek(block.offset)
                yield from self._strictly(file, place, rows)

    def _plainly(
        self, block: Block, cells: "list[pa.StringArray]", place: Position, most: int
    ) -> Iterator[Batch | Found]:
        rows = np.arange(place.row + 1, place.row + 1 + len(cells[0]))
        if block.ends is not None and block.line_feeds > block.rows:
            lines = first_lines(block.data, block.ends, place)
            yield from self._swallowed(rows, lines, cells)
        else:
            lines = rows + (place.line - place.row)
        empty = without_text(cells)
        if empty.any():
            self._empty.add_all(rows[empty], lines[empty])
            rows, lines = rows[~empty], lines[~empty]
            cells = [column.filter(~empty) for column in cells]
        most = max(min(most, MOST_BATCH_CELLS // len(cells)), 1)
        for start in range(0, len(rows), most):
            columns = {
                name: column.slice(start, most)
                for name, column in zip(self.source.header, cells, strict=True)
            }
            part = slice(start, start + most)
            yield Batch(rows[part], columns, {}, lines[part])

    def _swallowed(
        self, rows: "Places", lines: "Places", cells: "list[pa.StringArray]"
    ) -> Iterator[Found]:
        """The findings on rows of a block that span several lines."""
        several: dict[int, list[tuple[str, str]]] = {}
        for name, column in zip(self.source.header, cells, strict=True):
            has = pc.fill_null(pc.match_substring_regex(column, "[\r\n]"), fill_value=False)
            for at in np.flatnonzero(has.to_numpy(zero_copy_only=False)).tolist():
                several.setdefault(at, []).append((name, column[at].as_py()))
        for at in sorted(several):
            if found := self._of_lines(int(rows[at]), int(lines[at]), several[at]):
                yield found

    def _of_lines(self, row: int, line: int, cells: list[tuple[str, str]]) -> Found | None:
        delimiter, header = self.source.delimiter or ",", self.source.header
        return swallowed(row, line, cells, delimiter, self._identifier, header)

    def _strictly(self, file: BinaryIO, place: Position, rows: int) -> Iterator[Batch | Found]:
        width, names = len(self.source.header), self.source.header
        numbers: list[int] = []
        lines: list[int] = []
        cells: list[list[str]] = []
        characters = 0
        for row in rows_of(self._path, file, self.source, place):
            if row.number <= self._header.number:
                continue
            if row.doubled_return:
                self._doubled.add(row.number, row.line)
            if row.is_empty:
                self._empty.add(row.number, row.line)
                continue
            if row.broken or len(row.cells) != width:
                yield row.broken or _ragged(row, width)
                continue
            if row.last_line > row.line and (found := self._of_lines(*_several(row, names))):
                yield found
            numbers.append(row.number)
            lines.append(row.line)
            cells.append(row.cells)
            # One cell in sixteen rows is enough to estimate their length.
            characters += len(row.cells[0]) if len(numbers) % 16 else sum(map(len, row.cells)) * 16
            if (
                len(numbers) == rows
                or characters > MOST_BATCH_CHARACTERS
                or len(numbers) * width > MOST_BATCH_CELLS
            ):
                yield _batch(numbers, names, cells, lines)
                numbers, lines, cells, characters = [], [], [], 0
        if cells:
            yield _batch(numbers, names, cells, lines)


def _batch(
    numbers: list[int], names: tuple[str, ...], cells: list[list[str]], lines: list[int]
) -> Batch:
    columns = dict(zip(names, zip(*cells, strict=True), strict=True))
    return batch_of(numbers, columns, lines=lines)


def _ragged(row: Row, width: int) -> Found:
    return Found(
        row.number,
        None,
        "ragged_row",
        None,
        f"Row {row.number:,} has {len(row.cells):,} cells, but there are {width:,} columns.",
        line=row.line,
    )


def _several(row: Row, names: tuple[str, ...]) -> tuple[int, int, list[tuple[str, str]]]:
    cells = zip(names, row.cells, strict=True)
    return row.number, row.line, [(name, text) for name, text in cells if "\n" in text]


class _Counted:
    """Rows of a kind: their number, and the first ones."""

    def __init__(self) -> None:
        self._count, self._first = 0, list[tuple[int, int]]()

    def add(self, row: int, line: int) -> None:
        self._count += 1
        if len(self._first) < MOST_EMPTY_NAMED:
            self._first.append((row, line))

    def add_all(self, rows: "Places", lines: "Places") -> None:
        first = slice(MOST_EMPTY_NAMED)
        for row, line in zip(rows[first].tolist(), lines[first].tolist(), strict=True):
            self.add(row, line)
        self._count += len(rows[MOST_EMPTY_NAMED:])

    def found(self, rule: str, message: str) -> list[Found]:
        """One finding on all of them, which names the first; none if there are none."""
        if not self._count:
            return []
        first = ", ".join(f"{row:,}" for row, _ in self._first)
        more = " and others" if self._count > len(self._first) else ""
        said = message.format(f"{self._count:,}", f"{first}{more}")
        row, line = self._first[0]
        return [Found(row, None, rule, None, said, line=line)]

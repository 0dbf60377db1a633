"""Reads plain blocks of a CSV with Arrow's reader, which is ten times faster.

A block is sound or not by the positions of its quotes, delimiters and line ends; all others, and
every error, are left to the strict reader in `rows.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

Places = npt.NDArray[np.int64]

LEAST_BYTES = 64 << 10
MOST_BYTES = 16 << 20
# A longer row is read line by line, and refused before it fills memory.
LONGEST_ROW = 4 << 20
# Bytes of a row in which no cell can be too long for the strict reader.
SURELY_BOUNDED = 1 << 20
# Python's white space, which is more than Arrow's.
_SPACES = "".join(each for each in map(chr, range(0x3001)) if each.isspace())
_QUOTE, _LINE_FEED, _RETURN = b'"'[0], b"\n"[0], b"\r"[0]


@dataclass(frozen=True, slots=True)
class Block:
    """Complete rows of a file.

    Attributes:
        data: their bytes; empty when `ends` is None.
        offset: position of the first in the file.
        ends: positions of the last byte of each row; None if unknown, and then the block is the
            rest of the file.
        line_feeds: their number, including those in quotes.
    """

    data: bytes
    offset: int
    ends: Places | None = None
    line_feeds: int = 0

    @property
    def rows(self) -> int:
        """The number of rows, if known."""
        return 0 if self.ends is None else len(self.ends)


@dataclass(slots=True)
class Position:
    """The position in a file: rows, lines and bytes read."""

    row: int = 0
    line: int = 0
    offset: int = 0

    def pass_over(self, block: Block) -> None:
        """Advances past a block."""
        self.row += block.rows
        self.line += block.line_feeds
        self.offset += len(block.data)


def blocks(file: BinaryIO, rows: int) -> Iterator[Block]:
    """The blocks of a file, each of about a given number of rows.

    Args:
        file: opened at its beginning.
        rows: per block, estimated from the previous block.
    """
    size, offset, rest = LEAST_BYTES, 0, b""
    while data := rest + file.read(max(size - len(rest), LEAST_BYTES)):
        is_last = len(data) < size
        ends = _row_ends(data, is_last=is_last)
        if ends is None or (not len(ends) and len(data) > LONGEST_ROW):
            yield Block(b"", offset)
            return
        if not len(ends):
            size, rest = size * 2, data
            continue
        cut = int(ends[-1]) + 1
        yield Block(data[:cut], offset, ends, data.count(b"\n", 0, cut))
        rest, offset = data[cut:], offset + cut
        size = min(max(cut * rows // len(ends), LEAST_BYTES), MOST_BYTES)


def _row_ends(data: bytes, *, is_last: bool) -> Places | None:
    """The ends of rows; None if a quote is in a position that only the strict reader can judge."""
    values = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(values == _LINE_FEED)
    quotes = np.flatnonzero(values == _QUOTE)
    if len(quotes):
        if is_last and len(quotes) % 2:
            return None
        # A line feed after an odd number of quotes is part of a cell.
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    if is_last and (not len(ends) or ends[-1] != len(data) - 1):
        ends = np.append(ends, len(data) - 1)
    return ends


def columns_of(block: Block, delimiter: str, width: int) -> list[pa.StringArray] | None:
    """The cells of a sound block by column; null for empty cells.

    Args:
        block: complete rows.
        delimiter: the separator of cells.
        width: number of columns.

    Returns:
        None if the block is not sound: the strict reader must report the problem.
    """
    if block.ends is None or not _is_sound(block, block.ends, delimiter):
        return None
    try:
        table = pc_csv.read_csv(
            pa.py_buffer(block.data),
            pc_csv.ReadOptions(
                column_names=[str(at) for at in range(width)], block_size=len(block.data) + 1
            ),
            pc_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False
            ),
            pc_csv.ConvertOptions(
                column_types={str(at): pa.string() for at in range(width)},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        # Such as text that is not UTF-8, or a row with a cell more; the strict reader finds where.
        return None
    if len(table) != block.rows:
        return None
    return [column.combine_chunks() for column in table.columns]


def first_lines(data: bytes, ends: Places, place: Position) -> Places:
    """The line on which each row of a block begins, given the position of the block."""
    starts = np.append(0, ends[:-1] + 1)
    feeds = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_FEED)
    return place.line + 1 + np.searchsorted(feeds, starts)


def without_text(cells: list[pa.StringArray]) -> npt.NDArray[np.bool_]:
    """Which rows have only empty or white-space cells."""
    empty = np.ones(len(cells[0]), dtype=bool)
    for column in cells:
        blank = pc.equal(pc.binary_length(pc.utf8_trim(column, _SPACES)), 0)
        empty &= pc.fill_null(blank, fill_value=True).to_numpy(zero_copy_only=False)
        if not empty.any():
            break
    return empty


def _is_sound(block: Block, ends: Places, delimiter: str) -> bool:
    """Whether no row is empty, and quotes enclose complete cells only; Arrow counts the cells."""
    values = np.frombuffer(block.data, np.uint8)
    quotes = np.flatnonzero(values == _QUOTE)
    if b"\0" in block.data or not _quotes_are_sound(values, quotes, delimiter):
        return False
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts
    returns = np.flatnonzero(values == _RETURN)
    if len(returns):
        followed = values[np.minimum(returns + 1, len(values) - 1)] == _LINE_FEED
        if not followed.all():
            return False
        # A row of only `\r\n` is empty.
        lengths = lengths - (values[np.maximum(ends - 1, 0)] == _RETURN)
    return bool((lengths > 0).all() and (lengths < SURELY_BOUNDED).all())


def _quotes_are_sound(values: npt.NDArray[np.uint8], quotes: Places, delimiter: str) -> bool:
    """Whether opening quotes are at a cell's start, and closing ones at its end.

    A doubled quote within a cell closes and opens at once.
    """
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening > 0, values[np.maximum(opening - 1, 0)], _LINE_FEED)
    last = len(values) - 1
    behind = np.where(closing < last, values[np.minimum(closing + 1, last)], _LINE_FEED)
    separator = ord(delimiter)
    reopened = np.append(False, closing[:-1] == opening[1:] - 1)
    opens = (before == separator) | (before == _LINE_FEED) | reopened
    closed_again = np.append(reopened[1:], False)
    closes = (behind == separator) | (behind == _LINE_FEED) | (behind == _RETURN) | closed_again
    return bool(opens.all() and closes.all())

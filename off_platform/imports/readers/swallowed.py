"""Rows that a quote swallowed: it was opened in one row and closed in another. Pure.

Such a row has as many cells as there are columns, so that nothing else shows it: one cell holds the
rest of its own line, whole lines, and the beginning of another.
"""

import re
from collections.abc import Sequence

from off_platform.imports.readers.batches import Found

# What identifies a product has a digit, and no white space.
_IDENTIFIER = re.compile(r"""\s*["']?(?=\S*[0-9])[^\s"']{3,40}["']?\s*""")
# A text of two lines may well have two commas.
_LEAST_DELIMITERS = 3
_MOST_LINES_NAMED = 1_000_000


def swallowed(
    row: int,
    line: int,
    cells: Sequence[tuple[str, str]],
    delimiter: str,
    identifier: int,
    width: int,
) -> Found | None:
    """What is to be said of a row that stands on several lines.

    Args:
        row: its number.
        line: its first line.
        cells: column and text of those of its cells that hold line ends.
        delimiter: between cells.
        identifier: place of the first column that identifies products, from 0.
        width: how many columns there are.

    Returns:
        `rows_in_quotes` where a line within a cell is a row of the table with its identifier,
        `line_ends_in_quotes` where it has as many delimiters alone; None otherwise.
    """
    for name, text in cells:
        lines = text.splitlines()
        ends, delimiters = len(lines) - 1, text.count(delimiter)
        if width < 2 or ends < 1 or delimiters < ends * (width - 1):  # noqa: PLR2004 - one column
            continue
        named = any(_is_row(each, delimiter, identifier) for each in lines[1:])
        if not named and not _as_wide(lines, delimiter, width):
            continue
        last = line + min(ends, _MOST_LINES_NAMED)
        return Found(
            row, name, "rows_in_quotes" if named else "line_ends_in_quotes", text[:200],
            f"Lines {line:,} to {last:,} are one row: a quote that is opened on line {line:,} is "
            f"closed on line {last:,}, and what is between has the form of rows.",
            line=line,
        )  # fmt: skip
    return None


def _is_row(line: str, delimiter: str, identifier: int) -> bool:
    """Whether a line has something that identifies a product where a row has it."""
    cells = line.split(delimiter, identifier + 1)
    return len(cells) > identifier and bool(_IDENTIFIER.fullmatch(cells[identifier]))


def _as_wide(lines: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether every line within the cell, and its two ends together, have a row's delimiters."""
    counts = [line.count(delimiter) for line in lines]
    return (
        sum(counts) >= _LEAST_DELIMITERS
        and counts[0] + counts[-1] == width - 1
        and all(count == width - 1 for count in counts[1:-1])
    )

"""Detects rows inside a quoted cell: a quote was opened in one row and closed in another. Pure.

Such a row has as many cells as there are columns, so no other check detects it: one cell contains
the rest of its own line, complete lines, and the beginning of another.
"""

import re
from collections.abc import Sequence

from off_platform.imports.readers.batches import Found

# An identifier of a product has a digit and no white space.
_IDENTIFIER = re.compile(r"""\s*["']?(?=\S*[0-9])[^\s"']{3,40}["']?\s*""")
_CODE = re.compile("[0-9]{6,14}")
# A text of two lines may have two commas.
_LEAST_DELIMITERS = 3
_MOST_LINES_NAMED = 1_000_000


def swallowed(
    row: int,
    line: int,
    cells: Sequence[tuple[str, str]],
    delimiter: str,
    identifier: int,
    header: Sequence[str],
) -> Found | None:
    """The finding on a row that spans several lines.

    Args:
        row: its number.
        line: its first line.
        cells: column and text of its cells that contain line ends.
        delimiter: between cells.
        identifier: position of the first column that identifies products, from 0.
        header: names of the columns.

    Returns:
        `rows_in_quotes` if a line within a cell is a row of the table with its identifier,
        `line_ends_in_quotes` if it only has as many delimiters; None otherwise.
    """
    width = len(header)
    for name, text in cells:
        lines = text.splitlines()
        ends, delimiters = len(lines) - 1, text.count(delimiter)
        if width < 2 or ends < 1 or delimiters < ends * (width - 1):  # noqa: PLR2004 - one column
            continue
        named = any(_is_row(each, delimiter, identifier) for each in lines[1:])
        named = named or _ends_a_row(
            lines[0], delimiter, identifier - header.index(name), width - header.index(name)
        )
        if not named and not _as_wide(lines, delimiter, width):
            continue
        last = line + min(ends, _MOST_LINES_NAMED)
        return Found(
            row,
            name,
            "rows_in_quotes" if named else "line_ends_in_quotes",
            text[:200],
            f"Lines {line:,} to {last:,} are one row: a quote that is opened on line {line:,} is "
            f"closed on line {last:,}, and the text between them looks like rows.",
            line=line,
        )
    return None


def _is_row(line: str, delimiter: str, identifier: int) -> bool:
    """Whether a line has an identifier of a product in the position of a row's."""
    cells = line.split(delimiter, identifier + 1)
    return len(cells) > identifier and bool(_IDENTIFIER.fullmatch(cells[identifier]))


def _ends_a_row(line: str, delimiter: str, identifier: int, width: int) -> bool:
    """Whether the first line of a cell is the rest of a row, including its identifier."""
    cells = line.split(delimiter)
    return (
        len(cells) == width and identifier >= 0 and bool(_IDENTIFIER.fullmatch(cells[identifier]))
    )


def swallowed_by_header(cells: Sequence[str], delimiter: str) -> str | None:
    """The cell of a header that contains rows: one of its lines has a barcode among its cells."""
    for cell in cells:
        for line in cell.splitlines()[1:]:
            pieces = [each.strip(" \"'") for each in line.split(delimiter)]
            if len(pieces) > 1 and any(_CODE.fullmatch(each) for each in pieces):
                return cell
    return None


def _as_wide(lines: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether every line within the cell, and its two ends joined, have a row's delimiters."""
    counts = [line.count(delimiter) for line in lines]
    return (
        sum(counts) >= _LEAST_DELIMITERS
        and counts[0] + counts[-1] == width - 1
        and all(count == width - 1 for count in counts[1:-1])
    )

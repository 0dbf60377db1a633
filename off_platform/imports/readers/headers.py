"""The first row of a table, in every format: names of columns, or not. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from off_platform.imports.readers.batches import Found, UnreadableError
from off_platform.imports.specification.characters import without_invisible

MOST_COLUMNS = 2_000
MOST_NAME = 200
_MADE_UP = re.compile(r"\(column [0-9]{1,5}\)")
# Names of columns have a letter; a row of values usually has a number of six or more digits.
_VALUE = re.compile(r"\s*[0-9][0-9.,Ee+ -]{5,}\s*")


def plain_name(name: str) -> str:
    """The name of a column or JSON key without surrounding white space and invisible characters."""
    return without_invisible(name)[0].strip()


def name_trimmed(name: str) -> str:
    """The message of `header_trimmed`."""
    return f"The name '{name[:80]}' has surrounding spaces or invisible characters."


def is_named(column: str) -> bool:
    """Whether a column's name comes from the file, not from an empty cell."""
    return not _MADE_UP.fullmatch(column)


def read_header(
    cells: Sequence[str], row: int, line: int | None = None
) -> tuple[tuple[str, ...], list[Found]]:
    """The columns' names.

    Args:
        cells: of the first row that is not empty.
        row: its number.
        line: of texts, the line that it begins on.

    Returns:
        The trimmed names, generated ones for empty cells; and the findings.

    Raises:
        UnreadableError: `no_header`, `doubled_header`, `too_many_columns`.
    """
    # More columns are refused; a hostile row has millions.
    bounded = enumerate(cells[:MOST_COLUMNS], 1)
    names = tuple(plain_name(cell)[:MOST_NAME] or f"(column {place})" for place, cell in bounded)
    if fault := _fault_of(cells, names):
        raise UnreadableError(Found(row, None, fault.rule, fault.value, fault.message, line=line))
    return names, [
        Found(row, name, "header_trimmed", cell, name_trimmed(name), name, certain=True, line=line)
        for name, cell in zip(names, cells, strict=True)
        if cell != (plain := plain_name(cell)) and plain
    ]


class _Fault(NamedTuple):
    """Why a row cannot be the header: the broken rule, a message, and the wrong value."""

    rule: str
    message: str
    value: str | None = None


def _fault_of(cells: Sequence[str], names: Sequence[str]) -> _Fault | None:
    if len(cells) > MOST_COLUMNS:
        message = (
            f"There are {len(cells):,} columns, more than {MOST_COLUMNS:,}; only those of the "
            "specification are imported."
        )
        return _Fault("too_many_columns", message)
    value = next((cell for cell in cells if _VALUE.fullmatch(cell)), None)
    if value is not None:
        message = f"The first row contains values such as '{value[:40]}' instead of column names."
        return _Fault("no_header", message, value)
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        some = ", ".join(repr(name[:40]) for name in doubled[:5])
        message = f"{len(doubled):,} column names are not unique: {some}."
        return _Fault("doubled_header", message, doubled[0])
    return None

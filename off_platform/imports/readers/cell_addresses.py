"""The location of a finding: sheet and cell of a workbook, or line of a text; as data and in words.

A finding has its row and column; lines come from the readers.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.batches import SourceFile
from off_platform.imports.readers.xlsx.parts.values import letters_of

# Separates columns, values and cells of a finding about several.
SEVERAL = " + "
# Stands for the row in the pattern of a column's cells.
ROW = "#"


def pattern_of(column: str | None, header: Sequence[str]) -> str | None:
    """The pattern of a column's cells, such as `F#`, or of several columns, `F# + G#`.

    Args:
        column: its name, or the names of several.
        header: the names of all columns of the sheet, from column A.

    Returns:
        None if it is not a column of the sheet.
    """
    if column is None:
        return None
    parts = [column] if column in header else column.split(SEVERAL)
    if not all(part in header for part in parts):
        return None
    return SEVERAL.join(f"{letters_of(header.index(part))}{ROW}" for part in parts)


def cells_of(
    source: SourceFile | None, columns: pa.StringArray, rows: pa.Int64Array
) -> pa.StringArray:
    """The cells of findings, such as `F8`.

    Args:
        source: facts about the file.
        columns: of each finding.
        rows: of each finding.

    Returns:
        Null if there is no row or no such column, and for files other than workbooks.
    """
    if source is None or source.sheet is None:
        return pa.nulls(len(rows), pa.string())
    named = columns.dictionary_encode()
    patterns = [pattern_of(name, source.header) for name in named.dictionary.to_pylist()]
    letters = [pattern.replace(ROW, "").split(SEVERAL) if pattern else [] for pattern in patterns]
    numbers = rows.cast(pa.string())
    made = pa.nulls(len(rows), pa.string())
    for nth in range(max(map(len, letters), default=0)):
        letter = pa.array(_nth(letters, nth), pa.string()).take(named.indices)
        cells = pc.binary_join_element_wise(letter, numbers, "")
        # In a single step, Arrow would omit rows without one.
        made = pc.coalesce(pc.binary_join_element_wise(made, cells, SEVERAL), made, cells)
    return made


def _nth(lists: Iterable[Sequence[str]], nth: int) -> list[str | None]:
    return [each[nth] if nth < len(each) else None for each in lists]


def place(found: Mapping[str, Any]) -> str:
    """The location of a finding for users, such as `Products!F8` or `line 8`.

    Args:
        found: a row of `import_findings`.

    Returns:
        Empty for a finding on the whole file.
    """
    row, line, sheet = found["row"], found["line"], found["sheet"]
    if row is None:
        return ""
    if sheet is not None:
        named = " ".join(sheet.split())
        return f"{named}!{found['cell']}" if found["cell"] else f"{named}, row {row:,}"
    if line is None:
        return f"row {row:,}"
    return f"line {line:,}" if line == row else f"line {line:,}, row {row:,}"


def where(found: Mapping[str, Any]) -> str:
    """The location of a finding with its column, such as `Products!F8 (fat_g)`; on one line."""
    at, column = place(found), " ".join((found["column"] or "").split())
    return f"{at} ({column})" if at and column else at or column

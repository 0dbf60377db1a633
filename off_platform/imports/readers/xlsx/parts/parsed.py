"""Reads the cells of any sheet with an XML parser; `plain/` reads common XML without one."""

from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa

from off_platform.imports.readers.xlsx.parts.blocks import MOST_ROWS, Block
from off_platform.imports.readers.xlsx.parts.layout import Layout, is_hidden_row
from off_platform.imports.readers.xlsx.parts.package import damaged, events, local_name, text_of
from off_platform.imports.readers.xlsx.parts.values import cell_name, place_of

_MOST_CELLS = 1 << 14

# Style, type, text, and whether there is a formula.
Stored = tuple[str, str, str, bool]


def parsed_blocks(file: IO[bytes], sheet: str, layout: Layout, after: int) -> Iterator[Block]:
    """The cells of any sheet.

    Args:
        file: the sheet's XML, from its beginning.
        sheet: its name, for messages.
        layout: receives the sheet's layout.
        after: the number of the last row read before.

    Raises:
        UnreadableError: rows are out of order or duplicated, or the sheet is invalid otherwise.
    """
    rows: list[tuple[int, dict[int, Stored]]] = []
    hidden: set[int] = set()
    cells = 0
    for number, is_hidden, values in _rows(file, sheet, layout):
        if number <= after:
            continue
        rows.append((number, values))
        cells += len(values)
        if is_hidden:
            hidden.add(number)
        if cells > _MOST_CELLS:
            yield _block(rows, hidden)
            rows, hidden, cells = [], set(), 0
    if rows:
        yield _block(rows, hidden)


def _block(rows: list[tuple[int, dict[int, Stored]]], hidden: set[int]) -> Block:
    cells = [
        (nth, column, *values[column])
        for nth, (_, values) in enumerate(rows)
        for column in sorted(values)
    ]
    row, column, style, kind, text, formula = zip(*cells, strict=True)
    kinds = list(dict.fromkeys(zip(style, kind, strict=True)))
    places = {each: at for at, each in enumerate(kinds)}
    return Block(
        rows=np.array([number for number, _ in rows], np.int64),
        row=np.array(row, np.int64),
        column=np.array(column, np.int64),
        kinds=kinds,
        kind=np.array([places[each] for each in zip(style, kind, strict=True)], np.int64),
        has_formula=np.array(formula, bool),
        texts=pa.array(text, pa.string()),
        at=np.where(np.array(text, object) != "", np.arange(len(text)), -1).astype(np.int64),
        hidden=hidden,
    )


def _rows(
    file: IO[bytes], sheet: str, layout: Layout
) -> Iterator[tuple[int, bool, dict[int, Stored]]]:
    """The rows with cells: number, whether hidden, and stored cells by column."""
    number, values, rows, is_hidden = 0, dict[int, Stored](), None, False
    for event, element in events(file):
        name = local_name(element)
        if rows is None:
            if event == "start":
                rows = element if name == "sheetData" else None
                layout.take_element(name, element.attrib)
        elif event == "start":
            if name == "row":
                number, values = _row_number(element.get("r"), number, sheet), {}
                is_hidden = is_hidden_row(element.attrib)
        elif name == "c":
            values[_column(element.get("r"), number, values, sheet)] = _stored(element)
            element.clear()
        elif name == "row":
            if values:
                yield number, is_hidden, values
            rows.clear()
        elif name == "sheetData":
            rows = None


def _row_number(said: str | None, before: int, sheet: str) -> int:
    """The number of a row; rows without one are consecutive, and numbers must increase."""
    if said is None:
        number = before + 1
    elif said.isascii() and said.isdigit() and len(said) < 10:  # noqa: PLR2004 - digits
        number = int(said)
    else:
        raise damaged(f"a row of the sheet '{sheet}' has the number '{said[:20]}'")
    if number == before:
        raise damaged(f"row {number:,} is in the sheet '{sheet}' twice")
    if number < before or number > MOST_ROWS:
        raise damaged(f"row {number:,} follows row {before:,} in the sheet '{sheet}'")
    return number


def _column(reference: str | None, row: int, values: dict[int, Any], sheet: str) -> int:
    """The column of a cell, from 0; cells may be in any order, but not duplicated."""
    if reference is None:
        at = max(values, default=-1) + 1
    else:
        at, said = place_of(reference, sheet)
        if said != row:
            raise damaged(f"row {row:,} of the sheet '{sheet}' has a cell {reference}")
    if at in values:
        raise damaged(f"the cell {cell_name(sheet, at, row)} appears twice")
    return at


def _stored(element: Any) -> Stored:
    text, has_formula = "", False
    for child in element:
        match local_name(child):
            case "f":
                has_formula = True
            case "v":
                text = child.text or ""
            case "is":
                text = text_of(child)
    return element.get("s", ""), element.get("t", ""), text, has_formula

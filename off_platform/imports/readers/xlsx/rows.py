"""The rows of a sheet, straight from its XML.

What spreadsheet programs write is plain: rows and cells in order, each with its reference. Such
rows are matched by one expression, which takes a third of an XML parser's time; from the first
others on the parser reads. Both come to the same values, which `cells.py` makes.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import IO, Any

from off_platform.imports.readers.xlsx.cells import Cells
from off_platform.imports.readers.xlsx.layout import Layout
from off_platform.imports.readers.xlsx.package import (
    Package,
    Sheet,
    damaged,
    events,
    local_name,
    text_of,
    unescaped,
)

Values = tuple[Any, ...]

CHUNK = 1 << 20
MOST_ROWS = 1_048_576
MOST_KEPT = 1 << 16
# A longer row is not matched as a whole.
MOST_BYTES = 16 << 20

_ATTRIBUTES = rb'(?: [A-Za-z0-9:]+="[^"<&]*+")*+'
_FORMULA = rb"(?:(<f)" + _ATTRIBUTES + rb"(?:/>|>[^<]*+</f>))?+"
_CELL = (
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: s="([0-9]{1,6})")?+(?: t="([A-Za-z]{1,10})")?+'
    rb"(?:/>|>" + _FORMULA + rb"(?:<v>([^<]*+)</v>|<v/>|"
    rb'<is><t(?: xml:space="preserve")?+>([^<]*+)</t></is>)?+</c>)'
)
_NUMBERED = rb'<row r="([0-9]{1,7})"'
_CELLS = re.compile(_NUMBERED + rb"|" + _CELL)
_UNGROUPED = re.compile(rb"(?<!\\)\((?!\?)")
_ROW = (
    _UNGROUPED.sub(rb"(?:", _NUMBERED)
    + _ATTRIBUTES
    + rb"(?:/>|>(?:"
    + _UNGROUPED.sub(rb"(?:", _CELL)
    + rb")*+</row>)"
)
_ROWS = re.compile(rb"(?:\s*+" + _ROW + rb")*+\s*+")
_UTF_8 = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^>]*encoding=[\"'][Uu][Tt][Ff]-8[\"'][^>]*\?>")
_ODD = re.compile(rb"[\x00-\x08\x0b-\x1f]")
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class NotPlainError(Exception):
    """The rows from here on are not plain."""


def rows_of(
    package: Package, sheet: Sheet, layout: Layout | None = None
) -> Iterator[tuple[int, Values]]:
    """The rows of a sheet that have cells, with their numbers.

    Args:
        package: the workbook.
        sheet: of it.
        layout: is given what there is around the values.

    Raises:
        UnreadableError: rows are out of order or there twice, or anything else makes no sense.
    """
    cells, last = Cells(package, sheet.name), 0
    layout = layout or Layout()
    try:
        with package.open(sheet.part) as file:
            for number, values in plain_rows(file, cells, layout):
                last = number
                yield number, values
    except NotPlainError:
        pass
    else:
        return
    with package.open(sheet.part) as file:
        for number, values in parsed_rows(file, cells, sheet.name, layout):
            if number > last:
                yield number, values


def plain_rows(file: IO[bytes], cells: Cells, layout: Layout) -> Iterator[tuple[int, Values]]:
    """The rows of a sheet, as long as they are plain.

    Args:
        file: the sheet's XML, from its beginning.
        cells: knows what they hold.
        layout: is given what there is around the values.

    Raises:
        NotPlainError: at the first rows that are not plain; those before have come.
    """
    reader = _PlainCells(cells)
    last = 0
    for block in _blocks(file, layout):
        values: list[Any] = []
        number = last
        for row, letters, digits, *parts in _CELLS.findall(block):
            if row:
                if values:
                    yield number, tuple(values)
                number, values = int(row), []
                if number <= last or number > MOST_ROWS:
                    raise NotPlainError
                last = number
                continue
            at = cells.column_of(letters)
            if at < len(values) or int(digits) != number:
                raise NotPlainError
            values.extend([None] * (at - len(values)))
            values.append(reader.value((at, number), *parts))
        if values:
            yield number, tuple(values)


class _PlainCells:
    """What plain cells hold; most texts and many numbers are there more than once."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._known: dict[tuple[bytes, bytes, bytes], Any] = {}

    def value(self, place: tuple[int, int], *parts: bytes) -> Any:
        style, kind, formula, text, inline = parts
        if formula or inline:
            return self._read(place, *parts)
        key = (style, kind, text)
        if key not in self._known:
            if len(self._known) > MOST_KEPT:
                self._known.clear()
            self._known[key] = self._read(place, *parts)
        return self._known[key]

    def _read(self, place: tuple[int, int], *parts: bytes) -> Any:
        style, kind, formula, text, inline = parts
        said = unescaped(_decoded(inline)) if inline else _decoded(text)
        return self._cells.value(
            place, style.decode(), kind.decode(), said, has_formula=bool(formula)
        )


def _blocks(file: IO[bytes], layout: Layout) -> Iterator[bytes]:
    """The XML of whole rows, all of them plain."""
    data = file.read(CHUNK)
    start = data.find(b"<sheetData>")
    if start < 0 or not _UTF_8.match(data):
        raise NotPlainError
    layout.take_head(data[:start])
    rest = data[start + len(b"<sheetData>") :]
    while True:
        end = rest.find(b"</sheetData>")
        rows = rest if end < 0 else rest[:end]
        whole = rows.rfind(b"</row>") + len(b"</row>") if b"</row>" in rows else 0
        plain = _ROWS.match(rows, 0, len(rows) if end >= 0 else whole)
        if plain is None or plain.end() != (len(rows) if end >= 0 else whole) or _ODD.search(rows):
            raise NotPlainError
        layout.take_rows(rows[: plain.end()])
        yield rows[: plain.end()]
        if end >= 0:
            layout.take_tail(chain([rest[end:]], iter(lambda: file.read(CHUNK), b"")))
            return
        more = file.read(CHUNK)
        if not more or len(rest) - whole > MOST_BYTES:
            raise NotPlainError
        rest = rest[whole:] + more


def parsed_rows(
    file: IO[bytes], cells: Cells, sheet: str, layout: Layout
) -> Iterator[tuple[int, Values]]:
    """The rows of any sheet, by an XML parser.

    Args:
        file: the sheet's XML, from its beginning.
        cells: knows what they hold.
        sheet: its name, for sentences.
        layout: is given what there is around the values.

    Raises:
        UnreadableError: see `rows_of`.
    """
    number, values, rows = 0, dict[int, Any](), None
    for event, element in events(file):
        name = local_name(element)
        if rows is None:
            if event == "start":
                rows = element if name == "sheetData" else None
                layout.take_element(name, element.attrib)
        elif event == "start":
            if name == "row":
                number, values = _row_number(element.get("r"), number, sheet), {}
                layout.begin_row(number, element.attrib)
        elif name == "c":
            at = _column(element.get("r"), number, values, cells, sheet)
            values[at] = _value(element, (at, number), cells)
            element.clear()
        elif name == "row":
            if values:
                yield number, tuple(values.get(at) for at in range(max(values) + 1))
            rows.clear()
        elif name == "sheetData":
            rows = None


def _row_number(said: str | None, before: int, sheet: str) -> int:
    """Rows without a number follow each other; none may be there twice or go back."""
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


def _column(
    reference: str | None, row: int, values: dict[int, Any], cells: Cells, sheet: str
) -> int:
    """The column of a cell, from 0; cells may come in any order, but each once."""
    if reference is None:
        at = max(values, default=-1) + 1
    else:
        at, said = cells.place(reference)
        if said != row:
            raise damaged(f"row {row:,} of the sheet '{sheet}' has a cell {reference}")
    if at in values:
        raise damaged(f"the cell {cells.name(at, row)} is there twice")
    return at


def _value(element: Any, place: tuple[int, int], cells: Cells) -> Any:
    kind, text, has_formula = element.get("t", ""), "", False
    for child in element:
        match local_name(child):
            case "f":
                has_formula = True
            case "v":
                text = child.text or ""
            case "is":
                text = text_of(child)
    style = element.get("s", "")
    return cells.value(place, style, kind, text, has_formula=has_formula)


def _decoded(text: bytes) -> str:
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise NotPlainError from None
    return _ENTITY.sub(_character, decoded) if "&" in decoded else decoded


def _character(found: "re.Match[str]") -> str:
    named, decimal, hexadecimal = found.groups()
    if named:
        return _NAMED[named]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if code < ord(" ") or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - Unicode's bounds
        raise NotPlainError
    return chr(code)

"""The plain rows of a sheet, read straight from its XML; openpyxl takes three times as long.

What spreadsheet programs write is plain: cells in order, each with its reference. Whatever is not
is left to openpyxl, from the row on at which it is met; the values are the same.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

Values = tuple[Any, ...]

CHUNK = 1 << 20
# A longer row is not looked at here.
MOST_BYTES = 16 << 20
MOST_KEPT = 1 << 16

_ATTRIBUTES = rb'(?: [A-Za-z0-9:]+="[^"<&]*+")*+'
_FORMULA = rb"(?:<f" + _ATTRIBUTES + rb"(?:/>|>[^<]*+</f>))?+"
_CELL = (
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: s="([0-9]{1,6})")?+(?: t="([A-Za-z]{1,10})")?+'
    rb"(?:/>|>" + _FORMULA + rb"(?:<v>([^<]*+)</v>|<v/>|"
    rb'<is><t(?: xml:space="preserve")?+>([^<]*+)</t></is>)?+</c>)'
)
_CELLS = re.compile(_CELL)
_ROW = (
    rb"<row"
    + _ATTRIBUTES
    + rb"(?:/>|>(?:"
    + re.sub(rb"(?<!\\)\((?!\?)", rb"(?:", _CELL)
    + rb")*+</row>)"
)
_ROWS = re.compile(rb"(?:\s*+" + _ROW + rb")*+\s*+")
_UTF_8 = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^>]*encoding=[\"'][Uu][Tt][Ff]-8[\"'][^>]*\?>")
_ODD = re.compile(rb"[\x00-\x08\x0b-\x1f]")
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class NotPlainError(Exception):
    """The rows from here on are not plain."""


def plain_rows(file: IO[bytes], sheet: Any) -> Iterator[tuple[int, Values]]:
    """The rows of a sheet that have cells, with their numbers; values are openpyxl's.

    Args:
        file: the sheet's XML, from its beginning.
        sheet: openpyxl's read-only worksheet of it, which knows shared texts and styles.

    Raises:
        NotPlainError: at the first rows that are not plain; those before have come.
    """
    cells, last = _Cells(sheet), 0
    for block in _blocks(file):
        number = 0
        values: list[Any] = []
        for letters, digits, style, kind, text, inline in _CELLS.findall(block):
            if int(digits) != number:
                if values:
                    yield number, tuple(values)
                number, values = int(digits), []
                if number <= last:
                    raise NotPlainError
                last = number
            at = cells.column(letters)
            if at < len(values):
                raise NotPlainError
            values.extend([None] * (at - len(values)))
            values.append(cells.value(style, kind, text or inline))
        if values:
            yield number, tuple(values)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The XML of whole rows, all of them plain."""
    data = file.read(CHUNK)
    start = data.find(b"<sheetData>")
    if start < 0 or not _UTF_8.match(data):
        raise NotPlainError
    rest = data[start + len(b"<sheetData>") :]
    while True:
        end = rest.find(b"</sheetData>")
        rows = rest if end < 0 else rest[:end]
        whole = rows.rfind(b"</row>") + len(b"</row>") if b"</row>" in rows else 0
        plain = _ROWS.match(rows, 0, len(rows) if end >= 0 else whole)
        if plain is None or plain.end() != (len(rows) if end >= 0 else whole) or _ODD.search(rows):
            raise NotPlainError
        yield rows[: plain.end()]
        if end >= 0:
            return
        more = file.read(CHUNK)
        if not more or len(rest) - whole > MOST_BYTES:
            raise NotPlainError
        rest = rest[whole:] + more


class _Cells:
    """What the cells of a sheet hold."""

    def __init__(self, sheet: Any) -> None:
        book = sheet.parent
        self._shared = sheet._shared_strings  # noqa: SLF001 - pinned by a test of openpyxl
        self._epoch: datetime = book.epoch
        self._dates: set[int] = book._date_formats  # noqa: SLF001 - the same
        self._times: set[int] = book._timedelta_formats  # noqa: SLF001 - the same
        self._columns: dict[bytes, int] = {}
        self._numbers: dict[bytes, int | float] = {}

    def column(self, letters: bytes) -> int:
        """Place of a column, from 0."""
        at = self._columns.get(letters)
        if at is None:
            at = 0
            for letter in letters:
                at = at * 26 + letter - 64
            self._columns[letters] = at = at - 1
        return at

    def value(self, style: bytes, kind: bytes, text: bytes) -> Any:
        """What openpyxl makes of a cell."""
        if not text:
            return "" if kind == b"inlineStr" else None
        match kind:
            case b"s":
                return self._shared_text(text)
            case b"inlineStr" | b"str" | b"e":
                return _decoded(text)
            case b"" | b"n":
                number = self._number(text)
                is_date = style and int(style) in self._dates
                return self._date(number, int(style)) if is_date else number
            case b"b" if text in {b"0", b"1"}:
                return text == b"1"
        raise NotPlainError

    def _shared_text(self, text: bytes) -> Any:
        try:
            return self._shared[int(text)]
        except (ValueError, IndexError):
            raise NotPlainError from None

    def _number(self, text: bytes) -> int | float:
        number = self._numbers.get(text)
        if number is None:
            try:
                is_float = b"." in text or b"E" in text or b"e" in text
                number = float(text) if is_float else int(text)
            except ValueError:
                raise NotPlainError from None
            if len(self._numbers) > MOST_KEPT:
                self._numbers.clear()
            self._numbers[text] = number
        return number

    def _date(self, number: float, style: int) -> Any:
        from openpyxl.utils.datetime import from_excel  # noqa: PLC0415 - 0.15 s, once used

        try:
            return from_excel(number, self._epoch, timedelta=style in self._times)
        except (OverflowError, ValueError):
            raise NotPlainError from None


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

"""The tags of some rows of a sheet, and the cells between them, vectorised.

XML as spreadsheet programs write it is plain: rows and cells in order, each with its reference
first, nothing between the tags. numpy finds the position of every tag, and the texts between them
become an Arrow array without a copy; no Python object is made for a cell. That takes a seventh of
the time of a regular expression per cell.
"""

import re
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.xlsx.parts.blocks import MOST_COLUMNS, MOST_ROWS, Block
from off_platform.imports.readers.xlsx.parts.layout import hidden_rows

# A longer row is not plain.
MOST_BYTES = 16 << 20
_MOST_DIGITS = 7
_MOST_LETTERS = 3
_WORD = 8
_ATTRIBUTES = re.compile(rb'(?: ([A-Za-z0-9:]{1,40})="([^"<&]*)")*\s*')
_ATTRIBUTE = re.compile(rb' ([A-Za-z0-9:]{1,40})="([^"<&]*)"')
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));|&")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}

_KEPT = b'<t xml:space="preserve">'
# Tags by their prefixes, which differ in the two bytes after the `<`.
_FORMS = {
    b'<row r="': "row",
    b"</row>": "/row",
    b'<c r="': "c",
    b"</c>": "/c",
    b"<v>": "v",
    b"</v>": "/v",
    b"<v/>": "v/",
    b"<v />": "v/",
    b"<f>": "f",
    b"<f ": "f",
    b"<f/>": "f/",
    b"</f>": "/f",
    b"<is>": "is",
    b"</is>": "/is",
    b"<t>": "t",
    _KEPT: "t",
    b"<t/>": "t/",
    b"</t>": "/t",
}
# The tags that may follow each; a name with `/` ends in `/>`.
_VALUES, _CELLS, _ROWS = "v v/ is /c", "c c/ /row", "row row/"
_FOLLOWING = {
    "row": _CELLS,
    "row/": _ROWS,
    "/row": _ROWS,
    "c": f"{_VALUES} f f/",
    "c/": _CELLS,
    "/c": _CELLS,
    "v": "/v",
    "v/": "/c",
    "/v": "/c",
    "f": "/f",
    "f/": _VALUES,
    "/f": _VALUES,
    "is": "t t/",
    "/is": "/c",
    "t": "/t",
    "t/": "/is",
    "/t": "/is",
}
_KINDS = ("", *_FOLLOWING)
_ROW, _CELL, _VALUE, _FORMULA, _TEXT = (_KINDS.index(kind) for kind in ("row", "c", "v", "f", "t"))

Positions = npt.NDArray[np.int64]


def _tables() -> tuple[npt.NDArray[Any], ...]:
    """Kind of a tag by second and third byte; its length, 0 for any; and which may follow."""
    kinds, lengths = np.zeros((2, 1 << 16), np.uint8)
    for form, kind in _FORMS.items():
        key = int.from_bytes(form[1:3], "little")
        kinds[key], lengths[key] = _KINDS.index(kind), len(form) if form.endswith(b">") else 0
    follows = np.zeros((len(_KINDS), len(_KINDS)), bool)
    for kind, following in _FOLLOWING.items():
        for other in following.split():
            follows[_KINDS.index(kind), _KINDS.index(other)] = True
    return kinds, lengths, follows.ravel()


_KIND_OF, _LENGTH_OF, _MAY_FOLLOW = _tables()
# Maximum number of characters after a tag: of a value, a text or a formula.
_MOST_BEHIND = np.zeros(len(_KINDS), np.int64)
_MOST_BEHIND[[_VALUE, _FORMULA, _TEXT]] = MOST_BYTES


class NotPlainError(Exception):
    """The rows from here on are not plain."""


def demand(*, holds: Any) -> None:
    """Ensures that a condition of plain XML holds.

    Raises:
        NotPlainError: it does not.
    """
    if not holds:
        raise NotPlainError


class Tags:
    """The tags of some rows: start, end and kind of each."""

    def __init__(self, data: bytes) -> None:
        """Takes the XML of complete rows.

        Raises:
            NotPlainError: it is not plain.
        """
        self._data = data
        # Padding, so that a word can be read at the last tag.
        padded = data + bytes(2 * _WORD)
        self._bytes = np.frombuffer(padded, np.uint8)
        self._words = np.frombuffer(padded, "<u8", len(padded) // _WORD)
        odd = self._bytes[: len(data)] < ord(" ")
        demand(holds=not odd.any() or np.isin(self._bytes[: len(data)][odd], (9, 10)).all())
        # Of all bytes, only `<` and `>` differ only in that bit.
        brackets = np.flatnonzero((self._bytes | 2) == ord(">"))
        demand(holds=len(brackets) > 0 and len(brackets) % 2 == 0)
        self._start, self._end = brackets.reshape(-1, 2).T.copy()
        demand(holds=self._start[0] == 0 and self._end[-1] == len(data) - 1)
        demand(holds=(self._bytes.take(self._start) == ord("<")).all())
        demand(holds=(self._bytes.take(self._end) == ord(">")).all())
        self._kind = self._kinds()
        self._rows, self._cells = self._of(_ROW), self._of(_CELL)
        self._tails: list[bytes] = []
        self._demand_order()

    def _kinds(self) -> npt.NDArray[np.uint8]:
        keys = self._bytes.take(self._start + 2).astype(np.uint16) << 8
        keys |= self._bytes.take(self._start + 1)
        kinds, lengths = _KIND_OF.take(keys), _LENGTH_OF.take(keys)
        demand(holds=((lengths == 0) | (self._end - self._start == lengths - 1)).all())
        for kind in (_ROW, _CELL, _FORMULA):
            tags = np.flatnonzero(kinds == kind)
            # Such a tag has attributes; its end shows whether it has content.
            kinds[tags] += self._bytes.take(self._end[tags] - 1) == ord("/")
        return kinds

    def _of(self, kind: int) -> Positions:
        """The tags of a kind, with or without content."""
        return np.flatnonzero((self._kind == kind) | (self._kind == kind + 1))

    def _demand_order(self) -> None:
        """Demands that each tag may follow the previous one, with only white space between."""
        kinds = self._kind
        pairs = kinds[:-1] * np.uint16(len(_KINDS)) + kinds[1:]
        demand(holds=_MAY_FOLLOW.take(pairs).all())
        demand(holds=_KINDS[kinds[0]] in _ROWS.split() and _KINDS[kinds[-1]] in {"/row", "row/"})
        behind = self._start[1:] - self._end[:-1] - 1
        for at in np.flatnonzero(behind > _MOST_BEHIND.take(kinds[:-1])).tolist():
            between = self._data[self._end[at] + 1 : self._start[at + 1]]
            demand(holds=between.isspace())
        kept = np.flatnonzero((kinds == _TEXT) & (self._end - self._start > len("<t>")))
        forms = ((self._rows, b'<row r="'), (self._cells, b'<c r="'), (kept, _KEPT))
        for tags, form in forms:
            for nth in range(3, len(form)):
                demand(holds=(self._bytes.take(self._start[tags] + nth) == form[nth]).all())

    def _word(self, end: Positions) -> npt.NDArray[np.uint64]:
        """The eight bytes before positions, little-endian."""
        begin = end - _WORD
        word, shift = begin >> 3, ((begin & 7) << 3).astype(np.uint64)
        # A shift by all 64 bits gives 0.
        high = self._words.take(word + 1) << (np.uint64(64) - shift)
        return np.asarray((self._words.take(word) >> shift) | high)

    def block(self, last: int) -> Block:
        """The cells as a block.

        Args:
            last: the number of the row before.

        Raises:
            NotPlainError: a row or cell is not.
        """
        rows, cells = self._rows, self._cells
        numbers, digits = self._row_numbers(last)
        count = np.diff(np.searchsorted(cells, rows), append=len(cells))
        row = np.repeat(np.arange(len(rows)), count)
        column, quote = self._columns(row, digits)
        demand(holds=(np.diff(row * MOST_COLUMNS + column) > 0).all())
        is_cell = np.zeros(len(self._kind), bool)
        is_cell[cells] = True
        cell_of = np.cumsum(is_cell, dtype=np.int32) - 1
        formulas = np.zeros(len(cells), bool)
        formulas[cell_of[self._of(_FORMULA)]] = True
        values = np.flatnonzero((self._kind == _VALUE) | (self._kind == _TEXT))
        begin = self._end[cells] + 1
        end = begin.copy()
        begin[cell_of[values]] = self._end[values] + 1
        end[cell_of[values]] = self._start[values + 1]
        texts, at = self._texts(begin, end)
        kinds = self._between(quote + 1, self._end[cells] - (self._kind[cells] == _CELL + 1))
        named = kinds.take(pa.array(np.arange(0, len(kinds), 2))).dictionary_encode()
        self._tails = named.dictionary.to_pylist()
        return Block(
            rows=numbers,
            row=row,
            column=column,
            kinds=[_attributes_of(tail) for tail in self._tails],
            kind=named.indices.to_numpy(),
            has_formula=formulas,
            texts=texts,
            at=at,
            may_escape=b"_x" in self._data,
            hidden=hidden_rows(self._row_tags()),
        )

    def with_attributes(self) -> bytes:
        """The tags that `block` found, as elements without content; cells once per kind.

        Cells of a kind differ only in their reference, which is letters and digits.
        """
        formulas = self._of(_FORMULA)
        longer = formulas[self._end[formulas] - self._start[formulas] >= len("<f/>")]
        tags = (self._element(at) for at in chain(self._rows.tolist(), longer.tolist()))
        return b"".join(chain(tags, (b'<c r="A1"%b/>' % tail for tail in self._tails)))

    def _element(self, at: int) -> bytes:
        inner = self._data[self._start[at] : self._end[at]]
        return inner + (b">" if inner.endswith(b"/") else b"/>")

    def _row_tags(self) -> bytes:
        places = zip(self._start[self._rows], self._end[self._rows], strict=True)
        return b"".join(self._data[start : end + 1] for start, end in places)

    def _row_numbers(self, last: int) -> tuple[Positions, Positions]:
        """The number of each row, and its number of digits."""
        first = self._start[self._rows] + len('<row r="')
        digits, number = np.zeros((2, len(first)), np.int64)
        is_open = np.ones(len(first), bool)
        for nth in range(_MOST_DIGITS + 1):
            byte = self._bytes[first + nth]
            is_open &= byte != ord('"')
            demand(holds=((byte >= ord("0")) & (byte <= ord("9")))[is_open].all())
            number = np.where(is_open, number * 10 + byte - ord("0"), number)
            digits += is_open
        demand(holds=((digits > 0) & (digits <= _MOST_DIGITS)).all())
        demand(holds=(np.diff(number, prepend=last) > 0).all() and number[-1] <= MOST_ROWS)
        return number, digits

    def _columns(self, row: Positions, digits: Positions) -> tuple[Positions, Positions]:
        """The column of each cell from 0, and the position of the quote after its reference."""
        first = self._start[self._cells] + len('<c r="')
        of_row = digits[row]
        column, letters = np.zeros((2, len(first)), np.int64)
        is_open = np.ones(len(first), bool)
        for nth in range(_MOST_LETTERS):
            letter = self._bytes.take(first + nth)
            demand(holds=(((letter >= ord("A")) & (letter <= ord("Z"))) | ~is_open).all())
            column = np.where(is_open, column * 26 + letter - (ord("A") - 1), column)
            letters += is_open
            is_open &= self._bytes.take(first + of_row + nth + 1) != ord('"')
        demand(holds=not is_open.any() and (column <= MOST_COLUMNS).all())
        quote = first + letters + of_row
        # The digits of a cell's reference must equal its row's number, byte by byte.
        shift = (8 * (_WORD - digits)).astype(np.uint64)
        of_rows = self._word(self._start[self._rows] + len('<row r="') + digits) >> shift
        demand(holds=((self._word(quote) >> shift[row]) == of_rows[row]).all())
        return column - 1, quote

    def _between(self, begin: Positions, end: Positions, kind: pa.DataType = pa.binary()) -> Any:  # noqa: B008 - a constant
        """The bytes of each part, and those between parts."""
        offsets = np.empty(2 * len(begin), np.int32)
        offsets[0::2], offsets[1::2] = begin, end
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._data)]
        return pa.Array.from_buffers(kind, max(len(offsets) - 1, 0), buffers)

    def _texts(self, begin: Positions, end: Positions) -> tuple[pa.StringArray, Positions]:
        """Texts, and each cell's index into them; -1 for none."""
        try:
            self._data.decode()
        except UnicodeDecodeError:
            raise NotPlainError from None
        texts = self._between(begin, end, pa.string())
        at = np.where(end > begin, np.arange(0, 2 * len(begin), 2), -1)
        if b"&" in self._data:
            escaped = np.zeros(2 * len(begin), bool)
            escaped[: len(texts)] = pc.match_substring(texts, "&").to_numpy(zero_copy_only=False)
            cells = np.flatnonzero((at >= 0) & escaped[0::2])
            made = [_ENTITY.sub(_character, t) for t in texts.take(pa.array(at[cells])).to_pylist()]
            at[cells] = len(texts) + np.arange(len(cells))
            texts = pa.concat_arrays([texts, pa.array(made, pa.string())])
        return texts, at


def _attributes_of(tail: bytes) -> tuple[str, str]:
    """Style and type of a cell from the attributes after its reference; empty for none."""
    demand(holds=_ATTRIBUTES.fullmatch(tail))
    found = dict(_ATTRIBUTE.findall(tail))
    return found.get(b"s", b"").decode(), found.get(b"t", b"").decode()


def _character(found: "re.Match[str]") -> str:
    named, decimal, hexadecimal = found.groups()
    if named:
        return _NAMED[named]
    code = int(decimal or "0") if not hexadecimal else int(hexadecimal, 16)
    if (code < ord(" ") and code not in {9, 10, 13}) or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - Unicode's bounds
        raise NotPlainError
    return chr(code)

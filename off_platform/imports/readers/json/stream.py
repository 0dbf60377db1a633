"""Streaming JSON: one record after another, never the whole file; errors with their position.

Python's parser reads the records; `json/records.py` interprets them.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from off_platform.imports.readers.batches import Found, UnreadableError
from off_platform.imports.readers.encodings import not_utf8
from off_platform.imports.specification.fields import IDENTIFIERS

# Of one record's text. A list of this many digits takes fifty times as much memory.
MOST_RECORD_CHARACTERS = 4 << 20
LIST_OF_RECORDS = "products"
_BLOCK_BYTES = 1 << 20
# No literal or escape of JSON that a block may cut is longer.
_LONGEST_WORD = 16
_SPACE = re.compile(r"[ \t\r\n]*")
# An answer of an API has counts before the list, as in `{"count": 2, "products": [...]}`.
_W = r"[ \t\r\n]*+"
_TEXT = r'"(?:[^"\\]|\\.)*+"'
_NUMBER = r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[Ee][-+]?+[0-9]++)?+"
_COUNT = rf'{_W}(?!"{LIST_OF_RECORDS}"){_TEXT}{_W}:{_W}(?:{_TEXT}|{_NUMBER}|true|false|null){_W},'
_LIST = re.compile(
    rf'\[|\{{(?P<counts>(?:{_COUNT})*+){_W}"{LIST_OF_RECORDS}"{_W}:{_W}\[', re.DOTALL
)
# An object that has one of these is a product itself.
_IDENTIFIED = re.compile(rf'"(?:{"|".join(IDENTIFIERS)})"{_W}:')
# The names of an answer of the API about one product, as in `{"product": {...}, "status": 1}`.
_ONE, _BESIDE = "product", ("code", "errors", "result", "status", "status_verbose", "warnings")
_ANSWER = re.compile(
    rf'\{{(?:{_W}"(?:{"|".join(_BESIDE)})"{_W}:{_W}(?:{_TEXT}|{_NUMBER}|\[{_W}\]){_W},)*+'
    rf'{_W}"{_ONE}"{_W}:{_W}(?=\{{)',
    re.DOTALL,
)
# Maximum distance of the first record from the beginning.
_OPENING_CHARACTERS = 64 << 10


class Number(str):
    """A number as written, so that none is too large or loses a digit."""

    __slots__ = ()


class JsonObject(dict[str, Any]):
    """An object that knows which of its names appeared twice."""

    __slots__ = ("doubled",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        """Takes names and values in the order of the file."""
        super().__init__(pairs)
        met: set[str] = set()
        self.doubled: list[str] = []
        for name, _ in pairs:
            if name in met:
                self.doubled.append(name)
            met.add(name)


def records_of_document(path: Path) -> Iterator[tuple[int, int, Any]]:
    """The items of `[...]` or `{"products": [...]}`; any other object is a single record.

    Texts, numbers and the like may stand before the list of products, as in answers of Open Food
    Facts' API, and anything after it. Of an answer about one product, that is the record.

    Each has its number and the line on which it begins.

    Raises:
        UnreadableError: the JSON is invalid, nested too deeply, or not UTF-8.
    """
    with path.open("rb") as file:
        text = _Window(path, file)
        opening = _opening(text)
        for number, value in enumerate(_values(text, opening), 1):
            yield number, text.line, value
        if opening.startswith("{"):
            _rest_of_object(text)
        if text.peek():
            text.invalid("Extra data", text.at)


def records_of_lines(path: Path) -> Iterator[tuple[int, int, Any]]:
    """The record of every non-empty line; its number is that of the line.

    Of an answer about one product, that is the record.

    Raises:
        UnreadableError: see `records_of_document`.
    """
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MOST_RECORD_CHARACTERS), b""), 1):
            if len(line) == MOST_RECORD_CHARACTERS and not line.endswith(b"\n"):
                raise _too_long(number)
            if line.strip():
                yield number, number, _of_line(path, line, number, offset)
            offset += len(line)


def _of_line(path: Path, line: bytes, number: int, offset: int) -> Any:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip()
        start = len(text) - len(text.lstrip())
        value, end = DECODER.raw_decode(text, start)
    except UnicodeDecodeError as error:
        raise not_utf8(path, offset + error.start, line[error.start]) from None
    except json.JSONDecodeError as error:
        _invalid(error.msg, number, error.colno, number)
    except RecursionError:
        raise too_deep() from None
    if end < len(text):
        _invalid("Extra data", number, end + 1, number)
    place = _place_of_product(text, start, value)
    return value if place is None else DECODER.raw_decode(text, place)[0]


def pieces_of_json(path: Path, *, lines: bool) -> Iterator[tuple[int, str]]:
    """All text of a file in pieces: records with their numbers, and text between them with 0.

    Args:
        path: a file that has been read to its end before.
        lines: whether each line is a record.
    """
    if lines:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, 1):
                yield from _pieces_of_line(number, line)
        return
    between: list[str] = []
    with path.open("rb") as file:
        text = _Window(path, file, between.append)
        for number, _ in enumerate(_values(text, _opening(text)), 1):
            record = text.take_value(between)
            yield 0, "".join(between)
            between.clear()
            yield number, record
        while text.peek():
            text.at = len(text.text)
        text.hand_over()
        yield 0, "".join(between)


def _pieces_of_line(number: int, line: str) -> Iterator[tuple[int, str]]:
    start = len(line) - len(line.lstrip())
    if not _ANSWER.match(line, start):
        yield number if line.strip() else 0, line
        return
    place = _place_of_product(line, start, DECODER.raw_decode(line, start)[0])
    if place is None:
        yield number, line
        return
    end = DECODER.raw_decode(line, place)[1]
    yield 0, line[:place]
    yield number, line[place:end]
    yield 0, line[end:]


class _Window:
    """The part of a file's text in memory, and its position in the file."""

    def __init__(
        self, path: Path, file: BinaryIO, passed: Callable[[str], object] | None = None
    ) -> None:
        self._path, self._file, self._passed = path, file, passed
        # End of the text that was returned.
        self._handed = 0
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._bytes = 0
        self._line, self._column = 1, 1
        # End of the text whose lines were counted, and their number: no text is counted twice.
        self._counted = self._lines = 0
        self._ended = False
        # The position, and the start of the last value.
        self.text, self.at, self.began = "", 0, 0

    @property
    def line(self) -> int:
        """The line on which the last value begins."""
        self._lines += self.text.count("\n", self._counted, self.began)
        self._counted = self.began
        return self._line + self._lines

    def fill(self, characters: int) -> None:
        """Reads until this many characters are available."""
        while len(self.text) - self.at < characters and self._more():
            pass

    def skip(self) -> int:
        """Skips white space, and returns the position."""
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text) or not self._more():
                return self.at

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        at = self.skip()
        return self.text[at : at + 1]

    def value(self) -> Any:
        """Reads the next value."""
        self.began = self.skip()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string")
                if not cut and error.pos < len(self.text) - _LONGEST_WORD:
                    self.invalid(error.msg, error.pos)
                before = self.at
                if not self._more():
                    self.invalid(error.msg, error.pos - before + self.at)
            except RecursionError:
                raise too_deep() from None
            else:
                # A number at the end may continue.
                if end < len(self.text) or not self._more():
                    self.at = end
                    return value

    def take_value(self, between: list[str]) -> str:
        """The text of the last value; the text before it is appended to a list."""
        between.append(self.text[self._handed : self.began])
        self._handed = self.at
        return self.text[self.began : self.at]

    def hand_over(self) -> None:
        """Returns the text that was read but not returned yet."""
        if self._passed and self._handed < self.at:
            self._passed(self.text[self._handed : self.at])
            self._handed = self.at

    def invalid(self, reason: str, at: int) -> NoReturn:
        """The error `json_invalid`, with line and column."""
        before = self.text[:at]
        lines = before.count("\n")
        column = at - before.rfind("\n") if lines else self._column + at
        _invalid(reason, self._line + lines, column)

    def _more(self) -> bool:
        """Reads more, and drops text that was used; returns whether there was more."""
        if self._ended:
            return False
        self.hand_over()
        gone, self.text = self.text[: self.at], self.text[self.at :]
        self.began = max(self.began - self.at, 0)
        self._counted = self._lines = 0
        self._handed = 0
        lines = gone.count("\n")
        self._line += lines
        self._column = self.at - gone.rfind("\n") if lines else self._column + self.at
        self.at = 0
        if len(self.text) > MOST_RECORD_CHARACTERS:
            raise _too_long(self._line)
        # Doubling blocks, as a long record is parsed again each time.
        left = MOST_RECORD_CHARACTERS - len(self.text) + _BLOCK_BYTES
        data = self._file.read(min(max(_BLOCK_BYTES, len(self.text)), left))
        waiting = len(self._decoder.getstate()[0])
        try:
            self.text += self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise not_utf8(
                self._path, self._bytes - waiting + error.start, error.object[error.start]
            ) from None
        self._bytes += len(data)
        self._ended = not data
        return not self._ended


def _opening(text: _Window) -> str:
    """Passes and returns the text before the list of records; empty if there is no list."""
    text.fill(_OPENING_CHARACTERS)
    opening = _LIST.match(text.text, text.skip())
    if opening is None or _IDENTIFIED.search(opening["counts"] or ""):
        return ""
    text.at = opening.end()
    return opening[0]


def _values(text: _Window, opening: str) -> Iterator[Any]:
    """The records after the opening."""
    yield from _listed(text) if opening else _record(text)


def _record(text: _Window) -> Iterator[Any]:
    """The next value; if it is an answer about one product, that product."""
    value = text.value()
    place = _place_of_product(text.text, text.began, value)
    if place is None:
        yield value
        return
    text.at = place
    yield text.value()
    _rest_of_object(text)


def _place_of_product(text: str, at: int, value: Any) -> int | None:
    """The position of the product in an answer about one; None for any other value.

    An object with more than an answer has is not one: nothing may be lost.
    """
    if not isinstance(value, dict) or _ONE not in value or not value.keys() <= {_ONE, *_BESIDE}:
        return None
    answer = _ANSWER.match(text, at)
    return answer.end() if answer else None


def _listed(text: _Window) -> Iterator[Any]:
    """The items after a `[`, up to its `]`."""
    if text.peek() == "]":
        text.at += 1
        return
    while True:
        yield from _record(text)
        following = text.peek()
        if following not in {",", "]"}:
            text.invalid("Expecting ',' delimiter", text.at)
        text.at += 1
        if following == "]":
            return
        if text.peek() == "]":
            text.invalid("Illegal trailing comma before end of array", text.at)


def _rest_of_object(text: _Window) -> None:
    """Skips the rest of the object after the list."""
    while (following := text.peek()) == ",":
        text.at += 1
        if text.peek() != '"':
            text.invalid("Expecting property name enclosed in double quotes", text.at)
        text.value()
        if text.peek() != ":":
            text.invalid("Expecting ':' delimiter", text.at)
        text.at += 1
        text.value()
    if following != "}":
        text.invalid("Expecting ',' delimiter", text.at)
    text.at += 1


def _too_long(line: int) -> UnreadableError:
    message = f"The object in line {line:,} is longer than 4 MB; write an array of flat objects."
    return UnreadableError(Found(None, None, "json_not_records", None, message))


def too_deep() -> UnreadableError:
    """The error of the rule `json_too_deep`."""
    message = "The JSON is nested too deeply; write an array of flat objects."
    return UnreadableError(Found(None, None, "json_too_deep", None, message))


def _invalid(reason: str, line: int, column: int, row: int | None = None) -> NoReturn:
    message = f"The JSON is invalid at line {line:,}, column {column:,}: {reason}."
    raise UnreadableError(Found(row, None, "json_invalid", None, message, line=row)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else JsonObject(pairs)


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=Number
)

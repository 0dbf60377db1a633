"""Streaming JSON: one record after another, from every form of document that has them.

`window.py` holds a part of the file, `parser.py` parses a value; `records.py` interprets records.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from off_platform.imports.readers.encodings import not_utf8
from off_platform.imports.readers.json.parser import (
    DECODER,
    MOST_RECORD_CHARACTERS,
    invalid,
    too_deep,
    too_long,
)
from off_platform.imports.readers.json.window import Window
from off_platform.imports.specification.fields import IDENTIFIERS

LIST_OF_RECORDS = "products"
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


def records_of_document(path: Path) -> Iterator[tuple[int, int, Any]]:
    """The items of `[...]` or `{"products": [...]}`; any other object is a single record.

    Texts, numbers and the like may stand before the list of products, as in answers of Open Food
    Facts' API, and anything after it. Of an answer about one product, that is the record.

    Each has its number and the line on which it begins.

    Raises:
        UnreadableError: the JSON is invalid, nested too deeply, or not UTF-8.
    """
    with path.open("rb") as file:
        text = Window(path, file)
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
                raise too_long(number)
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
        invalid(error.msg, number, error.colno, number)
    except RecursionError:
        raise too_deep() from None
    if end < len(text):
        invalid("Extra data", number, end + 1, number)
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
        text = Window(path, file, between.append)
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


def _opening(text: Window) -> str:
    """Passes and returns the text before the list of records; empty if there is no list."""
    text.fill(_OPENING_CHARACTERS)
    opening = _LIST.match(text.text, text.skip())
    if opening is None or _IDENTIFIED.search(opening["counts"] or ""):
        return ""
    text.at = opening.end()
    return opening[0]


def _values(text: Window, opening: str) -> Iterator[Any]:
    """The records after the opening."""
    yield from _listed(text) if opening else _record(text)


def _record(text: Window) -> Iterator[Any]:
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


def _listed(text: Window) -> Iterator[Any]:
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


def _rest_of_object(text: Window) -> None:
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

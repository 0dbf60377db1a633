"""Streamed JSON: an array of objects, one object, `{..., "products": [...]}`, or JSON Lines."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from off_platform.imports.readers.batches import (
    MOST_WAITING,
    Batch,
    Found,
    Reader,
    SourceFile,
    UnreadableError,
    batch_of,
)
from off_platform.imports.readers.encodings import BYTE_ORDER_MARK, refuse_wide
from off_platform.imports.readers.headers import MOST_COLUMNS, MOST_NAME, name_trimmed, plain_name
from off_platform.imports.readers.json.gdsn import gdsn_found
from off_platform.imports.readers.json.parser import JsonObject, Number, too_deep
from off_platform.imports.readers.json.stream import records_of_document, records_of_lines
from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.fields import NAMES, NESTED

MOST_TEXT = 1 << 20
# A batch ends earlier when its records are long or have many names, so that memory stays bounded.
MOST_BATCH_CHARACTERS = 64 << 20
MOST_BATCH_CELLS = 8 << 20
# Deeper than any export, but within Python's recursion limit.
MOST_DEPTH = 100
_PEEK_BYTES = 1 << 20
# Lone surrogates; columns cannot contain them.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

Flat = dict[str, Any]


class JsonReader(Reader):
    """Reads one JSON file."""

    def __init__(self, path: Path, source: SourceFile, found: list[Found]) -> None:
        """Takes a recognised file."""
        super().__init__(source)
        self._path, self._first_found = path, found
        self._names: set[str] = set()
        # Bounded, as the names are.
        self._trimmed: set[str] = set()

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`."""
        self._found = list(self._first_found)
        self._names.clear()
        self._trimmed.clear()
        waiting: list[tuple[int, int, Flat]] = []
        records = characters = taken = 0
        for number, line, item in json_items(self._path, self.source):
            records += 1
            if not isinstance(item, dict):
                raise UnreadableError(
                    Found(
                        number,
                        None,
                        "json_not_records",
                        None,
                        f"Item {number:,} of the list is not an object but {_kind(item)}.",
                        line=line,
                    )
                )
            flat = self._flat(number, item)
            waiting.append((number, line, flat))
            characters += sum(len(text) for text in flat.values() if isinstance(text, str))
            if (
                len(waiting) == rows
                or characters > MOST_BATCH_CHARACTERS
                or len(waiting) * len(self._names) > MOST_BATCH_CELLS
                or len(self._found) - taken >= MOST_WAITING
            ):
                yield _batch(waiting)
                waiting, characters, taken = [], 0, len(self._found)
        if waiting:
            yield _batch(waiting)
        if not records:
            raise UnreadableError(Found.of_file("no_records", "The list is empty."))

    def _flat(self, row: int, item: dict[str, Any]) -> Flat:
        """The object's texts and numbers; `nutrition` is one level deep, other nesting is not."""
        self._report_doubled(row, item, "")
        flat: Flat = {}
        for name, value in item.items():
            if isinstance(value, dict) and f"{plain_name(name)}." == NESTED:
                self._report_doubled(row, value, NESTED)
                for inner, inner_value in value.items():
                    self._put(row, flat, inner, inner_value, NESTED)
            else:
                self._put(row, flat, name, value)
        self._names.update(flat)
        if len(self._names) > MOST_COLUMNS:
            message = f"The objects have more than {MOST_COLUMNS:,} different names."
            raise UnreadableError(Found.of_file("too_many_columns", message))
        return flat

    def _put(self, row: int, flat: Flat, name: str, value: Any, path: str = "") -> None:
        whole = _whole_characters(name)
        inner = plain_name(whole)
        column = (path + inner)[:MOST_NAME]
        if inner != whole and column not in self._trimmed:
            self._trimmed.add(column)
            said = name_trimmed(column)
            self._found.append(Found(row, column, "header_trimmed", whole[:MOST_NAME], said, inner))
        if column in flat:
            self._found.append(_doubled(row, column))
        flat[column] = self._scalar(row, column, value)

    def _scalar(self, row: int, name: str, value: Any) -> Any:
        if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
            value = ", ".join(as_text(each) or "" for each in value)
        if isinstance(value, dict | list):
            _demand_shallow(value)
            # Of other columns nothing is imported, whatever they hold.
            if field_of(name):
                message = f"'{name[:80]}' holds {_kind(value)} instead of a text or a number."
                self._found.append(Found(row, name, "json_nested", None, message))
            return None
        if isinstance(value, str):
            if len(value) > MOST_TEXT:
                raise UnreadableError(
                    Found(row, name, "cell_too_long", None, "A text is longer than 1 MB.")
                )
            if not value.isascii():
                return _whole_characters(value)
        return value

    def _report_doubled(self, row: int, item: dict[str, Any], path: str) -> None:
        for name in item.doubled if isinstance(item, JsonObject) else ():
            self._found.append(_doubled(row, _whole_characters(path + name)[:MOST_NAME]))


def open_json(path: Path, source: SourceFile) -> JsonReader:
    """Recognises the form; validity is only known after reading.

    Raises:
        UnreadableError: it is not UTF-8, or of GDSN.
    """
    with path.open("rb") as file:
        sample = file.read(_PEEK_BYTES)
    refuse_wide(sample)
    if found_gdsn := gdsn_found(sample):
        raise UnreadableError(found_gdsn)
    found = []
    mark = sample.startswith(BYTE_ORDER_MARK)
    if mark:
        message = "The file begins with a byte order mark, which was ignored."
        found.append(Found.of_file("byte_order_mark", message))
    lines = _is_lines(sample.removeprefix(BYTE_ORDER_MARK))
    if lines:
        message = "The file has one object per line instead of one array."
        found.append(Found.of_file("json_lines", message))
    made = SourceFile(
        source.name, "json_lines" if lines else "json", source.bytes, source.sha256, "utf-8", mark
    )
    return JsonReader(path, made, found)


def json_items(path: Path, source: SourceFile) -> Iterator[tuple[int, int, Any]]:
    """Every item with its number and the line on which it begins; numbers as written.

    Raises:
        UnreadableError: the JSON is invalid.
    """
    is_lines = source.format == "json_lines"
    yield from records_of_lines(path) if is_lines else records_of_document(path)


def as_text(value: object) -> str | None:
    """A value as text; `null` and nothing are the same."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _is_lines(sample: bytes) -> bool:
    """Whether the first line is an object, and another one follows."""
    first, _, rest = sample.lstrip().partition(b"\n")
    if not first.startswith(b"{") or not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(first, parse_int=str, parse_float=str), dict)
    except (ValueError, RecursionError):
        return False


def _batch(waiting: list[tuple[int, int, Flat]]) -> Batch:
    numbers, lines, items = zip(*waiting, strict=True)
    names = list(dict.fromkeys(name for item in items for name in item))
    columns = {name: [as_text(item.get(name)) for item in items] for name in names}
    flags = {
        name: [_is_not_text(item.get(name)) for item in items]
        for name in names
        if name in NAMES and NAMES[name].type == "barcode"
    }
    return batch_of(numbers, columns, flags, lines)


def _doubled(row: int, column: str) -> Found:
    message = f"'{column[:80]}' appears twice in one object."
    return Found(row, column, "json_duplicate_key", None, message)


def _demand_shallow(value: Any) -> None:
    """Raises `json_too_deep`; iterative, as recursion could overflow."""
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise too_deep()


def _whole_characters(text: str) -> str:
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def _is_not_text(value: object) -> bool:
    return value is not None and type(value) is not str


def _kind(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case Number():
            return "a number"
        case str():
            return "a text"
        case _:
            return "true, false or null"

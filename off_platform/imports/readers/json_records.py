"""JSON, streamed: an array of objects, one object, `{"products": [...]}`, or an object a line."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from off_platform.imports.fields import NAMES, NESTED
from off_platform.imports.readers.batches import (
    Batch,
    Found,
    Reader,
    Source,
    UnreadableError,
    batch_of,
)
from off_platform.imports.readers.headers import MOST_COLUMNS

MOST_LINE_BYTES = 16 << 20
# One object, and what is looked at again to name line and column of a fault.
MOST_WHOLE_BYTES = 64 << 20
MOST_TEXT = 1 << 20
LIST_OF_RECORDS = "products"
_PEEK_BYTES = 1 << 20


class JsonObject(dict[str, Any]):
    """An object that knows which of its names stood there twice."""

    __slots__ = ("doubled",)

    def __init__(self, pairs: list[tuple[str, Any]] | tuple[()] = ()) -> None:
        """Takes names and values in the order of the file."""
        super().__init__()
        self.doubled: list[str] = []
        for name, value in pairs:
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        """Notes a name that was there."""
        if name in self:
            self.doubled.append(name)
        super().__setitem__(name, value)


class JsonReader(Reader):
    """Reads one JSON file."""

    def __init__(self, path: Path, source: Source, found: list[Found]) -> None:
        """For a file whose form was recognised."""
        super().__init__(source)
        self._path, self._first_found = path, found

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`."""
        self._found = list(self._first_found)
        waiting: list[tuple[int, dict[str, Any]]] = []
        records = 0
        for number, item in json_items(self._path, self.source):
            records += 1
            if not isinstance(item, dict):
                raise UnreadableError(
                    Found(number, None, "json_not_records", None,
                          f"Item {number:,} of the list is no object but {_kind(item)}.")
                )  # fmt: skip
            waiting.append((number, self._flat(number, item)))
            if len(waiting) == rows:
                yield _batch(waiting)
                waiting = []
        if waiting:
            yield _batch(waiting)
        if not records:
            raise UnreadableError(
                Found(None, None, "no_records", None, "The list holds no product.")
            )

    def _flat(self, row: int, item: dict[str, Any]) -> dict[str, Any]:
        """The object's texts and numbers; `nutrition` is one level deep, other nesting is not."""
        self._report_doubled(row, item, "")
        flat: dict[str, Any] = {}
        for name, value in item.items():
            if isinstance(value, dict) and f"{name}." == NESTED:
                self._report_doubled(row, value, NESTED)
                for inner, inner_value in value.items():
                    flat[NESTED + inner] = self._scalar(row, NESTED + inner, inner_value)
            else:
                flat[name] = self._scalar(row, name, value)
        return flat

    def _scalar(self, row: int, name: str, value: Any) -> Any:
        if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
            return ", ".join(as_text(each) or "" for each in value)
        if isinstance(value, dict | list):
            message = f"'{name[:80]}' holds {_kind(value)} instead of a text or a number."
            self._found.append(Found(row, name[:200], "json_nested", None, message))
            return None
        if isinstance(value, str) and len(value) > MOST_TEXT:
            raise UnreadableError(
                Found(row, name[:200], "cell_too_long", None, "A text is longer than 1 MB.")
            )
        return value

    def _report_doubled(self, row: int, item: dict[str, Any], path: str) -> None:
        for name in getattr(item, "doubled", ()):
            message = f"'{(path + name)[:80]}' stands twice in one object."
            self._found.append(Found(row, path + name, "json_duplicate_key", None, message))


def open_json(path: Path, source: Source) -> JsonReader:
    """Recognises the form; whether it is valid shows only while it is read.

    Raises:
        UnreadableError: it is not UTF-8, or plainly no JSON.
    """
    with path.open("rb") as file:
        sample = file.read(_PEEK_BYTES)
    found = []
    mark = sample.startswith(b"\xef\xbb\xbf")
    if mark:
        message = "The file begins with a byte order mark, which was read over."
        found.append(Found(None, None, "byte_order_mark", None, message))
    lines = _is_lines(sample.removeprefix(b"\xef\xbb\xbf"))
    if lines:
        message = "The file holds an object a line instead of one array."
        found.append(Found(None, None, "json_lines", None, message))
    made = Source(
        source.name, "json_lines" if lines else "json", source.bytes, source.sha256, "utf-8", mark
    )
    return JsonReader(path, made, found)


def json_items(path: Path, source: Source) -> Iterator[tuple[int, Any]]:
    """Every item with its number, names of objects in their order; numbers as they are written.

    Raises:
        UnreadableError: the JSON is invalid.
    """
    if source.format == "json_lines":
        yield from _of_lines(path)
    else:
        yield from enumerate(_of_document(path), 1)


def as_text(value: object) -> str | None:
    """A value as text; `null` and nothing are the same."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _of_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES), b""), 1):
            if len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
                message = f"Line {number:,} is longer than 16 MB."
                raise UnreadableError(Found(number, None, "line_too_long", None, message))
            if line.strip():
                yield number, _loads(line, number)


def _loads(data: bytes, line: int | None = None) -> Any:
    """JSON as a whole; faults are named by line and column."""
    try:
        return json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=JsonObject,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_Number,
        )
    except json.JSONDecodeError as error:
        where = f"line {line or error.lineno:,}, column {error.colno:,}"
        message = f"The JSON is invalid at {where}: {error.msg}."
        raise UnreadableError(Found(line, None, "json_invalid", None, message)) from None
    except UnicodeDecodeError as error:
        message = f"The JSON is not UTF-8: byte 0x{data[error.start]:02x}" + (
            f" in line {line:,}." if line else f" at byte {error.start:,}."
        )
        raise UnreadableError(Found(line, None, "not_utf8", None, message)) from None
    except RecursionError:
        message = "The JSON is nested too deeply; write an array of flat objects."
        raise UnreadableError(Found(line, None, "json_too_deep", None, message)) from None


def _of_document(path: Path) -> Iterator[Any]:
    import ijson  # noqa: PLC0415 - 0.05 s, once used

    prefix = _prefix(path)
    if prefix is None:
        yield _whole(path)
        return
    with path.open("rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        items = ijson.items(file, prefix, map_type=JsonObject)
        while True:
            try:
                item = next(items)
            except StopIteration:
                return
            except (ijson.JSONError, ValueError, RecursionError) as error:
                raise _invalid(path, error) from None
            yield item


def _prefix(path: Path) -> str | None:
    """Where the records lie; None when the document is one object."""
    import ijson  # noqa: PLC0415 - 0.05 s, once used

    with path.open("rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        events = ijson.basic_parse(file)
        try:
            first = next(events)[0]
            if first == "start_array":
                return "item"
            name, opened = next(events), next(events)[0]
        except (ijson.JSONError, ValueError, StopIteration) as error:
            raise _invalid(path, error) from None
    listed = name == ("map_key", LIST_OF_RECORDS) and opened == "start_array"
    return f"{LIST_OF_RECORDS}.item" if listed else None


def _whole(path: Path) -> Any:
    if path.stat().st_size > MOST_WHOLE_BYTES:
        raise UnreadableError(
            Found(None, None, "json_not_records", None,
                  "The file is one object of more than 64 MB; write an array of objects.")
        )  # fmt: skip
    return _loads(path.read_bytes())


def _invalid(path: Path, error: Exception) -> UnreadableError:
    """Small files are read again for line and column, which the streaming parser does not tell."""
    if path.stat().st_size <= MOST_WHOLE_BYTES:
        try:
            _loads(path.read_bytes())
        except UnreadableError as named:
            return named
    reason = str(error).split("\n", 1)[0][:120] or "it ends early"
    return UnreadableError(
        Found(None, None, "json_invalid", None, f"The JSON is invalid: {reason}.")
    )


def _is_lines(sample: bytes) -> bool:
    """Whether the first line is an object, and another one follows."""
    first, _, rest = sample.lstrip().partition(b"\n")
    if not first.startswith(b"{") or not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _batch(waiting: list[tuple[int, dict[str, Any]]]) -> Batch:
    names = list(dict.fromkeys(name for _, item in waiting for name in item))
    if len(names) > MOST_COLUMNS:
        message = f"The objects have {len(names):,} different names, more than {MOST_COLUMNS:,}."
        raise UnreadableError(Found(None, None, "too_many_columns", None, message))
    columns = {name: [as_text(item.get(name)) for _, item in waiting] for name in names}
    flags = {
        name: [_is_no_text(item.get(name)) for _, item in waiting]
        for name in names
        if name in NAMES and NAMES[name].type == "barcode"
    }
    return batch_of([number for number, _ in waiting], columns, flags)


def _is_no_text(value: object) -> bool:
    return value is not None and type(value) is not str


def _kind(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case _Number() | Decimal() | int() | float():
            return "a number"
        case str():
            return "a text"
        case _:
            return "true, false or null"

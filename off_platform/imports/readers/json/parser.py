"""Python's JSON parser, so that nothing is lost: numbers as written, names that appear twice.

What it cannot read is an error with its position, in the words of the rules.
"""

import json
from typing import Any, NoReturn

from off_platform.imports.readers.batches import Found, UnreadableError

# Of one record's text. A list of this many digits takes fifty times as much memory.
MOST_RECORD_CHARACTERS = 4 << 20


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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else JsonObject(pairs)


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=Number
)


def too_long(line: int) -> UnreadableError:
    """The error for a record of more than `MOST_RECORD_CHARACTERS`."""
    message = f"The object in line {line:,} is longer than 4 MB; write an array of flat objects."
    return UnreadableError(Found.of_file("json_not_records", message))


def too_deep() -> UnreadableError:
    """The error of the rule `json_too_deep`."""
    message = "The JSON is nested too deeply; write an array of flat objects."
    return UnreadableError(Found.of_file("json_too_deep", message))


def invalid(reason: str, line: int, column: int, row: int | None = None) -> NoReturn:
    """Raises the error of the rule `json_invalid`.

    Args:
        reason: in the words of Python's parser.
        line: of the file, from 1.
        column: of the line, from 1.
        row: number of the record, where every line is one.

    Raises:
        UnreadableError: always.
    """
    message = f"The JSON is invalid at line {line:,}, column {column:,}: {reason}."
    raise UnreadableError(Found(row, None, "json_invalid", None, message, line=row)) from None

"""The corrected copy of a JSON file: its text, except corrected values.

Order of names, indentation and the notation of numbers are kept.
"""

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any, NamedTuple

from off_platform.imports.outputs.corrected.corrections import Certain, Copy, Corrections, noted
from off_platform.imports.readers.batches import SourceFile
from off_platform.imports.readers.headers import plain_name
from off_platform.imports.readers.json.parser import DECODER, Number
from off_platform.imports.readers.json.stream import pieces_of_json
from off_platform.imports.specification.fields import BARCODES, CORRECTIONS, NESTED

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


class Member(NamedTuple):
    """A name and value of an object, located in its text.

    Attributes:
        column: as in findings: trimmed, with the prefix `nutrition.` if nested.
        key: start of the name, at its quote.
        start: start of the value.
        end: end of the value.
        value: the parsed value.
        is_nested: whether it is within `nutrition`.
    """

    column: str
    key: int
    start: int
    end: int
    value: Any
    is_nested: bool


def copy_json(path: Path, source: SourceFile, certain: Certain, to: Path) -> Copy:
    """Writes the copy; see `corrected.write_corrected`."""
    copy = Copy()
    with to.open("w", encoding="utf-8", newline="") as file:
        if source.byte_order_mark:
            file.write("\ufeff")
        for row, text in pieces_of_json(path, lines=source.format == "json_lines"):
            corrections = certain.of(row) if row else {}
            file.write(_corrected(text, corrections) if corrections else text)
            copy.corrected += len(corrections)
    return copy


def _corrected(text: str, corrections: Corrections) -> str:
    """The text of a record with corrected values, and a note of these at its end."""
    members = list(_members(text, _SPACE.match(text).end(), ""))  # type: ignore[union-attr]
    edits = [
        (each.start, each.end, _written(each, corrections[each.column]))
        for each in members
        if each.column in corrections
    ]
    edits.append(_note(text, members, corrections))
    for start, end, made in sorted(edits, reverse=True):
        text = f"{text[:start]}{made}{text[end:]}"
    return text


def _members(text: str, at: int, path: str) -> Iterator[Member]:
    """The members of the object at a position, and those of its `nutrition`."""
    at = _behind(text, at + 1)
    while text[at] == '"':
        name, end = scanstring(text, at + 1)
        start = _behind(text, _behind(text, end) + 1)
        value, end_of_value = DECODER.raw_decode(text, start)
        column = path + plain_name(name)
        yield Member(column, at, start, end_of_value, value, bool(path))
        if isinstance(value, dict) and f"{column}." == NESTED:
            yield from _members(text, start, NESTED)
        at = _behind(text, end_of_value)
        if text[at] != ",":
            return
        at = _behind(text, at + 1)


def _behind(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _written(member: Member, text: str) -> str:
    """A value as JSON; numbers stay numbers, except barcodes."""
    is_number = isinstance(member.value, Number) and member.column not in BARCODES
    return text if is_number and _NUMBER.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _note(text: str, members: list[Member], corrections: Corrections) -> tuple[int, int, str]:
    """Position and text of a record's note, laid out like the previous member."""
    there = next((each for each in members if each.column == CORRECTIONS), None)
    if there:
        said = noted(there.value, corrections)
        return there.start, there.end, json.dumps(said, ensure_ascii=False)
    own = [each for each in members if not each.is_nested]
    last, before = own[-1], own[-2] if len(own) > 1 else None
    between = text[before.end : last.key] if before else ", "
    colon = text[scanstring(text, last.key + 1)[1] : last.start]
    said = json.dumps(noted(None, corrections), ensure_ascii=False)
    # Space before the comma would be doubled.
    return last.end, last.end, f'{between.lstrip()}"{CORRECTIONS}"{colon}{said}'

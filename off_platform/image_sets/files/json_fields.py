"""The field types of JSON texts, and which of several texts show a loader the types of all.

A loader that infers a column's type from a few samples refuses the set if a field is an integer in
one of them and a decimal in another, and reads 0 for 0.5 if all of them have integers.
`shard_order.py` chooses the samples.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import duckdb

# Larger texts are used last: the structure of each is built in memory.
TEXT_BYTES_MOST = 4 * 1024 * 1024
_WHOLE, _DECIMAL, _OBJECT, _LIST = "whole", "decimal", "object", "list"
_NUMBERS = dict.fromkeys(("UBIGINT", "BIGINT", "HUGEINT"), _WHOLE) | {"DOUBLE": _DECIMAL}
# DuckDB's types for an empty object or values of several types; and for null or an empty list.
_UNCLEAR, _NOTHING = "JSON", "NULL"

Fields = dict[tuple[str, ...], str]
"""Type by path; a list's elements have the path `[]` below it."""


def fields_of(texts: Iterable[bytes]) -> list[Fields | None]:
    """The typed fields of JSON texts; None for a text without reliable types."""
    with _duckdb_of(os.getpid()).cursor() as connection:
        return [_fields(text, connection) for text in texts]


@cache
def _duckdb_of(process: int) -> duckdb.DuckDBPyConnection:  # noqa: ARG001 - not used after a fork
    """DuckDB for texts: starting it takes 20 ms, the texts of a group take less.

    A parent's is never closed in a fork, which lacks its threads.
    """
    return duckdb.connect(config={"threads": 1, "temp_directory": ""})


def _fields(text: bytes, connection: duckdb.DuckDBPyConnection) -> Fields | None:
    if len(text) > TEXT_BYTES_MOST:
        return None
    ((structure,),) = connection.execute(
        "SELECT try(json_structure(?))", [text.decode("utf-8-sig", "replace")]
    ).fetchall()
    types = dict(_types(json.loads(structure))) if structure else {}
    return None if _UNCLEAR in types.values() else types or None


def alike(
    texts: Sequence[Fields | None], most: int, needed: Collection[tuple[str, ...]] = ()
) -> list[int]:
    """The positions of up to `most` texts, no two of which have a field of different types.

    Texts whose fields have the most common types come first, decimals before integers, and those
    that add the most new fields.

    Args:
        texts: fields of each.
        most: positions.
        needed: fields that count before all others.
    """
    wanted = frozenset(needed)
    usual = _usual_types(fields for fields in texts if fields)
    odd = [sum(usual[path] != of for path, of in (fields or {}).items()) for fields in texts]
    chosen: list[int] = []
    seen: Fields = {}
    left = list(range(len(texts)))

    def rank(place: int) -> tuple[bool, int, int, int, int]:
        fields = texts[place]
        new = (fields or {}).keys() - seen.keys()
        return fields is None, odd[place], -len(new & wanted), -len(new), place

    while left and len(chosen) < most:
        best = min(left, key=rank)
        chosen.append(best)
        seen |= texts[best] or {}
        left = [place for place in left if place != best and _agree(texts[place] or {}, seen)]
    return chosen


def _usual_types(texts: Iterable[Fields]) -> Fields:
    counts: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for fields in texts:
        for path, type_ in fields.items():
            counts[path][type_] += 1
    return {
        path: _DECIMAL if types.keys() == {_WHOLE, _DECIMAL} else types.most_common(1)[0][0]
        for path, types in counts.items()
    }


def _agree(fields: Fields, seen: Fields) -> bool:
    return all(seen.get(path, type_) == type_ for path, type_ in fields.items())


def _types(structure: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    # Not recursive: the texts come from outside and may be deeply nested.
    left: list[tuple[tuple[str, ...], Any]] = [((), structure)]
    while left:
        path, found = left.pop()
        if isinstance(found, dict):
            yield path, _OBJECT
            left += [((*path, name), of_name) for name, of_name in found.items()]
        elif isinstance(found, list):
            yield path, _LIST
            left += [((*path, "[]"), each) for each in found]
        elif found != _NOTHING:
            yield path, _NUMBERS.get(found, found)

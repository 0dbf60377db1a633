"""Whether two texts of one field say the same in other words, such as `1.0` and `1`. Pure."""

from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Any

from off_platform.imports.records.explanation import Explanation
from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.fields import Field

# What a moment means does not hang on when it is asked.
_EXPLANATION = Explanation(now=0)
# Whose order says nothing.
_SETS = ("countries", "languages")


def said_by(column: str, texts: Iterable[str]) -> dict[Hashable, str]:
    """What texts of a column mean, each meaning with the first text that has it.

    Args:
        column: as it is named in the file; the texts of an unknown one mean what stands there.
        texts: those that say nothing, such as `-`, are left out.
    """
    place = field_of(column)
    said: dict[Hashable, str] = {}
    for text in texts:
        meaning = _meaning(place.field, text) if place else text
        if meaning is not None:
            said.setdefault(meaning, text)
    return said


@lru_cache(maxsize=4096)
def _meaning(field: Field, text: str) -> Hashable:
    """What a text means, or would as it is proposed; an error without a proposal, itself."""
    reading = _EXPLANATION.explain(field, text)
    if reading.rule and reading.proposal:
        reading = _EXPLANATION.explain(field, reading.proposal)
    if reading.value is None:
        return None if reading.rule in (None, "missing_marker") or reading.proposal == "" else text
    value: Any = reading.value
    if field.type in _SETS:
        return frozenset(value)
    return "".join(value.split()).casefold() if field.type == "quantity" else value

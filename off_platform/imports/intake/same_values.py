"""Compares texts of one field by meaning, such as `1.0` and `1`. Pure."""

from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.fields import Field
from off_platform.imports.values.explanation import Explanation
from off_platform.imports.values.quantities import package_of

# The meaning of a timestamp does not depend on the current time.
_EXPLANATION = Explanation(now=0)
# Fields in which order has no meaning.
_SETS = ("countries", "languages")


def said_by(column: str, texts: Iterable[str]) -> dict[Hashable, str]:
    """The distinct meanings of a column's texts, each with its first text.

    Args:
        column: its name in the file; the texts of an unknown one are compared literally.
        texts: those without a value, such as `-`, are omitted.
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
    """The meaning of a text or of its proposal; for an error without one, the text."""
    reading = _EXPLANATION.explain(field, text)
    if reading.rule and reading.proposal:
        reading = _EXPLANATION.explain(field, reading.proposal)
    if reading.value is None:
        return None if reading.rule in (None, "missing_marker") or reading.proposal == "" else text
    return _compared(field, reading.value)


def _compared(field: Field, value: Any) -> Hashable:
    """The value of a field in the form that is equal for equal meanings."""
    # An accented letter can be one character or two.
    match value:
        case str():
            value = normalize("NFC", value)
        case tuple():
            value = tuple(normalize("NFC", part) for part in value)
    if field.type in _SETS:
        return frozenset(value)
    return package_of(value) if field.type == "quantity" else value

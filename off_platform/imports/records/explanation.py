"""The checks of each type of field: for whole columns, and for single texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from off_platform.imports.specification.fields import NONE_IS_A_VALUE, Field, Type
from off_platform.imports.values.barcodes.barcode import barcode, barcode_checks, barcodes
from off_platform.imports.values.barcodes.damaged import EXPANDED, Damage, repaired_code
from off_platform.imports.values.geography.places import (
    countries,
    countries_sound,
    language_code,
    language_codes_sound,
    languages,
    languages_sound,
)
from off_platform.imports.values.numbers.number import number, number_values
from off_platform.imports.values.quantities import quantities_sound, quantity
from off_platform.imports.values.reading import NONE, Reading
from off_platform.imports.values.texts import lists_sound, repaired_text, split_list, text_sound
from off_platform.imports.values.timestamps import timestamp, timestamps_sound
from off_platform.imports.values.urls import url, urls_sound
from off_platform.imports.values.whole_columns import matches

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The checks for the texts of a file.

    Attributes:
        now: Unix seconds; later timestamps are in the future.
        damaged: barcode fields that are damaged as a whole, and their damage.
    """

    now: int
    damaged: Mapping[str, Damage] = field(default_factory=dict)

    def explain(self, field: Field, text: str) -> Reading:
        """The meaning of a text of a field, or the rule it breaks."""
        if damage := self.damaged.get(field.name):
            return repaired_code(text, damage, gtin=field.name == "gtin")
        return _OF_TEXT[field.type](text, field, self.now)

    def explain_all(self, field: Field, texts: "pa.StringArray") -> list[Reading]:
        """`explain` of each text."""
        if field.type == "barcode" and field.name not in self.damaged:
            return barcodes(texts, gtin=field.name == "gtin")
        return [self.explain(field, text) for text in texts.to_pylist()]

    def sound(self, field: Field, texts: "pa.StringArray") -> "Bools":
        """Which texts of a column have no finding in `explain`."""
        match self.damaged.get(field.name):
            case None | "shortened":
                return _OF_COLUMN[field.type](texts, field, self.now)
            case "scientific":
                sound = _OF_COLUMN[field.type](texts, field, self.now)
                return sound & ~matches(texts, EXPANDED, absent=False)
            case _:
                return matches(texts, "^$", absent=True)


def _said(field: Field) -> str:
    return NONE if field.name in NONE_IS_A_VALUE else ""


_OF_TEXT: Mapping[Type, Callable[[str, Field, int], Reading]] = {
    "barcode": lambda text, field, _: barcode(text, gtin=field.name == "gtin"),
    "text": lambda text, _, __: repaired_text(text),
    "list": lambda text, field, _: split_list(text, said=_said(field)),
    "countries": lambda text, _, __: countries(text),
    "languages": lambda text, _, __: languages(text),
    "language": lambda text, _, __: language_code(text),
    "number": lambda text, field, _: number(text, field.unit),
    "timestamp": lambda text, _, now: timestamp(text, now),
    "url": lambda text, _, __: url(text),
    "quantity": lambda text, _, __: quantity(text),
}

_OF_COLUMN: "Mapping[Type, Callable[[Any, Field, int], Bools]]" = {
    "barcode": lambda texts, field, _: barcode_checks(texts, gtin=field.name == "gtin"),
    "text": lambda texts, _, __: text_sound(texts),
    "list": lambda texts, field, _: lists_sound(texts, said=_said(field)),
    "countries": lambda texts, _, __: countries_sound(texts),
    "languages": lambda texts, _, __: languages_sound(texts),
    "language": lambda texts, _, __: language_codes_sound(texts),
    "number": lambda texts, _, __: number_values(texts)[1],
    "timestamp": lambda texts, _, now: timestamps_sound(texts, now),
    "url": lambda texts, _, __: urls_sound(texts),
    "quantity": lambda texts, _, __: quantities_sound(texts),
}

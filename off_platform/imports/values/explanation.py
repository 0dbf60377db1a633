"""The checks of each type of field: for whole columns, and for single texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.specification.characters import ALL_SPACES, LINES
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
from off_platform.imports.values.numbers.number import decimal_commas, number, number_values
from off_platform.imports.values.quantities import quantities_sound, quantity
from off_platform.imports.values.reading import NONE, Reading
from off_platform.imports.values.texts import lists_sound, repaired_text, split_list, text_sound
from off_platform.imports.values.timestamps import timestamp, timestamps_sound
from off_platform.imports.values.urls import url, urls_sound
from off_platform.imports.values.whole_columns import matches

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bools = npt.NDArray[np.bool_]

Correction: TypeAlias = Callable[[pa.StringArray], pa.StringArray]
# Line separators are white space to some readers, and invisible characters to others.
_AROUND = "".join(each for each in ALL_SPACES if each not in LINES)


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

    def corrections(self, field: Field) -> "Sequence[tuple[str, Correction]]":
        """Rules with a correction that is made of all texts of a column at once.

        Each gives the corrected texts where `explain` proposes just that, and is certain; null for
        the others.
        """
        if field.name in self.damaged:
            return ()
        found: list[tuple[str, Correction]] = [("text_trimmed", partial(self._trimmed, field))]
        if field.type == "number":
            found.append(("number_decimal_comma", decimal_commas))
        return found

    def _trimmed(self, field: Field, texts: pa.StringArray) -> pa.StringArray:
        """The texts with white space around them about which there is nothing else to say."""
        inner = pc.utf8_trim(texts, characters=_AROUND)
        fit = pc.and_(pc.not_equal(inner, texts), pc.not_equal(inner, "")).to_numpy(
            zero_copy_only=False
        )
        fit[fit] = self.sound(field, inner.filter(pa.array(fit)))
        return pc.if_else(pa.array(fit), inner, None)

    def explain_all(self, field: Field, texts: pa.StringArray) -> list[Reading]:
        """`explain` of each text."""
        if field.type == "barcode" and field.name not in self.damaged:
            return barcodes(texts, gtin=field.name == "gtin")
        return [self.explain(field, text) for text in texts.to_pylist()]

    def sound(self, field: Field, texts: pa.StringArray) -> "Bools":
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

"""The door to everything that reads one text, or a column of texts; nothing is decided here."""

from off_platform.imports.addresses import url, urls_sound
from off_platform.imports.codes import barcode, barcode_checks, candidates, expanded_upc_e
from off_platform.imports.numerals import energy_pair, number, number_values
from off_platform.imports.places import (
    countries,
    countries_sound,
    language_code,
    language_codes_sound,
    languages,
    languages_sound,
)
from off_platform.imports.quantities import amounts, quantities_sound, quantity
from off_platform.imports.reading import Reading
from off_platform.imports.texts import (
    boolean_style,
    lists_sound,
    repaired_text,
    split_list,
    text_sound,
)
from off_platform.imports.timestamps import timestamp, timestamps_sound

__all__ = [
    "Reading",
    "amounts",
    "barcode",
    "barcode_checks",
    "boolean_style",
    "candidates",
    "countries",
    "countries_sound",
    "energy_pair",
    "expanded_upc_e",
    "language_code",
    "language_codes_sound",
    "languages",
    "languages_sound",
    "lists_sound",
    "number",
    "number_values",
    "quantities_sound",
    "quantity",
    "repaired_text",
    "split_list",
    "text_sound",
    "timestamp",
    "timestamps_sound",
    "url",
    "urls_sound",
]

"""GS1's GDSN (Global Data Synchronisation Network) in JSON: recognised, not converted. Pure.

What of it maps onto the specification is in `gdsn.csv`. Attributes and codes are those of GS1's
trade item, as Open Food Facts' own conversion reads them (openfoodfacts-server, `GS1.pm`).
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from off_platform.imports.readers.batches import Found

# Any of them is the name of a value in GDSN, and in no list of products.
MARKS = (
    *("catalogueItemNotification", "catalogueItemNotificationMessage", "catalogueItem"),
    *("tradeItem", "tradeItemInformation", "isTradeItemAConsumerUnit"),
    "gdsnTradeItemClassification",
)


@dataclass(frozen=True, slots=True)
class Mapped:
    """An attribute that maps onto a field.

    Attributes:
        attribute: its name in GDSN.
        code: the code beside it that it depends on, such as the nutrient; empty if on none.
        field: the field of the specification.
        note: how its value is converted.
    """

    attribute: str
    code: str
    field: str
    note: str


def _mapped() -> Iterator[Mapped]:
    table = files(__package__).joinpath("gdsn.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        yield Mapped(**row)


GDSN: tuple[Mapped, ...] = tuple(_mapped())
# Names may have a prefix, as in `catalogue_item_notification:catalogueItemNotification`. A quote
# inside a text has a backslash before it. Some programs write them with a capital: `TradeItem`.
_NAME = re.compile(
    rb'(?<!\\)"(?:[A-Za-z_]{1,80}:)?(%b)"\s*:'
    % "|".join((*MARKS, *{each.attribute for each in GDSN})).encode(),
    re.IGNORECASE,
)
_MARKS = frozenset(mark.lower().encode() for mark in MARKS)


def gdsn_found(sample: bytes) -> Found | None:
    """The finding `gdsn_json`; None if it is not of GDSN.

    Args:
        sample: the first bytes of a JSON file.
    """
    names = {name.lower() for name in _NAME.findall(sample)}
    if names.isdisjoint(_MARKS):
        return None
    mapped = [
        each
        for each in GDSN
        if each.attribute.lower().encode() in names and _has_code(each, sample)
    ]
    listed = "; ".join(
        f"{each.attribute}{f' ({each.code})' if each.code else ''} -> {each.field}"
        for each in mapped
    )
    said = f" Of its attributes these map onto the specification: {listed}." if mapped else ""
    message = f"The file is GDSN JSON, a message of GS1's network, not a list of products.{said}"
    return Found.of_file("gdsn_json", message)


def _has_code(mapped: Mapped, sample: bytes) -> bool:
    return not mapped.code or f'"{mapped.code}"'.encode() in sample

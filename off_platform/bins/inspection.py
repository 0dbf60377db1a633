"""Decides from its bytes whether the metadata of a bin is usable, strictly, in about 20 µs.

Unusable metadata is distinguished from odd metadata, which is counted and accepted. `inventory.py`
interprets the values; `checks.py` evaluates the rules.
"""

import json
import math
import re
from typing import Any, NamedTuple, NoReturn

from off_platform.bins.keys import space_of
from off_platform.bins.units import is_known
from off_platform.words import quoted

# Larger numbers are not quantities, and would not fit the tables.
LARGEST = 2**31 - 1
TOP_FIELDS = frozenset({"BIN_FCSKU_DATA", "EXPECTED_QUANTITY"})
ITEM_FIELDS = frozenset(
    {"asin", "name", "normalizedName", "quantity", "height", "length", "width", "weight"}
)
PILOT_ITEM_FIELDS = ITEM_FIELDS - {"normalizedName"}
TEXTS = ("asin", "name", "normalizedName")
MEASURES = ("height", "length", "width", "weight")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Inspection(NamedTuple):
    """The result of an inspection.

    Attributes:
        usable: whether the bin gets rows in the tables.
        oddity: short name of the oddity; None when there is none.
        reason: the oddity in a sentence.
    """

    usable: bool
    oddity: str | None = None
    reason: str | None = None


SOUND = Inspection(usable=True)


class _OddError(Exception):
    """The metadata is unusable; the message says why."""

    def __init__(self, oddity: str, reason: str) -> None:
        super().__init__(reason)
        self.oddity = oddity


def inspect(data: bytes, bin_id: str) -> Inspection:
    """Inspects the metadata of one bin.

    Args:
        data: the whole object; hostile bytes do not raise.
        bin_id: its bin.
    """
    try:
        top = _parsed(data)
        items = _usable(top)
    except _OddError as error:
        return Inspection(usable=False, oddity=error.oddity, reason=str(error))
    return _odd_fields(top, items, bin_id) or SOUND


def _parsed(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _OddError("not_utf8", f"it is not UTF-8 at byte {error.start:,}") from None
    start = text.lstrip()[:1]
    if not start:
        raise _OddError("empty", "it is empty")
    if start == "<":
        raise _OddError("html", "it is HTML or XML saved as JSON")
    try:
        top = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        if _SURROGATE.search(text):
            # Python accepts a lone surrogate, which DuckDB and UTF-8 refuse.
            json.dumps(top, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise _OddError("truncated", f"it ends early, after {len(data):,} bytes") from None
        raise _OddError("not_json", f"it is not JSON: {error.msg} at byte {error.pos:,}") from None
    except UnicodeEncodeError:
        raise _OddError("lone_surrogate", "it has a lone surrogate") from None
    except RecursionError:
        raise _OddError("too_deep", "it is nested too deeply") from None
    except ValueError:
        # From Python's limit on the digits of an integer.
        raise _OddError("too_large_number", "it has a number with thousands of digits") from None
    return top


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _OddError("duplicate_key", f"the key {quoted(twice)} appears twice in one object")
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise _OddError("nan", f"{constant} is not a number")


def _usable(top: Any) -> dict[str, dict[str, Any]]:
    """Demands that the items can be rows of the tables."""
    if not isinstance(top, dict):
        raise _OddError("not_an_object", "it is not a JSON object")
    for name in ("BIN_FCSKU_DATA", "EXPECTED_QUANTITY"):
        if name not in top:
            raise _OddError("missing_field", f"it has no {name}")
    items = top["BIN_FCSKU_DATA"]
    if not isinstance(items, dict):
        raise _OddError("items_not_an_object", "BIN_FCSKU_DATA is not a JSON object")
    _whole_number(top["EXPECTED_QUANTITY"], "EXPECTED_QUANTITY", 0)
    for fcsku, item in items.items():
        if not isinstance(item, dict):
            raise _OddError("item_not_an_object", f"the item {quoted(fcsku)} is not a JSON object")
        _usable_item(fcsku, item)
    return items


def _usable_item(fcsku: str, item: dict[str, Any]) -> None:
    if "quantity" not in item:
        raise _OddError("missing_field", f"the item {quoted(fcsku)} has no quantity")
    _whole_number(item["quantity"], f"the quantity of {quoted(fcsku)}", -LARGEST)
    for name in TEXTS:
        value = item.get(name)
        if value is not None and not isinstance(value, str):
            raise _OddError("not_a_text", f"the {name} of {quoted(fcsku)} is not a string")
    for name in MEASURES:
        measure = item.get(name)
        if measure is not None and not _is_measure(measure):
            raise _OddError(
                "not_a_measure", f"the {name} of {quoted(fcsku)} is not a number with a unit"
            )


def _whole_number(value: Any, what: str, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _OddError("quantity_not_a_number", f"{what} is not a whole number")
    if not least <= value <= LARGEST:
        raise _OddError("too_large_number", f"{what} is beyond {least:,} to {LARGEST:,}")


def _is_measure(measure: Any) -> bool:
    if not isinstance(measure, dict) or measure.keys() != {"unit", "value"}:
        return False
    value = measure["value"]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (
        isinstance(measure["unit"], str | None)
        and is_number
        and abs(value) <= LARGEST
        and math.isfinite(value)
    )


def _odd_fields(
    top: dict[str, Any], items: dict[str, dict[str, Any]], bin_id: str
) -> Inspection | None:
    """Harmless oddities that the dataset's files never have."""
    is_pilot = space_of(bin_id) == "pilot"
    known = TOP_FIELDS | {"image_fname"} if is_pilot else TOP_FIELDS
    if odd := _difference("it", top.keys(), known):
        return odd
    if is_pilot and top["image_fname"] != f"{bin_id}.jpg":
        reason = f"image_fname is not {bin_id}.jpg"
        return Inspection(usable=True, oddity="wrong_image_fname", reason=reason)
    fields = PILOT_ITEM_FIELDS if is_pilot else ITEM_FIELDS
    for fcsku, item in items.items():
        if item.keys() != fields:
            return _difference(f"the item {quoted(fcsku)}", item.keys(), fields)
    return _unknown_unit(items)


def _unknown_unit(items: dict[str, dict[str, Any]]) -> Inspection | None:
    for fcsku, item in items.items():
        for name in MEASURES:
            measure = item[name]
            if measure and not is_known(name, measure["unit"] or ""):
                unit = measure["unit"]
                has = f"has the unknown unit {quoted(unit)}" if unit else "has no unit"
                reason = f"the {name} of {quoted(fcsku)} {has}"
                return Inspection(usable=True, oddity="unknown_unit", reason=reason)
    return None


def _difference(what: str, found: Any, known: frozenset[str]) -> Inspection | None:
    if more := sorted(found - known):
        reason = f"{what} has the unknown field {quoted(more[0])}"
        return Inspection(usable=True, oddity="unknown_field", reason=reason)
    if fewer := sorted(known - found):
        return Inspection(usable=True, oddity="missing_field", reason=f"{what} has no {fewer[0]}")
    return None

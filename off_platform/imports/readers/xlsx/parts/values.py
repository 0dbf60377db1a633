"""The value of one cell that is not text: a number, date, error or truth value. Pure.

`cells.py` reads all cells of a sheet.
"""

import datetime as dt
import math
import re
from typing import Any, NamedTuple

from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

from off_platform.imports.readers.xlsx.parts.blocks import MOST_COLUMNS
from off_platform.imports.readers.xlsx.parts.formats import NumberFormat
from off_platform.imports.readers.xlsx.parts.package import damaged

_MOST_WHOLE = 1e18
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?"
)
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([1-9][0-9]{0,6})")


def letters_of(at: int) -> str:
    """The letters of a column, counted from 0."""
    letters = ""
    at += 1
    while at:
        at, letter = divmod(at - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def cell_name(sheet: str, at: int, row: int) -> str:
    """The name of a cell, such as `Products!F8`."""
    return f"{sheet}!{letters_of(at)}{row}"


def place_of(reference: str, sheet: str) -> tuple[int, int]:
    """Parses a reference such as `F8`: column from 0 and row from 1.

    Args:
        reference: of a cell.
        sheet: its name, for messages.

    Raises:
        UnreadableError: the reference is invalid.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise damaged(f"the sheet '{sheet}' has a cell called '{reference[:20]}'")
    at = 0
    for letter in found[1].upper():
        at = at * 26 + ord(letter) - ord("A") + 1
    if at > MOST_COLUMNS:
        raise damaged(f"the sheet '{sheet}' has a column {found[1]}")
    return at - 1, int(found[2])


class Shown(str):
    """A number as its format shows it, such as `30.9%`."""

    __slots__ = ()


class SenselessError(ValueError):
    """The content of a cell is invalid; the message is the end of a sentence about it."""


class Odd(NamedTuple):
    """A cell with a finding.

    Attributes:
        rule: the broken rule.
        message: the end of a sentence that begins with the cell's location.
        shown: the text shown to users.
        value: the value to use; None for none.
    """

    rule: str
    message: str
    shown: str | None = None
    value: Any = None


WITHOUT_VALUE = Odd(
    "formula_without_value",
    "contains a formula whose result is not stored; open the file in a spreadsheet program and "
    "save it",
)


def value_of(kind: str, text: str, form: NumberFormat, *, from_1904: bool) -> Any:
    """The value of a cell that is not text.

    Args:
        kind: its type in the sheet; empty for a number.
        text: the stored text.
        form: the number format of its style.
        from_1904: whether the workbook counts dates from 1904.

    Raises:
        SenselessError: the value or type is invalid.
    """
    match kind:
        case "" | "n":
            return _shown(_number(text.strip()), form, from_1904=from_1904)
        case "e":
            return Odd("cell_error_value", f"shows the spreadsheet's error {text[:40]}", text)
        case "b" if text in {"0", "1", "true", "false"}:
            return text in {"1", "true"}
        case "d":
            return _from_iso(text)
        case _:
            raise SenselessError("has an unknown type")


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise SenselessError("does not contain a number")
    return float(text) if re.search("[.eE]", text) else int(text)


def _shown(number: float, form: NumberFormat, *, from_1904: bool) -> Any:
    if form.is_plain or not math.isfinite(number):
        return number
    if form.is_date:
        return _date(number, form, from_1904=from_1904)
    if form.differs:
        return Odd("number_shown_otherwise", form.differs, as_text(number), number)
    if form.percents or form.before or form.behind or form.zeros:
        shown = form.shown(number)
        return number if shown == as_text(number) else Shown(shown)
    return number


def _date(number: float, form: NumberFormat, *, from_1904: bool) -> Any:
    try:
        epoch = MAC_EPOCH if from_1904 else WINDOWS_EPOCH
        return from_excel(number, epoch, timedelta=form.is_duration)
    except (OverflowError, ValueError):
        return Odd(
            "number_shown_otherwise",
            "the format shows a date that does not exist",
            as_text(number),
            number,
        )


def _from_iso(text: str) -> Any:
    try:
        if "T" in text:
            return dt.datetime.fromisoformat(text.strip()).replace(tzinfo=None)
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        return Odd(
            "number_shown_otherwise", "the cell contains a date that does not exist", text, text
        )


def as_text(value: object) -> str | None:
    """A cell as one would type it: whole numbers without `.0`, dates in ISO 8601."""
    match value.value if isinstance(value, Odd) else value:
        case None:
            return None
        case bool() as flag:
            return "true" if flag else "false"
        case float() as number:
            # Beyond that, a float has no significant digits.
            whole = number.is_integer() and abs(number) < _MOST_WHOLE
            return str(int(number)) if whole else repr(number)
        case dt.datetime() as time:
            return time.isoformat(sep=" ", timespec="seconds")
        case dt.date() | dt.time() as time:
            return time.isoformat()
        case other:
            return str(other)

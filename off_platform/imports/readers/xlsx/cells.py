"""What a cell of a sheet holds: its XML -> a text, a number, a date, or why it says nothing."""

import datetime as dt
import math
import re
from typing import Any, NamedTuple

from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

from off_platform.imports.readers.xlsx.formats import PLAIN, NumberFormat
from off_platform.imports.readers.xlsx.package import Package, damaged, unescaped

MOST_COLUMNS = 16_384
_MOST_WHOLE = 1e18
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?"
)
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([1-9][0-9]{0,6})")


def letters_of(at: int) -> str:
    """A column's letters, from its place from 0."""
    letters = ""
    at += 1
    while at:
        at, letter = divmod(at - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def cell_name(sheet: str, at: int, row: int) -> str:
    """What a person calls a cell, such as `Products!F8`."""
    return f"{sheet}!{letters_of(at)}{row}"


class Shown(str):
    """A number as its format shows it, such as `30.9%`."""

    __slots__ = ()


class Odd(NamedTuple):
    """A cell of which something is to be said.

    Attributes:
        rule: that it breaks.
        message: the end of a sentence that begins with the cell's place.
        shown: what a person sees there.
        value: what is read; None for nothing.
    """

    rule: str
    message: str
    shown: str | None = None
    value: Any = None


_WITHOUT_VALUE = Odd(
    "formula_without_value",
    "holds a formula whose result is not stored; open the file in a spreadsheet program and save "
    "it",
)


class Cells:
    """Reads the cells of one sheet."""

    def __init__(self, package: Package, sheet: str) -> None:
        """For a sheet of a package; the name is for sentences."""
        self._package, self._sheet = package, sheet
        self._formats = package.formats
        self._columns: dict[bytes, int] = {}
        self._stale = package.is_to_be_calculated

    def column_of(self, letters: bytes) -> int:
        """Place of a column, from 0."""
        at = self._columns.get(letters)
        if at is None:
            at = 0
            for letter in letters.upper():
                at = at * 26 + letter - 64
            if at > MOST_COLUMNS:
                raise damaged(f"the sheet '{self._sheet}' has a column {letters.decode()}")
            self._columns[letters] = at = at - 1
        return at

    def place(self, reference: str) -> tuple[int, int]:
        """Column from 0 and row from 1 of a reference such as `F8`."""
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise damaged(f"the sheet '{self._sheet}' has a cell called '{reference[:20]}'")
        return self.column_of(found[1].encode()), int(found[2])

    def name(self, at: int, row: int) -> str:
        """What a cell is called, such as `Products!F8`."""
        return cell_name(self._sheet, at, row)

    def value(
        self, place: tuple[int, int], style: str, kind: str, text: str, *, has_formula: bool
    ) -> Any:
        """What a cell holds.

        Args:
            place: of the cell: its column from 0, its row from 1.
            style: number of its style; empty for none.
            kind: its type as the sheet says; empty for a number.
            text: stored in it; what is escaped is not unescaped yet, but of an inline text.
            has_formula: whether a formula gives the value.

        Raises:
            UnreadableError: it makes no sense.
        """
        if kind == "inlineStr":
            return text or None
        if has_formula and ((kind != "str" and not text) or (self._stale and text == "0")):
            return _WITHOUT_VALUE
        return self._stored(place, style, kind, text) if text else None

    def _stored(self, place: tuple[int, int], style: str, kind: str, text: str) -> Any:
        made: Any
        match kind:
            case "s":
                made = self._shared(place, text)
            case "str":
                made = unescaped(text) or None
            case "" | "n":
                made = self._number(place, style, text)
            case "e":
                made = Odd("cell_error_value", f"shows the spreadsheet's error {text[:40]}", text)
            case "b" if text in {"0", "1", "true", "false"}:
                made = text in {"1", "true"}
            case "d":
                made = _from_iso(text)
            case _:
                raise damaged(f"the cell {self.name(*place)} is not of a type that sheets have")
        return made

    def _shared(self, place: tuple[int, int], text: str) -> str | None:
        if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - digits
            raise damaged(f"the cell {self.name(*place)} refers to no shared text")
        number = int(text)
        if number >= len(self._package.shared):
            raise damaged(f"the cell {self.name(*place)} refers to a missing shared text")
        return self._package.shared[number] or None

    def _number(self, place: tuple[int, int], style: str, text: str) -> Any:
        text = text.strip()
        if not _NUMBER.fullmatch(text):
            raise damaged(f"the cell {self.name(*place)} holds no number")
        number = float(text) if re.search("[.eE]", text) else int(text)
        return _shown(number, self._format(style), from_1904=self._package.from_1904)

    def _format(self, style: str) -> NumberFormat:
        if not style.isdigit() or int(style) >= len(self._formats):
            return PLAIN
        return self._formats[int(style)]


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
        return Odd("number_shown_otherwise", "the format shows a date that there is not",
                   as_text(number), number)  # fmt: skip


def _from_iso(text: str) -> Any:
    try:
        if "T" in text:
            return dt.datetime.fromisoformat(text.strip()).replace(tzinfo=None)
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        return Odd("number_shown_otherwise", "the cell says a date that there is not", text, text)


def as_text(value: object) -> str | None:
    """A cell as a person would type it: no `.0` behind whole numbers, dates in ISO 8601."""
    match value.value if isinstance(value, Odd) else value:
        case None:
            return None
        case bool() as flag:
            return "true" if flag else "false"
        case float() as number:
            # Beyond that, a float has no digits of its own to show.
            whole = number.is_integer() and abs(number) < _MOST_WHOLE
            return str(int(number)) if whole else repr(number)
        case dt.datetime() as time:
            return time.isoformat(sep=" ", timespec="seconds")
        case dt.date() | dt.time() as time:
            return time.isoformat()
        case other:
            return str(other)

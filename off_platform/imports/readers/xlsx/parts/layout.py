"""The layout of a sheet: hidden rows and columns, merged cells. Pure.

Both readers of rows (`plain/`, `parsed.py`) fill it. No value is added or dropped because of it;
it is reported, as a user sees other values in the sheet.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from off_platform.imports.readers.batches import Found
from off_platform.imports.readers.xlsx.parts.values import letters_of

# Per sheet; more are only counted. Each takes 0.1 kB.
MOST_MERGED = 50_000
MOST_NAMED = 5
_TRUE = {"1", "true", "on"}
_ROW = re.compile(rb'<row r="([0-9]{1,7})"([^<>]*)>')
_COLUMN = re.compile(rb"<col ([^<>]*)>")
_MERGED = re.compile(rb'<mergeCell ref="([A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7})"')
_ATTRIBUTE = re.compile(rb'([A-Za-z0-9:]+)="([^"]*)"')
_RANGE = re.compile(r"([A-Za-z]{1,3})([1-9][0-9]{0,6}):([A-Za-z]{1,3})([1-9][0-9]{0,6})")
# Longer than the start of any merged range, which may be cut by a block.
_OVERLAP = 64


class Merged(NamedTuple):
    """Merged cells; columns from 0, rows from 1, inclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def name(self) -> str:
        """The range as spreadsheets write it, such as `C2:C4`."""
        return f"{letters_of(self.left)}{self.top}:{letters_of(self.right)}{self.bottom}"


class Layout:
    """The layout of a sheet as far as it has been read.

    Attributes:
        hidden_columns: first and last column of each hidden run, from 0.
        merged: ranges of merged cells; complete after the last row.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self.hidden_columns: set[tuple[int, int]] = set()
        self.merged: list[Merged] = []
        self.more_merged = 0

    def take_head(self, xml: bytes) -> None:
        """Takes the XML before the rows."""
        for tag in _COLUMN.findall(xml):
            self._take_column(_attributes(tag))

    def take_tail(self, parts: Iterable[bytes]) -> None:
        """Takes the XML after the rows, in parts."""
        rest = b""
        for part in parts:
            text = rest + part
            cut = 0
            for found in _MERGED.finditer(text):
                self._take_merged(found[1].decode())
                cut = found.end()
            rest = text[max(cut, len(text) - _OVERLAP) :]

    def take_element(self, name: str, attributes: Mapping[str, str]) -> None:
        """Takes an element before or after the rows, by its local name."""
        if name == "col":
            self._take_column(attributes)
        elif name == "mergeCell":
            self._take_merged(attributes.get("ref", ""))

    def _take_column(self, attributes: Mapping[str, str]) -> None:
        first, last = attributes.get("min", ""), attributes.get("max", "")
        if _is_hidden(attributes, "width") and _is_count(first) and _is_count(last):
            self.hidden_columns.add((int(first) - 1, int(last) - 1))

    def _take_merged(self, reference: str) -> None:
        """Adds a merged range, if it is one."""
        found = _RANGE.fullmatch(reference)
        if found is None:
            return
        if len(self.merged) == MOST_MERGED:
            self.more_merged += 1
            return
        columns = sorted((_column_of(found[1]), _column_of(found[3])))
        rows = sorted((int(found[2]), int(found[4])))
        self.merged.append(Merged(columns[0], rows[0], columns[1], rows[1]))


def hidden_rows(xml: bytes) -> set[int]:
    """The numbers of hidden rows, from the XML of rows."""
    # Most sheets hide none, and searching for the words is fast.
    if b' hidden="' not in xml and b' ht="0' not in xml:
        return set()
    rows = _ROW.findall(xml)
    return {int(number) for number, tag in rows if is_hidden_row(_attributes(tag))}


def is_hidden_row(attributes: Mapping[str, str]) -> bool:
    """Whether a row with these attributes is hidden."""
    return _is_hidden(attributes, "ht")


class HiddenRows:
    """Counts the hidden rows that were read, and names a few runs of them."""

    def __init__(self) -> None:
        """Starts empty."""
        self._runs: list[tuple[int, int]] = []
        self._last = 0
        self.count = 0

    def add(self, number: int) -> None:
        """Adds the next hidden row."""
        self.count += 1
        if self._runs and number == self._last + 1 and self._runs[-1][1] == self._last:
            self._runs[-1] = (self._runs[-1][0], number)
        elif len(self._runs) < MOST_NAMED:
            self._runs.append((number, number))
        self._last = number

    def names(self) -> str:
        """A phrase such as `rows 3, 7 to 9 and 12 more`; empty for none."""
        if not self._runs:
            return ""
        named = ", ".join(_run(f"{first:,}", f"{last:,}") for first, last in self._runs)
        more = self.count - sum(last - first + 1 for first, last in self._runs)
        shown = f"{named} and {more:,} more" if more else named
        return f"{'row' if self.count == 1 else 'rows'} {shown}"


def hidden_found(
    sheet: str, header: Sequence[str], rows: HiddenRows, layout: Layout
) -> Iterator[Found]:
    """The finding `hidden_cells`, if hidden rows or columns were read.

    Args:
        sheet: its name.
        header: the names of the columns that were read, from column A.
        rows: the hidden ones that were read.
        layout: its layout.
    """
    width = len(header)
    columns = sorted(
        {
            at
            for first, last in layout.hidden_columns
            for at in range(max(first, 0), min(last, width - 1) + 1)
        }
    )
    named = ", ".join(f"{letters_of(at)} ('{header[at][:40]}')" for at in columns[:MOST_NAMED])
    if len(columns) > MOST_NAMED:
        named += f" and {len(columns) - MOST_NAMED:,} more"
    if columns:
        named = f"{'column' if len(columns) == 1 else 'columns'} {named}"
    if both := " and ".join(part for part in (rows.names(), named) if part):
        message = f"Hidden rows and columns of the sheet '{sheet}' were read, too: {both}."
        yield Found.of_file("hidden_cells", message)


def covering(merged: Iterable[Merged], header_row: int, width: int) -> list[Merged]:
    """The merged ranges that cover cells of records other than the one with their value.

    Args:
        merged: the ranges of a sheet.
        header_row: its row with the column names.
        width: number of named columns.
    """

    def covers(each: Merged) -> bool:
        right = min(each.right, width - 1)
        top = max(each.top, header_row + 1)
        cells = max(right - each.left + 1, 0) * max(each.bottom - top + 1, 0)
        return cells > (top == each.top)

    return [each for each in merged if covers(each)]


def merged_found(sheet: str, header: Sequence[str], merged: Merged, value: str) -> Found:
    """The finding `merged_cells` for a range.

    Args:
        sheet: its name.
        header: the names of the columns.
        merged: the range.
        value: of its first cell, its only value.
    """
    first = merged.name.partition(":")[0]
    message = f"The merged cells {sheet}!{merged.name} show one value, read only for {first}."
    return Found(merged.top, header[merged.left], "merged_cells", value, message, cell=merged.name)


def more_merged_found(sheet: str, more: int) -> Found:
    """The finding `merged_cells` for ranges beyond the named ones."""
    message = f"{more:,} more ranges of merged cells of the sheet '{sheet}' were not examined."
    return Found.of_file("merged_cells", message)


def _run(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _attributes(tag: bytes) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in _ATTRIBUTE.findall(tag)}


def _is_hidden(attributes: Mapping[str, str], size: str) -> bool:
    """Whether a row or column is hidden, or has no height or width."""
    if attributes.get("hidden", "").strip().lower() in _TRUE:
        return True
    return re.fullmatch(r"0+(\.0*)?", attributes.get(size, "").strip()) is not None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < len(text) < 8 and int(text) > 0  # noqa: PLR2004 - digits


def _column_of(letters: str) -> int:
    at = 0
    for letter in letters.upper():
        at = at * 26 + ord(letter) - ord("A") + 1
    return at - 1

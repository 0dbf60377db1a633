"""The corrected copy of an import: every certain proposal applied and marked, nothing else changed.

It has the form that the file came in. What was corrected stands in a column of its own,
`corrections_made`; in XLSX the cells are yellow besides.
"""

import csv
import datetime as dt
import json.encoder
import math
import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

from off_platform.imports.fields import BARCODES, CORRECTIONS, NESTED
from off_platform.imports.findings_sheet import XLSX_MOST_CHARACTERS
from off_platform.imports.formulas import as_it_was, neutral
from off_platform.imports.readers.batches import Source
from off_platform.imports.readers.delimited_rows import raw_rows
from off_platform.imports.readers.json_records import json_items
from off_platform.imports.readers.json_stream import Number
from off_platform.imports.readers.xlsx import as_text, raw_sheets
from off_platform.imports.staging import connected, findings_in
from off_platform.imports.validation import Verdict

ENDINGS = {"csv": ".csv", "tsv": ".tsv", "json": ".json", "json_lines": ".jsonl", "xlsx": ".xlsx"}
# Rows that cannot be read as records would be lost.
_LOST_BY = ("quote_misplaced", "json_duplicate_key")
_BATCH_ROWS = 10_000
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# What Excel allows in a sheet's name.
_MOST_SHEET_NAME = 31
_FIRST_YEAR = 1900
_NOT_IN_SHEET_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")

Corrections = dict[str, str]


class NoCopyError(ValueError):
    """There can be no corrected copy; the message says why."""


def ending_of(verdict: Verdict) -> str:
    """The ending of the corrected copy's name.

    Raises:
        NoCopyError: there can be none.
    """
    if verdict.refused or verdict.source is None:
        raise NoCopyError("There is no corrected copy, as the file could not be read.")
    if lost := next((rule for rule in _LOST_BY if verdict.counts[rule]), None):
        raise NoCopyError(f"There is no corrected copy, as rows are lost by {lost}.")
    if verdict.source.format not in ENDINGS:
        raise NoCopyError("There is no corrected copy of several files.")
    return ENDINGS[verdict.source.format]


def write_corrected(path: Path, folder: Path, verdict: Verdict, to: Path) -> int:
    """Writes the copy.

    Args:
        path: the file as it came.
        folder: where it was validated into.
        verdict: of it.
        to: the file to write.

    Returns:
        How many cells were corrected.

    Raises:
        NoCopyError: there can be none.
    """
    ending_of(verdict)
    source = verdict.source
    assert source is not None  # noqa: S101 - `ending_of` has looked
    made = _Corrected(folder)
    match source.format:
        case "xlsx":
            _write_xlsx(path, source, made, to)
        case "csv" | "tsv":
            with to.open("w", encoding="utf-8", newline="") as file:
                _write_delimited(path, source, made, file)
        case _:
            with to.open("w", encoding="utf-8", newline="\n") as file:
                _write_json(path, source, made, file)
    return made.applied


class _Corrected:
    """The certain proposals, row by row as the file is read once more."""

    def __init__(self, folder: Path) -> None:
        self.applied = 0
        self._rows = groupby(_certain(folder), itemgetter(0))
        self._next = next(self._rows, None)
        self.any = self._next is not None

    def of(self, row: int) -> Corrections:
        """What is corrected in a row: column -> text; rows must be asked for in order."""
        while self._next is not None and self._next[0] < row:
            self._next = next(self._rows, None)
        if self._next is None or self._next[0] != row:
            return {}
        corrections = {column: proposal for _, column, proposal in self._next[1]}
        self._next = next(self._rows, None)
        self.applied += len(corrections)
        return corrections


def _certain(folder: Path) -> Iterator[tuple[int, str, str]]:
    with connected(folder) as connection:
        found = connection.execute(
            f'SELECT row, "column", proposal FROM {findings_in(folder)} '
            "WHERE certain AND rule <> 'header_trimmed' AND proposal IS NOT NULL "
            'AND "column" IS NOT NULL AND row IS NOT NULL ORDER BY row'
        )
        while rows := found.fetchmany(_BATCH_ROWS):
            yield from rows


def _noted(before: object, corrections: Corrections) -> str:
    """What was corrected in a row, for its column; what stood there from before stays."""
    return "; ".join(
        [
            *([str(before)] if before else []),
            *(f"{column} -> {text or 'nothing'}" for column, text in corrections.items()),
        ]
    )


def _write_delimited(path: Path, source: Source, made: _Corrected, file: TextIO) -> None:
    names = list(source.header)
    width = len(names)
    # With it the reader knows that what looks like a formula has a quote in front.
    wanted = made.any or _has_formulas(path, source)
    if added := wanted and CORRECTIONS not in names:
        names.append(CORRECTIONS)
    writer = csv.writer(_LineFeeds(file), delimiter="\t" if source.format == "tsv" else ",")
    rows = raw_rows(path, source)
    for row in rows:
        if any(map(str.strip, row.cells)):
            break
        writer.writerow(row.cells)
    writer.writerow([neutral(_as_it_came(name, at)) for at, name in enumerate(names, 1)])
    place = {name: at for at, name in enumerate(names)}
    for row in rows:
        is_ours = CORRECTIONS in source.header
        cells = [as_it_was(cell) for cell in row.cells] if is_ours else list(row.cells)
        if added and len(cells) >= width:
            # A row with a cell too many must not get a column for it.
            cells.append("")
        if corrections := made.of(row.number):
            for column, text in corrections.items():
                cells[place[column]] = text
            cells[place[CORRECTIONS]] = _noted(cells[place[CORRECTIONS]], corrections)
        writer.writerow([neutral(cell) for cell in cells])


def _has_formulas(path: Path, source: Source) -> bool:
    return any(neutral(cell) != cell for row in raw_rows(path, source) for cell in row.cells)


class _LineFeeds:
    """Ends rows with a line feed alone, although cells with a carriage return are quoted.

    Python's writer quotes only what could end a row of its own.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> None:
        self._file.write(row.removesuffix("\r\n") + "\n")


def _as_it_came(name: str, at: int) -> str:
    """A column's name; none where the reader made one up."""
    return "" if name == f"(column {at})" else name


def _write_json(path: Path, source: Source, made: _Corrected, file: TextIO) -> None:
    lines = source.format == "json_lines"
    if not lines:
        file.write("[")
    for place, (row, item) in enumerate(json_items(path, source)):
        if corrections := made.of(row):
            for column, text in corrections.items():
                _put(item, column, text)
            item[CORRECTIONS] = _noted(item.get(CORRECTIONS), corrections)
        if not lines:
            file.write(",\n" if place else "\n")
        file.write(_json(item))
        if lines:
            file.write("\n")
    if not lines:
        file.write("\n]\n")


def _put(item: dict[str, Any], column: str, text: str) -> None:
    """Numbers stay numbers, where they are."""
    inner, name = item, column
    if column not in item and column.startswith(NESTED):
        inner, name = item[NESTED.rstrip(".")], column.removeprefix(NESTED)
    was_number = isinstance(inner.get(name), Number) and name not in BARCODES
    inner[name] = Number(text) if was_number else text


def _json(value: Any) -> str:
    """JSON of what was read; numbers to the last digit as they stood, which `json` cannot do."""
    match value:
        case dict():
            inner = (f"{_json(name)}: {_json(each)}" for name, each in value.items())
            return f"{{{', '.join(inner)}}}"
        case list():
            return f"[{', '.join(map(_json, value))}]"
        case Number() if _NUMBER.fullmatch(value):
            return value
        case str():
            if value.isascii() or not _LONE_SURROGATE.search(value):
                return str(json.encoder.encode_basestring(value))
            return str(json.encoder.encode_basestring_ascii(value))
        case _:
            return json.dumps(value)


def _write_xlsx(path: Path, source: Source, made: _Corrected, to: Path) -> None:
    import xlsxwriter  # noqa: PLC0415 - 0.1 s, once used

    options = {"constant_memory": True, "tmpdir": str(to.parent)}
    with xlsxwriter.Workbook(to, options) as book:
        yellow = book.add_format({"bg_color": "#FFF2A8"})
        time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        taken: set[str] = set()
        for name, rows in raw_sheets(path):
            sheet = book.add_worksheet(_sheet_name(name, taken))
            if name != source.sheet:
                for number, values in rows:
                    for at, value in enumerate(values):
                        if value is not None:
                            _write_cell(sheet, number - 1, at, value, time)
                continue
            _write_sheet(sheet, rows, source, made, yellow, time)


def _sheet_name(name: str, taken: set[str]) -> str:
    """A name that Excel takes, near the one that the workbook has."""
    plain = _NOT_IN_SHEET_NAME.sub("_", name).strip("'")[:_MOST_SHEET_NAME] or "Sheet"
    made, number = plain, 1
    while made.lower() in taken:
        number += 1
        made = f"{plain[: _MOST_SHEET_NAME - 8]} {number}"
    taken.add(made.lower())
    return made


def _write_sheet(
    sheet: Any,
    rows: Iterator[tuple[int, tuple[Any, ...]]],
    source: Source,
    made: _Corrected,
    yellow: object,
    time: object,
) -> None:
    names = list(source.header)
    if made.any and CORRECTIONS not in names:
        names.append(CORRECTIONS)
    place = {name: at for at, name in enumerate(names)}
    in_header = True
    for number, values in rows:
        if in_header and any(value is not None and str(value).strip() for value in values):
            for at, name in enumerate(names):
                _write_text(sheet, number - 1, at, _as_it_came(name, at + 1))
            in_header = False
            continue
        corrections = made.of(number)
        for at, value in enumerate(values):
            if value is not None and (at >= len(names) or names[at] not in corrections):
                _write_cell(sheet, number - 1, at, value, time)
        for column, text in corrections.items():
            _write_text(sheet, number - 1, place[column], text, yellow)
        if corrections:
            at = place[CORRECTIONS]
            before = values[at] if at < len(values) else None
            _write_text(sheet, number - 1, at, _noted(before, corrections))


def _write_cell(sheet: Any, row: int, at: int, value: object, time: object) -> None:
    match value:
        case bool():
            sheet.write_boolean(row, at, value)
        case int() | float() if math.isfinite(value):
            sheet.write_number(row, at, value)
        case dt.datetime() if value.year >= _FIRST_YEAR:
            sheet.write_datetime(row, at, value, time)
        case _:
            _write_text(sheet, row, at, str(as_text(value)))


def _write_text(sheet: Any, row: int, at: int, text: str, *form: object) -> None:
    """A text as it is; of one that looks like its own XML, xlsxwriter would write XML."""
    cut = text[:XLSX_MOST_CHARACTERS]
    if cut.startswith("<r>") and cut.endswith("</r>"):
        sheet.write_rich_string(row, at, cut[0], cut[1], cut[2:], *form)
    else:
        sheet.write_string(row, at, cut, *form)

"""The findings of an import as a workbook.

xlsxwriter makes the workbook; its rows are put in here, a column at a time, as xlsxwriter takes
five times as long for them, and takes a text such as `<r>...</r>` for XML of its own.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xlsxwriter

from off_platform.imports.outputs.findings_files import portions
from off_platform.imports.specification.tables import FINDINGS

# Excel's own limits; the first row has the names.
XLSX_MOST_ROWS = 1_048_576
XLSX_MOST_CHARACTERS = 32_767
# A part of a ZIP from 2 GiB on needs a form that Excel offers to repair; 1 MiB is for what stands
# around the rows.
MOST_BYTES = (2 << 30) - (1 << 20)
_WIDTHS = {"message": 70, "value": 40, "proposal": 40, "file": 24, "column": 22, "field": 20,
           "rule": 24, "product": 18, "sheet": 18, "cell": 14}  # fmt: skip
_SHEET = "xl/worksheets/sheet1.xml"
# What XML cannot hold, and what reads as if it stood for that.
_ODD = r"[\x00-\x08\x0b-\x1f\x{FFFE}\x{FFFF}]|_x[0-9A-Fa-f]{4}_"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
# An underscore may end one and begin the next; a control character will begin with one, too.
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}[_\x00-\x08\x0b-\x1f\ufffe\uffff])")


def write_findings_xlsx(folder: Path, to: Path) -> int:
    """The findings as XLSX, as many as a sheet can hold; texts are texts, never formulas.

    Args:
        folder: where the import was validated into.
        to: the file to write.

    Returns:
        How many findings stand in it; when not all do, its last row says so.
    """
    with pq.ParquetFile(folder / FINDINGS) as file:
        findings = file.metadata.num_rows
        fitting = findings if findings < XLSX_MOST_ROWS else XLSX_MOST_ROWS - 2
        with (
            ZipFile(_workbook(file.schema_arrow.names, fitting)) as empty,
            ZipFile(to, "w", ZIP_DEFLATED) as book,
        ):
            for part in empty.infolist():
                if part.filename != _SHEET:
                    book.writestr(part, empty.read(part))
            sheet = empty.getinfo(_SHEET)
            before, after = empty.read(sheet).decode().split("</sheetData>")
            with book.open(sheet, "w") as into:
                into.write(_sized(before, 1 + fitting + (fitting < findings)).encode())
                written = _put_rows(into, _first(portions(file), fitting), _style_of(before))
                if written < findings:
                    into.write(_note(2 + written, findings).encode())
                into.write(f"</sheetData>{after}".encode())
    return written


def _workbook(names: list[str], rows: int) -> BytesIO:
    """A workbook with nothing but the names of the columns, set up for so many rows."""
    made = BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet = book.add_worksheet("findings")
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True})
        for column, name in enumerate(names):
            sheet.set_column(column, column, _WIDTHS.get(name, 10), wrapped)
            sheet.write_string(0, column, name, bold)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(rows, 1), len(names) - 1)
    return made


def _sized(before: str, last: int) -> str:
    """The sheet's beginning, which says how far its rows go."""
    return re.sub(r'(<dimension ref="A1:[A-Z]+)1"', rf'\g<1>{last}"', before, count=1)


def _put_rows(into: IO[bytes], batches: Iterator[pa.RecordBatch], style: str) -> int:
    """Writes rows while there is room; gives how many."""
    written = length = 0
    for batch in batches:
        rows = _rows(batch, 2 + written, style).encode()
        length += len(rows)
        if length > MOST_BYTES:
            break
        into.write(rows)
        written += len(batch)
    return written


def _style_of(before: str) -> str:
    """The number of the columns' format."""
    (number,) = set(re.findall(r'<col [^>]*style="([0-9]+)"', before))
    return str(number)


def _first(batches: Iterator[pa.RecordBatch], most: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if most <= 0:
            return
        yield batch.slice(0, most)
        most -= len(batch)


def _rows(batch: pa.RecordBatch, first: int, style: str) -> str:
    """The XML of rows, numbered from `first` on."""
    numbers = pa.array(range(first, first + len(batch))).cast(pa.string())
    cells = [
        _cells(column, f'<c r="{chr(ord("A") + at)}', numbers, f'" s="{style}"')
        for at, column in enumerate(batch.columns)
    ]
    rows = pc.binary_join_element_wise('<row r="', numbers, '">', *cells, "</row>", "")
    return "".join(rows.to_pylist())


def _cells(column: pa.Array, before: str, numbers: pa.Array, style: str) -> pa.Array:
    """The XML of a column's cells; nothing where there is no value."""
    if pa.types.is_integer(column.type):
        inside = ("><v>", column.cast(pa.string()), "</v></c>")
    else:
        is_flag = pa.types.is_boolean(column.type)
        texts = pc.if_else(column, "yes", "no") if is_flag else escaped(column)
        opening = ' t="inlineStr"><is><t xml:space="preserve">'
        inside = (opening, texts, "</t></is></c>")
    made = pc.binary_join_element_wise(before, numbers, style, *inside, "")
    return made.fill_null("")


def escaped(texts: pa.StringArray) -> pa.StringArray:
    """Texts as they stand in a sheet's XML, cut at what a cell can hold."""
    # Characters beyond the first 65,536 count twice.
    long = pc.greater(pc.utf8_length(texts), XLSX_MOST_CHARACTERS // 2)
    odd = pc.or_(long, pc.match_substring_regex(texts, _ODD)).fill_null(False)  # noqa: FBT003 - a value
    if pc.any(odd).as_py():
        made = [_without_odd(text) for text in texts.filter(odd).to_pylist()]
        texts = pc.replace_with_mask(texts, odd, pa.array(made, pa.string()))
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        texts = pc.replace_substring(texts, plain, entity)
    return texts


def escaped_text(text: str) -> str:
    """One text, as `escaped` does."""
    odd = _without_odd(text)
    return odd.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _without_odd(text: str) -> str:
    """Control characters as Excel writes them, `_x0007_`."""
    cut = text.encode("utf-16-le")[: 2 * XLSX_MOST_CHARACTERS].decode("utf-16-le", "ignore")
    return _CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", _ESCAPE.sub("_x005F_", cut))


def _note(row: int, findings: int) -> str:
    note = f"The sheet ends here; findings.csv contains all {findings:,} findings."
    return f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>{note}</t></is></c></row>'

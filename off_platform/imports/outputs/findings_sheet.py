"""The findings of an import as a workbook, for people who work in a spreadsheet program."""

import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from off_platform.imports.outputs.findings_files import portions
from off_platform.imports.specification.tables import FINDINGS

# Nobody reads more, and Excel opens this many in seconds.
MOST_ROWS = 100_000
# Of the texts. Escaped they are at most seven times as long, and Excel tries to repair workbooks
# with a ZIP member of 2 GiB or more.
MOST_BYTES = 256 << 20
_MOST_CHARACTERS = 32_767
_WIDTHS = {
    "message": 70,
    "value": 40,
    "proposal": 40,
    "file": 24,
    "column": 22,
    "field": 20,
    "rule": 24,
    "product": 18,
    "sheet": 18,
    "cell": 14,
}
# Characters that XML cannot contain, and an underscore that would start an escape of one. One
# underscore may end an escape and start the next.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}[_\x00-\x08\x0b-\x1f\ufffe\uffff])")


def write_findings_xlsx(folder: Path, to: Path) -> int:
    """The findings as XLSX; texts stay texts, even if they look like formulas, URLs or XML.

    Args:
        folder: the output folder of the validation.
        to: the file to write.

    Returns:
        Number of findings in the sheet; if not all, its first row says so.
    """
    with pq.ParquetFile(folder / FINDINGS) as file:
        names, findings = file.schema_arrow.names, file.metadata.num_rows
        written = _fitting(file)
        top = int(written < findings)
        with xlsxwriter.Workbook(to, {"constant_memory": True}) as book:
            sheet = book.add_worksheet("findings", worksheet_class=_Sheet)
            bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True})
            for column, name in enumerate(names):
                sheet.set_column(column, column, _WIDTHS.get(name, 10), wrapped)
            sheet.freeze_panes(top + 1, 0)
            sheet.autofilter(top, 0, top + max(written, 1), len(names) - 1)
            if top:
                note = f"These are the first {written:,} of {findings:,} findings; findings.csv "
                sheet.write_string(0, 0, f"{note}contains all.", bold)
            for column, name in enumerate(names):
                sheet.write_string(top, column, name, bold)
            _write(file, sheet, range(top + 1, top + 1 + written), wrapped)
    return written


def _write(file: pq.ParquetFile, sheet: Worksheet, rows: range, wrapped: Any) -> None:
    numbers = iter(rows)
    for batch in portions(file):
        columns = [column.to_pylist() for column in batch.columns]
        # The numbers come last in `zip`, as otherwise one would be lost at the end of each batch.
        for cells, number in zip(zip(*columns, strict=True), numbers, strict=False):
            for column, cell in enumerate(cells):
                if isinstance(cell, bool):
                    sheet.write_string(number, column, "yes" if cell else "no", wrapped)
                elif isinstance(cell, str):
                    sheet.write_string(number, column, _cut(cell), wrapped)
                elif cell is not None:
                    sheet.write_number(number, column, cell, wrapped)


def _fitting(file: pq.ParquetFile) -> int:
    """Number of findings that fit the sheet."""
    fitting = length = 0
    for batch in portions(file):
        length += batch.nbytes
        if length > MOST_BYTES or fitting >= MOST_ROWS:
            break
        fitting += len(batch)
    return min(fitting, MOST_ROWS)


class _Sheet(Worksheet):  # type: ignore[misc]
    """A sheet whose texts are read back unchanged."""

    @staticmethod
    def _escape_control_characters(data: str) -> str:
        """As in xlsxwriter, but right for overlapping escapes and texts that look like its XML."""
        made = escaped(data)
        return f"_x003C_{made[1:]}" if made.startswith("<r>") else made


def escaped(text: str) -> str:
    """A text as stored in a workbook: control characters as `_x0007_`, cut to fit a cell."""
    made = _ESCAPE.sub("_x005F_", _cut(text))
    return _CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", made)


def _cut(text: str) -> str:
    """Characters outside the BMP count twice."""
    if len(text) <= _MOST_CHARACTERS // 2:
        return text
    return text.encode("utf-16-le")[: 2 * _MOST_CHARACTERS].decode("utf-16-le", "ignore")

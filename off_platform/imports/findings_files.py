"""The findings of an import as files for a producer's own programs: CSV and XLSX.

What stands in a producer's file is hostile: cells that a spreadsheet would take for a formula are
neutralised.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from off_platform.imports.formulas import neutral
from off_platform.imports.staging import FINDINGS

# Excel's own limits; the last row is kept for the note.
XLSX_MOST_ROWS = 1_048_575
XLSX_MOST_CHARACTERS = 32_767
_BATCH_ROWS = 10_000
_WIDTHS = {"message": 70, "value": 40, "proposal": 40, "file": 24, "column": 22, "field": 20,
           "rule": 24, "product": 18}  # fmt: skip


def write_findings_csv(folder: Path, to: Path) -> None:
    """All findings as CSV in UTF-8.

    Args:
        folder: where the import was validated into.
        to: the file to write.
    """
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for number, (names, rows) in enumerate(_batches(folder / FINDINGS)):
            if number == 0:
                writer.writerow(names)
            writer.writerows(
                [neutral(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
            )


def write_findings_xlsx(folder: Path, to: Path) -> None:
    """All findings as XLSX, as many as a sheet can hold; texts are texts, never formulas.

    Args:
        folder: where the import was validated into.
        to: the file to write.
    """
    import xlsxwriter  # noqa: PLC0415 - 0.1 s, once used

    with xlsxwriter.Workbook(to, {"constant_memory": True, "tmpdir": str(to.parent)}) as book:
        sheet = book.add_worksheet("findings")
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True})
        at = 0
        for names, rows in _batches(folder / FINDINGS):
            if at == 0:
                for column, name in enumerate(names):
                    sheet.set_column(column, column, _WIDTHS.get(name, 10), wrapped)
                    sheet.write_string(0, column, name, bold)
                sheet.freeze_panes(1, 0)
                at = 1
            for row in rows[: XLSX_MOST_ROWS - at]:
                _write_row(sheet, at, row)
                at += 1
        if at == XLSX_MOST_ROWS:
            sheet.write_string(at, 0, "A sheet holds no more; findings.csv has all findings.")
        sheet.autofilter(0, 0, max(at - 1, 1), len(names) - 1)


def _write_row(sheet: Any, at: int, row: tuple[Any, ...]) -> None:
    for column, cell in enumerate(row):
        if cell is None:
            continue
        if isinstance(cell, bool):
            sheet.write_string(at, column, "yes" if cell else "no")
        elif isinstance(cell, int):
            sheet.write_number(at, column, cell)
        else:
            sheet.write_string(at, column, str(cell)[:XLSX_MOST_CHARACTERS])


def _batches(findings: Path) -> Iterator[tuple[list[str], list[tuple[Any, ...]]]]:
    """Names and rows, some thousands at a time; the names at least once."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - 0.2 s, once used

    with pq.ParquetFile(findings) as file:
        names = file.schema_arrow.names
        yield names, []
        for batch in file.iter_batches(_BATCH_ROWS):
            columns = [column.to_pylist() for column in batch.columns]
            yield names, list(zip(*columns, strict=True))

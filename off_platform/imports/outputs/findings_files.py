"""The findings of an import as CSV, for a producer's programs; `findings_sheet.py` writes XLSX.

A producer's file may be hostile: cells that a spreadsheet would treat as formulas are neutralised.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from off_platform.imports.specification.formulas import neutral
from off_platform.imports.specification.tables import FINDINGS

if TYPE_CHECKING:
    import pyarrow as pa

# Limits of a batch of findings, except for a single longer row.
MOST_ROWS = 1_000
MOST_BYTES = 4 << 20


def write_findings_csv(folder: Path, to: Path) -> None:
    """All findings as CSV in UTF-8.

    Args:
        folder: the output folder of the validation.
        to: the file to write.
    """
    with pq.ParquetFile(folder / FINDINGS) as file:
        write_csv(file.schema_arrow.names, portions(file), to)


def write_csv(names: Sequence[str], batches: "Iterable[pa.RecordBatch]", to: Path) -> None:
    """Rows as CSV in UTF-8, without anything that a spreadsheet would run.

    Args:
        names: of the columns.
        batches: the rows.
        to: the file to write.
    """
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for batch in batches:
            columns = [column.to_pylist() for column in batch.columns]
            writer.writerows(
                [neutral(cell) if isinstance(cell, str) else cell for cell in row]
                for row in zip(*columns, strict=True)
            )


def portions(file: pq.ParquetFile) -> Iterator["pa.RecordBatch"]:
    """The rows of findings in batches, smaller ones if rows are long.

    Args:
        file: of the table `import_findings`.
    """
    for batch in file.iter_batches(MOST_ROWS):
        yield from _cut(batch)


def _cut(batch: "pa.RecordBatch") -> Iterator["pa.RecordBatch"]:
    if len(batch) <= 1 or batch.nbytes <= MOST_BYTES:
        yield batch
        return
    half = len(batch) // 2
    yield from _cut(batch.slice(0, half))
    yield from _cut(batch.slice(half))

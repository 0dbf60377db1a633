"""Findings on a folder's files, until the joined records are known.

They are stored on disk, as any number of rows may be broken; `joining.py` joins the files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.imports.readers.batches import Found
from off_platform.storage.engine import copy_query
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb

# Minimum number of findings read at once.
_GROUP_ROWS = 10_000
# The row is the first of them.
_OF_FOUND = tuple(each.name for each in fields(Found))
_TEXTS = tuple(name for name in _OF_FOUND if name not in {"row", "certain", "line"})
_BESIDE_ROW = ", ".join(f'"{name}"' for name in _OF_FOUND[1:])


class FoundInFiles:
    """Takes findings by file and row; returns them by the number of the joined record."""

    def __init__(self, folder: Path, connection: "duckdb.DuckDBPyConnection") -> None:
        """Takes the folder in which files are joined, and a connection for its tables."""
        self._folder, self._connection = folder, connection
        self._parts: list[str] = []
        self._count = 0

    def add(self, file: int, found: Sequence[Found]) -> None:
        """Writes the findings on a file, in the order of the file."""
        if not found:
            return
        made: dict[str, pa.Array] = {
            "file": pa.repeat(file, len(found)),
            "place": pa.array(range(self._count, self._count + len(found))),
            "row": pa.array([each.row for each in found], pa.int64()),
            "line": pa.array([each.line for each in found], pa.int64()),
            "certain": pa.array([each.certain for each in found], pa.bool_()),
        }
        for name in _TEXTS:
            made[name] = pa.array([getattr(each, name) for each in found], pa.string())
        self._parts.append(str(self._folder / f"found{len(self._parts)}.parquet"))
        pq.write_table(pa.table(made), self._parts[-1], compression="zstd", compression_level=1)
        self._count += len(found)

    def number(self) -> None:
        """Numbers them as the joined records in the table `origins`.

        It has `number`, `file`, `row`, `line`; rows that are not records get the next numbers, by
        file and row.
        """
        self._connection.execute(f"""INSERT INTO origins
            SELECT row_number() OVER (ORDER BY file, row)
                + (SELECT coalesce(max(number), 1) FROM origins), file, row, line
            FROM (SELECT file, row, min(line) AS line FROM {self._rows()}
                WHERE row IS NOT NULL GROUP BY file, row)
                ANTI JOIN origins USING (file, row)""").fetchall()
        copy_query(
            self._connection,
            f"SELECT o.number, f.* FROM {self._rows()} AS f JOIN origins AS o USING (file, row) "
            "ORDER BY o.number, f.place",
            self._numbered,
            _GROUP_ROWS,
        )

    def of_whole_files(self) -> list[tuple[int, Found]]:
        """Findings without a row, each with its file."""
        found = self._connection.execute(
            f"SELECT file, row, {_BESIDE_ROW} FROM {self._rows()} WHERE row IS NULL ORDER BY place"
        )
        return [(file, Found(*each)) for file, *each in found.fetchall()]

    def of_records(self, first: int, end: int) -> list[Found]:
        """Findings of the numbers from `first` to before `end`, with these as rows."""
        found = self._connection.execute(
            f"SELECT number, {_BESIDE_ROW} FROM read_parquet({file_literal(self._numbered)}) "
            f"WHERE number >= {first} AND number < {end} ORDER BY number, place"
        )
        return [Found(*each) for each in found.fetchall()]

    def of_lost_rows(self, first: int, rows: int) -> Iterator[list[Found]]:
        """Findings of rows that are not records: the numbers from `first`, in batches."""
        ((last,),) = self._connection.execute("SELECT max(number) FROM origins").fetchall()
        for start in range(first, (last or 0) + 1, rows):
            yield self.of_records(start, start + rows)

    @property
    def _numbered(self) -> Path:
        return self._folder / "found.parquet"

    def _rows(self) -> str:
        if self._parts:
            return f"read_parquet([{', '.join(map(file_literal, self._parts))}])"
        texts = ", ".join(f'NULL::VARCHAR AS "{name}"' for name in _TEXTS)
        return (
            "(SELECT NULL::BIGINT AS file, NULL::BIGINT AS place, NULL::BIGINT AS row, "
            "NULL::BIGINT AS line, "
            f"false AS certain, {texts} WHERE false)"
        )

"""File, row, line and cell of findings in a joined import.

During validation its records only have numbers; `joining.py` joins them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from off_platform.imports.readers.batches import Reader
from off_platform.imports.readers.cell_addresses import ROW, SEVERAL, pattern_of
from off_platform.imports.whole_file.staging import connected
from off_platform.storage.engine import copy_query
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb

# Numbers of the header of the joined import, and of its first record.
HEADER = 1
FIRST = 2
_ORIGINS = "origins.parquet"


@dataclass(frozen=True, slots=True)
class JoinedFile:
    """Facts about a joined file that are needed later.

    Attributes:
        name: as shown to users.
        sheet: of XLSX.
        header: of tables, its columns' names.
        header_row: the row of the header.
        header_line: the line of the header, in text formats.
    """

    name: str
    sheet: str | None
    header: tuple[str, ...]
    header_row: int | None
    header_line: int | None

    @classmethod
    def of(cls, reader: Reader) -> "JoinedFile":
        """The facts about an open file."""
        source = reader.source
        return cls(source.name, source.sheet, source.header, reader.header_row, reader.header_line)


class Origins:
    """The origin of each joined record, by number; on disk, as there is no limit."""

    def __init__(self, files: Sequence[JoinedFile]) -> None:
        """Takes the files of an import, in the order in which they are joined."""
        self._files = files

    def write_origins(self, connection: "duckdb.DuckDBPyConnection", folder: Path) -> None:
        """Writes the table `origins` (`number`, `file`, `row`, `line`) to a folder."""
        copy_query(connection, "FROM origins", folder / _ORIGINS)

    def names_of(self, rows: pa.Array, folder: Path) -> pa.Array:
        """Names of joined records for users: the row, and the first file that has it."""
        asked = pa.table({"number": rows, "place": pa.array(range(len(rows)))})
        with self._opened(folder) as connection:
            connection.register("asked", asked)
            return (
                connection.sql("""
                SELECT 'row ' || arg_min(o.row, file) || ' of ' || arg_min(name, file) AS said
                FROM asked JOIN origins AS o USING (number) JOIN files USING (file)
                GROUP BY place ORDER BY place""")
                .to_arrow_table()["said"]
                .combine_chunks()
            )

    def put_places(
        self, findings: Path, folder: Path, files_of: Mapping[str, Sequence[int]]
    ) -> None:
        """Fills in file, row, line, sheet and cell; of files with the column, the first is named.

        Args:
            findings: the file of the table `import_findings`, which is replaced.
            folder: the folder that `write` was called with.
            files_of: the files that have each column.
        """
        rows = f"read_parquet({file_literal(findings)}, file_row_number = true)"
        with self._opened(folder) as connection:
            named = connection.execute(
                f'SELECT DISTINCT "column" FROM {rows} WHERE "column" IS NOT NULL'
            ).fetchall()
            _insert(
                connection,
                'has ("column" VARCHAR, file BIGINT, cells VARCHAR)',
                self._columns((column for (column,) in named), files_of),
            )
            placed = findings.with_name("placed.parquet")
            copy_query(connection, _placed_query(rows), placed)
            placed.replace(findings)

    def _columns(
        self, named: Iterable[str], files_of: Mapping[str, Sequence[int]]
    ) -> Iterator[tuple[object, ...]]:
        """The files that have a column, or several in one name, and their cells in these."""
        for column in named:
            parts = [column] if column in files_of else column.split(SEVERAL)
            for file in files_of.get(parts[0], ()):
                if all(file in files_of.get(part, ()) for part in parts):
                    yield column, file, pattern_of(column, self._files[file].header)

    @contextmanager
    def _opened(self, folder: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
        """DuckDB with the tables `origins` and `files`."""
        origins = f"read_parquet({file_literal(folder / _ORIGINS)})"
        with connected(folder) as connection:
            connection.execute(f"CREATE VIEW origins AS FROM {origins}").fetchall()
            _insert(
                connection,
                "files (file BIGINT, name VARCHAR, sheet VARCHAR, row BIGINT, line BIGINT)",
                (
                    (at, file.name, file.sheet, file.header_row, file.header_line)
                    for at, file in enumerate(self._files)
                ),
            )
            yield connection


def _insert(
    connection: "duckdb.DuckDBPyConnection", table: str, rows: Iterable[tuple[object, ...]]
) -> None:
    connection.execute(f"CREATE TABLE {table}").fetchall()
    name, _, _ = table.partition(" ")
    for row in rows:
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {name} VALUES ({marks})", row).fetchall()


def _placed_query(findings: str) -> str:
    # Findings on the header are placed in the first file that has the column, as all others.
    return f"""
        WITH found AS (FROM {findings}),
        places AS (
            SELECT found.file_row_number AS at,
                arg_min({{'file': o.file, 'row': o.row, 'line': o.line}},
                    (h.file IS NULL, o.file)) AS place
            FROM found JOIN origins AS o ON o.number = found.row
                LEFT JOIN has AS h ON h."column" = found."column" AND h.file = o.file
            WHERE found.row >= {FIRST} GROUP BY found.file_row_number
            UNION ALL
            SELECT found.file_row_number, arg_min({{'file': f.file, 'row': f.row, 'line': f.line}},
                f.file)
            FROM found JOIN has USING ("column") JOIN files AS f ON f.file = has.file
            WHERE found.row = {HEADER} GROUP BY found.file_row_number)
        SELECT found.* EXCLUDE (file_row_number) REPLACE (
            coalesce(f.name, found.file) AS file,
            CASE WHEN p.at IS NULL THEN found.row ELSE p.place.row END AS row,
            CASE WHEN p.at IS NULL THEN found.line ELSE p.place.line END AS line,
            CASE WHEN p.place.row IS NOT NULL THEN f.sheet END AS sheet,
            CASE WHEN f.sheet IS NOT NULL
                THEN coalesce(found.cell, replace(h.cells, '{ROW}', p.place.row::VARCHAR))
            END AS cell)
        FROM found LEFT JOIN places AS p ON p.at = found.file_row_number
            LEFT JOIN files AS f ON f.file = p.place.file
            LEFT JOIN has AS h ON h."column" = found."column" AND h.file = f.file
        ORDER BY found.file_row_number"""

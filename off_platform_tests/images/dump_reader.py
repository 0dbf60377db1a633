"""Reads dumps, and makes small ones, for the tests of dumps."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.dumps.facts import FACTS
from off_platform.dumps.reading import photos_query, products_query, read_dump, rejected_query

Row = dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """A connection that reads dumps, and a folder to make them in."""

    connection: duckdb.DuckDBPyConnection
    folder: Path

    def rows(self, dump: Path) -> list[Row]:
        """The table that is made of a dump."""
        read_dump(self.connection, dump)
        fetched = self.connection.execute(products_query()).fetchall()
        return [dict(zip(FACTS, row, strict=True)) for row in fetched]

    def photos(self, dump: Path) -> list[Row]:
        """The table of photos that is made of a dump."""
        read_dump(self.connection, dump)
        cursor = self.connection.execute(photos_query())
        columns = [column[0] for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    def rejected(self) -> dict[str, int]:
        """What the table made last does not have."""
        return dict(self.connection.execute(rejected_query()).fetchall())

    def made(self, content: bytes, name: str = "dump") -> Path:
        """A file of that content."""
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def csv(self, columns: str, *rows: Iterable[object]) -> Path:
        """A dump with tabs between its columns."""
        lines = [columns.split(), *([str(value) for value in row] for row in rows)]
        return self.made("".join("\t".join(line) + "\n" for line in lines).encode())

    def jsonl(self, *rows: Mapping[str, object]) -> Path:
        """A dump with an object per line."""
        return self.made("".join(json.dumps(row) + "\n" for row in rows).encode())

    def parquet(self, **columns: pa.Array) -> Path:
        """A Parquet dump."""
        pq.write_table(pa.table(columns), self.folder / "dump.parquet")
        return self.folder / "dump.parquet"

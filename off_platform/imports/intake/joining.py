"""Several files as one import: "the templates spread a product over three files".

They are joined on the products of their records. Joined records are numbered; at the end, findings
get their files and rows back. Pictures are in `pictures.py`.
"""

import shutil
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from off_platform.imports.intake.found_in_files import FoundInFiles
from off_platform.imports.intake.origins import FIRST, HEADER, JoinedFile, Origins
from off_platform.imports.intake.same_values import said_by
from off_platform.imports.readers.batches import (
    Batch,
    Found,
    Reader,
    SourceFile,
    UnreadableError,
    batch_of,
)
from off_platform.imports.readers.folder_files import data_files
from off_platform.imports.readers.opening import open_import, shown_name
from off_platform.imports.readers.recognition.unpacking import unpacked
from off_platform.imports.records.columns import Columns, columns_of, demand_identifier
from off_platform.imports.records.identity import normal_forms
from off_platform.imports.records.typed_columns import short_names
from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.fields import BARCODES
from off_platform.imports.whole_file.staging import connected
from off_platform.storage.engine import copy_query
from off_platform.storage.sql import file_literal, literal

if TYPE_CHECKING:
    import duckdb

# Characters of a text in a message.
MOST_SHOWN = 60
# Minimum number of rows read at once from a written file.
_GROUP_ROWS = 10_000


def open_whole(path: Path, scratch: Path, sha256: str = "") -> Reader:
    """Opens a file, also a compressed one, or a folder of files as one import.

    Args:
        path: the file or folder.
        scratch: local folder for unpacked and joined files, such as the validation's.
        sha256: its SHA-256, see `sha256_of`.

    Raises:
        UnreadableError: it is not an import; the message names the file and its type.
    """
    if path.is_dir():
        return JoinedReader(path, scratch, sha256)
    table = unpacked(path, scratch)
    return open_import(table, sha256=sha256, size=path.stat().st_size)


class JoinedReader(Reader):
    """The files of a folder, joined."""

    header_row = HEADER

    def __init__(self, folder: Path, scratch: Path, sha256: str = "") -> None:
        """Opens all of them; see `open_whole`."""
        self._files = data_files(folder)
        if not self._files:
            raise UnreadableError(
                Found.of_file("no_records", "The folder contains no CSV, TSV, JSON or XLSX file.")
            )
        readers = [self._opened(file) for file in self._files]
        sources = [reader.source for reader in readers]
        header = dict.fromkeys(name for source in sources for name in source.header)
        super().__init__(
            SourceFile(
                shown_name(folder),
                "folder",
                sum(source.bytes for source in sources),
                sha256,
                header=tuple(header),
            )
        )
        # The files that have each column; a column's position is its name in the written files.
        self._files_of: dict[str, list[int]] = {}
        self._below = scratch
        self._origins = Origins([JoinedFile.of(reader) for reader in readers])

    @cached_property
    def _scratch(self) -> Path:
        made = Path(mkdtemp(prefix="off-platform-joining-", dir=self._below))
        # The locations of records are needed until the last finding is written.
        weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
        return made

    def _opened(self, file: Path) -> Reader:
        try:
            return open_import(file)
        except UnreadableError as error:
            raise _of_file(error, file, error.source) from None

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`; all files are read before the first batch."""
        self._files_of.clear()
        self._scratch.mkdir(exist_ok=True)
        with (
            ExitStack() as unfinished,
            TemporaryDirectory(dir=self._scratch) as folder,
            connected(Path(folder)) as made,
        ):
            unfinished.callback(shutil.rmtree, self._scratch, ignore_errors=True)
            found = FoundInFiles(Path(folder), made)
            for number, file in enumerate(self._files):
                self._write_records(number, file, Path(folder), rows, made, found)
            self._number(made)
            ((records,),) = made.execute("SELECT count(*) FROM numbers").fetchall()
            found.number()
            self._origins.write_origins(made, self._scratch)
            for number in range(len(self._files)):
                _sort(number, Path(folder), made)
            self._found += [
                _with_file(each, self._files[at]) for at, each in found.of_whole_files()
            ]
            yield from self._joined(made, found, FIRST + records, rows)
            for lost in found.of_lost_rows(FIRST + records, rows):
                self._found += lost
                yield batch_of([], dict.fromkeys(self._files_of, ()))
            unfinished.pop_all()

    def _joined(
        self, connection: "duckdb.DuckDBPyConnection", found: FoundInFiles, end: int, rows: int
    ) -> Iterator[Batch]:
        """The joined records, each batch with the findings in their files."""
        for first in range(FIRST, end, rows):
            last = min(first + rows, end)
            self._found += found.of_records(first, last)
            query = self._joined_query(first, last)
            yield from map(self._batch, connection.sql(query).to_arrow_reader(rows))

    def _write_records(
        self,
        number: int,
        file: Path,
        folder: Path,
        rows: int,
        connection: "duckdb.DuckDBPyConnection",
        found: FoundInFiles,
    ) -> None:
        """Writes a file's records with their products, and its findings."""
        reader = self._opened(file)
        columns = columns_of(reader)
        parts: list[str] = []
        try:
            for batch in reader.batches(rows):
                found.add(number, reader.take_found())
                columns.meet(batch.columns)
                demand_identifier(columns)
                for name in batch.columns:
                    if number not in (files := self._files_of.setdefault(name, [])):
                        files.append(number)
                parts.append(str(folder / f"{number}-{len(parts)}.parquet"))
                table = _with_keys(batch, columns, self._places())
                pq.write_table(table, parts[-1], compression="zstd", compression_level=1)
        except UnreadableError as error:
            raise _of_file(error, file, reader.source) from None
        listed = ", ".join(literal(part) for part in parts)
        rows_of = f"read_parquet([{listed}], union_by_name = true)" if parts else _NO_ROWS
        connection.execute(f"CREATE VIEW write_origins{number} AS FROM {rows_of}").fetchall()
        found.add(number, reader.take_found())

    def _places(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self._files_of)}

    def _number(self, connection: "duckdb.DuckDBPyConnection") -> None:
        """Numbers the joined records in the order of the files."""
        # The second record of a product in one file is joined with the second in the others.
        rows = " UNION ALL ".join(
            f"""SELECT *, row_number() OVER (PARTITION BY key ORDER BY row) AS nth FROM (
                SELECT {number} AS file, row, line, coalesce(key, '{number}:' || row) AS key
                FROM write_origins{number})"""
            for number in range(len(self._files))
        )
        connection.execute(f"""CREATE TABLE numbers AS
            SELECT key, nth, {FIRST - 1} + row_number() OVER (ORDER BY first) AS number FROM (
                SELECT key, nth, min((file, row)) AS first FROM ({rows}) GROUP BY key, nth)
            """).fetchall()
        connection.execute(f"""CREATE TABLE origins AS
            SELECT number, file, row, line FROM ({rows}) JOIN numbers USING (key, nth)
            """).fetchall()

    def _joined_query(self, first: int, end: int) -> str:
        """SQL for joined records: number, texts, cells that were not text, cells that disagree."""
        chosen = []
        for at, files in enumerate(self._files_of.values()):
            chosen.append(f"coalesce({', '.join(f'file{file}.c{at}' for file in files)}) AS c{at}")
            flags = ", ".join(
                f"CASE WHEN file{file}.c{at} IS NOT NULL THEN file{file}.n{at} END"
                for file in files
            )
            chosen.append(f"coalesce({flags}, false) AS n{at}")
            if len(files) > 1:
                texts = ", ".join(f"trim(file{file}.c{at})" for file in files)
                # Nulls are ignored here.
                chosen.append(
                    f"CASE WHEN len(list_distinct([{texts}])) > 1 THEN [{texts}] END AS d{at}"
                )
        joins = " ".join(
            f"LEFT JOIN (FROM sorted{number} WHERE number >= {first} AND number < {end}) "
            f"AS file{number} USING (number)"
            for number in range(len(self._files))
        )
        numbers = f"range({first}, {end}) AS numbers(number)"
        return f"SELECT number, {', '.join(chosen)} FROM {numbers} {joins} ORDER BY number"

    def _batch(self, made: pa.RecordBatch) -> Batch:
        places = self._places()
        not_text = {
            name: made[f"n{at}"] for name, at in places.items() if pc.any(made[f"n{at}"]).as_py()
        }
        batch = Batch(
            made["number"].to_numpy(),
            {name: made[f"c{at}"] for name, at in places.items()},
            not_text,
        )
        for name, at in places.items():
            field = field_of(name)
            if f"d{at}" in made.schema.names and not (field and field.field.name in BARCODES):
                batch.columns[name] = self._agreed(name, batch, made[f"d{at}"])
        return batch

    def _agreed(self, column: str, batch: Batch, said: pa.ListArray) -> pa.Array:
        """The column's value from the first file that has one; reports files that disagree."""
        places = pc.indices_nonzero(said.is_valid()).to_pylist()
        agreed = batch.columns[column].take(pa.array(places, pa.int64())).to_pylist()
        for nth, at in enumerate(places):
            meanings = said_by(column, filter(None, said[at].as_py()))
            texts = list(meanings.values())
            if len(texts) == 1:
                (agreed[nth],) = texts
            elif texts:
                shown = " and ".join(f"'{text[:MOST_SHOWN]}'" for text in texts)
                self._found.append(
                    Found(
                        int(batch.rows[at]),
                        column,
                        "files_disagree",
                        agreed[nth],
                        f"The files of the import give {shown} for one product.",
                    )
                )
        return pc.replace_with_mask(
            batch.columns[column], said.is_valid(), pa.array(agreed, batch.columns[column].type)
        )

    def names_of_rows(self, rows: pa.Array) -> pa.Array:
        """See `Reader.names_of_rows`: the row, and the first file that has the record."""
        return self._origins.names_of(rows, self._scratch)

    def put_places(self, findings: Path) -> None:
        """See `Reader.put_places`: the first file that has the column is named."""
        self._origins.put_places(findings, self._scratch, self._files_of)


def _sort(number: int, folder: Path, connection: "duckdb.DuckDBPyConnection") -> None:
    """Writes a file's records in the order of the joined ones.

    So they can be joined in batches: a join holds everything in memory.
    """
    made = folder / f"sorted{number}.parquet"
    copy_query(
        connection,
        f"""SELECT number, f.* EXCLUDE (row, line, key) FROM write_origins{number} AS f
            JOIN origins AS o ON o.file = {number} AND o.row = f.row ORDER BY number""",
        made,
        _GROUP_ROWS,
    )
    connection.execute(
        f"CREATE VIEW sorted{number} AS FROM read_parquet({file_literal(made)})"
    ).fetchall()


_NO_ROWS = "(SELECT NULL::BIGINT AS row, NULL::BIGINT AS line, NULL::VARCHAR AS key WHERE false)"


def _of_file(error: UnreadableError, file: Path, source: SourceFile | None) -> UnreadableError:
    """The error of one file of the folder, with its name."""
    others = [_with_file(each, file) for each in error.others]
    return UnreadableError(_with_file(error.found, file), others, file, source)


def _with_file(found: Found, file: Path) -> Found:
    return replace(found, message=f"{shown_name(file)}: {found.message}")


def _with_keys(batch: Batch, columns: Columns, places: dict[str, int]) -> pa.Table:
    """A batch as written: row, product, and for each column the text and if it was not text."""
    key = pa.nulls(len(batch.rows), pa.string())
    for name in columns.identifiers:
        if name in batch.columns:
            text = pc.utf8_trim_whitespace(batch.columns[name])
            is_barcode = columns.places[name].field.name in BARCODES
            form = (
                normal_forms(text) if is_barcode else pc.binary_join_element_wise("id", text, ":")
            )
            key = pc.coalesce(key, form)
    lines = pa.nulls(len(key), pa.int64()) if batch.lines is None else pa.array(batch.lines)
    made = {"row": pa.array(batch.rows), "line": lines, "key": short_names(key)}
    no = pa.repeat(False, len(batch.rows))  # noqa: FBT003 - a value
    for name, texts in batch.columns.items():
        made[f"c{places[name]}"] = texts
        made[f"n{places[name]}"] = batch.not_text.get(name, no)
    return pa.table(made)

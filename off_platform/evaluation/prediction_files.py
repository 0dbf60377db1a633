"""A file of predictions as rows that DuckDB reads: CSV, TSV, JSON Lines or Parquet.

The file comes from outside: it is read in bounded memory, and an error is one sentence with its
line. `predictions.py` says which columns mean what.
"""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO, cast

import duckdb

from off_platform.storage.sql import file_literal, identifier, literal
from off_platform.words import escaped, quoted

ANY_JSON = "JSON"
"""The type of a column of JSON Lines: a number, text, list or null."""

_ENDINGS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".parquet": "table"}
# In characters; a line of a hostile file could be as long as the file.
_MOST_LINE = 1_000_000
_MOST_COLUMNS = 10_010
_SEEN_OBJECTS = 1_000
# Characters that DuckDB reads as a pattern.
_PATTERN = re.compile(r"[*?\[\]]")
_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")
_CSV_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")


class WrongPredictionsError(ValueError):
    """The file cannot be read as predictions; the message says where and why."""


@dataclass(frozen=True)
class PredictionFile:
    """A file and its rows.

    Attributes:
        path: the file.
        kind: `csv` (also TSV), `json` (lines) or `table` (Parquet).
        rows: SQL, to use after FROM.
        columns: DuckDB's type of each column, by name.
    """

    path: Path
    kind: str
    rows: str
    columns: Mapping[str, str]

    def named(self, name: str) -> str | None:
        """The column of that name in lower case, as the file writes it."""
        return next((column for column in self.columns if column.lower() == name), None)

    def place(self, row: int) -> str:
        """Where a row is, counted from 1: its line in a text file.

        Blank lines are not rows, and a quoted value may have line ends.
        """
        if self.kind == "table":
            return f"{self.path}, row {row:,}"
        lines = _csv_lines(self.path) if self.kind == "csv" else _json_lines(self.path)
        return f"{self.path}, line {next(islice(lines, row - 1, None), row):,}"

    @contextmanager
    def errors_as_sentences(self) -> Iterator[None]:
        """Turns DuckDB's errors about the file's content into `WrongPredictionsError`."""
        with _errors_as_sentences(self.path, self.kind):
            yield


def prediction_file(path: Path, connection: duckdb.DuckDBPyConnection) -> PredictionFile:
    """Opens a file; only its head is read.

    Raises:
        WrongPredictionsError: it is not a file of a known format.
    """
    kind = _kind(path)
    with _errors_as_sentences(path, kind):
        if kind == "csv":
            rows, columns = _csv(path)
        elif kind == "json":
            rows, columns = _json(path, connection)
        else:
            rows = f"read_parquet({file_literal(path)}, hive_partitioning = false)"
            columns = _described(connection, rows)
    if len(columns) > _MOST_COLUMNS:
        raise WrongPredictionsError(
            f"{path} has {len(columns):,} columns; at most {_MOST_COLUMNS:,} are read."
        )
    return PredictionFile(path, kind, rows, columns)


def _kind(path: Path) -> str:
    endings = [ending.lower() for ending in path.suffixes]
    packed = endings[-1:] == [".gz"]
    kind = _ENDINGS.get("".join(endings[:-1][-1:] if packed else endings[-1:]))
    if kind is None or (packed and kind == "table"):
        raise WrongPredictionsError(
            f"{path} must end in .csv, .tsv, .jsonl, .ndjson or .parquet; text may be packed, as "
            ".csv.gz."
        )
    # A pipe or a device could be endless.
    if not path.is_file():
        raise WrongPredictionsError(f"{path} is not a file; name a file of predictions.")
    if not path.stat().st_size:
        raise WrongPredictionsError(f"{path} is empty.")
    if _PATTERN.search(str(path)):
        raise WrongPredictionsError(
            f"{path}: a path with * ? [ or ] would be read as a pattern; rename it."
        )
    return kind


def _csv(path: Path) -> tuple[str, dict[str, str]]:
    with _text(path) as file:
        line = file.readline(_MOST_LINE)
    delimiter = "\t" if ".tsv" in path.name.lower() else max(",;\t", key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    lower = [name.lower() for name in names]
    if not names:
        raise WrongPredictionsError(f"{path}, line 1 is blank; it must name the columns.")
    if twice := next((name for at, name in enumerate(lower) if name in lower[:at]), None):
        raise WrongPredictionsError(f"{path} has two columns {quoted(twice)}; remove one.")
    if not all(names):
        raise WrongPredictionsError(f"{path}, line 1: column {lower.index('') + 1} has no name.")
    typed = ", ".join(f"{identifier(name)}: 'VARCHAR'" for name in names)
    # Without its guesses, which turn a short line into another header.
    return (
        f"""read_csv({file_literal(path)}, auto_detect = false, header = true, quote = '"',
            escape = '"', delim = {literal(delimiter)}, strict_mode = true,
            max_line_size = {_MOST_LINE}, columns = {{{typed}}})""",
        dict.fromkeys(names, "VARCHAR"),
    )


def _json(path: Path, connection: duckdb.DuckDBPyConnection) -> tuple[str, dict[str, str]]:
    read = f"""read_json({file_literal(path)}, format = 'newline_delimited', records = true,
        maximum_object_size = {_MOST_LINE}"""
    found = _described(connection, f"{read}, sample_size = {_SEEN_OBJECTS})")
    # A prediction may be a number in one line, a text or a list in the next.
    typed = ", ".join(f"{identifier(name)}: '{ANY_JSON}'" for name in found)
    return f"{read}, columns = {{{typed}}})", dict.fromkeys(found, ANY_JSON)


def _described(connection: duckdb.DuckDBPyConnection, rows: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE FROM {rows}").fetchall()}


@contextmanager
def _errors_as_sentences(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise WrongPredictionsError(f"{path} is damaged or not UTF-8 text: {error}.") from error
    except duckdb.Error as error:
        # Out of memory or disk is not the file's fault.
        if isinstance(error, duckdb.OutOfMemoryException):
            raise
        raise WrongPredictionsError(_sentence(path, kind, str(error))) from error


def _sentence(path: Path, kind: str, said: str) -> str:
    if found := _CSV_LINE.search(said):
        width = _CSV_WIDTH.search(said)
        why = (
            f"has {width[2]} cells; the header has {width[1]}"
            if width
            else "is not valid CSV: check its quotes, its length, and that it is UTF-8"
        )
        return f"{path}, line {found[1]} {why}."
    if kind == "json" and (line := _broken_line(path)):
        return f"{path}, line {line:,} is not a JSON object in UTF-8."
    return f"{path} cannot be read: {escaped(said.strip().splitlines()[0])}."


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """The file as text, unpacked."""
    if path.suffix.lower() == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as unpacked:
            yield cast("TextIO", unpacked)
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file


def _csv_lines(path: Path) -> Iterator[int]:
    """The line in which each record ends."""
    with _text(path) as file:
        next(reader := csv.reader(file), None)
        yield from (reader.line_num for record in reader if record)


def _json_lines(path: Path) -> Iterator[int]:
    """The line of each record."""
    with _text(path) as file:
        yield from (number for number, line in enumerate(file, 1) if line.strip())


def _broken_line(path: Path) -> int | None:
    """The first line that is not a JSON object; DuckDB's own count is sometimes one too high."""
    number = 0
    try:
        with _text(path) as file:
            while line := file.readline(_MOST_LINE):
                number += 1
                if line.strip() and not isinstance(json.loads(line), dict):
                    return number
    except (ValueError, RecursionError, EOFError, OSError, zlib.error):
        return max(number, 1)
    return None

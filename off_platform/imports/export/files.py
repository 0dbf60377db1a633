"""Writes the files of an export: portions of records, their pictures, and `export.json`.

Everything is written to a folder aside, which the caller puts in place in one step. The same
records and options make the same bytes.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from off_platform.imports.export import rows as of_rows
from off_platform.imports.export.options import ExportOptions
from off_platform.imports.export.pictures import Pictures, copy_pictures
from off_platform.imports.readers.opening import sha256_of
from off_platform.storage.lake import Lake
from off_platform.storage.sql import identifier, literal

FACTS = "export.json"
NO_BARCODE = "the product has no barcode, only the producer's own id"
# The rows of the export, as a table of the connection.
ROWS = "export_rows"
NAME = "products-{}.tsv"


@dataclass
class Exported:
    """What an export has.

    Attributes:
        records: number of records in the files.
        files: their names.
        columns: their columns.
        without_barcode: number of records that cannot be exported.
        languages: number of records by the origin of their language, see `rows.languages`.
        left_out: number of records by field that the format cannot express.
        cleaned: number of records with a text whose control characters were removed.
        pictures: what became of them.
    """

    records: int = 0
    files: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    without_barcode: int = 0
    languages: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    cleaned: int = 0
    pictures: Pictures = field(default_factory=Pictures)

    @property
    def assumed(self) -> int:
        """Number of records whose language was assumed."""
        return self.languages.get(of_rows.ASSUMED, 0)


@dataclass(frozen=True)
class ExportedRows:
    """What was exported, as SQL to use after FROM.

    Attributes:
        records: the accepted records.
        table: rows of `products_export`.
    """

    records: str
    table: str


def write_export(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    records: str,
    options: ExportOptions,
    to: Path,
) -> Exported:
    """Writes an export into an empty folder.

    Args:
        lake: has the pictures of the records' imports.
        connection: DuckDB that can read the records; the rows stay in it as the table `ROWS`.
        records: SQL for rows of `products_imported`, to use after FROM.
        options: see there.
        to: the folder.

    Raises:
        OSError: the disk is full, or not writable.
    """
    _make_rows(connection, records, options)
    made = _counted(connection)
    made.columns = _used(connection)
    made.files = [
        _write_portion(connection, made.columns, number, start, options.rows, to)
        for number, start in enumerate(range(0, made.records, options.rows), 1)
    ]
    own = f'SELECT {identifier(of_rows.IMPORT)} AS "import", code FROM {ROWS}'
    made.pictures = copy_pictures(lake, connection, f"{own} WHERE code IS NOT NULL", to)
    (to / FACTS).write_text(json.dumps(facts(made, options, to), indent=2) + "\n")
    return made


def _make_rows(connection: duckdb.DuckDBPyConnection, records: str, options: ExportOptions) -> None:
    """The rows as a table, which DuckDB spills when memory runs short; exported ones first."""
    with_language = of_rows.languages(records, options.language)
    texts = connection.execute(of_rows.texts_query(with_language)).fetchall()
    query = of_rows.rows_query(with_language, texts, options.nutrients)
    connection.execute(f"DROP TABLE IF EXISTS temp.{ROWS}").fetchall()
    connection.execute(
        f"CREATE TEMP TABLE {ROWS} AS FROM ({query}) "
        f"ORDER BY code IS NULL, {identifier(of_rows.PRODUCT)}"
    ).fetchall()


def _counted(connection: duckdb.DuckDBPyConnection) -> Exported:
    cleaned = f"count(code) FILTER ({identifier(of_rows.CLEANED)})"
    ((records, without, changed),) = connection.execute(
        f"SELECT count(code), count(*) - count(code), {cleaned} FROM {ROWS}"
    ).fetchall()
    exported = f"FROM {ROWS} WHERE code IS NOT NULL"
    languages = connection.execute(
        f"SELECT {identifier(of_rows.LANGUAGE_FROM)}, count(*) {exported} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    left_out = connection.execute(
        f"SELECT field, count(*) FROM (SELECT unnest({identifier(of_rows.LEFT_OUT)}) AS field "
        f"{exported}) GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    return Exported(
        records,
        without_barcode=without,
        languages=dict(languages),
        left_out=dict(left_out),
        cleaned=changed,
    )


def _used(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The columns in which a record has a value: "only columns that are used"."""
    described = connection.execute(f"DESCRIBE {ROWS}").fetchall()
    names = [name for name, *_ in described if not name.startswith("@")]
    counted = ", ".join(f"count({identifier(name)}) > 0" for name in names)
    query = f"SELECT {counted} FROM {ROWS} WHERE code IS NOT NULL"
    (used,) = connection.execute(query).fetchall()
    return [name for name, is_used in zip(names, used, strict=True) if is_used]


def _write_portion(
    connection: duckdb.DuckDBPyConnection,
    columns: list[str],
    number: int,
    start: int,
    rows: int,
    to: Path,
) -> str:
    name = NAME.format(f"{number:05}")
    selected = ", ".join(identifier(column) for column in columns)
    # The table keeps the order in which it was made.
    portion = f"rowid >= {start} AND rowid < {start + rows} AND code IS NOT NULL"
    query = f"SELECT {selected} FROM {ROWS} WHERE {portion} ORDER BY rowid"
    try:
        connection.execute(
            f"COPY ({query}) TO {literal(str(to / name))} "
            "(FORMAT csv, DELIMITER '\t', HEADER, QUOTE '\"', ESCAPE '\"', NULLSTR '')"
        ).fetchall()
    except duckdb.IOException as error:
        raise OSError(str(error).split("\n", 1)[0]) from error
    return name


def file_name(options: ExportOptions) -> str:
    """SQL of the file of a row of `ROWS`."""
    number = f"lpad((rowid // {options.rows} + 1)::VARCHAR, 5, '0')"
    before, after = NAME.split("{}")
    return f"'{before}' || {number} || '{after}'"


def facts(made: Exported, options: ExportOptions, to: Path) -> dict[str, Any]:
    """The content of `export.json`: what the files have, and what could not be expressed."""
    return {
        "records": made.records,
        "files": {name: sha256_of(to / name) for name in made.files},
        "nutrients": options.nutrients,
        "columns": made.columns,
        "language_from": made.languages,
        "language_assumed": options.language,
        "records_not_exported": {NO_BARCODE: made.without_barcode} if made.without_barcode else {},
        "values_left_out": made.left_out,
        "records_without_control_characters": made.cleaned,
        "pictures": made.pictures.copied,
        "pictures_left_out": dict(sorted(made.pictures.left_out.items())),
    }


def exported_from(content: Mapping[str, Any]) -> Exported:
    """What an export has, from the content of its `export.json`."""
    return Exported(
        content["records"],
        [*content["files"]],
        content["columns"],
        sum(content["records_not_exported"].values()),
        content["language_from"],
        content["values_left_out"],
        content.get("records_without_control_characters", 0),
        Pictures(content["pictures"], Counter(content["pictures_left_out"])),
    )

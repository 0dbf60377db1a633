"""An export in the lake, or in a folder: its files, and the table that says what became of records.

The files are put in place in one step; an interrupted export leaves the one before.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from off_platform.imports.export import checks
from off_platform.imports.export import rows as of_rows
from off_platform.imports.export.files import (
    FACTS,
    NO_BARCODE,
    ROWS,
    Exported,
    ExportedRows,
    exported_from,
    file_name,
    write_export,
)
from off_platform.imports.export.options import ExportOptions, NotAnOptionError
from off_platform.imports.products_imported import records_of
from off_platform.imports.specification.tables import (
    PRODUCTS_ACCEPTED,
    PRODUCTS_EXPORT,
    PRODUCTS_IMPORTED,
)
from off_platform.previews import markdown_table, table_preview
from off_platform.quality import Finding
from off_platform.storage.lake import Lake, NoSuchTableError
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.sql import identifier, literal

EXPORTS = "exports"
EXPORT = f"{EXPORTS}/products"
Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


class NotAnExportError(ValueError):
    """The folder to write holds something else; the message says what to do."""


def export_to_lake(
    lake: Lake, connect: Connect, options: ExportOptions
) -> tuple[dict[str, Any], Mapping[str, Finding], Exported]:
    """Writes the export of a lake, and the table `products_export`.

    Returns:
        The asset's metadata, the findings of its checks, and what was exported.

    Raises:
        off_platform.storage.lake.NoSuchTableError: nothing has been imported yet.
        off_platform.storage.locks.FolderInUseError: another run exports.
        OSError: the lake cannot be written.
    """
    with (
        lake.root.below(EXPORTS).locked(),
        connect() as connection,
        lake.root.scratch() as scratch,
    ):
        made, findings, folder = _made(lake, connection, options, scratch)
        lake.root.place(folder, EXPORT)
        lake.replace_from_query(
            PRODUCTS_EXPORT.name, None, PRODUCTS_EXPORT.arrow, connection, table_query(options)
        )
        rows = lake.rows_of(PRODUCTS_EXPORT.name)
        metadata = _metadata(made, options) | {
            "preview": table_preview(connection, f"FROM {rows}"),
            "path": dg.MetadataValue.path(lake.root.address(EXPORT)),
        }
    return metadata, findings, made


def stored_findings(lake: Lake, connect: Connect) -> Mapping[str, Finding]:
    """The findings of the checks of `products_export`, from the table, files and imports in a lake.

    The files are compared with the records of the imports that they were made of, not with newer
    ones.

    Raises:
        off_platform.storage.lake.NoSuchTableError: nothing has been exported yet.
        off_platform.storage.locks.FolderInUseError: another run exports.
    """
    table = lake.rows_of(PRODUCTS_EXPORT.name)
    with (
        lake.root.below(EXPORTS).locked(),
        connect() as connection,
        lake.root.scratch() as again,
        _stored(lake) as (made, folder),
    ):
        imports = connection.execute(f'SELECT DISTINCT "import" FROM {table} ORDER BY 1').fetchall()
        accepted = records_of(lake, [key for (key,) in imports])
        records = f'(FROM {accepted} SEMI JOIN {table} USING ("import", product))'
        return checks.of_export(connection, ExportedRows(records, table), made, folder, again)


@contextmanager
def _stored(lake: Lake) -> Iterator[tuple[Exported, Path]]:
    """The export of a lake, and a local folder with its files that are there, without pictures."""
    stored = lake.root.below(EXPORT)
    try:
        made = exported_from(json.loads(stored.read(FACTS)))
    except FileNotFoundError as error:
        where = stored.address()
        raise NoSuchTableError(f"There is no export at {where}; materialise it first.") from error
    made.files = [name for name in made.files if stored.exists(name)]
    with ExitStack() as held:
        folder = held.enter_context(lake.root.scratch())
        for name in made.files:
            (folder / name).symlink_to(held.enter_context(stored.local(name)))
        yield made, folder


def export_to_folder(
    lake: Lake, connect: Connect, options: ExportOptions, to: Path
) -> tuple[Exported, Mapping[str, Finding]]:
    """Writes an export to a folder, which replaces an earlier export there.

    Raises:
        NotAnExportError: the folder is not empty, and not an export.
        off_platform.imports.export.options.NotAnOptionError: there is no such import, or nothing of
            it is left to export.
        off_platform.storage.lake.NoSuchTableError: nothing has been imported yet.
        OSError: it cannot be written.
    """
    demand_replaceable(to)
    aside = to.absolute().parent / f".{to.name}.part"
    beside = LocalFolder(to.absolute().parent, aside)
    try:
        with connect() as connection, beside.scratch() as scratch:
            made, findings, folder = _made(lake, connection, options, scratch)
            beside.place(folder, to.name)
    finally:
        if aside.is_dir() and not any(aside.iterdir()):
            aside.rmdir()
    return made, findings


def demand_replaceable(to: Path) -> None:
    """Ensures that a folder can be written without losing anything but an earlier export.

    Raises:
        NotAnExportError: it is not empty, and not an export.
    """
    if to.is_dir() and (not any(to.iterdir()) or (to / FACTS).is_file()):
        return
    if to.exists() or to.is_symlink():
        raise NotAnExportError(
            f"{to} is not an earlier export ({FACTS} is not in it); name another folder."
        )


def _made(
    lake: Lake, connection: duckdb.DuckDBPyConnection, options: ExportOptions, scratch: Path
) -> tuple[Exported, Mapping[str, Finding], Path]:
    """An export, written and checked in a scratch folder."""
    folder, again = scratch / "export", scratch / "again"
    folder.mkdir()
    again.mkdir()
    records = _records(lake, connection, options)
    made = write_export(lake, connection, records, options, folder)
    rows = ExportedRows(records, f"({table_query(options)})")
    return made, checks.of_export(connection, rows, made, folder, again), folder


def _records(lake: Lake, connection: duckdb.DuckDBPyConnection, options: ExportOptions) -> str:
    """SQL for the newest accepted records, or those of one import, to use after FROM."""
    rows = lake.rows_of(PRODUCTS_IMPORTED.name)
    if not options.only_import:
        return rows
    some = f'(SELECT * FROM {rows} WHERE "import" = {literal(options.only_import)})'
    if connection.execute(f"SELECT count(*) > 0 FROM {some}").fetchall()[0][0]:
        return some
    if options.only_import in lake.partitions(PRODUCTS_ACCEPTED.name):
        raise NotAnOptionError(
            f"Nothing is left to export of the import {options.only_import!r}: newer imports have "
            "all of its products, or none of its records was accepted."
        )
    raise NotAnOptionError(
        f"There is no import {options.only_import!r}; imports are named name@12345678, as "
        "off-platform import prints them."
    )


def table_query(options: ExportOptions) -> str:
    """SQL of the table `products_export`, in the connection in which the export was made."""
    made = {
        "product": identifier(of_rows.PRODUCT),
        "import": identifier(of_rows.IMPORT),
        "code": "code",
        "file": f"CASE WHEN code IS NOT NULL THEN {file_name(options)} END",
        "language": "lc",
        "language_from": identifier(of_rows.LANGUAGE_FROM),
        "left_out": identifier(of_rows.LEFT_OUT),
        "reason": f"CASE WHEN code IS NULL THEN {literal(NO_BARCODE)} END",
    }
    selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in made.items())
    return f"SELECT {selected} FROM {ROWS} ORDER BY rowid"


def _metadata(made: Exported, options: ExportOptions) -> dict[str, Any]:
    left_out = [(field, count) for field, count in made.left_out.items()]
    languages = [(origin, count) for origin, count in made.languages.items()]
    return {
        "dagster/row_count": made.records + made.without_barcode,
        "exported": made.records,
        "not_exported": made.without_barcode,
        "files": len(made.files),
        "pictures": made.pictures.copied,
        "nutrients": options.nutrients,
        "values_left_out": _counted("field", left_out),
        "language_from": _counted("language from", languages),
        "columns": ", ".join(made.columns),
    }


def _counted(what: str, rows: list[tuple[str, int]]) -> dg.MarkdownMetadataValue:
    text = markdown_table((what, "records"), rows) if rows else "None."
    return dg.MetadataValue.md(text)

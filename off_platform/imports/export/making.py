"""An export in the lake, or in a folder: its files, and the table that says what became of records.

The files are put in place in one step; an interrupted export leaves the one before.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
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
    file_name,
    write_export,
)
from off_platform.imports.export.options import ExportOptions, NotAnOptionError
from off_platform.imports.specification.tables import PRODUCTS_EXPORT, PRODUCTS_IMPORTED
from off_platform.previews import markdown_table, table_preview
from off_platform.quality import Finding
from off_platform.storage.folders import LocalFolder
from off_platform.storage.lake import Lake
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
            PRODUCTS_EXPORT.name, None, PRODUCTS_EXPORT.arrow, connection, _table(options)
        )
        rows = lake.rows_of(PRODUCTS_EXPORT.name)
        metadata = _metadata(made, options) | {
            "preview": table_preview(connection, f"FROM {rows}"),
            "path": dg.MetadataValue.path(lake.root.address(EXPORT)),
        }
    return metadata, findings, made


def export_to_folder(
    lake: Lake, connect: Connect, options: ExportOptions, to: Path
) -> tuple[Exported, Mapping[str, Finding]]:
    """Writes an export to a folder, which replaces an earlier export there.

    Raises:
        NotAnExportError: the folder is not empty, and not an export.
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
    return made, checks.of_export(connection, records, made, folder, again), folder


def _records(lake: Lake, connection: duckdb.DuckDBPyConnection, options: ExportOptions) -> str:
    """SQL for the newest accepted records, or those of one import, to use after FROM."""
    rows = lake.rows_of(PRODUCTS_IMPORTED.name)
    if not options.only_import:
        return rows
    some = f'(SELECT * FROM {rows} WHERE "import" = {literal(options.only_import)})'
    if not connection.execute(f"SELECT count(*) > 0 FROM {some}").fetchall()[0][0]:
        raise NotAnOptionError(
            f"No newest record is from the import {options.only_import!r}; imports are named "
            "name@12345678, as off-platform import prints them."
        )
    return some


def _table(options: ExportOptions) -> str:
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

"""What Dagster's UI shows of a set's labels, splits and near duplicates.

Sets without these show their contact sheet and card only (`built_set.py`).
"""

from typing import TYPE_CHECKING, Any

import dagster as dg

from off_platform.image_sets.files.stored_objects import StoredObjects
from off_platform.image_sets.manifest import COLUMNS, TEXT_KINDS
from off_platform.image_sets.pages.charts import figures
from off_platform.image_sets.pages.contact_sheet import as_markdown, contact_sheet
from off_platform.image_sets.pages.manifest_statistics import count_statistics
from off_platform.previews import markdown_table, picture
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal, literal

if TYPE_CHECKING:
    import duckdb

# Every byte of metadata is stored about five times, and a set may have many folds.
SHEETS_MOST = 4
SHEET_PHOTOS = 20
SHEET_BYTES = 40_000


def preview(
    connection: "duckdb.DuckDBPyConnection", folder: Folder, class_label: str | None
) -> dict[str, Any]:
    """Charts, a table of the splits, a contact sheet of each, and the columns with the labels.

    Args:
        connection: DuckDB that can read the folder.
        folder: of a finished set.
        class_label: the label whose values are the classes; see `count_statistics`.
    """
    rows = f"read_parquet({file_literal(folder.address(MANIFEST))})"
    statistics = count_statistics(connection, rows, class_label)
    shown: dict[str, Any] = {
        f"chart_{name}": picture(figure, name) for name, figure in figures(statistics)
    }
    if statistics.splits:
        table = markdown_table(
            ("split", "samples", "photos", "products or visits"),
            [(each.name, each.samples, each.photos, each.units) for each in statistics.splits],
        )
        shown["splits"] = dg.MetadataValue.md(table)
    with StoredObjects(folder) as objects:
        for each in statistics.splits[:SHEETS_MOST]:
            sheet = _sheet(connection, rows, each.name, objects)
            shown[f"contact_sheet_{each.name}"] = dg.MetadataValue.md(as_markdown(sheet))
    if statistics.grouping:
        shown["near_duplicates"] = statistics.grouped
        shown["groups_of_near_duplicates"] = statistics.groups
    return {
        **shown,
        "dagster/column_schema": dg.MetadataValue.table_schema(_schema(connection, rows)),
    }


def _sheet(
    connection: "duckdb.DuckDBPyConnection", rows: str, split: str, objects: StoredObjects
) -> bytes:
    found = connection.execute(f"""
        SELECT kind, path, "offset", stored_bytes FROM {rows}
        WHERE split = {literal(split)} AND kind NOT IN {TEXT_KINDS} AND path IS NOT NULL
        ORDER BY position LIMIT {SHEET_PHOTOS}""").fetchall()
    photos = (objects.read(*place) for place in found)
    return contact_sheet(photos, most=SHEET_PHOTOS, max_bytes=SHEET_BYTES)


def _schema(connection: "duckdb.DuckDBPyConnection", rows: str) -> dg.TableSchema:
    """The columns of this manifest, with its labels."""
    described = {column.name: column for column in COLUMNS}
    found = connection.execute(f"DESCRIBE FROM {rows}").fetchall()
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                described[name].type if name in described else type_.lower(),
                described[name].description if name in described else "A label.",
            )
            for name, type_, *_ in found
        ]
    )

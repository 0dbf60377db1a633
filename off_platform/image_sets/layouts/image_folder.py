"""The table that makes loose files an image folder with columns.

Hugging Face's `imagefolder` reads photos by a file called `metadata.parquet`: `file_name`, relative
to the table, and any other columns. Photos that it does not name, such as the contact sheet, are
not samples.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.image_sets.files.set_files import TABLE_OF_FILES
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.storage.engine import copy_query
from off_platform.storage.sql import file_literal, identifier, literal

if TYPE_CHECKING:
    import duckdb


def write_image_folders(
    connection: "duckdb.DuckDBPyConnection",
    manifest: Path,
    labels: Path | None,
    columns: Sequence[str],
    to: Path,
) -> list[str]:
    """Writes a table for each part of a set of loose files; returns their names.

    A set that is split has one in the folder of each split, otherwise there is one.

    Args:
        connection: DuckDB that can read the files.
        manifest: of a set of loose files.
        labels: a Parquet file with a column `id`, the sample, and columns to add; None if there is
            none.
        columns: of the manifest.
        to: the folder for the files.
    """
    rows = f"read_parquet({file_literal(manifest)})"
    parts = connection.execute(f"""
        SELECT DISTINCT split FROM {rows} WHERE path IS NOT NULL AND split IS NOT NULL
        ORDER BY split""").fetchall()
    names = [f"{part}/{TABLE_OF_FILES}" for (part,) in parts] or [TABLE_OF_FILES]
    for name in names:
        (to / name).parent.mkdir(exist_ok=True)
        query = _query(connection, rows, name.rpartition("/")[0], labels, columns)
        copy_query(connection, query, to / name)
    return names


def _query(
    connection: "duckdb.DuckDBPyConnection",
    rows: str,
    part: str,
    labels: Path | None,
    columns: Sequence[str],
) -> str:
    """One row per photo of a part, in order, with file names relative to its folder."""
    inside = f"WHERE split = {literal(part)}" if part else ""
    shown = ", ".join(_column(name) for name in columns)
    more, joined = "", ""
    if labels:
        of_labels = f"read_parquet({file_literal(labels)})"
        found = connection.execute(f"DESCRIBE FROM {of_labels}").fetchall()
        added = [name for name, *_ in found if name not in {*columns, "id"}]
        more = "".join(f", l.{identifier(name)}" for name in added)
        joined = f"LEFT JOIN {of_labels} AS l ON l.id = p.sample"
    return f"""SELECT substr(p.path, {len(part) + 2 if part else 1}) AS file_name, {shown},
            substr(t.path, {len(part) + 2 if part else 1}) AS text_path {more}
        FROM (FROM {rows} {inside}) AS p
        LEFT JOIN (FROM {rows} WHERE kind IN {TEXT_KINDS}) AS t USING (sample)
        {joined}
        WHERE p.status = 'fetched' AND p.kind NOT IN {TEXT_KINDS}
        ORDER BY p.position"""


def _column(name: str) -> str:
    """A column of the photo; what is known of its OCR result is in the text's row."""
    table = "t" if name.startswith("ocr_") else "p"
    return f"{table}.{identifier(name)} AS {identifier(name)}"

"""The table that makes loose files an image folder with columns.

Hugging Face's `imagefolder` reads photos by a file called `metadata.parquet`: `file_name`, relative
to the table, and any other columns. Photos that it does not name, such as the contact sheet, are
not samples.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.storage.engine import copy_query
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb

IMAGE_FOLDER = "metadata.parquet"
# Of the manifest.
PHOTO_COLUMNS = (
    "sample",
    "barcode",
    "image_id",
    "kind",
    "width",
    "height",
    "shown_width",
    "shown_height",
    "orientation",
    "format",
    "bytes",
    "md5",
    "url",
    "licence",
    "attribution",
)


def write_image_folder(
    connection: "duckdb.DuckDBPyConnection", manifest: Path, labels: Path | None, to: Path
) -> None:
    """Writes one row per photo in the set, in order.

    Args:
        connection: DuckDB that can read the files.
        manifest: of a set of loose files.
        labels: a Parquet file with a column `id`, the sample, and columns to add; None if there is
            none.
        to: the file to make.
    """
    rows = f"read_parquet({literal(str(manifest))})"
    columns = ", ".join(f"p.{name}" for name in PHOTO_COLUMNS)
    joined = f"LEFT JOIN read_parquet({literal(str(labels))}) AS l ON l.id = p.sample"
    copy_query(
        connection,
        f"""SELECT p.path AS file_name, {columns}, t.path AS text_path
                {", l.* EXCLUDE (id)" if labels else ""}
            FROM {rows} AS p
            LEFT JOIN (SELECT sample, any_value(path) AS path FROM {rows}
                WHERE kind IN {TEXT_KINDS} GROUP BY sample) AS t USING (sample)
            {joined if labels else ""}
            WHERE p.status = 'fetched' AND p.kind NOT IN {TEXT_KINDS}
            ORDER BY p.position""",
        to,
    )

"""Which columns of the manifest describe a sample to a loader.

They are in `metadata.parquet` of loose files, in `.json` of labelled shards, and in Parquet files.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from off_platform.storage.sql import identifier

if TYPE_CHECKING:
    import duckdb

# Of the photo's row in the manifest.
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
# Only where a set has them; the texts are in the row of the OCR result.
WHERE_KNOWN = (
    "processing",
    "stored_width",
    "stored_height",
    "sharpness",
    "duplicate_group",
    "unit",
    "split",
    "ocr_text",
    "ocr_language",
    "ocr_confidence",
)


def sample_columns(
    connection: "duckdb.DuckDBPyConnection", manifest: str, labels: Sequence[str]
) -> tuple[str, ...]:
    """The columns, each once, in order: those of photos, those that this set has, labels.

    Args:
        connection: DuckDB that can read the manifest.
        manifest: SQL for its rows, to use after FROM.
        labels: names of the labels.
    """
    found = connection.execute(f"DESCRIBE FROM {manifest}").fetchall()
    there = [name for name in WHERE_KNOWN if name in {column for column, *_ in found}]
    counted = ", ".join(f"count({identifier(name)}) > 0" for name in there) or "true"
    ((*known,),) = connection.execute(f"SELECT {counted} FROM {manifest}").fetchall()
    is_changed = "processing" in there and known[there.index("processing")]
    shown = [
        name
        for name, is_known in zip(there, known, strict=False)
        if is_known and (is_changed or not name.startswith("stored_"))
    ]
    return tuple(dict.fromkeys((*PHOTO_COLUMNS, *shown, *labels)))

"""The rows of a plan: before, with the copy that the set has; after, with the outcomes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.image_sets.construction.containers import OF_CONTAINERS, Container
from off_platform.image_sets.construction.lake_objects import ROWS_AT_ONCE, with_texts
from off_platform.image_sets.construction.plans import PLAN, digest_of, rows_of_all
from off_platform.image_sets.manifest import COLUMNS
from off_platform.storage.engine import copy_query
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal, literal

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BATCH_ROWS = 1000


def rows_to_fetch(
    folder: Folder,
    groups: list[int],
    connection: "duckdb.DuckDBPyConnection",
    texts: str | None = None,
) -> "Iterator[pa.RecordBatch]":
    """The plan's rows of some groups in order, each with the set's earlier copy.

    Args:
        folder: the set's.
        groups: by number.
        connection: DuckDB that can read the folder.
        texts: SQL of a table with the bytes of some objects, see `lake_objects.with_texts`.
    """
    plan = file_literal(folder.address(PLAN))
    wanted = ", ".join(map(str, groups)) or "NULL"
    here = (
        # Manifests of earlier versions lack some columns.
        f"""(FROM ({_NOTHING} WHERE false) UNION ALL BY NAME
            FROM read_parquet({file_literal(folder.address(MANIFEST))}))"""
        if folder.exists(MANIFEST)
        else f"({_NOTHING})"
    )
    kept = ", ".join(
        f'h."{name}" AS "old_{name}"' for name in KEPT_FACTS if name != "last_modified"
    )
    # Rows that were not fetched keep their reason only until they are requested again.
    rows = connection.cursor().sql(f"""
        SELECT p.*, h.stored_bytes AS old_bytes, h.bytes AS old_object_bytes,
            h.last_modified::VARCHAR AS old_last_modified, {kept}
        FROM read_parquet({plan}) AS p
        LEFT JOIN (FROM {here} WHERE status = 'fetched') AS h USING (key, kind)
        WHERE p."group" IN ({wanted})
        ORDER BY p.position""")
    if texts is None:
        yield from rows.to_arrow_reader(BATCH_ROWS)
    else:
        yield from with_texts(rows.to_arrow_reader(ROWS_AT_ONCE), texts, BATCH_ROWS, connection)


# What an unchanged object keeps from the manifest before.
KEPT_FACTS = (
    *("md5", "etag", "last_modified", "width", "height", "decoded", "ocr_status"),
    *("path", "offset", "format", "orientation", "processing", "stored_width", "stored_height"),
    *("perceptual_hash", "sharpness", "ocr_text", "ocr_language", "ocr_confidence"),
)


_OF_BEFORE = ("key", "kind", "status", "stored_bytes", "bytes", *KEPT_FACTS)


_NOTHING = "SELECT " + ", ".join(
    f'NULL::{column.sql} AS "{column.name}"' for column in COLUMNS if column.name in _OF_BEFORE
)


def write_outcomes(
    folder: Folder,
    to: Path,
    constants: dict[str, str],
    connection: "duckdb.DuckDBPyConnection",
) -> "list[Container]":
    """Joins the plan with the outcomes of its objects to the rows of the manifest, in order.

    Args:
        folder: the set's.
        to: the file to write.
        constants: columns with the same value in every row; `url` is a prefix of the key.
        connection: DuckDB that can read the folder.

    Returns:
        The containers that were built.
    """
    known = {
        "sample": "p.stem",
        **{name: f"p.{name}" for name in ("position", "key", "barcode", "image_id", "kind")},
        **{name: literal(value) for name, value in constants.items()},
        "url": f"{literal(constants['url'])} || p.key",
        "shown_width": "CASE WHEN r.orientation >= 5 THEN r.height ELSE r.width END",
        "shown_height": "CASE WHEN r.orientation >= 5 THEN r.width ELSE r.height END",
    }
    columns = ", ".join(
        f'({known.get(column.name, f"""r."{column.name}" """)})::{column.sql} AS "{column.name}"'
        for column in COLUMNS
    )
    types = {
        column.name: column.sql
        for column in COLUMNS
        if column.name not in known or column.name == "position"
    }
    read = ", ".join(f'"{name}": {literal(sql)}' for name, sql in (types | OF_CONTAINERS).items())
    rows = literal(rows_of_all(folder, digest_of(folder)))
    plan = f"read_parquet({file_literal(folder.address(PLAN))})"
    # Each file of rows is read once: in a bucket it is a request.
    all_rows = to.with_name(f"{to.name}.rows")
    json = f"read_json({rows}, format = 'newline_delimited', columns = {{{read}}})"
    copy_query(connection, f"FROM {json}", all_rows)
    written = f"read_parquet({file_literal(all_rows)})"
    found = connection.execute(
        f"SELECT {', '.join(OF_CONTAINERS)} FROM {written} WHERE container IS NOT NULL ORDER BY ALL"
    ).fetchall()
    copy_query(
        connection,
        f"SELECT {columns} FROM {plan} AS p JOIN {written} AS r USING (position) ORDER BY position",
        to,
    )
    all_rows.unlink()
    return [Container(*row) for row in found]

"""The newest accepted record of every product over all imports, with its photos.

The number of photos comes from the newest key index, read through the lake.
"""

from typing import TYPE_CHECKING

from off_platform.imports.specification.tables import (
    IMPORT,
    IMPORTS,
    PRODUCTS_ACCEPTED,
    PRODUCTS_IMPORTED,
)
from off_platform.storage.lake import Lake
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb

KEY_INDEX = "key_index"
ROUNDS = 10


def make_products_imported(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> int:
    """Builds `products_imported` from the lake's tables; returns its number of rows.

    Two runs may build it concurrently: each checks after writing whether another import has been
    added, so that none is missing.
    """
    for _ in range(ROUNDS):
        imports = lake.partitions(PRODUCTS_ACCEPTED.name)
        rows = lake.replace_from_query(
            PRODUCTS_IMPORTED.name,
            None,
            PRODUCTS_IMPORTED.arrow,
            connection,
            _typed(_query(lake, imports)),
        )
        if lake.partitions(PRODUCTS_ACCEPTED.name) == imports:
            break
    return rows


def records_of(lake: Lake, imports: list[str]) -> str:
    """SQL for the accepted records of imports, each with its `import`, to use after FROM."""
    known = [key for key in imports if lake.has(PRODUCTS_ACCEPTED.name, (IMPORT, key))]
    if not known:
        return f"({_nothing()} WHERE false)"
    records = _union(lake, PRODUCTS_ACCEPTED.name, known, "* EXCLUDE (filename)")
    return f'(SELECT * EXCLUDE (of_import), of_import AS "import" FROM ({records}))'


def _query(lake: Lake, imports: list[str]) -> str:
    known = [key for key in imports if lake.has(IMPORTS.name, (IMPORT, key))]
    if not known:
        return f"{_nothing()} WHERE false"
    # The newest records are determined from two columns; the wide rows are read once.
    return f"""
        WITH imports AS ({_union(lake, IMPORTS.name, known, "imported_at")}),
            records AS ({_union(lake, PRODUCTS_ACCEPTED.name, known, "* EXCLUDE (filename)")}),
            newest AS (
                SELECT product, max_by(of_import, (imported_at, of_import)) AS of_import
                FROM (SELECT product, of_import FROM records) JOIN imports USING (of_import)
                GROUP BY product)
        SELECT of_import AS "import", imported_at, records.* EXCLUDE (of_import),
            {_photos(lake)} AS photos
        FROM records JOIN newest USING (product, of_import) JOIN imports USING (of_import)
            {_join_photos(lake)}
        ORDER BY product"""


def _nothing() -> str:
    columns = ", ".join(
        f'NULL::{column.sql} AS "{column.name}"' for column in PRODUCTS_IMPORTED.columns
    )
    return f"SELECT * FROM (SELECT {columns})"


def _union(lake: Lake, table: str, imports: list[str], columns: str) -> str:
    files = ", ".join(file_literal(lake.address(table, (IMPORT, key))) for key in imports)
    return (
        f"SELECT {columns}, regexp_extract(filename, '{IMPORT}=([^/]+)/', 1) AS of_import "
        f"FROM read_parquet([{files}], filename = true, hive_partitioning = false)"
    )


def _photos(lake: Lake) -> str:
    return "coalesce(p.photos, 0)" if lake.partitions(KEY_INDEX) else "NULL"


def _join_photos(lake: Lake) -> str:
    months = lake.partitions(KEY_INDEX)
    if not months:
        return ""
    index = lake.rows_of(KEY_INDEX, ("month", months[-1]))
    return f"""LEFT JOIN (
        SELECT barcode AS product, count(*) AS photos FROM {index}
        WHERE kind = 'raw' AND barcode IN (SELECT product FROM newest) GROUP BY barcode
    ) AS p USING (product)"""


def _typed(query: str) -> str:
    columns = ", ".join(
        f'"{column.name}"::{column.sql} AS "{column.name}"' for column in PRODUCTS_IMPORTED.columns
    )
    return f"SELECT {columns} FROM ({query})"

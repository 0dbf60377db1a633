"""Finds the damaged Parquet file after reading the lake has failed.

The caller handles it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import duckdb

from off_platform.storage.damaged_file import DamagedFileError
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    from off_platform.storage.folder import Folder

WHAT_MOST = 120
_PARQUET = ".parquet"


def damage_behind(
    error: Exception, root: "Folder", names: list[str], connection: duckdb.DuckDBPyConnection
) -> DamagedFileError | None:
    """The damaged file that caused an error of DuckDB or Arrow; None if all can be opened.

    Errors of damaged pages name the file; some of damaged footers do not, so each footer is read.

    Args:
        error: raised while reading the lake.
        root: of the lake.
        names: of the candidate files; files other than Parquet are ignored.
        connection: DuckDB that can read the lake.
    """
    files = [name for name in names if name.endswith(_PARQUET)]
    said = str(error)
    of_error = ((name, said) for name in files if root.address(name) in said)
    name, what = next(of_error, None) or next(_unopened(root, files, connection), ("", ""))
    return DamagedFileError(_sentence(root, name, what)) if name else None


def _unopened(
    root: "Folder", names: list[str], connection: duckdb.DuckDBPyConnection
) -> Iterator[tuple[str, str]]:
    """The files with unreadable footers, each with DuckDB's error."""
    for name in names:
        query = f"FROM parquet_file_metadata({file_literal(root.address(name))})"
        try:
            connection.execute(query).fetchall()
        except (duckdb.IOException, duckdb.HTTPException):
            # Unreachable is not damaged.
            continue
        except duckdb.Error as error:
            yield name, str(error)


def _sentence(root: "Folder", name: str, what: str) -> str:
    address = root.address(name)
    first = what.split("\n", 1)[0].replace(address, "it")[:WHAT_MOST].strip(" :") or "unreadable"
    kind, _, rest = name.partition("/")
    of = rest.partition("/")[0]
    again = f"make the table {of} again" if kind == "tables" else f"make the image set {of} again"
    return (
        f"The file {address} is damaged ({first}); remove it and {again}, or restore it from a "
        "backup."
    )

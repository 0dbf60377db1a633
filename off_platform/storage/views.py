"""`off_platform.duckdb`: one view per table and no data, replaced whole when a table came or went.

Which tables there are is said by `lake.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.storage.damage import DamagedFileError, damage_behind
from off_platform.storage.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

    from off_platform.storage.folders import Folder

    Prepare = Callable[[duckdb.DuckDBPyConnection, str, int, Path], object]

VIEWS = "off_platform.duckdb"
ROUNDS = 3


def refresh(root: "Folder", tables: Callable[[], dict[str, str]], prepare: "Prepare") -> None:
    """Makes the file of views anew when its views are not those of the tables.

    A table with a damaged file gets no view; all others do.

    Args:
        root: the lake's.
        tables: gives each view's name and the pattern of its files, below the root.
        prepare: lets a connection read the lake, as `Lake.prepare`.

    Raises:
        DamagedFileError: a table has a damaged file.
    """
    # Looked at again afterwards: another writer's table may have come while they were made.
    for _ in range(ROUNDS):
        patterns = tables()
        if _hold(root, {name: root.address(pattern) for name, pattern in patterns.items()}):
            return
        with root.scratch() as scratch:
            damaged = _make(root, scratch / VIEWS, patterns, prepare)
            root.place(scratch / VIEWS, VIEWS)
        if damaged:
            raise damaged


def _hold(root: "Folder", wanted: dict[str, str]) -> bool:
    """Whether the views are already these; looked up in a copy, as others may read the file."""
    import duckdb  # noqa: PLC0415 - 0.2 s, once used

    with root.scratch() as scratch:
        try:
            (scratch / VIEWS).write_bytes(root.read(VIEWS))
            with duckdb.connect(scratch / VIEWS, read_only=True) as connection:
                found = connection.execute(
                    "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal"
                ).fetchall()
        except FileNotFoundError:
            return not wanted
        except duckdb.Error:
            # Damaged, or of another DuckDB's version; it holds nothing that is not made anew.
            return False
    return {name for name, _ in found} == wanted.keys() and all(
        literal(wanted[name]) in sql for name, sql in found
    )


def _make(
    root: "Folder", to: Path, tables: dict[str, str], prepare: "Prepare"
) -> DamagedFileError | None:
    import duckdb  # noqa: PLC0415 - 0.2 s, once used

    damaged: DamagedFileError | None = None
    with duckdb.connect(to) as connection:
        prepare(connection, "256MB", 1, to.parent)
        for name, pattern in tables.items():
            try:
                connection.execute(
                    f"CREATE VIEW {identifier(name)} AS SELECT * FROM "
                    f"read_parquet({literal(root.address(pattern))}, "
                    "hive_partitioning = true, union_by_name = true)"
                )
            except duckdb.Error as error:
                files = root.names(pattern.split("*", 1)[0].rpartition("/")[0])
                found = damage_behind(error, root, files, connection)
                if found is None:
                    raise
                damaged = damaged or found
    return damaged

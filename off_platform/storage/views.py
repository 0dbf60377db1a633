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
    """Brings the file of views up to the tables; it is left alone while its views are theirs.

    A table with a damaged file gets no view; all others do.

    Args:
        root: the lake's.
        tables: gives each view's name and the pattern of its files, below the root.
        prepare: lets a connection read the lake, as `Lake.prepare`.

    Raises:
        DamagedFileError: a table has a damaged file.
    """
    patterns = tables()
    for _ in range(ROUNDS):
        with root.scratch() as scratch:
            missing, stale = _differences(root, patterns, scratch / VIEWS)
            if not missing and not stale:
                return
            damaged = _change(root, scratch / VIEWS, missing, stale, prepare)
            root.place(scratch / VIEWS, VIEWS)
        if damaged:
            raise damaged
        # Another writer's table may have come while they were made.
        before, patterns = patterns, tables()
        if before == patterns:
            return


def _differences(
    root: "Folder", patterns: dict[str, str], copy: Path
) -> tuple[dict[str, str], list[str]]:
    """Views that are missing or show other files, and those of no table; of a copy of the file.

    Others may read the file itself.
    """
    import duckdb  # noqa: PLC0415 - 0.2 s, once used

    try:
        copy.write_bytes(root.read(VIEWS))
        with duckdb.connect(copy, read_only=True) as connection:
            found = dict(
                connection.execute(
                    "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal"
                ).fetchall()
            )
    except FileNotFoundError:
        found = {}
    except duckdb.Error:
        # Damaged, or of another DuckDB's version; it holds nothing that is not made anew.
        copy.unlink()
        return patterns, []
    missing = {
        name: pattern
        for name, pattern in patterns.items()
        if literal(root.address(pattern)) not in found.get(name, "")
    }
    return missing, sorted(found.keys() - patterns.keys())


def _change(
    root: "Folder", file: Path, missing: dict[str, str], stale: list[str], prepare: "Prepare"
) -> DamagedFileError | None:
    """Makes and drops views; the first damaged file, if there is one."""
    import duckdb  # noqa: PLC0415 - 0.2 s, once used

    damaged: DamagedFileError | None = None
    with duckdb.connect(file) as connection:
        prepare(connection, "256MB", 1, file.parent)
        for name in (*stale, *missing):
            connection.execute(f"DROP VIEW IF EXISTS {identifier(name)}")
        for name, pattern in missing.items():
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

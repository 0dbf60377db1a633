"""`off_platform.duckdb`: one view per table and no data, replaced when tables change.

`lake.py` knows which tables exist.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path

import duckdb

from off_platform.storage.damage import damage_behind
from off_platform.storage.damaged_file import DamagedFileError
from off_platform.storage.derived_views import DerivedView
from off_platform.storage.folder import Folder
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.sql import as_pattern, identifier, literal

Derived = Mapping[str, DerivedView]
Prepare = Callable[[duckdb.DuckDBPyConnection, str, int, Path], object]

VIEWS = "off_platform.duckdb"
ROUNDS = 3
# A name for each attached file; several threads may attach files at once.
_NUMBERS = count(1)


def refresh(
    root: Folder, tables: Callable[[], dict[str, str]], derived: Derived, prepare: Prepare
) -> None:
    """Updates the file of views if they differ from the tables.

    A table with a damaged file gets no view.

    Args:
        root: the lake's.
        tables: returns each view's name and the pattern of its files, below the root.
        derived: the views over several tables, by name.
        prepare: lets a connection read the lake, as `Lake.prepare`.

    Raises:
        DamagedFileError: a table has a damaged file.
    """
    patterns = tables()
    for _ in range(ROUNDS):
        with root.scratch() as scratch:
            changes = _differences(root, patterns, derived, scratch / VIEWS)
            if not any(changes):
                return
            damaged = _change(root, scratch / VIEWS, patterns, derived, changes, prepare)
            root.place(scratch / VIEWS, VIEWS)
        if damaged:
            raise damaged
        # Another writer may have placed a table meanwhile.
        before, patterns = patterns, tables()
        if before == patterns:
            return


def query_of(root: Folder, patterns: Mapping[str, str], derived: Derived, name: str) -> str:
    """The SQL of a view.

    Args:
        root: the lake's.
        patterns: each view's name and the pattern of its files, below the root.
        derived: the views over several tables, by name.
        name: of the view.
    """
    tables = _tables_of(name, patterns, derived)
    of = {table: rows(root, patterns[table]) for table in tables}
    return derived[name].query(of) if len(tables) > 1 else f"SELECT * FROM {of[name]}"


def _tables_of(name: str, patterns: Mapping[str, str], derived: Derived) -> tuple[str, ...]:
    """The tables of a view; only its own while another one is missing."""
    tables = derived[name].tables if name in derived else (name,)
    return tables if patterns.keys() >= {*tables} else (name,)


def rows(root: Folder, pattern: str) -> str:
    """SQL for the rows of all files of a pattern, to use after FROM."""
    files = literal(f"{as_pattern(root.address())}/{pattern}")
    return f"read_parquet({files}, hive_partitioning = true, union_by_name = true)"


def _differences(
    root: Folder, patterns: dict[str, str], derived: Derived, copy: Path
) -> tuple[list[str], list[str]]:
    """Views to create or replace, and views whose table is gone.

    A copy is read, as others may read the file itself.
    """
    try:
        copy.write_bytes(root.read(VIEWS))
        found = _comments(copy)
    except FileNotFoundError:
        found = {}
    except duckdb.Error:
        # Damaged, or of another version of DuckDB: all views are rebuilt.
        copy.unlink()
        return list(patterns), []
    missing = [
        name for name in patterns if found.get(name) != query_of(root, patterns, derived, name)
    ]
    return missing, sorted(found.keys() - patterns.keys())


def _comments(file: Path) -> dict[str, str | None]:
    """The views of a file, each with its comment."""
    with _attached(file, "READ_ONLY") as connection:
        found = connection.execute(
            "SELECT view_name, comment FROM duckdb_views() WHERE database_name = current_database()"
        )
        return dict(found.fetchall())


@contextmanager
def _attached(file: Path, how: str = "READ_WRITE") -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose database is a file."""
    name = f"views_{next(_NUMBERS)}"
    views = _views_of(os.getpid())
    views.cursor().execute(f"ATTACH {literal(str(file))} AS {name} ({how})").close()
    try:
        with views.cursor() as connection:
            connection.execute(f"USE {name}")
            yield connection
    finally:
        # Writes what is in the log into the file.
        views.cursor().execute(f"DETACH {name}").close()


@lru_cache(maxsize=1)
def _views_of(process: int) -> duckdb.DuckDBPyConnection:  # noqa: ARG001 - not used after a fork
    """DuckDB for files of views: starting it takes 20 ms, attaching a file takes 1 ms."""
    return duckdb.connect(config={"memory_limit": "256MB", "threads": 1, "temp_directory": ""})


@contextmanager
def _writing(root: Folder, file: Path, prepare: Prepare) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that writes a file of views and can read the lake."""
    if isinstance(root, LocalFolder):
        with _attached(file) as connection:
            yield connection
        return
    # What reads a bucket is registered with all connections of a DuckDB.
    with duckdb.connect(file) as connection:
        prepare(connection, "256MB", 1, file.parent)
        yield connection


def _change(
    root: Folder,
    file: Path,
    patterns: dict[str, str],
    derived: Derived,
    changes: tuple[list[str], list[str]],
    prepare: Prepare,
) -> DamagedFileError | None:
    """Creates and drops views; returns the first damaged file, if any."""
    missing, stale = changes
    damaged: DamagedFileError | None = None
    with _writing(root, file, prepare) as connection:
        for name in (*stale, *missing):
            connection.execute(f"DROP VIEW IF EXISTS {identifier(name)}")
        for name in missing:
            query = query_of(root, patterns, derived, name)
            try:
                connection.execute(f"CREATE VIEW {identifier(name)} AS {query}")
                # DuckDB rewrites the SQL of views; the comment has the text to compare.
                connection.execute(f"COMMENT ON VIEW {identifier(name)} IS {literal(query)}")
            except duckdb.Error as error:
                shown = (patterns[table] for table in _tables_of(name, patterns, derived))
                folders = (each.split("*", 1)[0].rpartition("/")[0] for each in shown)
                files = [file for folder in folders for file in root.names(folder)]
                found = damage_behind(error, root, files, connection)
                if found is None:
                    raise
                damaged = damaged or found
    return damaged

"""DuckDB, the engine over Parquet: bounded connections, and queries whose rows become a file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from off_platform.storage.sql import file_literal, identifier, literal

# zstd at its lowest level halves snappy's size at the same speed; delta encoding of sorted keys
# needs version 2 pages.
PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2"

# See `reserve_for_writer`.
SORT_SHARE = 0.75


@contextmanager
def bounded(
    spill: Path, memory: str = "512MB", threads: int = 2
) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in memory with a memory limit; it spills to disk beyond it.

    Args:
        spill: folder for spilled data; may be missing.
        memory: limit, in DuckDB's notation.
        threads: limit.
    """
    with duckdb.connect() as connection:
        bound(connection, memory, threads, spill)
        yield connection


def bound(connection: duckdb.DuckDBPyConnection, memory: str, threads: int, spill: Path) -> None:
    """Sets the limits of a connection; see `bounded`."""
    connection.execute(f"SET memory_limit = {literal(memory)}")
    connection.execute(f"SET threads = {threads}")
    connection.execute(f"SET temp_directory = {literal(str(spill))}")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")


@contextmanager
def reserve_for_writer(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Keeps a quarter of the memory limit for what DuckDB does not count in it.

    Sorting a million rows of a manifest into a file took 850 MB with a limit of 512 MB, and takes
    600 MB with 320 MB in the same time: a sort spills well, and the Parquet writer's buffers are
    beyond the limit.
    """
    ((limit,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    amount, unit = limit.split()
    connection.execute(f"SET memory_limit = '{float(amount) * SORT_SHARE:.1f}{unit}'")
    try:
        yield
    finally:
        connection.execute(f"SET memory_limit = '{amount}{unit}'")


def copy_query(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    path: Path,
    group_rows: int | None = None,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Writes a query's rows as Parquet, in the query's order.

    Args:
        connection: a connection with the query's tables.
        query: SQL.
        path: the file to write.
        group_rows: rows of a row group, which is held in memory until it is full; DuckDB's default
            by default.
        facts: written into the file as its metadata.

    Raises:
        OSError: the disk is full, or not writable.
    """
    how = PARQUET if group_rows is None else f"{PARQUET}, ROW_GROUP_SIZE {group_rows}"
    if facts:
        pairs = ", ".join(f"{identifier(name)}: {literal(said)}" for name, said in facts.items())
        how = f"{how}, KV_METADATA {{{pairs}}}"
    try:
        connection.execute(f"COPY ({query}) TO {literal(str(path))} ({how})").fetchall()
    except duckdb.IOException as error:
        raise OSError(str(error).split("\n", 1)[0]) from error


def facts_in(connection: duckdb.DuckDBPyConnection, address: str, name: str) -> str | None:
    """What `copy_query` wrote into a file's metadata under a name; None if it wrote nothing.

    Args:
        connection: DuckDB that can read the file.
        address: its path or URL.
        name: of the fact.
    """
    found = connection.execute(
        f"""SELECT decode(value) FROM parquet_kv_metadata({file_literal(address)})
        WHERE key = encode({literal(name)})"""
    ).fetchall()
    return str(found[0][0]) if found else None

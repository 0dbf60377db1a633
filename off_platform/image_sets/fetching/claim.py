"""The folder of a set: ensures that it is one of ours, and that one run at a time uses it.

Files in the folder may be the user's, or damaged. Only names accepted by `set_files.is_ours` are
replaced or removed, and a manifest is used only after its columns and paths were checked.
"""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import duckdb

from off_platform.image_sets.construction.moves import UnusableFolderError
from off_platform.image_sets.files.set_files import BUILDING, STORED, is_moved, is_of_build
from off_platform.image_sets.manifest import COLUMNS, NOT_IN_OLDER_ONES
from off_platform.quality import Column
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal, literal

_BEGUN = re.compile(r"plan\.(parquet|json)|moves\.json|samples\.parquet|scratch")
# Characters that DuckDB reads as a pattern; on Windows, a backslash is between folders.
_PATTERN = re.compile(r"[*?\[\]]" if os.name == "nt" else r"[*?\[\]\\]")
# Sums of numbers this large still fit 64 bits.
_LARGEST = 2**60


@contextmanager
def claimed(
    folder: Folder, connection: duckdb.DuckDBPyConnection, kinds: Collection[str]
) -> Iterator[None]:
    """Locks a folder for a set while the `with` block lasts, after checking that it is one of ours.

    Args:
        folder: the set's folder.
        connection: DuckDB that can read it.
        kinds: of the objects that the set's bucket has.

    Raises:
        UnusableFolderError: see `demand_ours`.
        off_platform.storage.locks.FolderInUseError: another run is using it.
    """
    with folder.locked():
        demand_ours(folder, connection, kinds)
        yield


def demand_ours(
    folder: Folder, connection: duckdb.DuckDBPyConnection, kinds: Collection[str]
) -> None:
    """Ensures that a folder is empty, an image set, or one under construction.

    The user's files next to a set are left alone: only ours are replaced and removed.

    Raises:
        UnusableFolderError: it is something else, its manifest is damaged, not ours or of another
            bucket's set, or its path would be read as a pattern.
    """
    if _PATTERN.search(folder.address()):
        raise UnusableFolderError(
            f"{folder.address()} contains one of * ? [ ] \\, which would be read as a wildcard; "
            "name another folder."
        )
    if folder.exists(MANIFEST):
        _demand_manifest(folder, connection)
        _demand_kinds(folder, connection, kinds)
    elif not _is_begun(folder) and set(folder.entries()) - {BUILDING}:
        raise UnusableFolderError(
            f"{folder.address()} is not empty and is not an image set; name an empty folder, "
            "or one that does not exist yet."
        )
    for name in folder.names(BUILDING):
        part = name.split("/")[1]
        if not (_BEGUN.fullmatch(part) or is_moved(part) or is_of_build(part)):
            raise UnusableFolderError(
                f"{folder.address(name)} is not a file of an image set; move it away, or name "
                "another folder."
            )


def _is_begun(folder: Folder) -> bool:
    return any(folder.exists(f"{BUILDING}/{name}") for name in ("plan.json", "moves.json"))


def _demand_manifest(folder: Folder, connection: duckdb.DuckDBPyConnection) -> None:
    manifest = f"read_parquet({file_literal(folder.address(MANIFEST))})"
    try:
        found = connection.execute(f"DESCRIBE FROM {manifest}").fetchall()
        types = {name: kind for name, kind, *_ in found}
        odd = [each.name for each in COLUMNS if not _is_right(each, types.get(each.name))]
        problem = f"its column {odd[0]} is invalid" if odd else None
        problem = problem or _odd_rows(manifest, connection)
    except duckdb.Error as error:
        problem = str(error).split("\n", 1)[0]
    if problem:
        raise UnusableFolderError(
            f"{folder.address(MANIFEST)} is damaged or not the manifest of a set ({problem}); "
            "nothing was changed: move it away, or name another folder."
        )


def _demand_kinds(
    folder: Folder, connection: duckdb.DuckDBPyConnection, kinds: Collection[str]
) -> None:
    manifest = f"read_parquet({file_literal(folder.address(MANIFEST))})"
    found = connection.execute(f"SELECT DISTINCT kind FROM {manifest}").fetchall()
    if foreign := sorted({kind for (kind,) in found} - set(kinds)):
        raise UnusableFolderError(
            f"{folder.address()} contains a set of another bucket, with objects of the kind "
            f"{foreign[0][:40]!r}; nothing was changed: name another folder."
        )


def _is_right(column: Column, found: str | None) -> bool:
    return found == _described(column.sql) or (found is None and column.name in NOT_IN_OLDER_ONES)


def _described(sql: str) -> str:
    return "TIMESTAMP WITH TIME ZONE" if sql == "TIMESTAMPTZ" else sql


def _odd_rows(manifest: str, connection: duckdb.DuckDBPyConnection) -> str | None:
    """The problem with the rows' locations of bytes; None when there is none."""
    ((outside, senseless, twice),) = connection.execute(rf"""
        SELECT any_value(path) FILTER (NOT regexp_full_match(path, {literal(STORED.pattern)})),
            count(*) FILTER (status = 'fetched' AND NOT coalesce(path IS NOT NULL
                AND md5 IS NOT NULL AND bytes >= 0 AND stored_bytes BETWEEN 0 AND {_LARGEST}
                AND regexp_matches(path, '\.(tar|parquet)$') = ("offset" IS NOT NULL)
                AND coalesce("offset", 0) BETWEEN 0 AND {_LARGEST}, false)),
            count(*) - count(DISTINCT (key, kind))
        FROM {manifest}""").fetchall()
    if outside is not None:
        return f"it names {outside[:80]!r}"
    if senseless:
        return f"{senseless:,} rows lack the location of their bytes"
    return f"{twice:,} objects are listed twice" if twice else None

"""What was built becomes the set, in one step for its readers.

Shards of a set's first making, which nobody reads before there is a manifest, are created under
their final names. All else is moved there by a list of moves (`moves.py`).
"""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.image_sets.construction.containers import Container
from off_platform.image_sets.construction.moves import MOVES, finish_moves
from off_platform.image_sets.files.set_files import BUILDING, LISTS, TABLE_OF_FILES, is_container
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal
from off_platform.storage.threads import in_order

if TYPE_CHECKING:
    import duckdb

# Files of a set at the same time; in a bucket, each waits for the server.
PLACED_AT_ONCE = 8


def put_in_place(
    folder: Folder,
    scratch: Path,
    names: Sequence[str],
    containers: Sequence[Container],
    connection: "duckdb.DuckDBPyConnection",
) -> None:
    """Makes a set of what was built: the manifest is placed once everything it names is there.

    Files that the manifest no longer names are removed. Loose files are moved one by one, so that
    unchanged files of a folder are kept.

    Args:
        folder: the set's.
        scratch: has the manifest.
        names: of all other new files and folders, which were placed below `prefix_of`.
        containers: that were built; those that were arranged are among the names instead.
        connection: DuckDB that can read the folder and the manifest.
    """
    rows = f"read_parquet({file_literal(scratch / MANIFEST)})"
    named = connection.execute(f"SELECT DISTINCT {_CONTAINER} FROM {rows} WHERE path IS NOT NULL")
    # A shard of which no object could be had is left out.
    kept = {name for (name,) in named.fetchall()}
    moves = [
        (each.place, each.name)
        for each in containers
        if each.name in kept and each.place.startswith(f"{BUILDING}/")
    ]
    if not prefix_of(folder):
        _end_first_making(folder, scratch, moves, kept)
        return
    folders = set(names)
    inside = {name for name in names if "/" in name and name.split("/")[0] in folders}
    moves += [(f"{BUILDING}/{name}", name) for name in names if name not in inside]
    folder.place(scratch / MANIFEST, f"{BUILDING}/{MANIFEST}")
    stale = _stale(folder, names, {to for _, to in moves}, connection)
    moves.append((f"{BUILDING}/{MANIFEST}", MANIFEST))
    folder.write(MOVES, json.dumps({"moves": moves, "stale": stale}).encode())
    finish_moves(folder)


def place_files(folder: Folder, scratch: Path, names: Sequence[str]) -> None:
    """Places new files or folders below `prefix_of`, several at once."""
    prefix = prefix_of(folder)

    def place(name: str) -> None:
        folder.place(scratch / name, f"{prefix}{name}")

    for _ in in_order(place, names, PLACED_AT_ONCE):
        pass


def prefix_of(folder: Folder) -> str:
    """Where new files are placed: under their names if nobody reads them yet."""
    return f"{BUILDING}/" if folder.exists(MANIFEST) else ""


def _end_first_making(
    folder: Folder,
    scratch: Path,
    moves: Sequence[tuple[str, str]],
    kept: Collection[str],
) -> None:
    folder.move_all(moves)
    # Makers that were taken for lost may have left some.
    folder.remove_all(name for name in folder.entries() if is_container(name) and name not in kept)
    folder.settle()
    folder.place(scratch / MANIFEST, MANIFEST)
    folder.remove(BUILDING)


def _stale(
    folder: Folder,
    names: Sequence[str],
    made: Collection[str],
    connection: "duckdb.DuckDBPyConnection",
) -> list[str]:
    """Files of the existing set that the new one does not have."""
    old, new = (
        f"read_parquet({file_literal(folder.address(name))})"
        for name in (MANIFEST, f"{BUILDING}/{MANIFEST}")
    )
    found = connection.execute(f"""
        WITH kept AS (SELECT DISTINCT path FROM {new} WHERE path IS NOT NULL),
            containers AS (SELECT DISTINCT {_CONTAINER} AS name FROM kept)
        SELECT DISTINCT CASE WHEN {_CONTAINER} IN (FROM containers)
                OR NOT regexp_full_match({_CONTAINER}, '[0-9]+') THEN path
            ELSE {_CONTAINER} END
        FROM {old} WHERE path IS NOT NULL AND path NOT IN (FROM kept)""").fetchall()
    stale = [name for (name,) in found]
    # A folder of a split may also have files of the user, so it is not removed as a whole.
    folders = {name.split("/")[0] for name in stale if "/" in name} - set(made)
    stale += [f"{name}/{TABLE_OF_FILES}" for name in sorted(folders)]
    # Lists that an earlier version or choice wrote, and this one does not.
    here = folder.entries()
    return [*stale, *(name for name in here if LISTS.fullmatch(name) and name not in names)]


_CONTAINER = "split_part(path, '/', 1)"

"""A set under construction: the folder `.building` inside the set's folder, and its replacement.

The plan (which objects, in which order) is written first, then each group of samples when it is
done. A run that finds an equal plan resumes with the remaining groups. Finished groups are moved
into place by a list of moves, which a later run completes if this one dies in between.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from off_platform.image_sets.fetching.lake_objects import ROWS_AT_ONCE, with_texts
from off_platform.image_sets.files.set_files import (
    BUILDING,
    LISTS,
    LOOSE,
    TABLE_OF_FILES,
    is_moved,
    is_stale,
)
from off_platform.image_sets.manifest import COLUMNS
from off_platform.storage.engine import copy_query
from off_platform.storage.folders import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

PLAN = f"{BUILDING}/plan.parquet"
SAMPLES = f"{BUILDING}/samples.parquet"
IDENTITY = f"{BUILDING}/plan.json"
MOVES = f"{BUILDING}/moves.json"
ROWS = ".rows.jsonl"
BATCH_ROWS = 1000


class UnusableFolderError(ValueError):
    """A set cannot be built in a folder; the message says what to do."""


@dataclass(frozen=True)
class Plan:
    """The plan of a set.

    Attributes:
        name: of the set.
        query: SQL for its objects in order, with the columns sample (number from 0), stem, key,
            file (name when loose), member (name in a shard), kind, barcode, image_id; and known_md5
            if the lake has the bytes of some (`lake_objects.py`).
        identity: everything that determines the set's objects and bytes: options, snapshot, source.
            An interrupted run is resumed only under the same identity.
        group_samples: samples per shard or folder.
        samples: SQL for labels and units of the planned samples, which may read the plan.
        photo_ending: file name ending of photos, as the set changes their format.
    """

    name: str
    query: str
    identity: dict[str, Any]
    group_samples: int
    samples: str | None = None
    photo_ending: str = ".jpg"

    @property
    def digest(self) -> str:
        """A hash of the identity."""
        text = json.dumps([self.identity, self.group_samples], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def begin(folder: Folder, plan: Plan, connection: "duckdb.DuckDBPyConnection") -> bool:
    """Writes the plan, unless it exists; returns whether an interrupted run is resumed.

    The folder must be claimed (`claim.py`).

    Raises:
        UnusableFolderError: see `finish_moves`.
    """
    finish_moves(folder)
    if is_begun(folder, plan):
        return True
    folder.remove(BUILDING)
    with folder.scratch() as scratch:
        made = scratch / "plan.parquet"
        named = ", ".join(
            f"regexp_replace({name}, '[.]jpg$', {literal(plan.photo_ending)}) AS {name}"
            for name in ("file", "member")
        )
        numbered = f"""SELECT row_number() OVER () - 1 AS position,
            sample // {plan.group_samples} AS "group", * REPLACE ({named}) FROM ({plan.query})"""
        copy_query(connection, numbered, made)
        folder.place(made, PLAN)
        if plan.samples:
            copy_query(connection, plan.samples, scratch / "samples.parquet")
            folder.place(scratch / "samples.parquet", SAMPLES)
    # Last, as it marks the plan as complete.
    folder.write(IDENTITY, json.dumps({"digest": plan.digest}).encode())
    return False


def is_begun(folder: Folder, plan: Plan) -> bool:
    """Whether an interrupted run of the same plan can be resumed."""
    return bool(_json_of(folder, IDENTITY).get("digest") == plan.digest)


def planned_samples(folder: Folder) -> str:
    """SQL for the samples of the plan: stem, barcode, image_id."""
    plan = literal(folder.address(PLAN))
    return f"""SELECT stem, any_value(barcode) AS barcode, any_value(image_id) AS image_id
        FROM read_parquet({plan}) GROUP BY stem"""


def _json_of(folder: Folder, name: str) -> dict[str, Any]:
    """A file's JSON object; empty if there is none."""
    try:
        found = json.loads(folder.read(name))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def groups_left(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> list[int]:
    """The unfinished groups of the plan, in order."""
    planned = connection.execute(
        f'SELECT DISTINCT "group" FROM read_parquet({literal(folder.address(PLAN))}) ORDER BY ALL'
    ).fetchall()
    done = {name for name in folder.names(BUILDING) if name.endswith(ROWS)}
    return [int(group) for (group,) in planned if rows_name(int(group)) not in done]


def rows_name(group: int) -> str:
    """Where the manifest's rows of a group are stored during the build; written last of a group."""
    return f"{BUILDING}/{group:05d}{ROWS}"


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
    plan = literal(folder.address(PLAN))
    wanted = ", ".join(map(str, groups)) or "NULL"
    here = (
        # Manifests of earlier versions lack some columns.
        f"""(FROM ({_NOTHING} WHERE false) UNION ALL BY NAME
            FROM read_parquet({literal(folder.address(MANIFEST))}))"""
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


def write_manifest(
    folder: Folder,
    to: Path,
    constants: dict[str, str],
    connection: "duckdb.DuckDBPyConnection",
) -> None:
    """Joins the plan with the outcomes of its objects to the manifest, in order.

    Args:
        folder: the set's.
        to: the file to write.
        constants: columns with the same value in every row; `url` is a prefix of the key.
        connection: DuckDB that can read the folder.
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
    types = ", ".join(
        f'"{column.name}": {literal(column.sql)}'
        for column in COLUMNS
        if column.name not in known or column.name == "position"
    )
    rows = literal(folder.address(f"{BUILDING}/*{ROWS}"))
    copy_query(
        connection,
        f"""SELECT {columns} FROM read_parquet({literal(folder.address(PLAN))}) AS p
            JOIN read_json({rows}, format = 'newline_delimited', columns = {{{types}}}) AS r
            USING (position) ORDER BY position""",
        to,
    )


def built_at(path: str, group: int) -> str:
    """Where the object of a manifest path is stored during the build."""
    folder, _, file = path.partition("/")
    return f"{BUILDING}/{group:05d}/{file}" if file else f"{BUILDING}/{folder}"


def containers_made(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> list[str]:
    """The newly built shards, or folders of loose files.

    Unchanged ones stay in place.
    """
    manifest = literal(folder.address(f"{BUILDING}/{MANIFEST}"))
    named = connection.execute(
        f"SELECT DISTINCT {_CONTAINER} FROM read_parquet({manifest}) WHERE path IS NOT NULL"
    ).fetchall()
    built = {name.split("/")[1] for name in folder.names(BUILDING)}
    here = {name for (name,) in named}
    return sorted(name for name in built if name in here or (LOOSE in here and name.isdigit()))


def put_in_place(folder: Folder, made: list[str], connection: "duckdb.DuckDBPyConnection") -> None:
    """Moves the new files over the old ones, and removes files that the manifest no longer names.

    Loose files are moved one by one, so that unchanged files of a folder are kept.

    Args:
        folder: the set's.
        made: names below `.building`, in the order of the moves, the manifest last.
        connection: DuckDB that can read the folder.
    """
    stale: list[str] = []
    if folder.exists(MANIFEST):
        old, new = (
            f"read_parquet({literal(folder.address(name))})"
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
    stale += [name for name in here if LISTS.fullmatch(name) and name not in made]
    folder.write(MOVES, json.dumps({"moves": made, "stale": stale}).encode())
    finish_moves(folder)


_CONTAINER = "split_part(path, '/', 1)"


def finish_moves(folder: Folder) -> None:
    """Completes the moves of a finished set, also after a killed run; otherwise does nothing.

    Raises:
        UnusableFolderError: the list of moves has a name that sets do not use.
    """
    if not folder.exists(MOVES):
        return
    todo = _json_of(folder, MOVES)
    moves, stale = todo.get("moves"), todo.get("stale")
    if not _are_names(moves, is_moved) or not _are_names(stale, is_stale):
        raise UnusableFolderError(
            f"{folder.address(MOVES)} is damaged; nothing was changed: remove it and run again."
        )
    folder.settle()
    for name in moves:
        folder.move(f"{BUILDING}/{name}", LOOSE if name.isdigit() else name)
    # The manifest is in place before files it no longer names are removed, and the list of moves
    # last.
    folder.settle()
    for name in stale:
        folder.remove(name)
    folder.remove(BUILDING)


def _are_names(names: object, fits: Callable[[str], object]) -> TypeGuard[list[str]]:
    return isinstance(names, list) and all(isinstance(name, str) and fits(name) for name in names)

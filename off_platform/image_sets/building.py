"""A set under construction: the folder `.building` inside the set's own, and how it becomes that.

The plan (which objects, in which order) is written down first, then each group of samples as it is
done. A run that finds a plan equal to its own resumes with the remaining groups. What is done
is put in place by a list of moves, which a later run finishes if this one dies in between.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from off_platform.image_sets.lake_objects import ROWS_AT_ONCE, with_texts
from off_platform.image_sets.manifest import COLUMNS
from off_platform.storage.folders import Folder
from off_platform.storage.lake import copy_query
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BUILDING = ".building"
PLAN = f"{BUILDING}/plan.parquet"
IDENTITY = f"{BUILDING}/plan.json"
MOVES = f"{BUILDING}/moves.json"
ROWS = ".rows.jsonl"
# All loose files of a set are in one folder: ABID's loader reads `root/00001.jpg`, and torchvision
# takes folders for classes. While a set is built, each group has a folder of its own.
LOOSE = "00000"
BATCH_ROWS = 1000

# A shard or a folder of loose files, or a file by its exact name.
_OURS = re.compile(
    r"[0-9]{5,}((_incomplete)?\.tar)?|README\.md|gallery\.html|contact_sheet\.jpg|manifest\.parquet"
    r"|labels\.parquet|metadata\.parquet|(abid|udacity)_[a-z_]+\.(json|txt)"
)
# A loose file's name follows its folder's.
_LISTS = r"metadata\.parquet|(abid|udacity)_[a-z_]+\.(json|txt)"
_STALE = re.compile(rf"[0-9]{{5,}}((_incomplete)?\.tar|/[0-9A-Za-z_][0-9A-Za-z._-]*)?|{_LISTS}")
_LIST = re.compile(_LISTS)


class UnusableFolderError(ValueError):
    """A set cannot go to a folder; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Plan:
    """What a set is to be.

    Attributes:
        name: of the set.
        query: SQL for its objects in order, with the columns sample (number from 0), stem, key,
            file (name when loose), member (name in a shard), kind, barcode, image_id; and
            known_md5 where the lake has the bytes of some (`lake_objects.py`).
        identity: all that decides which objects and bytes the set has: options, snapshot, source.
            An interrupted run is continued only under the same identity.
        group_samples: samples in one shard or folder.
    """

    name: str
    query: str
    identity: dict[str, Any]
    group_samples: int

    @property
    def digest(self) -> str:
        """Short name of the identity."""
        text = json.dumps([self.identity, self.group_samples], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def is_ours(name: str) -> bool:
    """Whether a file or folder of a set's folder has one of the names that sets give."""
    return _OURS.fullmatch(name) is not None


def begin(folder: Folder, plan: Plan, connection: "duckdb.DuckDBPyConnection") -> bool:
    """Writes the plan down, or finds that it was; whether an interrupted run is continued.

    The folder is one that was claimed (`claim.py`).

    Raises:
        UnusableFolderError: see `finish_moves`.
    """
    finish_moves(folder)
    if _json_of(folder, IDENTITY).get("digest") == plan.digest:
        return True
    folder.remove(BUILDING)
    with folder.scratch() as scratch:
        made = scratch / "plan.parquet"
        numbered = f"""SELECT row_number() OVER () - 1 AS position,
            sample // {plan.group_samples} AS "group", * FROM ({plan.query})"""
        copy_query(connection, numbered, made)
        folder.place(made, PLAN)
    # Last, because it says that the plan is whole.
    folder.write(IDENTITY, json.dumps({"digest": plan.digest}).encode())
    return False


def _json_of(folder: Folder, name: str) -> dict[str, Any]:
    """An object of JSON; an empty one where there is none, or something else."""
    try:
        found = json.loads(folder.read(name))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def groups_left(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> list[int]:
    """The groups of the plan that are not done, in order."""
    planned = connection.execute(
        f'SELECT DISTINCT "group" FROM read_parquet({literal(folder.address(PLAN))}) ORDER BY ALL'
    ).fetchall()
    done = {name for name in folder.names(BUILDING) if name.endswith(ROWS)}
    return [int(group) for (group,) in planned if rows_name(int(group)) not in done]


def rows_name(group: int) -> str:
    """Where the manifest's rows of a group are stored during the build; placed last of a group."""
    return f"{BUILDING}/{group:05d}{ROWS}"


def rows_to_fetch(
    folder: Folder,
    groups: list[int],
    connection: "duckdb.DuckDBPyConnection",
    texts: str | None = None,
) -> "Iterator[pa.RecordBatch]":
    """The plan's rows of some groups in order, each with what the set has of it from before.

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
    # Rows that were not fetched keep their reason only until they are asked for again.
    rows = connection.cursor().sql(f"""
        SELECT p.*, h.etag AS had_etag, h.path AS had_path, h."offset" AS had_offset,
            h.stored_bytes AS had_bytes, h.bytes AS had_object_bytes, h.md5 AS had_md5,
            h.last_modified::VARCHAR AS had_last_modified, h.width AS had_width,
            h.height AS had_height, h.decoded AS had_decoded, h.ocr_status AS had_ocr_status,
            h.format AS had_format, h.orientation AS had_orientation
        FROM read_parquet({plan}) AS p
        LEFT JOIN (FROM {here} WHERE status = 'fetched') AS h USING (key, kind)
        WHERE p."group" IN ({wanted})
        ORDER BY p.position""")
    if texts is None:
        yield from rows.to_arrow_reader(BATCH_ROWS)
    else:
        yield from with_texts(rows.to_arrow_reader(ROWS_AT_ONCE), texts, BATCH_ROWS, connection)


_NOTHING = """SELECT NULL::VARCHAR AS key, NULL::VARCHAR AS kind, NULL::VARCHAR AS status,
    NULL::VARCHAR AS etag, NULL::VARCHAR AS path, NULL::BIGINT AS "offset",
    NULL::BIGINT AS stored_bytes, NULL::BIGINT AS bytes, NULL::VARCHAR AS md5,
    NULL::TIMESTAMPTZ AS last_modified, NULL::INTEGER AS width, NULL::INTEGER AS height,
    NULL::BOOLEAN AS decoded, NULL::VARCHAR AS ocr_status,
    NULL::VARCHAR AS format, NULL::INTEGER AS orientation"""


def write_manifest(
    folder: Folder,
    to: Path,
    constants: dict[str, str],
    connection: "duckdb.DuckDBPyConnection",
) -> None:
    """Joins the plan and what became of its objects to the manifest, in order.

    Args:
        folder: the set's.
        to: the file to make.
        constants: columns that are the same in every row; `url` is put before the key.
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


def set_aside(shard: str) -> str:
    """The file beside a shard for samples that are not like its first (`shard_order.py`)."""
    return shard.replace(".tar", "_incomplete.tar")


def built_at(path: str, group: int) -> str:
    """Where an object of a path in the manifest is stored while the set is built."""
    folder, _, file = path.partition("/")
    return f"{BUILDING}/{group:05d}/{file}" if file else f"{BUILDING}/{folder}"


def containers_made(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> list[str]:
    """The shards, and the folders of groups of loose files, that were built.

    Unchanged ones stay where they are.
    """
    manifest = literal(folder.address(f"{BUILDING}/{MANIFEST}"))
    named = connection.execute(
        f"SELECT DISTINCT {_CONTAINER} FROM read_parquet({manifest}) WHERE path IS NOT NULL"
    ).fetchall()
    built = {name.split("/")[1] for name in folder.names(BUILDING)}
    here = {name for (name,) in named}
    return sorted(name for name in built if name in here or (LOOSE in here and name.isdigit()))


def put_in_place(folder: Folder, made: list[str], connection: "duckdb.DuckDBPyConnection") -> None:
    """Moves what was built over what was there, and removes what the new manifest no longer names.

    Of loose files that is each file: those of a folder that another is moved over are kept.

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
            SELECT DISTINCT CASE WHEN {_CONTAINER} IN (FROM containers) THEN path
                ELSE {_CONTAINER} END
            FROM {old} WHERE path IS NOT NULL AND path NOT IN (FROM kept)""").fetchall()
        stale = [name for (name,) in found]
    # Lists that an earlier version or choice made, and this one does not.
    stale += [name for name in folder.entries() if _LIST.fullmatch(name) and name not in made]
    folder.write(MOVES, json.dumps({"moves": made, "stale": stale}).encode())
    finish_moves(folder)


_CONTAINER = "split_part(path, '/', 1)"


def finish_moves(folder: Folder) -> None:
    """Puts a finished set in place; finishes what a killed run began, does nothing otherwise.

    Raises:
        UnusableFolderError: the list of moves names what is not ours.
    """
    if not folder.exists(MOVES):
        return
    todo = _json_of(folder, MOVES)
    moves, stale = todo.get("moves"), todo.get("stale")
    if not _are_names(moves, _OURS) or not _are_names(stale, _STALE):
        raise UnusableFolderError(
            f"{folder.address(MOVES)} is damaged; nothing was changed: remove it and run again."
        )
    folder.settle()
    for name in moves:
        folder.move(f"{BUILDING}/{name}", LOOSE if name.isdigit() else name)
    # The manifest is in place before what it no longer names goes, and before the list of moves.
    folder.settle()
    for name in stale:
        folder.remove(name)
    folder.remove(BUILDING)


def _are_names(names: object, pattern: re.Pattern[str]) -> TypeGuard[list[str]]:
    return isinstance(names, list) and all(
        isinstance(name, str) and pattern.fullmatch(name) for name in names
    )

"""A set under construction: the folder `.building` inside the set's folder, and its replacement.

The plan (which objects, in which order) is written first, then each group of samples when it is
done. A run that finds an equal plan resumes with the remaining groups.

Several makers may build one group: a worker that was taken for lost, or a run beside another. Each
has its own container, and the rows of a group, of which there can be one file only, name the
container that counts. Shards of a set's first making, which nobody reads before there is a
manifest, are created under their final names; all else is moved there by a list of moves, which a
later run completes if this one dies in between.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from off_platform.image_sets.fetching.lake_objects import ROWS_AT_ONCE, with_texts
from off_platform.image_sets.files.set_files import (
    BUILDING,
    LISTS,
    TABLE_OF_FILES,
    is_container,
    is_moved,
    is_of_build,
    is_stale,
)
from off_platform.image_sets.manifest import COLUMNS
from off_platform.storage.engine import copy_query
from off_platform.storage.folders import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import literal
from off_platform.storage.threads import in_order

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

PLAN = f"{BUILDING}/plan.parquet"
SAMPLES = f"{BUILDING}/samples.parquet"
IDENTITY = f"{BUILDING}/plan.json"
# Increased when a build cannot be resumed by another version.
FORMAT = 2
MOVES = f"{BUILDING}/moves.json"
ROWS = ".rows.jsonl"
BATCH_ROWS = 1000
# Files of a set at the same time; in a bucket, each waits for the server.
PLACED_AT_ONCE = 8


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
        text = json.dumps([FORMAT, self.identity, self.group_samples], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Begun:
    """A set under construction.

    Attributes:
        digest: of its plan.
        is_first: whether there is no set yet, so that nobody reads the folder.
        continued: whether an interrupted run is resumed.
    """

    digest: str
    is_first: bool
    continued: bool


class OtherPlanError(OSError):
    """Another run has replaced the plan; the message is one sentence."""


@dataclass(frozen=True)
class Container:
    """A shard, or a folder of loose files, as the rows of its group name it.

    Attributes:
        name: in the set; that of loose files is the same for all groups.
        group: its number.
        place: where it is until it is moved.
        bytes: its size; that of a folder is not counted.
        sha256: of a shard.
    """

    name: str
    group: int
    place: str
    bytes: int | None = None
    sha256: str | None = None

    @property
    def line(self) -> dict[str, object]:
        """As in the rows of a group."""
        return dict(zip(_OF_CONTAINERS, vars(self).values(), strict=True))


_OF_CONTAINERS = {
    "container": "VARCHAR",
    "of_group": "BIGINT",
    "built_at": "VARCHAR",
    "container_bytes": "BIGINT",
    "container_sha256": "VARCHAR",
}


class Places:
    """Where the files of a set are while it is put together."""

    def __init__(self, containers: Sequence[Container], moved: Collection[str] = ()) -> None:
        """Takes what was built, and the names of other files and folders that will be moved."""
        self._shards = {each.name: each.place for each in containers if each.bytes is not None}
        self._folders = {each.group: each.place for each in containers if each.bytes is None}
        self._moved = frozenset(moved)

    def of(self, path: str, group: int | None = None) -> str:
        """The place of an object's file.

        Args:
            path: as in the manifest.
            group: of a loose file.
        """
        folder, _, file = path.partition("/")
        if folder in self._moved:
            return f"{BUILDING}/{path}"
        if file and group in self._folders:
            return f"{self._folders[group]}/{file}"
        return self._shards.get(path, path)


def begin(folder: Folder, plan: Plan, connection: "duckdb.DuckDBPyConnection") -> Begun:
    """Writes the plan, unless it exists.

    The folder must be claimed (`claim.py`).

    Raises:
        UnusableFolderError: see `finish_moves`.
    """
    finish_moves(folder)
    is_first = not folder.exists(MANIFEST)
    if is_begun(folder, plan):
        return Begun(plan.digest, is_first, continued=True)
    abandon(folder)
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
    identity = {"digest": plan.digest, "is_first": is_first}
    folder.write(IDENTITY, json.dumps(identity).encode())
    return Begun(plan.digest, is_first, continued=False)


def demand_plan(folder: Folder, digest: str) -> None:
    """Ensures that a folder still has the plan that a part was made from.

    Raises:
        OtherPlanError: it has another one, or none.
    """
    if _json_of(folder, IDENTITY).get("digest") != digest:
        raise OtherPlanError(
            f"Another run has begun to build {folder.address()} anew or has finished it, so this "
            "one stopped; run again once no other run uses the folder."
        )


def abandon(folder: Folder) -> None:
    """Removes what was built; the existing set, if there is one, is kept."""
    if _json_of(folder, IDENTITY).get("is_first") and not folder.exists(MANIFEST):
        folder.remove_all(filter(is_container, folder.entries()))
    folder.remove(IDENTITY)
    folder.remove(BUILDING)


def is_begun(folder: Folder, plan: Plan) -> bool:
    """Whether an interrupted run of the same plan can be resumed.

    A first making has ended once the manifest is there, even if the run was killed right after.
    """
    known = _json_of(folder, IDENTITY)
    is_same = known.get("digest") == plan.digest
    return is_same and known.get("is_first") is not folder.exists(MANIFEST)


def planned_samples(folder: Folder) -> str:
    """SQL for the samples of the plan: stem, barcode, image_id."""
    plan = literal(folder.address(PLAN))
    return f"""SELECT stem, any_value(barcode) AS barcode, any_value(image_id) AS image_id
        FROM read_parquet({plan}) GROUP BY stem"""


def _digest(folder: Folder) -> str:
    """Of the plan."""
    return str(_json_of(folder, IDENTITY).get("digest"))


def _json_of(folder: Folder, name: str) -> dict[str, Any]:
    """A file's JSON object; empty if there is none."""
    try:
        found = json.loads(folder.read(name))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def groups_planned(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> list[int]:
    """The groups of the plan, in order."""
    planned = connection.execute(
        f'SELECT DISTINCT "group" FROM read_parquet({literal(folder.address(PLAN))}) ORDER BY ALL'
    ).fetchall()
    return [int(group) for (group,) in planned]


def groups_left(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> list[int]:
    """The unfinished groups of the plan, in order."""
    digest, names = _digest(folder), {*folder.names(BUILDING)}
    planned = groups_planned(folder, connection)
    return [group for group in planned if rows_name(group, digest) not in names]


def rows_name(group: int, digest: str) -> str:
    """Where the manifest's rows of a group are stored during the build; written last of a group.

    Args:
        group: its number.
        digest: of the plan: a maker that an earlier plan has left behind writes elsewhere.
    """
    return f"{BUILDING}/{group:05d}-{digest[:8]}{ROWS}"


def rows_of_all(folder: Folder, digest: str) -> str:
    """The pattern of the addresses of the rows of all groups."""
    return folder.address(f"{BUILDING}/*-{digest[:8]}{ROWS}")


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


def write_outcomes(
    folder: Folder,
    to: Path,
    constants: dict[str, str],
    connection: "duckdb.DuckDBPyConnection",
) -> "list[Container]":
    """Joins the plan with the outcomes of its objects to the rows of the manifest, in order.

    Args:
        folder: the set's.
        to: the file to write.
        constants: columns with the same value in every row; `url` is a prefix of the key.
        connection: DuckDB that can read the folder.

    Returns:
        The containers that were built.
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
    types = {
        column.name: column.sql
        for column in COLUMNS
        if column.name not in known or column.name == "position"
    }
    read = ", ".join(f'"{name}": {literal(sql)}' for name, sql in (types | _OF_CONTAINERS).items())
    rows = literal(rows_of_all(folder, _digest(folder)))
    plan = f"read_parquet({literal(folder.address(PLAN))})"
    # Each file of rows is read once: in a bucket it is a request.
    all_rows = to.with_name(f"{to.name}.rows")
    json = f"read_json({rows}, format = 'newline_delimited', columns = {{{read}}})"
    copy_query(connection, f"FROM {json}", all_rows)
    written = f"read_parquet({literal(str(all_rows))})"
    found = connection.execute(
        f"SELECT {', '.join(_OF_CONTAINERS)} FROM {written} WHERE container IS NOT NULL "
        "ORDER BY ALL"
    ).fetchall()
    copy_query(
        connection,
        f"SELECT {columns} FROM {plan} AS p JOIN {written} AS r USING (position) ORDER BY position",
        to,
    )
    all_rows.unlink()
    return [Container(*row) for row in found]


class DamagedBuildError(OSError):
    """A container is not as its maker has left it; the message is one sentence."""


def demand_built(folder: Folder, containers: Sequence[Container]) -> None:
    """Ensures that each shard is there in its whole size; if not, a later run builds it again.

    Raises:
        DamagedBuildError: one is not.
    """
    shards = [each for each in containers if each.bytes is not None]
    if not shards:
        return
    inside = all(each.place.startswith(BUILDING) for each in shards)
    sizes = folder.sizes(BUILDING if inside else "")
    damaged = [each for each in shards if sizes.get(each.place) != each.bytes]
    if damaged:
        folder.remove_all(rows_name(each.group, _digest(folder)) for each in damaged)
        raise DamagedBuildError(
            f"{len(damaged):,} shards, such as {folder.address(damaged[0].place)}, were changed "
            "while the set was built; run again to build them again."
        )


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
    rows = f"read_parquet({literal(str(scratch / MANIFEST))})"
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
    return [*stale, *(name for name in here if LISTS.fullmatch(name) and name not in names)]


_CONTAINER = "split_part(path, '/', 1)"


def finish_moves(folder: Folder) -> None:
    """Completes the moves of a finished set, also after a killed run; otherwise does nothing.

    Raises:
        UnusableFolderError: the list of moves has a name that sets do not use.
    """
    if not folder.exists(MOVES):
        return
    todo = _json_of(folder, MOVES)
    moves, stale = _moves_in(todo.get("moves")), todo.get("stale")
    if moves is None or not _are_names(stale, is_stale):
        raise UnusableFolderError(
            f"{folder.address(MOVES)} is damaged; nothing was changed: remove it and run again."
        )
    folder.settle()
    folder.move_all(moves[:-1])
    folder.move_all(moves[-1:])
    # The manifest, which is the last, is in place before files it no longer names are removed, and
    # the list of moves last.
    folder.settle()
    folder.remove_all(stale)
    folder.remove(BUILDING)


def _moves_in(found: object) -> list[tuple[str, str]] | None:
    """The moves of a list from a file; None if it has names that sets do not use."""
    if not isinstance(found, list):
        return None
    moves = []
    for each in found:
        if not (isinstance(each, list) and _are_names(each, str) and len(each) == len(("", ""))):
            return None
        source, to = each
        below, _, name = source.partition("/")
        top = name.split("/")[0]
        if below != BUILDING or not (is_moved(top) or is_of_build(top)):
            return None
        if not is_moved(to.split("/")[0]) or ".." in (*source.split("/"), *to.split("/")):
            return None
        moves.append((source, to))
    return moves


def _are_names(names: object, fits: Callable[[str], object]) -> TypeGuard[list[str]]:
    return isinstance(names, list) and all(isinstance(name, str) and fits(name) for name in names)

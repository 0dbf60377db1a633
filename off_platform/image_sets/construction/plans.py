"""The plan of a set: which objects, in which order, in which groups; written before all else.

A run that finds an equal plan resumes with the remaining groups. The rows of a group are written
last of it, by one maker only.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from off_platform.image_sets.construction.moves import finish_moves, json_of
from off_platform.image_sets.files.set_files import BUILDING, is_container
from off_platform.storage.engine import copy_query, reserve_for_writer
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import as_pattern, file_literal, literal

if TYPE_CHECKING:
    import duckdb

PLAN = f"{BUILDING}/plan.parquet"


SAMPLES = f"{BUILDING}/samples.parquet"


IDENTITY = f"{BUILDING}/plan.json"


# Increased when a build cannot be resumed by another version.
FORMAT = 2


ROWS = ".rows.jsonl"


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
    with folder.scratch() as scratch, reserve_for_writer(connection):
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
    if json_of(folder, IDENTITY).get("digest") != digest:
        raise OtherPlanError(
            f"Another run has begun to build {folder.address()} anew or has finished it, so this "
            "one stopped; run again once no other run uses the folder."
        )


def abandon(folder: Folder) -> None:
    """Removes what was built; the existing set, if there is one, is kept."""
    if json_of(folder, IDENTITY).get("is_first") and not folder.exists(MANIFEST):
        folder.remove_all(filter(is_container, folder.entries()))
    folder.remove(IDENTITY)
    folder.remove(BUILDING)


def is_begun(folder: Folder, plan: Plan) -> bool:
    """Whether an interrupted run of the same plan can be resumed.

    A first making has ended once the manifest is there, even if the run was killed right after.
    """
    known = json_of(folder, IDENTITY)
    is_same = known.get("digest") == plan.digest
    return is_same and known.get("is_first") is not folder.exists(MANIFEST)


def planned_samples(folder: Folder) -> str:
    """SQL for the samples of the plan: stem, barcode, image_id."""
    plan = file_literal(folder.address(PLAN))
    return f"""SELECT stem, any_value(barcode) AS barcode, any_value(image_id) AS image_id
        FROM read_parquet({plan}) GROUP BY stem"""


def digest_of(folder: Folder) -> str:
    """The digest of the plan in a folder."""
    return str(json_of(folder, IDENTITY).get("digest"))


def groups_planned(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> list[int]:
    """The groups of the plan, in order."""
    plan = file_literal(folder.address(PLAN))
    planned = connection.execute(
        f'SELECT DISTINCT "group" FROM read_parquet({plan}) ORDER BY ALL'
    ).fetchall()
    return [int(group) for (group,) in planned]


def groups_left(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> list[int]:
    """The unfinished groups of the plan, in order."""
    digest, names = digest_of(folder), {*folder.names(BUILDING)}
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
    return f"{as_pattern(folder.address(BUILDING))}/*-{digest[:8]}{ROWS}"

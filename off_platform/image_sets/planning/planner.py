"""Plans a set: counts what it will have, measures some of it, and figures out the rest.

Only sizes are requested, and nothing is written but to a scratch folder.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from off_platform.image_sets.construction.plans import is_begun
from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.planning.effort import (
    TAR_BYTES,
    Form,
    Room,
    Seconds,
    bytes_beside,
    bytes_of_set,
    memory_bytes,
    puts_for,
    seconds_for,
    spilled_bytes,
)
from off_platform.image_sets.planning.estimates import Estimate, estimated, together
from off_platform.image_sets.planning.planned_objects import Counted, PlannedObjects
from off_platform.image_sets.planning.prices import Bill, Prices, Way, bill, prices_from
from off_platform.image_sets.planning.sizes import SAMPLED, Measured, measure
from off_platform.image_sets.request import Choice, Chosen, Request, Run, plan_for
from off_platform.settings import Settings
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.objects import Source, is_local, local_folder

if TYPE_CHECKING:
    import duckdb

_NOT_ASKED = "no sizes were requested"


@dataclass(frozen=True)
class Conditions:
    """Where a set is built, and with what.

    Attributes:
        lake: its URL.
        lake_region: of a lake in a bucket.
        bits: bandwidth, in bits a second.
        places: processes at the same time.
        memory: of DuckDB, in bytes.
        prices: of requests, storage and transfer.
        disk: the folder whose disk is written to: the lake's, or that of temporary files.
        free: bytes free there.
        requests: whether sizes may be requested.
    """

    lake: str
    lake_region: str
    bits: float
    places: int
    memory: int
    prices: Prices
    disk: str
    free: int
    requests: bool = True

    @property
    def is_local(self) -> bool:
        """Whether the lake is a folder."""
        return is_local(self.lake)


def conditions_from(settings: Settings, bits: float, *, requests: bool = True) -> Conditions:
    """The conditions on this machine.

    Args:
        settings: lake, memory, prices.
        bits: bandwidth, in bits a second.
        requests: whether sizes may be requested.
    """
    disk = local_folder(settings.lake) if is_local(settings.lake) else Path(tempfile.gettempdir())
    # The lake's folder is made with its first table.
    there = next(folder for folder in (disk, *disk.parents) if folder.exists())
    return Conditions(
        lake=settings.lake,
        lake_region=settings.lake_region,
        bits=bits,
        places=_places(settings),
        memory=memory_bytes(settings.duckdb_memory),
        prices=prices_from(settings),
        disk=str(disk),
        free=shutil.disk_usage(there).free,
        requests=requests,
    )


def _places(settings: Settings) -> int:
    """Processes at the same time; nothing is started to find out how many a cluster has."""
    if settings.fleet == "here":
        return 1
    return settings.fleet_places or os.cpu_count() or 1


@dataclass(frozen=True)
class KindPlan:
    """The objects of one kind, and their bytes.

    Attributes:
        counted: the objects.
        fetched: bytes to transfer; None if unknown.
        stored: bytes in the set, before photos are changed; None if unknown.
        done: of these, bytes of groups that an interrupted run has finished.
        sampled: how many sizes are known from requests.
        missing: of these, those that do not exist.
        problem: why sizes are unknown or few; empty otherwise.
    """

    counted: Counted
    fetched: Estimate | None
    stored: Estimate | None
    done: Estimate | None
    sampled: int = 0
    missing: int = 0
    problem: str = ""


@dataclass(frozen=True)
class SetPlan:
    """What building a set takes.

    Attributes:
        form: number of samples, and how they are stored.
        kinds: the objects.
        fetched: bytes to transfer; None if unknown.
        stored: bytes of the set; None if unknown.
        seconds: the least that each part of the way needs.
        gets: requests to the source.
        puts: requests that write to a lake in a bucket; 0 for a folder.
        bill: dollars.
        way: from where to where the objects go.
        spilled: bytes that planning spills to disk.
        room: on the disk that is written to.
        warnings: sentences.
    """

    form: Form
    kinds: tuple[KindPlan, ...]
    fetched: Estimate | None
    stored: Estimate | None
    seconds: Seconds
    gets: int
    puts: int
    bill: Bill
    way: Way
    spilled: int
    room: Room
    warnings: tuple[str, ...]

    @property
    def objects(self) -> int:
        """Number of objects of all kinds."""
        return sum(each.counted.objects for each in self.kinds)

    @property
    def problem(self) -> str:
        """Why sizes are unknown or few; empty if they are known."""
        return next((each.problem for each in self.kinds if each.problem), "")


def measured_kinds(
    planned: PlannedObjects, source: Source, how: How, *, seed: int, requests: bool
) -> tuple[KindPlan, ...]:
    """The objects of each kind with their bytes.

    Args:
        planned: the objects.
        source: the bucket.
        how: the set is built.
        seed: of the sample.
        requests: whether sizes may be requested.
    """
    return tuple(
        _measured(planned, counted, source, how, seed=seed, requests=requests)
        for counted in planned.by_kind()
    )


def _measured(
    planned: PlannedObjects,
    counted: Counted,
    source: Source,
    how: How,
    *,
    seed: int,
    requests: bool,
) -> KindPlan:
    tar = TAR_BYTES * counted.objects if how.staged == "shards" else 0
    others = counted.new + counted.done
    if counted.sized_new == others:
        exact = Estimate.exactly(counted.bytes_new)
        return KindPlan(counted, exact, exact.plus(counted.bytes_there + tar), Estimate.exactly(0))
    unpacked = counted.kind == "ocr" and how.unpacks
    found = Measured((), (), problem=_NOT_ASKED)
    if requests:
        keys = planned.sampled_keys(counted.kind, SAMPLED, seed)
        found = measure(source, keys, unpacked=unpacked)
    fetched, stored = estimated(found.stored, others), estimated(found.unpacked, others)
    return KindPlan(
        counted,
        fetched.times(counted.new / others) if fetched else None,
        stored.plus(counted.bytes_there + tar) if stored else None,
        stored.times(counted.done / others) if stored else None,
        len(found.stored),
        found.missing,
        found.problem,
    )


def plan_set(
    connection: "duckdb.DuckDBPyConnection",
    source: Source,
    request: Request[Choice, Run],
    chosen: Chosen,
    folder: Folder,
    conditions: Conditions,
    scratch: Path,
) -> tuple[SetPlan, PlannedObjects]:
    """What building a requested set takes, and its objects.

    Args:
        connection: DuckDB that can read the lake.
        source: the bucket.
        request: the set.
        chosen: its objects.
        folder: its folder, which is not changed.
        conditions: where it is built, and with what.
        scratch: a folder for a file of the objects.

    Raises:
        UnusableChoiceError: a label that splits or folders are made by is missing.
    """
    plan, how, _ = plan_for(source, request, chosen, folder)
    begun = is_begun(folder, plan)
    planned = PlannedObjects(
        connection, chosen.objects, chosen.sizes, folder, begun=begun, scratch=scratch
    )
    seed = request.choice.seed
    kinds = measured_kinds(planned, source, how, seed=seed, requests=conditions.requests)
    refreshed = folder.exists(MANIFEST)
    return planned_set(
        kinds, form_of(planned.samples, how, refreshed), source, how, conditions
    ), planned


def form_of(samples: int, how: How, refreshed: bool) -> Form:  # noqa: FBT001 - of the form
    """How a set is stored, as far as requests and room depend on it."""
    return Form(samples, how.shard_samples, how.layout == "files", how.arranged, refreshed)


def planned_set(
    kinds: tuple[KindPlan, ...], form: Form, source: Source, how: How, conditions: Conditions
) -> SetPlan:
    """The arithmetic: from objects and bytes to hours, room and dollars."""
    way = _way(source, conditions)
    fetched, stored, done = (
        together(getattr(kind, name) for kind in kinds) for name in ("fetched", "stored", "done")
    )
    objects = sum(kind.counted.objects for kind in kinds)
    gets = sum(kind.counted.requested for kind in kinds)
    puts = 0 if conditions.is_local else puts_for(objects, stored, form)
    spilled = spilled_bytes(objects, conditions.memory)
    needed = (
        bytes_of_set(stored, done, objects, form)
        if conditions.is_local
        else bytes_beside(stored, form)
    )
    return SetPlan(
        form=form,
        kinds=kinds,
        fetched=fetched,
        stored=stored,
        seconds=seconds_for(
            gets, fetched, bits=conditions.bits, places=conditions.places, of_s3=way.from_s3
        ),
        gets=gets,
        puts=puts,
        bill=bill(*(conditions.prices, way), gets=gets, puts=puts, fetched=fetched, stored=stored),
        way=way,
        spilled=spilled,
        room=Room(conditions.disk, None if needed is None else needed + spilled, conditions.free),
        warnings=tuple(_warnings(source, how, conditions, differ=way.regions_differ)),
    )


def _way(source: Source, conditions: Conditions) -> Way:
    from_s3 = urlsplit(source.url).scheme == "s3"
    to_s3 = not conditions.is_local
    differ = from_s3 and to_s3 and source.access.region != conditions.lake_region
    return Way(from_s3, to_s3, differ, not source.access.signed)


def _warnings(source: Source, how: How, conditions: Conditions, *, differ: bool) -> list[str]:
    found = []
    if differ:
        found.append(
            f"The bucket is in {source.access.region} and the lake in {conditions.lake_region}: "
            "every byte is transferred between regions. A lake in the bucket's region avoids that."
        )
    if how.form.text:
        found.append(
            "Photos are changed before they are stored, which takes CPU time that is not in this "
            "plan; the space is that of the photos as they are in the bucket."
        )
    return found

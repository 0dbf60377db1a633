"""How long a set takes, how many requests, and how much room. Arithmetic only.

Each figure is a bound: whichever is reached first decides how long it takes.
"""

import re
from dataclasses import dataclass
from math import ceil

from off_platform.image_sets.planning.estimates import Estimate

# Of one process with everything but the network, see benchmarks/README.md.
OBJECTS_A_SECOND = 6_000
# GET requests a second that S3 promises for a prefix.
GETS_OF_A_PREFIX = 5_500
# Above this size, an upload is one request for each part, one to begin and one to end.
PART_BYTES = 5 * 2**20
# Card, sheet, gallery, Croissant, manifest, plan, its identity, list of moves and so on.
PAGES = 12
# Header of a member of a tar and, on average, what fills its last block.
TAR_BYTES = 768
# Of an object in plan and manifest, compressed.
ROW_BYTES = 70
# Of an object in the sorts of a plan; what does not fit into DuckDB's memory is spilled.
SORTED_BYTES = 300
_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}
_BANDWIDTH = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?([kmg])bit(?:/s)?", re.IGNORECASE)
_MEMORY = {"MB": 10**6, "GB": 10**9}


def bits_a_second(text: str) -> float:
    """A bandwidth such as `1Gbit`, `200Mbit` or `2.5Gbit/s`.

    Raises:
        ValueError: it is something else, or nothing.
    """
    found = _BANDWIDTH.fullmatch(text.strip())
    bits = float(found[1]) * _UNITS[found[2].lower()] if found else 0
    if not bits:
        raise ValueError("write a bandwidth as 1Gbit or 200Mbit")
    return bits


def memory_bytes(setting: str) -> int:
    """Bytes of the setting for DuckDB's memory, such as 512MB."""
    return int(setting[:-2]) * _MEMORY[setting[-2:]]


@dataclass(frozen=True)
class Seconds:
    """The least seconds that each part of the way needs.

    Attributes:
        bandwidth: to transfer the bytes; None if they are unknown.
        interpreters: to verify and write the objects, in all processes together.
        prefix: as many requests as S3 answers for a prefix.
    """

    bandwidth: float | None
    interpreters: float
    prefix: float

    @property
    def longest(self) -> float:
        """Of those that are known."""
        return max(self.bandwidth or 0, self.interpreters, self.prefix)

    @property
    def limit(self) -> str:
        """The name of the longest."""
        return max(vars(self), key=lambda name: getattr(self, name) or 0)


def seconds_for(
    requests: int, fetched: Estimate | None, *, bits: float, places: int, of_s3: bool
) -> Seconds:
    """The seconds of a set.

    Args:
        requests: to the source.
        fetched: bytes that are transferred.
        bits: bandwidth, in bits a second.
        places: processes at the same time.
        of_s3: whether the source is a bucket.
    """
    return Seconds(
        None if fetched is None else fetched.likely * 8 / bits,
        requests / (OBJECTS_A_SECOND * places),
        requests / GETS_OF_A_PREFIX if of_s3 else 0.0,
    )


@dataclass(frozen=True)
class Form:
    """How the objects of a set are stored, as far as requests and room depend on it.

    Attributes:
        samples: their number.
        shard_samples: at most so many are in a shard or folder.
        loose: whether each object is a file.
        arranged: whether objects are staged first, then arranged anew.
        refreshed: whether the set exists, and is kept until the new one is complete.
    """

    samples: int
    shard_samples: int
    loose: bool = False
    arranged: bool = False
    refreshed: bool = False

    @property
    def containers(self) -> int:
        """Number of shards or folders."""
        return ceil(self.samples / self.shard_samples)


def puts_for(objects: int, stored: Estimate | None, form: Form) -> int:
    """Requests that write a set to a bucket, if all of it is written.

    Args:
        objects: their number.
        stored: bytes of the set; unknown ones are taken for small.
        form: how it is stored.
    """
    size = stored.likely if stored else 0
    each = size / form.containers if form.containers else 0
    of_shard = 1 if each <= PART_BYTES else ceil(each / PART_BYTES) + 2
    shards = form.containers * of_shard
    written = objects if form.loose else shards
    staged = shards if form.arranged else 0
    moved = objects if form.loose else form.containers
    is_moved = form.refreshed or form.arranged
    # With the rows of each group.
    return written + staged + (moved if is_moved else 0) + form.containers + PAGES


@dataclass(frozen=True)
class Room:
    """Bytes needed on a disk, and free there.

    Attributes:
        where: the folder.
        needed: bytes; None if unknown.
        free: bytes.
    """

    where: str
    needed: int | None
    free: int

    @property
    def fits(self) -> bool | None:
        """Whether there is room; None if that is unknown."""
        return None if self.needed is None else self.needed <= self.free


def spilled_bytes(objects: int, memory: int) -> int:
    """Bytes that planning spills to disk."""
    return max(objects * SORTED_BYTES - memory, 0)


def bytes_of_set(
    stored: Estimate | None, done: Estimate | None, objects: int, form: Form
) -> int | None:
    """Bytes that a set needs in a folder, at most: the set and the shard that is being written.

    A refresh keeps the set until all is there, and objects that are arranged are there twice.

    Args:
        stored: bytes of the set.
        done: of these, bytes of groups that an interrupted run has finished.
        objects: their number.
        form: how it is stored.
    """
    if stored is None or done is None:
        return None
    shard = ceil(stored.high / form.containers) if form.containers else 0
    left = max(stored.high - done.low, 0)
    arranged = stored.high if form.arranged else 0
    return left + arranged + shard + objects * ROW_BYTES


def bytes_beside(stored: Estimate | None, form: Form) -> int | None:
    """Bytes on the local disk for a set in a bucket: two shards, one of which is uploaded."""
    if stored is None:
        return None
    whole = stored.high if form.arranged else 0
    return whole + (2 * ceil(stored.high / form.containers) if form.containers else 0)

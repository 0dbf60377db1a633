"""What the tests of `storage` share: objects to serve, and a fetch of them all."""

import hashlib
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.storage.objects import Access, open_store
from off_platform.storage.transfer import Limits, Outcome, Wanted, transfer
from off_platform_tests.s3.server import Fault, S3Server, changed

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Check = Callable[[bytes], tuple[str | None, int]]
Ended = Outcome[int, int]

BUCKET = "images"
FEW_TRIES = Limits(concurrency=32, attempts=3)


def random_objects(count: int, size: int = 200, seed: int = 1) -> dict[str, bytes]:
    """Objects of about `size` random bytes by key, in keys like the images bucket's."""
    dice = random.Random(seed)
    return {
        f"data/{number // 100:03d}/{number}.jpg": dice.randbytes(dice.randint(1, 2 * size))
        for number in range(count)
    }


# What most tests of transfers serve.
OBJECTS = random_objects(120)
KEYS = list(OBJECTS)


def put_down(folder: Path, objects: Mapping[str, bytes]) -> Path:
    """Writes objects below a folder, which a server may serve as a bucket."""
    for key, data in objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@dataclass(frozen=True)
class Moto:
    """A bucket at moto's server, which is read signed and has no faults."""

    url: str

    def fault_of(self, key: str) -> Fault | None:
        """None, whatever the key."""
        del key


def access_to(server: S3Server | Moto, seconds: float = 30) -> Access:
    """How a server is reached: without retries."""
    signed = isinstance(server, Moto)
    return Access(endpoint=server.url, request_seconds=seconds, signed=signed)


def open_at(server: S3Server | Moto, seconds: float = 30, prefix: str = "") -> "ObjectStore":
    """The server's bucket as `transfer` and `download` want it: without retries of its own."""
    return open_store(f"s3://{BUCKET}/{prefix}", access_to(server, seconds))


def whole(data: bytes) -> tuple[str | None, int]:
    """A check that finds every object whole; its fact is the length."""
    return None, len(data)


def wanted(keys: Iterable[str], check: Check = whole) -> Iterable[Wanted[int, int]]:
    """Each key with its place in the row as its tag."""
    return (Wanted(key, place, check) for place, key in enumerate(keys))


def fetch_all(
    store: "ObjectStore", keys: Iterable[str], limits: Limits = FEW_TRIES, check: Check = whole
) -> list[Ended]:
    """The outcomes for these keys."""
    return list(transfer(store, wanted(keys, check), limits))


def transfer_threads() -> list[str]:
    """The threads of transfers that are still there."""
    return [each.name for each in threading.enumerate() if each.name.startswith("transfer")]


def md5(data: bytes) -> str:
    """MD5 as hexadecimal digits."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def demand_all_accounted_for(
    outcomes: Iterable[Ended], objects: Mapping[str, bytes], server: S3Server | Moto
) -> None:
    """One outcome each, in order: right bytes, or the end that the object's fault must have."""
    rest = iter(outcomes)
    for place, (key, data) in enumerate(objects.items()):
        outcome = next(rest)
        assert (outcome.key, outcome.tag) == (key, place)
        match server.fault_of(key):
            case Fault.MISSING:
                assert (outcome.status, outcome.data) == ("missing", None)
                continue
            case Fault.CHANGE:
                data = changed(data)  # noqa: PLW2901 - what the object is from then on
        assert (outcome.status, outcome.reason) == ("fetched", None)
        assert outcome.data == data
        assert outcome.facts == len(data)
        assert (outcome.md5, outcome.etag) == (md5(data), f'"{md5(data)}"')
        assert outcome.last_modified is not None
    assert next(rest, None) is None

"""The faults that are committed on demand, and which objects they hit; no HTTP and no files."""

import gzip
import hashlib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

JPEG_START = b"\xff\xd8"
GZIP_START = b"\x1f\x8b"
ROUNDING = 1e-9


class Fault(StrEnum):
    """What goes wrong with an object; an object has one fault or none."""

    MISSING = "missing"
    SLOW_DOWN = "slow_down"
    CUT = "cut"
    STALL = "stall"
    FLIP = "flip"
    CHANGE = "change"


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Which share of the objects has which fault, each between 0 and 1 and together at most 1.

    Attributes:
        latency_seconds: every request waits this long for its answer.
        slow_down: any request for the object is answered 503 SlowDown, `slow_down_burst` times.
        slow_down_burst: how many requests for such an object are turned away.
        cut: the answer promises the whole body and closes the connection after half of it.
        stall: the answer sends half of the body, then nothing, and keeps the connection.
        flip: one bit of the body is wrong, the ETag is not.
        flip_forever: the flipped bit is there in every answer.
        change: the first answer is cut; from then on the object is `changed(its bytes)`.
        missing: the object is listed and cannot be read.
        only_first_attempts: how many answers for one object `cut`, `stall` and `flip` spoil.
        seed: another seed hits other objects.
    """

    latency_seconds: float = 0.0
    slow_down: float = 0.0
    slow_down_burst: int = 2
    cut: float = 0.0
    stall: float = 0.0
    flip: float = 0.0
    flip_forever: bool = False
    change: float = 0.0
    missing: float = 0.0
    only_first_attempts: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses shares that are none.

        Raises:
            ValueError: a share is outside 0 to 1, or all of them are more than 1 together.
        """
        shares = [share for share, _ in self._shares]
        if min(shares) < 0 or sum(shares) > 1 + ROUNDING:
            raise ValueError("the shares of the faults are 0 or more, and at most 1 together")

    @cached_property
    def _shares(self) -> tuple[tuple[float, Fault], ...]:
        return tuple((float(getattr(self, fault.value)), fault) for fault in Fault)

    @cached_property
    def hit_nothing(self) -> bool:
        """Whether no object has a fault."""
        return not any(share for share, _ in self._shares)

    def fault_of(self, key: str) -> Fault | None:
        """The fault of the object `key`, the same for the same seed and key on every machine."""
        if self.hit_nothing:
            return None
        place = self._number(key, "fault") / 2**64
        for share, fault in self._shares:
            if place < share:
                return fault
            place -= share
        return None

    def flipped_byte(self, key: str, size: int) -> int:
        """Which byte of the `size` (at least 1) bytes of the object `key` a flip hits."""
        return self._number(key, "flip") % size

    def _number(self, key: str, purpose: str) -> int:
        text = f"{self.seed}\0{purpose}\0{key}".encode(errors="surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


class FaultLedger:
    """How often each object's fault was committed already."""

    def __init__(self) -> None:
        """Starts with nothing committed."""
        self._committed: Counter[tuple[str, str]] = Counter()

    def due(self, bucket: str, key: str, times: int) -> bool:
        """Whether the fault was committed less than `times` times; if so, it is now once more."""
        if self._committed[bucket, key] >= times:
            return False
        self._committed[bucket, key] += 1
        return True


def changed(data: bytes) -> bytes:
    """Other bytes that are still whole content: a JPEG with one comment more, or one newline more.

    Args:
        data: what a JPEG, a gzip file, or any other file holds.

    Returns:
        Content of the same form, a little longer. A JPEG shows the same picture, a gzip file
        unpacks to its old content and a newline, which leaves JSON and text valid.
    """
    if data.startswith(JPEG_START):
        comment = b"changed"
        length = (len(comment) + 2).to_bytes(2, "big")
        return JPEG_START + b"\xff\xfe" + length + comment + data[len(JPEG_START) :]
    if data.startswith(GZIP_START):
        return data + gzip.compress(b"\n", mtime=0)
    return data + b"\n"

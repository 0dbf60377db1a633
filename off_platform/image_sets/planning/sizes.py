"""Asks a bucket for the sizes of some objects: a request each, few at a time, not for long."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions

from off_platform.storage.objects import Source, in_one_line

if TYPE_CHECKING:
    from obstore.store import ObjectStore

# Of each kind: the mean of 400 sizes is known to some 10 %, of 4,000 to 3 %.
SAMPLED = 400
CONCURRENCY = 32
# A bucket that is so slow is not asked for more; what has arrived is a smaller sample.
MOST_SECONDS = 60.0
# So many failures before any answer mean that the bucket cannot be reached.
GIVE_UP_AFTER = 8
TRIES = 2
# The last four bytes of a gzip file are the size of its content.
_ISIZE = 4
# A text that claims more is taken for one that is not compressed.
_MOST_TIMES = 1_032


@dataclass(frozen=True)
class Measured:
    """The sizes of sampled objects.

    Attributes:
        stored: in the bucket, 0 for one that does not exist.
        unpacked: of the content of those that are compressed, else the same.
        missing: how many do not exist, or may not be read.
        problem: why there are fewer than were asked for, in a sentence; empty otherwise.
    """

    stored: tuple[int, ...]
    unpacked: tuple[int, ...]
    missing: int = 0
    problem: str = ""


def measure(
    source: Source, keys: Sequence[str], *, unpacked: bool = False, seconds: float = MOST_SECONDS
) -> Measured:
    """The sizes of objects, by a HEAD request each, or one for the last bytes.

    Args:
        source: the bucket.
        keys: of a random sample.
        unpacked: whether to ask for the sizes of the content of gzip files, too.
        seconds: after which no more requests are made.

    Raises:
        off_platform.storage.objects.UnusableLocationError: the bucket cannot be opened.
    """
    asking = _Asking(source.store, unpacked, time.monotonic() + seconds)
    with ThreadPoolExecutor(CONCURRENCY, "sizes") as threads:
        answers = [each for each in threads.map(asking.ask, keys) if each is not None]
    found = [answer for answer in answers if answer != _MISSING]
    return Measured(
        tuple(size for size, _ in answers),
        tuple(size for _, size in answers),
        len(answers) - len(found),
        asking.problem(len(keys), len(answers)),
    )


_MISSING = (0, 0)


class _Asking:
    """Asks for one object after the other, until the bucket does not answer."""

    def __init__(self, store: "ObjectStore", unpacked: bool, until: float) -> None:  # noqa: FBT001 - of one module
        self._store, self._unpacked, self._until = store, unpacked, until
        self._answered, self._failed, self._reason = 0, 0, ""

    def ask(self, key: str) -> tuple[int, int] | None:
        """Its size and that of its content; None if there was no answer."""
        for _ in range(TRIES):
            # Counts of several threads may be lost; they only bound how long one insists.
            if time.monotonic() > self._until or self._is_away:
                return None
            try:
                answer = self._ask_once(key)
            except (FileNotFoundError, *_REFUSED):
                answer = _MISSING
            except (exceptions.BaseError, OSError) as error:
                self._failed += 1
                self._reason = in_one_line(error)
                continue
            self._answered += 1
            return answer
        return None

    @property
    def _is_away(self) -> bool:
        return not self._answered and self._failed >= GIVE_UP_AFTER

    def _ask_once(self, key: str) -> tuple[int, int]:
        if not self._unpacked:
            size = obstore.head(self._store, key)["size"]
            return size, size
        last = obstore.get(self._store, key, options={"range": {"suffix": _ISIZE}})
        size, ending = last.meta["size"], last.bytes().to_bytes()
        content = int.from_bytes(ending[-_ISIZE:], "little")
        return size, content if content <= size * _MOST_TIMES else size

    def problem(self, asked: int, answered: int) -> str:
        """Why fewer were answered than asked for; empty if all were."""
        if answered == asked:
            return ""
        if self._reason:
            return f"{answered:,} of {asked:,} requests were answered: {self._reason}"
        return f"only {answered:,} of {asked:,} requests were answered in time"


_REFUSED = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError)

"""The key list as a file: unpacked with a bound, cut into lines, found whole or refused.

What a line means is `keys.py` (one) and `key_index.py` (all).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK_BYTES = 8 * 2**20
LONGEST_LINE = 65_536
GZIP_MAGIC = b"\x1f\x8b"


class RefusedKeyListError(ValueError):
    """The file is no whole key list; the message is one sentence: what it is instead."""


@dataclass(frozen=True)
class KeyListFacts:
    """What a key list file is: bytes packed, bytes of its lines, MD5 of the packed, lines.

    Each line counts with its newline, also the last, which has none in the bucket.
    """

    packed_bytes: int
    unpacked_bytes: int
    md5: str
    keys: int


def blocks(path: Path, unpacked_most: int) -> Iterator[bytes]:
    """The unpacked key list in blocks of whole lines, each line with its newline.

    Args:
        path: the gzip file.
        unpacked_most: bytes it may unpack to; a few MB of gzip can hold 10 GB of zeros.

    Raises:
        RefusedKeyListError: no gzip, cut, damaged, larger than allowed, or with endless lines.
    """
    rest, total = b"", 0
    for block in _unpacked(path):
        total += len(block)
        if total > unpacked_most:
            raise RefusedKeyListError(
                f"The key list unpacks to more than {unpacked_most:,} bytes; it is refused."
            )
        whole, newline, tail = (rest + block).rpartition(b"\n")
        if len(tail) > LONGEST_LINE:
            raise RefusedKeyListError(
                f"The key list has a line of more than {LONGEST_LINE:,} bytes; it is refused."
            )
        rest = tail
        if newline:
            yield whole + newline
    if rest:
        # "no newline at the end": the last key is a line all the same.
        yield rest + b"\n"


def _unpacked(path: Path) -> Iterator[bytes]:
    from isal import igzip, isal_zlib  # noqa: PLC0415 - five times as fast as zlib, once used

    with path.open("rb") as packed:
        start = packed.read(64)
    if not start.startswith(GZIP_MAGIC):
        raise RefusedKeyListError(f"The key list is no gzip file: it starts with {start[:40]!r}.")
    try:
        with igzip.IGzipFile(path, "rb") as file:  # type: ignore[no-untyped-call]
            while block := file.read(BLOCK_BYTES):
                yield block
    except EOFError as error:
        raise RefusedKeyListError("The key list is cut: its gzip ends too early.") from error
    except (OSError, isal_zlib.error) as error:  # type: ignore[misc]
        raise RefusedKeyListError(f"The key list is damaged: {error}.") from error


def inspect(path: Path, unpacked_most: int) -> KeyListFacts:
    """Reads a key list once, from end to end.

    Raises:
        RefusedKeyListError: see `blocks`; also when there is not one line in it.
    """
    unpacked = keys = 0
    for block in blocks(path, unpacked_most):
        unpacked += len(block)
        keys += block.count(b"\n")
    if not keys:
        raise RefusedKeyListError("The key list is empty.")
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return KeyListFacts(path.stat().st_size, unpacked, md5, keys)

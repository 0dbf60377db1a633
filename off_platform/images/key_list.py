"""The key list as a file: unpacked within a bound, split into lines, complete or refused.

`keys.py` parses one line, `key_index.py` all.
"""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isal import igzip, isal_zlib

BLOCK_BYTES = 8 * 2**20
LONGEST_LINE = 65_536
# Keys in order unpack to eleven times the size of their gzip, zeros to a thousand times.
RATIO_MOST = 100
# A small file that unpacks to so little harms nobody.
HARMLESS_BYTES = 64 * 2**20
GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class RefusedKeyListError(ValueError):
    """The file is not a complete key list; the message says what it is instead."""


@dataclass(frozen=True)
class KeyListFacts:
    """Facts about a key list file: packed bytes, bytes of its lines, MD5 of the file, lines.

    Each line counts with its newline, including the last, which has none in the bucket.
    """

    packed_bytes: int
    unpacked_bytes: int
    md5: str
    keys: int


def room_beside(folder: Path, share: float) -> int:
    """The bytes that a key list may unpack to: a share of what is free on a folder's disk.

    They are not stored unpacked, but the index is, and DuckDB spills if the keys are out of order.
    """
    return int(shutil.disk_usage(folder).free * share)


def blocks(path: Path, unpacked_most: int) -> Iterator[bytes]:
    """The unpacked key list in blocks of complete lines with their newlines.

    Windows line endings are read as newlines, and a byte order mark is skipped: neither can be part
    of a key.

    Args:
        path: the gzip file.
        unpacked_most: bytes it may unpack to, see `room_beside`.

    Raises:
        RefusedKeyListError: the file is not gzip, gzipped twice, cut, damaged, has bytes after its
            end, is larger than allowed, or has overlong lines; or if it unpacks to so many times
            its size that it was made to fill disks.
    """
    rest, total = b"", 0
    suspicious = max(HARMLESS_BYTES, path.stat().st_size * RATIO_MOST)
    for block in _without_mark(_unpacked(path)):
        total += len(block)
        if total > unpacked_most:
            raise RefusedKeyListError(
                f"The key list unpacks to more than {unpacked_most:,} bytes, the share of the free "
                "disk that OFF_PLATFORM_KEY_LIST_DISK_SHARE allows; free some disk and run again."
            )
        if total > suspicious:
            raise RefusedKeyListError(
                f"The key list unpacks to more than {RATIO_MOST} times its size, unlike any list "
                "of keys; it is refused."
            )
        whole, newline, tail = (rest + block).rpartition(b"\n")
        if len(tail) > LONGEST_LINE:
            raise RefusedKeyListError(
                f"The key list has a line of more than {LONGEST_LINE:,} bytes; it is refused."
            )
        rest = tail
        if newline:
            lines = whole + newline
            yield lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines
    if rest:
        # "no newline at the end": the last key is a line nevertheless.
        yield rest.removesuffix(b"\r") + b"\n"


def _without_mark(unpacked: Iterator[bytes]) -> Iterator[bytes]:
    first = next(unpacked, b"")
    if first.startswith(GZIP_MAGIC):
        raise RefusedKeyListError(
            "The key list is gzipped twice: unpacked once, it is a gzip file again."
        )
    yield first.removeprefix(BYTE_ORDER_MARK)
    yield from unpacked


def _unpacked(path: Path) -> Iterator[bytes]:
    with path.open("rb") as packed:
        start = packed.read(64)
    if not start:
        raise RefusedKeyListError("The key list is empty: the file has no bytes.")
    if not start.startswith(GZIP_MAGIC):
        raise RefusedKeyListError(
            f"The key list is not a gzip file: it starts with {start[:40]!r}."
        )
    try:
        with igzip.IGzipFile(path, "rb") as file:  # type: ignore[no-untyped-call]
            while block := file.read(BLOCK_BYTES):
                yield block
    except (EOFError, OSError, isal_zlib.error) as error:  # type: ignore[misc]
        raise RefusedKeyListError(_what_is_wrong(path, error)) from error


def _what_is_wrong(path: Path, error: Exception) -> str:
    """Why a gzip file could not be read to its end.

    The reader reports a cut file and one with trailing bytes in the same way, as ending too early,
    so the file is read again, member by member.
    """
    member, after_a_member = isal_zlib.decompressobj(wbits=31), False
    with path.open("rb") as packed:
        rest = b""
        while rest := rest or packed.read(BLOCK_BYTES):
            if after_a_member and not GZIP_MAGIC.startswith(rest[:2]):
                behind = len(rest) + path.stat().st_size - packed.tell()
                return (
                    f"The key list has {behind:,} bytes after the end of its gzip; it is refused."
                )
            try:
                member.decompress(rest, BLOCK_BYTES)
            except isal_zlib.error:  # type: ignore[misc]
                return f"The key list is damaged: {error}."
            after_a_member, rest = member.eof, member.unused_data or member.unconsumed_tail
            if member.eof:
                rest = rest.lstrip(b"\0")
                member = isal_zlib.decompressobj(wbits=31)
    if isinstance(error, EOFError):
        return "The key list is truncated: its gzip ends too early."
    return f"The key list is damaged: {error}."


def inspect(path: Path, unpacked_most: int) -> KeyListFacts:
    """Reads a key list once, from end to end.

    Raises:
        RefusedKeyListError: see `blocks`; also if it has no lines.
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

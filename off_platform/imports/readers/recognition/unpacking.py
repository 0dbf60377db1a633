"""One table compressed by gzip, or alone in a ZIP archive: unpacked to a local file, bounded.

The names in an archive are never paths. `recognising.py` says what is inside; workbooks are ZIP
archives too, and are opened as they are.
"""

import gzip
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import IO, NoReturn

from off_platform.imports.readers.batches import Found, UnreadableError
from off_platform.imports.readers.folder_files import is_of_desktop
from off_platform.imports.readers.recognition.recognising import packing_of
from off_platform.imports.readers.xlsx.parts.package import MOST_RATIO, MOST_UNPACKED, RATIO_FROM
from off_platform.words import counted, quoted

UNPACKED = "unpacked"
_BLOCK_BYTES = 1 << 20
_NAMES_SHOWN = 3
_IS_ENCRYPTED = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_LEADS_OUT = re.compile(r"[\\/]|[A-Za-z]:|(?:.*[\\/])?\.\.(?:[\\/]|$)", re.DOTALL)


def unpacked(path: Path, scratch: Path) -> Path:
    """The table of a compressed file; any other file or folder as it is.

    Args:
        path: the file or folder.
        scratch: an existing folder, which receives the unpacked file under the name of `path`; one
            that it already has is not unpacked again.

    Raises:
        UnreadableError: one of the rules `archive_...`.
    """
    packing = None if path.is_dir() else packing_of(path)
    if packing is None:
        return path
    table = scratch / UNPACKED / path.name
    if not table.exists():
        table.parent.mkdir(exist_ok=True)
        part = scratch / f"{UNPACKED}.part"
        with _in_words(), _of_zip(path) if packing == "zip" else _of_gzip(path) as packed:
            _unpack(packed, path.stat().st_size, part)
        part.replace(table)
    return table


@contextmanager
def _of_gzip(path: Path) -> Iterator[BufferedIOBase]:
    with gzip.open(path, "rb") as file:
        yield file


@contextmanager
def _of_zip(path: Path) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        member = _only_file(archive)
        if member.flag_bits & _IS_ENCRYPTED:
            _refuse("archive_encrypted", "The ZIP archive is protected by a password.")
        if member.compress_type not in _METHODS:
            raise NotImplementedError
        if not 0 <= member.header_offset < path.stat().st_size:
            raise zipfile.BadZipFile
        with archive.open(member) as file:
            yield file


def _is_of_desktop(name: str) -> bool:
    """As in a folder; macOS adds a folder to the archives that it packs."""
    return name.startswith("__MACOSX/") or is_of_desktop(name.rsplit("/", 1)[-1])


def _only_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    outside = next((each.filename for each in members if _LEADS_OUT.match(each.filename)), None)
    if outside is not None:
        _refuse("archive_name_unsafe", f"The ZIP archive contains a file named {quoted(outside)}.")
    found = [member for member in members if not _is_of_desktop(member.filename)]
    if len(found) != 1:
        names = ", ".join(quoted(each.filename) for each in found[:_NAMES_SHOWN])
        more = ", ..." if len(found) > _NAMES_SHOWN else ""
        listed = f" ({names}{more})" if found else ""
        said = f"The ZIP archive contains {counted(len(found), 'file')}{listed} instead of one."
        _refuse("archive_not_one_table", said)
    if stat.S_ISLNK(found[0].external_attr >> 16):
        _refuse("archive_not_one_table", "The ZIP archive contains a link instead of a file.")
    return found[0]


def _unpack(packed: BufferedIOBase | IO[bytes], size: int, to: Path) -> None:
    """Writes what is really inside: an archive may declare any size."""
    written = 0
    with to.open("wb") as file:
        while block := packed.read(_BLOCK_BYTES):
            written += len(block)
            if written > MOST_UNPACKED:
                _refuse(
                    "archive_too_large", f"The file unpacks to more than {MOST_UNPACKED >> 30} GB."
                )
            if written > max(RATIO_FROM, MOST_RATIO * size):
                _refuse(
                    "archive_too_large",
                    f"The file unpacks to more than {MOST_RATIO} times its size, as no real table.",
                )
            file.write(block)


@contextmanager
def _in_words() -> Iterator[None]:
    """Turns library errors on a damaged archive into a message of ours."""
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError):
        _refuse("archive_damaged", "The archive is damaged or cut off.")
    except NotImplementedError:
        # `zipfile` raises it for later versions of the format, too.
        _refuse("archive_damaged", "The ZIP archive uses a compression that is not supported.")


def _refuse(rule: str, message: str) -> NoReturn:
    raise UnreadableError(Found.of_file(rule, message)) from None

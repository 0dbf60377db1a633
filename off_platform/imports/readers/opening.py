"""Opens an incoming file by its content."""

import errno
import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path

from off_platform.imports.readers.batches import Reader, SourceFile
from off_platform.imports.readers.delimited.opening import open_delimited
from off_platform.imports.readers.json.records import open_json
from off_platform.imports.readers.recognition.recognising import recognise
from off_platform.imports.readers.xlsx.workbook import open_xlsx
from off_platform.words import file_name


def open_import(
    path: Path, *, encoding: str | None = None, sha256: str = "", size: int | None = None
) -> Reader:
    """Opens a file that is not compressed; `unpacking.py` unpacks others.

    Args:
        path: the file.
        encoding: encoding of CSV and TSV, for examining a text that is not UTF-8; its records must
            not be accepted.
        sha256: of the file, for `SourceFile`; passed in because computing it takes a pass over the
            file.
        size: of the original if the file was unpacked from it, for `SourceFile`.

    Raises:
        UnreadableError: it is not an import; the message says what it is.
        OSError: it does not exist, is not readable, or is not a file.
    """
    _demand_file(path)
    source = SourceFile(shown_name(path), "", size or path.stat().st_size, sha256)
    match recognise(path):
        case "xlsx":
            return open_xlsx(path, source)
        case "json":
            return open_json(path, source)
        case _:
            return open_delimited(path, source, encoding=encoding)


def shown_name(path: Path) -> str:
    """The file's name without its folder, as UTF-8; names may contain any bytes."""
    return file_name(path.name)


def sha256_of(path: Path, *, within: Path | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal; of a folder, that of the list of its files.

    The list is the output of `sha256sum` for them, by name; links are not followed.

    Args:
        path: the file or folder.
        within: see `opened`.

    Raises:
        OSError: it cannot be read.
    """
    if path.is_dir() and not (within and path.is_symlink()):
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        lines = (
            f"{sha256_of(file, within=within)}  {file.relative_to(path).as_posix()}\n"
            for file in files
            if not file.is_symlink()
        )
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    with opened(path, within) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def opened(path: Path, within: Path | None = None) -> BufferedReader:
    """Opens a file of somebody else, who may replace it by a pipe or a link at any moment.

    Args:
        path: the file.
        within: without links; where the file must be, or a folder above. By default, anywhere.

    Raises:
        OSError: it is a pipe or a device, which may be endless, or elsewhere.
    """
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - returned open
    try:
        _demand_own(file, path, within)
    except OSError:
        file.close()
        raise
    return file


def _without_waiting(path: str, flags: int) -> int:
    """Opening a pipe would wait for somebody who writes."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _demand_own(file: BufferedReader, path: Path, within: Path | None) -> None:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise _not_regular(path)
    # Only Linux says where an open file is.
    link = Path(f"/proc/self/fd/{file.fileno()}")
    if within and link.exists() and not link.readlink().is_relative_to(within):
        raise OSError(errno.EPERM, "a link leads elsewhere", str(path))


def _demand_file(path: Path) -> None:
    """Refuses pipes and devices, which may be endless."""
    if path.exists() and not path.is_file():
        raise _not_regular(path)


def _not_regular(path: Path) -> OSError:
    return OSError(errno.EINVAL, "this is not a regular file", str(path))

"""Opens an incoming file by its content."""

import errno
import hashlib
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


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; of a folder, that of the list of its files.

    The list is the output of `sha256sum` for them, by name; links are not followed.
    """
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file())
        lines = (
            f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n"
            for file in files
            if not file.is_symlink()
        )
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    _demand_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _demand_file(path: Path) -> None:
    """Refuses pipes and devices, which may be endless."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "this is not a regular file", str(path))

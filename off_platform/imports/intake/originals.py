"""The original of an import, stored unchanged in the lake under a key of its name and bytes.

A corrected file is a new import, the same file twice is not. `validation.py` reads the content.
"""

import json
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.imports.intake.joining import open_whole
from off_platform.imports.readers.batches import Found, SourceFile, UnreadableError
from off_platform.imports.readers.folder_files import is_own_folder, is_plain, left_out
from off_platform.imports.readers.opening import opened, sha256_of
from off_platform.imports.specification.tables import IMPORT, IMPORTS
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake, NoSuchTableError
from off_platform.storage.sql import identifier, literal
from off_platform.words import file_name

if TYPE_CHECKING:
    import duckdb

KEPT = "imports"
ORIGINAL = "original"
NOT_KEPT = "not_kept.json"
KEY = re.compile(r"[A-Za-z0-9._-]{1,60}@[0-9a-f]{8}")
_SHA_DIGITS = 8
_MOST_NAME = 60
_BLOCK_BYTES = 1 << 20


class NotStoredError(LookupError):
    """The import does not exist; the message says what to do."""


class OtherFileError(ValueError):
    """The file does not match the import's key, or the lake has another file under that key."""


@dataclass(frozen=True)
class StoredImport:
    """An import in the lake.

    Attributes:
        key: its partition, `name@first 8 digits of its SHA-256`.
        name: the producer's name of the file or folder.
        source: facts of the file; None if it cannot be read as an import.
        refused: why it cannot be read; empty if its beginning can.
        imported_at: when it was first imported.
    """

    key: str
    name: str
    source: SourceFile | None
    refused: str
    imported_at: datetime


def key_of(path: Path, *, within: Path | None = None) -> str:
    """The key of a file or folder.

    Args:
        path: the file or folder.
        within: without links; where its files must be. By default, anywhere.

    Raises:
        OSError: it does not exist or may not be read.
    """
    return key_from(path.name, sha256_of(path, within=within))


def key_from(file: str, sha256: str) -> str:
    """The key of a file's name, and of the SHA-256 of its bytes.

    The name comes from outside; the key is a folder, a partition and part of a URL.
    """
    plain = unicodedata.normalize("NFKD", file).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-.")[:_MOST_NAME] or "import"
    return f"{name}@{sha256[:_SHA_DIGITS]}"


def store_original(lake: Lake, path: Path, key: str, *, within: Path | None = None) -> str:
    """Stores a file or folder in the lake, unchanged, unless it is already there.

    Args:
        lake: in which it is stored.
        path: the file or folder.
        key: of the import.
        within: without links; where its files must be. By default, anywhere.

    Returns:
        Its SHA-256.

    Raises:
        OtherFileError: it does not match the key, or another file has the same.
        OSError: it cannot be read, or the lake cannot be written.
    """
    folder = of_import(lake, key)
    # Keeps the producer's name, which is shown in findings.
    name = path.name.encode("utf-8", "replace").decode()
    with lake.root.scratch() as scratch:
        made = scratch / ORIGINAL
        copy = made / name
        passed_over: list[str] = []
        if path.is_dir():
            _copy_folder(path, copy, within, passed_over)
        else:
            made.mkdir()
            _copy(path, copy, within)
        # The copy is hashed, as the producer may be changing the file.
        sha256 = sha256_of(copy)
        found = key_from(path.name, sha256)
        if found != key:
            raise OtherFileError(f"{path} is {found}, not {key}: it was changed since.")
        stored = _sha256_of_original(folder)
        if stored != sha256:
            # In a bucket, a killed run may have stored some of the files: their key is another.
            if key_from(path.name, stored) == key:
                raise OtherFileError(
                    f"Another file was imported as {key}, by chance or on purpose: rename "
                    f"{file_name(path.name)} and import it again."
                )
            folder.place(made, ORIGINAL)
        if passed_over:
            folder.write(NOT_KEPT, json.dumps(sorted(passed_over)).encode())
    return sha256


def _copy_folder(path: Path, to: Path, within: Path | None, passed_over: list[str]) -> None:
    def copy(source: str, target: str) -> None:
        _copy(Path(source), Path(target), within)

    try:
        shutil.copytree(path, to, ignore=_not_plain(path, passed_over), copy_function=copy)
    except shutil.Error as error:
        # A list of all files that could not be copied, each with the reason.
        raise OSError(error.args[0][0][-1]) from error


def _copy(path: Path, to: Path, within: Path | None) -> None:
    with opened(path, within) as file, to.open("wb") as made:
        shutil.copyfileobj(file, made, _BLOCK_BYTES)


def _sha256_of_original(folder: Folder) -> str:
    """The SHA-256 of what is stored; empty if nothing is."""
    if ORIGINAL not in folder.folders():
        return ""
    with folder.local_folder(ORIGINAL) as kept:
        return next((sha256_of(path) for path in kept.iterdir()), "")


def _not_plain(root: Path, passed_over: list[str]) -> Callable[[str, list[str]], set[str]]:
    """Makes `copytree` skip links, pipes and devices, and records them."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        paths = [Path(folder, name) for name in names]
        left_out = [path for path in paths if not (is_plain(path) or is_own_folder(path))]
        passed_over.extend(file_name(path.relative_to(root).as_posix()) for path in left_out)
        return {path.name for path in left_out}

    return ignored


def not_kept(lake: Lake, key: str) -> list[Found]:
    """`file_not_read` for links, pipes and devices of an import's folder, which are not stored."""
    folder = of_import(lake, key)
    if not folder.exists(NOT_KEPT):
        return []
    return [
        left_out(name, "was not kept, as it is a link, a pipe or a device")
        for name in json.loads(folder.read(NOT_KEPT))
    ]


def record(
    lake: Lake,
    key: str,
    connection: "duckdb.DuckDBPyConnection",
    now: datetime | None = None,
    sha256: str = "",
) -> StoredImport:
    """Writes the facts of a stored import, and when it was first imported, to the table `imports`.

    Args:
        lake: in which it is stored.
        key: of the import.
        connection: to the lake.
        now: by default from the clock.
        sha256: given if it was stored in this run, see `original`.

    Raises:
        NotStoredError: it is not stored.
    """
    source, refused = None, ""
    with original(lake, key, sha256) as (path, known), lake.root.scratch() as scratch:
        name = path.name
        try:
            source = open_whole(path, scratch, known).source
        except UnreadableError as error:
            refused = str(error)
    taken = StoredImport(
        key, name, source, refused, imported_at(lake, key, connection) or _now(now)
    )
    lake.replace(IMPORTS.name, (IMPORT, key), IMPORTS.arrow, partial(_write, _row(taken)))
    return taken


def _now(now: datetime | None) -> datetime:
    return now or datetime.now(UTC)


def _row(taken: StoredImport) -> dict[str, Any]:
    """The row of the table `imports`."""
    source = taken.source
    return {
        "name": taken.name,
        "imported_at": taken.imported_at,
        "refused": taken.refused or None,
        **({field: getattr(source, field) for field in _OF_SOURCE} if source else {}),
        "columns": list(source.header) if source else None,
    }


def _write(row: Mapping[str, Any], to: Path) -> None:
    pq.write_table(pa.Table.from_pylist([row], IMPORTS.arrow), to)


def put_refusals(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", refused: Mapping[str, str]
) -> None:
    """Corrects the table `imports` after files were read to their ends: whether they are refused.

    Args:
        lake: in which the imports are stored.
        connection: to the lake.
        refused: for each import, why it is refused; empty if it is not.
    """
    columns = ", ".join(map(identifier, IMPORTS.arrow.names))
    of_each = []
    for key in refused:
        with suppress(NoSuchTableError):
            rows = lake.rows_of(IMPORTS.name, (IMPORT, key))
            of_each.append(f"SELECT {literal(key)} AS of_import, {columns} FROM {rows}")
    if not of_each:
        return
    for row in connection.sql(" UNION ALL ".join(of_each)).to_arrow_table().to_pylist():
        key = row.pop("of_import")
        if bool(row["refused"]) != bool(refused[key]):
            row["refused"] = refused[key] or None
            lake.replace(IMPORTS.name, (IMPORT, key), IMPORTS.arrow, partial(_write, row))


_OF_SOURCE = ("format", "bytes", "sha256", "encoding", "delimiter", "sheet")


def imported_at(lake: Lake, key: str, connection: "duckdb.DuckDBPyConnection") -> datetime | None:
    """When an import was first imported; None if never."""
    if not lake.has(IMPORTS.name, (IMPORT, key)):
        return None
    rows = lake.rows_of(IMPORTS.name, (IMPORT, key))
    ((at,),) = connection.execute(f"SELECT imported_at FROM {rows}").fetchall()
    return at if isinstance(at, datetime) else None


@contextmanager
def original(lake: Lake, key: str, sha256: str = "") -> Iterator[tuple[Path, str]]:
    """The stored file or folder, as a local path, and its SHA-256.

    Args:
        lake: in which it is stored.
        key: of the import.
        sha256: given if it was stored in this run; otherwise all bytes are read to verify them.

    Raises:
        NotStoredError: it is not stored, or incomplete.
    """
    folder = of_import(lake, key)
    if ORIGINAL not in folder.folders():
        raise NotStoredError(
            f"The import {key} is not in the lake; import its file with off-platform import."
        )
    with folder.local_folder(ORIGINAL) as kept:
        (path,) = kept.iterdir()
        sha256 = sha256 or sha256_of(path)
        if not sha256.startswith(key.rpartition("@")[2]):
            raise NotStoredError(
                f"The import {key} is incomplete in the lake, as storing it was interrupted; "
                "import its file again with off-platform import."
            )
        yield path, sha256


def of_import(lake: Lake, key: str) -> Folder:
    """The folder of an import in the lake: its original, report, findings and corrected copy.

    Raises:
        NotStoredError: the key is not valid.
    """
    if not KEY.fullmatch(key):
        raise NotStoredError(f"{key[:80]!r} is not an import; imports are named name@12345678.")
    return lake.root.below(f"{KEPT}/{key}")

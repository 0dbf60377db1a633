"""What may be published: a whole set, with its card, licence and attribution, and nothing else.

`publishing.py` sends it.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import yaml

from off_platform.image_sets.files.set_files import BUILDING, TABLE_OF_FILES, is_ours
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.image_sets.pages.set_pages import CARD
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal, literal
from off_platform.words import counted, quoted

NAMED = 3
TAR_END = 1024
TAR_BLOCK = 512
_READ_BYTES = 2**24
_ROWS = 10_000
_NUMBERED = re.compile(r"[0-9]{5,}")


class UnpublishableSetError(ValueError):
    """A folder cannot be published as a set; the message says why and what to do."""


@dataclass(frozen=True)
class Publishable:
    """A whole set.

    Attributes:
        folder: where it is stored.
        files: the size of each of its files in bytes, by name; the card is the last.
        licence: name of its licence.
        licence_id: identifier of it on the Hugging Face Hub.
        attribution: whom to credit.
    """

    folder: Folder
    files: dict[str, int]
    licence: str
    licence_id: str
    attribution: str

    @property
    def is_non_commercial(self) -> bool:
        """Whether the licence forbids commercial use."""
        return "-nc" in self.licence_id

    @property
    def size(self) -> int:
        """Total size in bytes."""
        return sum(self.files.values())


def publishable(folder: Folder, connection: duckdb.DuckDBPyConnection) -> Publishable:
    """Checks that a folder is a whole set, with what has to go with it.

    The sizes of all files are compared with the manifest; `changed_objects` compares their bytes.

    Raises:
        UnpublishableSetError: it is under construction, incomplete, or has files of somebody else.
    """
    sizes = folder.sizes()
    address = folder.address()
    if any(name.startswith(f"{BUILDING}/") for name in sizes):
        raise UnpublishableSetError(
            f"{address} is being built, or its build was interrupted; run the command that builds "
            "it again, and publish it then."
        )
    for name in (MANIFEST, CARD):
        if not sizes.get(name):
            raise UnpublishableSetError(
                f"{folder.address(name)} is missing, so {address} is not an image set that can be "
                "published; build it with `off-platform images` or `bins`."
            )
    licence_id = _licence_id(folder)
    rows = f"read_parquet({file_literal(folder.address(MANIFEST))})"
    try:
        licence, attribution = _terms(rows, folder, connection)
        _demand_files(rows, sizes, folder, connection)
    except duckdb.Error as error:
        reason = str(error).split("\n", 1)[0]
        raise UnpublishableSetError(
            f"{folder.address(MANIFEST)} cannot be read as the manifest of a set ({reason}); build "
            "the set again."
        ) from None
    ordered = sorted(sizes, key=lambda name: (name == CARD, name == MANIFEST, name))
    files = {name: sizes[name] for name in ordered}
    return Publishable(folder, files, licence, licence_id, attribution)


def _licence_id(folder: Folder) -> str:
    """The licence of the card's front matter."""
    parts = folder.read(CARD).decode("utf-8", "replace").split("---\n", 2)
    try:
        matter = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None  # noqa: PLR2004 - nothing, front matter, card
    except yaml.YAMLError:
        matter = None
    found = matter.get("license") if isinstance(matter, dict) else None
    if not isinstance(found, str) or not found:
        raise UnpublishableSetError(
            f"{folder.address(CARD)} states no licence in its front matter; build the set again to "
            "write its card anew."
        )
    return found


def _terms(rows: str, folder: Folder, connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Licence and attribution, which every row repeats."""
    found = connection.execute(f"SELECT DISTINCT licence, attribution FROM {rows} LIMIT 2")
    terms = found.fetchall()
    if len(terms) != 1 or not all(terms[0]):
        raise UnpublishableSetError(
            f"{folder.address(MANIFEST)} does not state one licence and attribution for all rows; "
            "build the set again."
        )
    return terms[0][0], terms[0][1]


def _demand_files(
    rows: str, sizes: dict[str, int], folder: Folder, connection: duckdb.DuckDBPyConnection
) -> None:
    """Compares the files that are there with those of the manifest.

    A shard ends two blocks after its last object; other members may follow an object of the
    manifest.
    """
    present = pa.table({"name": list(sizes), "size": pa.array(sizes.values(), pa.int64())})
    named = f"""(SELECT path AS name, max(coalesce("offset", 0) + stored_bytes) AS ends,
        max("offset") AS last FROM {rows} WHERE path IS NOT NULL GROUP BY path)"""
    tar_ends = f"((ends + {TAR_BLOCK - 1}) // {TAR_BLOCK}) * {TAR_BLOCK} + {TAR_END}"
    cursor = connection.cursor()
    cursor.register("present", present)
    wrong = cursor.execute(f"""
        SELECT name, size FROM {named} LEFT JOIN present USING (name)
        WHERE size IS NULL OR NOT CASE WHEN name LIKE '%.tar' THEN size >= {tar_ends}
            WHEN last IS NOT NULL THEN size > 0 ELSE size = ends END
        ORDER BY name""").fetchall()
    if wrong:
        missing = sum(size is None for _, size in wrong)
        raise UnpublishableSetError(
            f"{counted(len(wrong), 'file')} of {folder.address()} "
            f"{'is' if len(wrong) == 1 else 'are'} missing or cut off ({missing:,} missing): "
            f"{_some([name for name, _ in wrong])}; build the set again."
        )
    unnamed = cursor.execute(
        f"SELECT name FROM present ANTI JOIN {named} USING (name) ORDER BY name"
    ).fetchall()
    found = cursor.execute(f"SELECT DISTINCT regexp_extract(name, '^[^/]*') FROM {named}")
    tops = {top for (top,) in found.fetchall()}
    if foreign := [name for (name,) in unnamed if not _is_beside(name, tops)]:
        raise UnpublishableSetError(
            f"{folder.address()} has {counted(len(foreign), 'file')} that the set does not have: "
            f"{_some(foreign)}; move them away and run again."
        )
    _demand_rows(named, folder, cursor)


def _is_beside(name: str, tops: set[str]) -> bool:
    """Whether a file that the manifest does not name belongs to a set: a page, a list, a chart."""
    head, _, file = name.rpartition("/")
    is_list = file == TABLE_OF_FILES and head in tops
    # Shards and folders have a number; the manifest names all of them.
    return is_list or (is_ours(name) and not _NUMBERED.search(name))


def _demand_rows(named: str, folder: Folder, cursor: duckdb.DuckDBPyConnection) -> None:
    """Compares the number of rows of Parquet files with photos."""
    last = dict(
        cursor.execute(f"SELECT name, last FROM {named} WHERE name LIKE '%.parquet'").fetchall()
    )
    for name, row in last.items():
        rows = f"SELECT num_rows FROM parquet_file_metadata({file_literal(folder.address(name))})"
        ((count,),) = cursor.execute(rows).fetchall()
        if count <= row:
            raise UnpublishableSetError(
                f"{folder.address(name)} has {counted(count, 'row')}, and the manifest has more; "
                "build the set again."
            )


def changed_objects(
    folder: Folder, connection: duckdb.DuckDBPyConnection
) -> Iterator[tuple[str, str]]:
    """Compares the bytes of all objects with the MD5 in the manifest; reads the whole set.

    Objects that are not stored as they were fetched (photos made smaller, OCR results unpacked)
    have no MD5 to compare.

    Args:
        folder: of a set.
        connection: DuckDB that can read it.

    Returns:
        Path and key of each object that has changed.
    """
    manifest = f"read_parquet({file_literal(folder.address(MANIFEST))})"
    known = {name for name, *_ in connection.execute(f"DESCRIBE FROM {manifest}").fetchall()}
    fetched = "AND processing IS NULL" if "processing" in known else ""
    rows = connection.cursor().execute(f"""
        SELECT path, key, coalesce("offset", 0), bytes, md5 FROM {manifest}
        WHERE path IS NOT NULL AND stored_bytes = bytes AND path NOT LIKE '%.parquet' {fetched}
        ORDER BY path, "offset" """)
    yield from _changed_rows(manifest, fetched, folder, connection)
    block = _Block(folder)
    while batch := rows.fetchmany(_ROWS):
        for path, key, offset, size, md5 in batch:
            data = block.read(path, offset, size)
            if hashlib.md5(data, usedforsecurity=False).hexdigest() != md5:
                yield path, key


def _changed_rows(
    manifest: str, fetched: str, folder: Folder, connection: duckdb.DuckDBPyConnection
) -> Iterator[tuple[str, str]]:
    """The photos in Parquet files whose bytes have changed."""
    cursor = connection.cursor()
    parts = cursor.execute(f"""SELECT DISTINCT path FROM {manifest}
        WHERE path LIKE '%.parquet' ORDER BY path""").fetchall()
    for (path,) in parts:
        photos = f"read_parquet({file_literal(folder.address(path))}, file_row_number = true)"
        changed = cursor.execute(f"""
            SELECT m.path, m.key FROM {manifest} AS m
            JOIN (SELECT file_row_number, image FROM {photos}) AS p
                ON m."offset" = p.file_row_number
            WHERE m.path = {literal(path)} AND stored_bytes = bytes {fetched}
                AND m.kind NOT IN {TEXT_KINDS} AND md5(p.image.bytes) IS DISTINCT FROM m.md5
            ORDER BY "offset" """)
        yield from changed.fetchall()


class _Block:
    """Reads a file of many objects in large blocks, as in a bucket each read is a request."""

    def __init__(self, folder: Folder) -> None:
        """Takes the folder."""
        self._folder = folder
        self._path, self._start, self._data = "", 0, b""

    def read(self, path: str, offset: int, size: int) -> bytes:
        """Bytes of a file; fewer if it ends before."""
        held = self._start <= offset and offset + size <= self._start + len(self._data)
        if path != self._path or not held:
            data = self._folder.read(path, offset, max(size, _READ_BYTES if offset else size))
            self._path, self._start, self._data = path, offset, data
        return self._data[offset - self._start :][:size]


def _some(names: list[str]) -> str:
    """The first of some names."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(quoted, names[:NAMED])) + more

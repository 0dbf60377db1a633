"""The bytes of a set's objects: from shards, loose files, or the rows of Parquet files."""

from contextlib import ExitStack
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.storage.folder import Folder

IMAGE = "image"
"""The column of photos in a Parquet file; those of texts are named by their kind."""

# About a hundred photos of 400 px.
AHEAD_BYTES = 4 * 2**20
# Objects are read in the set's order, which alternates between the files of the splits.
_FILES_AT_ONCE = 8


class StoredObjects:
    """Reads objects of a folder; use it as a context manager.

    Shards are read ahead, as their objects are read in sequence; in a bucket, each read is a
    request. Of a Parquet file one row group is held.
    """

    def __init__(self, folder: Folder) -> None:
        """Takes the set's folder."""
        self._folder = folder
        # By file: the offset of the first byte, and the bytes.
        self._ahead: dict[str, tuple[int, bytes]] = {}
        self._tables: dict[str, _RowGroups] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the Parquet files."""
        self._open.close()

    def read(self, kind: str, place: str, offset: int | None, size: int) -> bytes:
        """An object's bytes; fewer if the file is cut.

        Args:
            kind: of the object.
            place: the shard, file or Parquet file, relative to the folder.
            offset: as in the manifest.
            size: in bytes.

        Raises:
            FileNotFoundError: there is no such file.
        """
        if offset is None:
            return self._folder.read(place, 0, size)
        if place.endswith(".parquet"):
            return self._row_groups(place).cell(kind, offset)
        start, block = self._ahead.pop(place, (0, b""))
        if not start <= offset or offset + size > start + len(block):
            start, block = offset, self._folder.read(place, offset, max(size, AHEAD_BYTES))
        self._ahead[place] = (start, block)
        if len(self._ahead) > _FILES_AT_ONCE:
            del self._ahead[next(iter(self._ahead))]
        return block[offset - start :][:size]

    def _row_groups(self, place: str) -> "_RowGroups":
        if place not in self._tables:
            if not self._folder.exists(place):
                raise FileNotFoundError(place)
            local = self._open.enter_context(self._folder.local(place))
            self._tables[place] = _RowGroups(pq.ParquetFile(local))
            self._open.callback(self._tables[place].close)
        return self._tables[place]


class _RowGroups:
    """A Parquet file, of which one row group is held."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        rows = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
        self._starts = [sum(rows[:at]) for at in range(len(rows) + 1)]
        self._columns = {IMAGE, *TEXT_KINDS} & set(file.schema_arrow.names)
        self._at, self._group = -1, pa.table({})

    def cell(self, kind: str, row: int) -> bytes:
        at = next((n for n, end in enumerate(self._starts[1:]) if row < end), None)
        if at is None:
            return b""
        if at != self._at:
            self._at, self._group = at, self._file.read_row_group(at, columns=list(self._columns))
        column = kind if kind in TEXT_KINDS else IMAGE
        value = self._group.column(column)[row - self._starts[at]].as_py()
        found = value["bytes"] if isinstance(value, dict) else value
        return found.encode() if isinstance(found, str) else found or b""

    def close(self) -> None:
        self._file.close()

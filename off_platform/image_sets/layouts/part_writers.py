"""Writers of a part of a set, such as a split: shards, loose files, or Parquet with the photos.

`arranging.py` provides the samples.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.declaration.options import Layout
from off_platform.image_sets.files.set_files import LOOSE, part_name
from off_platform.image_sets.files.stored_objects import IMAGE
from off_platform.image_sets.layouts.loading import TEXT_ENDINGS
from off_platform.storage.shards import TarShard

LOCATIONS = pa.schema(
    {"position": pa.int64(), "path": pa.string(), "offset": pa.int64(), "stored_bytes": pa.int64()}
)
Location = tuple[int, str, int | None, int]
PHOTO, TEXT = "photo", "text"
# Bytes of the photos of a row group.
GROUP_BYTES = 32 * 2**20


class Sample(NamedTuple):
    """A sample: its row, and what reads its photo or text; None if it has none."""

    row: Mapping[str, Any]
    read: Callable[[str], bytes | None]


class PartWriter(Protocol):
    """Writes the samples of a part; use it as a context manager.

    Attributes:
        names: of the files.
        apart: so many of the first samples are in a file of their own, where files are numbered.
    """

    names: list[str]
    apart: int

    def __init__(self, scratch: Path, part: str | None, how: How, columns: Sequence[str]) -> None:
        """Takes the folder for files, the split, how the set is built, and columns of samples."""

    def __enter__(self) -> Self:
        """Returns itself."""

    def __exit__(self, *_: object) -> None:
        """Completes the last file."""

    def write(self, samples: Sequence[Sample], rows: pa.RecordBatch) -> pa.Table:
        """Writes samples, given also as a batch of rows; returns their `LOCATIONS`."""


class _Numbered:
    """Files with a number, of up to `shard_samples` samples each."""

    ending = ""

    def __init__(self, scratch: Path, part: str | None, how: How, columns: Sequence[str]) -> None:
        self._scratch, self._part, self._how, self._columns = scratch, part, how, columns
        self.names: list[str] = []
        self.apart = 0
        self._samples = 0

    def __enter__(self) -> Self:
        return self

    def _next(self) -> bool:
        """Whether the next sample needs a new file; then its name is the last of `names`."""
        most = self._how.shard_samples
        if self.apart and len(self.names) == 1:
            most = min(most, self.apart)
        is_full = not self.names or self._samples >= most
        if is_full:
            self.names.append(part_name(self._part, len(self.names), self.ending))
            self._samples = 0
        return is_full


class Shards(_Numbered):
    """WebDataset shards: facts as `.json`, then the photo and its text."""

    ending = ".tar"

    def __init__(self, scratch: Path, part: str | None, how: How, columns: Sequence[str]) -> None:
        """See `PartWriter`."""
        super().__init__(scratch, part, how, columns)
        self._shard: TarShard | None = None

    def __exit__(self, *_: object) -> None:
        """See `PartWriter`."""
        self._finish()

    def write(self, samples: Sequence[Sample], rows: pa.RecordBatch) -> pa.Table:  # noqa: ARG002
        """See `PartWriter`."""
        return _table(place for sample in samples for place in self._write(sample))

    def _write(self, sample: Sample) -> Iterator[Location]:
        if self._next():
            self._finish()
            self._shard = TarShard(self._scratch / self.names[-1])
        self._samples += 1
        shard, row = self._shard, sample.row
        if shard is None:
            raise RuntimeError("no shard is open")
        if row["facts"] is not None:
            shard.add(f"{row['stem']}.json", row["facts"].encode())
        for what in (PHOTO, TEXT):
            data = sample.read(what)
            if data is not None:
                offset = shard.add(self._name(row, what), data)
                yield row[f"{what}_position"], self.names[-1], offset, len(data)

    def _name(self, row: Mapping[str, Any], what: str) -> str:
        if what == PHOTO or not self._how.labelled:
            return str(row[f"{what}_member"])
        return f"{row['stem']}{TEXT_ENDINGS[row['text_kind']]}"

    def _finish(self) -> None:
        if self._shard:
            self._shard.finish()
            self._shard.close()


class Files:
    """Loose files, in the folder of the part and that of the class."""

    def __init__(
        self,
        scratch: Path,
        part: str | None,
        how: How,  # noqa: ARG002
        columns: Sequence[str],  # noqa: ARG002
    ) -> None:
        """See `PartWriter`."""
        self._scratch, self._part = scratch, part or LOOSE
        self.names = [self._part]
        self.apart = 0
        self._made: set[str] = set()

    def __enter__(self) -> Self:
        """See `PartWriter`."""
        return self

    def __exit__(self, *_: object) -> None:
        """See `PartWriter`; each file is closed once it is written."""

    def write(self, samples: Sequence[Sample], rows: pa.RecordBatch) -> pa.Table:  # noqa: ARG002
        """See `PartWriter`."""
        return _table(place for sample in samples for place in self._write(sample))

    def _write(self, sample: Sample) -> Iterator[Location]:
        row = sample.row
        # Torchvision refuses the folder of a class that has no photo, only a text.
        is_in_class = row["class"] and row["photo_path"]
        folder = f"{self._part}/{row['class']}" if is_in_class else self._part
        if folder not in self._made:
            (self._scratch / folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
        for what in (PHOTO, TEXT):
            data = sample.read(what)
            if data is not None:
                path = f"{folder}/{row[f'{what}_file']}"
                (self._scratch / path).write_bytes(data)
                yield row[f"{what}_position"], path, None, len(data)


class ParquetFiles(_Numbered):
    """Parquet files: the photo as Hugging Face's `Image`, its text, and the sample's columns."""

    ending = ".parquet"

    def __init__(self, scratch: Path, part: str | None, how: How, columns: Sequence[str]) -> None:
        """See `PartWriter`."""
        super().__init__(scratch, part, how, columns)
        self._file: pq.ParquetWriter | None = None
        self._kinds: tuple[str, ...] | None = None

    def __exit__(self, *_: object) -> None:
        """See `PartWriter`."""
        if self._file:
            self._file.close()

    def write(self, samples: Sequence[Sample], rows: pa.RecordBatch) -> pa.Table:
        """See `PartWriter`."""
        tables, start = [], 0
        while start < len(samples):
            is_new = self._next()
            room = self._how.shard_samples - self._samples
            end = start + min(room, _fitting(rows.slice(start)))
            tables.append(self._write(samples[start:end], rows.slice(start, end - start), is_new))
            start = end
        return pa.concat_tables(tables)

    def _write(self, samples: Sequence[Sample], rows: pa.RecordBatch, is_new: bool) -> pa.Table:  # noqa: FBT001
        photos = [sample.read(PHOTO) for sample in samples]
        texts = [sample.read(TEXT) for sample in samples]
        group = self._group(photos, texts, rows)
        if is_new or self._file is None:
            if self._file:
                self._file.close()
            # Photos do not get smaller, and readers find their bytes as they are.
            codecs = dict.fromkeys(self._columns, "zstd") | {IMAGE: "none"}
            self._file = pq.ParquetWriter(
                self._scratch / self.names[-1],
                group.schema,
                compression={name: codecs.get(name, "zstd") for name in _leaves(group.schema)},
                use_dictionary=list(self._columns),
                write_statistics=list(self._columns),
            )
        self._file.write_table(group)
        places = [
            (sample.row[f"{what}_position"], self.names[-1], self._samples + at, len(data))
            for at, (sample, *both) in enumerate(zip(samples, photos, texts, strict=True))
            for what, data in zip((PHOTO, TEXT), both, strict=True)
            if data is not None
        ]
        self._samples += len(samples)
        return _table(places)

    def _group(
        self, photos: list[bytes | None], texts: list[bytes | None], rows: pa.RecordBatch
    ) -> pa.Table:
        """A row group: photo, text under the name of its kind, columns of the samples."""
        names = rows.column("photo_file" if self._how.layout == "files" else "photo_member")
        image = pa.StructArray.from_arrays(
            [pa.array(photos, pa.binary()), names],
            ["bytes", "path"],
            mask=pa.array([photo is None for photo in photos]),
        )
        table = pa.table({"sample": rows.column("stem"), IMAGE: image})
        if self._kinds is None:
            self._kinds = tuple(rows.column("text_kind").drop_null().unique().to_pylist())
        for kind in self._kinds:
            type_ = pa.string() if kind == "metadata" else pa.binary()
            read = [text.decode() if text and kind == "metadata" else text for text in texts]
            table = table.append_column(kind, pa.array(read, type_))
        for name in self._columns:
            if name not in table.column_names:
                table = table.append_column(rows.schema.field(name), rows.column(name))
        features = json.dumps({"info": {"features": {IMAGE: {"_type": "Image"}}}})
        return table.replace_schema_metadata({"huggingface": features})


def _fitting(rows: pa.RecordBatch) -> int:
    """How many of the first rows fit a row group; at least one."""
    sizes = rows.column("photo_bytes").fill_null(0).to_numpy(zero_copy_only=False)
    return max(1, int(np.searchsorted(np.cumsum(sizes), GROUP_BYTES, side="right")))


def _leaves(schema: pa.Schema) -> list[str]:
    """The names that Parquet's options have for columns."""
    return [
        f"{IMAGE}.{part}" if name == IMAGE else name
        for name in schema.names
        for part in (("bytes", "path") if name == IMAGE else ("",))
    ]


def _table(places: Iterable[Location]) -> pa.Table:
    found = list(places)
    columns = zip(*found, strict=True) if found else ([], [], [], [])
    return pa.table([list(column) for column in columns], schema=LOCATIONS)


WRITERS: Mapping[Layout, type[PartWriter]] = {
    "shards": Shards,
    "files": Files,
    "parquet": ParquetFiles,
}

"""Writes the fetched objects of a set into their final files: by split, in the set's layout.

Objects wait in staged shards (`fetching/groups.py`); rows are from `division/described.py`. Reads
each object once, in the order of the set, with a bounded number of bytes in memory. A run that is
stopped here starts this step again.
"""

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.image_sets.construction.containers import Places
from off_platform.image_sets.construction.plans import PLAN
from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.files.json_fields import Fields, alike, fields_of
from off_platform.image_sets.files.set_files import class_folder
from off_platform.image_sets.files.shard_order import CANDIDATES, LOOKED_AT
from off_platform.image_sets.files.stored_objects import StoredObjects
from off_platform.image_sets.layouts.loading import TEXT_ENDINGS
from off_platform.image_sets.layouts.part_writers import LOCATIONS, TEXT, WRITERS, Sample
from off_platform.image_sets.layouts.sample_columns import sample_columns
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.storage.engine import copy_query
from off_platform.storage.folder import Folder
from off_platform.storage.sql import file_literal, identifier, literal

if TYPE_CHECKING:
    import duckdb

# Rows of the table of samples per batch; each may have 64 kB of text.
BATCH_ROWS = 256
# The columns that a writer reads of each sample; the others are written as a batch, as Python's
# objects of them would take half of the time.
_LOCATES = re.compile(r"stem|class|facts|(photo|text)_[a-z]+").fullmatch
# A set with more classes than this was not meant to have a folder of each.
CLASSES_MOST = 10_000
_FACTS = "facts"


class TooManyClassesError(ValueError):
    """A label has too many values for a folder of each; the message is one sentence."""


@dataclass(frozen=True)
class Arranged:
    """What was written.

    Attributes:
        names: of the files and folders, in the scratch folder.
        locations: a Parquet file with position, path, offset and stored_bytes of each object.
    """

    names: list[str]
    locations: Path


def arrange(
    connection: "duckdb.DuckDBPyConnection",
    folder: Folder,
    described: Path,
    how: How,
    labels: Sequence[str],
    scratch: Path,
    places: Places,
) -> Arranged:
    """Writes all parts of a set.

    Args:
        connection: DuckDB that can read the folder.
        folder: the set's.
        described: the manifest's rows, with the staged places of objects.
        how: the set is built.
        labels: names of the labels.
        scratch: the folder for the files.
        places: of the staged shards.

    Raises:
        TooManyClassesError: see there.
    """
    columns = sample_columns(connection, f"read_parquet({file_literal(described)})", labels)
    rows = scratch / "samples_to_arrange.parquet"
    _write_samples(connection, folder, described, how, columns, rows)
    samples = f"read_parquet({file_literal(rows)})"
    parts = connection.execute(f"SELECT DISTINCT part FROM {samples} ORDER BY ALL").fetchall()
    locations = scratch / "locations.parquet"
    names: list[str] = []
    with StoredObjects(folder) as objects, pq.ParquetWriter(locations, LOCATIONS) as placed:
        staged = _Staged(objects, places)
        for (part,) in parts:
            where = f"part IS NOT DISTINCT FROM {literal(part) if part else 'NULL'}"
            of_part = f"{samples} WHERE {where}"
            is_shard = how.layout == "shards"
            first = _first(connection, of_part, how, columns, staged) if is_shard else []
            with WRITERS[how.layout](scratch, part, how, columns) as writer:
                # Where there are fewer, what differs from them is in other shards.
                writer.apart = len(first) if len(first) < LOOKED_AT else 0
                for batch in _batches(connection, of_part, first):
                    located = batch.select([name for name in batch.schema.names if _LOCATES(name)])
                    read = [staged.sample(row) for row in located.to_pylist()]
                    placed.write_table(writer.write(read, batch))
                names += writer.names
    rows.unlink()
    return Arranged(sorted(set(names)), locations)


@dataclass(frozen=True)
class _Staged:
    """The objects of staged shards."""

    objects: StoredObjects
    places: Places

    def sample(self, row: dict[str, Any]) -> Sample:
        """A sample with a function that reads its objects, so that only one is in memory."""

        def read(what: str) -> bytes | None:
            path = row[f"{what}_path"]
            if path is None:
                return None
            where = (row[f"{what}_offset"], row[f"{what}_bytes"])
            return self.objects.read(row[f"{what}_kind"], self.places.of(path), *where)

        return Sample(row, read)


def _write_samples(
    connection: "duckdb.DuckDBPyConnection",
    folder: Folder,
    described: Path,
    how: How,
    columns: Sequence[str],
    to: Path,
) -> None:
    """One row per sample that has objects: places of its photo and its text, columns, facts."""
    plan = f"read_parquet({file_literal(folder.address(PLAN))})"
    rows = f"""(SELECT d.*, p.file, p.member FROM read_parquet({file_literal(described)}) AS d
        JOIN (SELECT position, file, member FROM {plan}) AS p USING (position)
        WHERE d.status = 'fetched')"""
    shown = ", ".join(f"{_column(name)} AS {identifier(name)}" for name in columns)
    named = ", ".join(f"{identifier(name)} := {identifier(name)}" for name in columns)
    facts = f"to_json(struct_pack({named}))::VARCHAR" if how.labelled else "NULL::VARCHAR"
    folders = _class_folders(connection, described, how)
    connection.register("folders_of_classes", folders)
    copy_query(
        connection,
        f"""SELECT *, {facts} AS facts FROM (
            SELECT {_of("photo", "p")}, {_of("text", "t")}, {shown},
                coalesce(p.sample, t.sample) AS stem,
                coalesce(p.split, t.split) AS part, c.folder AS class,
                coalesce(p.position, t.position) AS place
            FROM (FROM {rows} WHERE kind NOT IN {TEXT_KINDS}) AS p
            FULL JOIN (FROM {rows} WHERE kind IN {TEXT_KINDS}) AS t USING (sample)
            LEFT JOIN folders_of_classes AS c
                ON c.value IS NOT DISTINCT FROM {_class_label("coalesce(p.{0}, t.{0})", how)}
            ) ORDER BY part, place""",
        to,
        BATCH_ROWS * 16,
    )
    connection.unregister("folders_of_classes")


def _of(what: str, table: str) -> str:
    names = {"kind": "kind", "position": "position", "path": "path", "offset": "offset"}
    names |= {"bytes": "stored_bytes", "file": "file", "member": "member"}
    return ", ".join(f'{table}."{column}" AS {what}_{name}' for name, column in names.items())


def _column(name: str) -> str:
    """A column of the photo's row; of the text's where there is no photo, or only it has one."""
    return f"coalesce(p.{identifier(name)}, t.{identifier(name)})"


def _class_label(form: str, how: How) -> str:
    if how.class_folders is None:
        return "NULL::VARCHAR"
    return form.format(identifier(how.class_folders)) + "::VARCHAR"


def _class_folders(connection: "duckdb.DuckDBPyConnection", described: Path, how: How) -> pa.Table:
    """The name of the folder of each class; no two are the same, also where case does not count."""
    if how.class_folders is None:
        return pa.table({"value": pa.array([], pa.string()), "folder": pa.array([], pa.string())})
    found = connection.execute(f"""
        SELECT DISTINCT {_class_label("{}", how)} AS value
        FROM read_parquet({file_literal(described)})
        ORDER BY ALL LIMIT {CLASSES_MOST + 1}""").fetchall()
    if len(found) > CLASSES_MOST:
        raise TooManyClassesError(
            f"class_folders: the label {how.class_folders} has over {CLASSES_MOST:,} values; name "
            "a label with fewer, or leave out class_folders."
        )
    folders: dict[str, str] = {}
    for (value,) in found:
        name, number = class_folder(value), 1
        while name.casefold() in folders:
            number += 1
            name = f"{class_folder(value)}_{number}"
        folders[name.casefold()] = name
    values = [value for (value,) in found]
    return pa.table(
        {"value": pa.array(values, pa.string()), "folder": pa.array([*folders.values()])}
    )


def _batches(
    connection: "duckdb.DuckDBPyConnection", samples: str, first: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The samples of a part, in order but for those that are first."""
    listed = f"[{', '.join(map(literal, first))}]::VARCHAR[]"
    query = f"FROM {samples} ORDER BY list_position({listed}, stem) NULLS LAST, place"
    yield from connection.cursor().sql(query).to_arrow_reader(BATCH_ROWS)


def _first(
    connection: "duckdb.DuckDBPyConnection",
    samples: str,
    how: How,
    columns: Sequence[str],
    staged: _Staged,
) -> list[str]:
    """Samples from which Hugging Face's builder takes the columns, see `files/shard_order.py`.

    All of them have a photo and a text, or the same one of these: the builder refuses others. A
    fact that none of them has is of no type to it, and a later sample that has it is refused.
    """
    with_value = ", ".join(
        f"arg_min(stem, place) FILTER ({identifier(name)} IS NOT NULL)" for name in columns
    )
    rows = (
        connection.cursor()
        .sql(f"""
            WITH of_part AS (FROM {samples}),
            complete AS (FROM of_part QUALIFY rank() OVER (
                ORDER BY photo_path IS NULL, text_path IS NULL) = 1)
            SELECT stem, facts, COLUMNS('^text_(kind|path|offset|bytes)$') FROM complete
            WHERE stem IN (SELECT stem FROM complete ORDER BY place LIMIT {CANDIDATES})
                OR stem IN (SELECT unnest([{with_value}]) FROM complete)
            ORDER BY place""")
        .to_arrow_table()
        .to_pylist()
    )
    facts = fields_of((row["facts"] or "{}").encode() for row in rows)
    texts = fields_of(_json_text(row, how, staged) for row in rows)
    fields = [_both(*each) for each in zip(facts, texts, strict=True)]
    of_facts = {path for each in fields if each for path in each if path[0] == _FACTS}
    return [rows[at]["stem"] for at in alike(fields, LOOKED_AT, of_facts)]


def _json_text(row: dict[str, Any], how: How, staged: _Staged) -> bytes:
    """The text of a sample that a loader reads as JSON."""
    is_json = not how.labelled or ".json" in TEXT_ENDINGS.get(row["text_kind"], "")
    stored = staged.sample(row).read(TEXT) if is_json else None
    if stored is None:
        return b"{}"
    return gzip.decompress(stored) if stored.startswith(b"\x1f\x8b") else stored


def _both(facts: Fields | None, text: Fields | None) -> Fields | None:
    """The fields of a sample's facts and of its text; None if there are none with clear types."""
    named = {_FACTS: facts, "text": text}
    return {
        (name, *path): of for name, each in named.items() for path, of in (each or {}).items()
    } or None

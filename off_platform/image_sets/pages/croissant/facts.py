"""What `croissant.json` says of a set, from its manifest and its files."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.image_sets.construction.containers import Places
from off_platform.image_sets.declaration.shares import EXCLUDED
from off_platform.image_sets.manifest import COLUMNS, TEXT_KINDS
from off_platform.image_sets.pages.croissant.document import (
    JSON_TYPES,
    CroissantFacts,
    CroissantFile,
    PhotoFiles,
    SetTexts,
)
from off_platform.image_sets.pages.manifest_statistics import ORDER_OF_SPLITS
from off_platform.quality import Column
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal, literal
from off_platform.storage.threads import cores, in_order

if TYPE_CHECKING:
    import duckdb

CROISSANT = "croissant.json"
# Of the manifest, besides the labels.
DESCRIBING = ("sample", "barcode", "image_id", "kind", "split", "shown_width", "shown_height")
_READ_BYTES = 2**24
_NUMBER = "[0-9]{5,}"
# The types of columns that the format has, by DuckDB's names.
_TYPES = {Column("", each, "").sql: each for each in JSON_TYPES} | {
    "TIMESTAMP WITH TIME ZONE": "timestamp"
}


@dataclass(frozen=True)
class BuiltFiles:
    """New files of a set that is being put together.

    Attributes:
        places: where they are.
        shards: those of which size and checksum are known, by name.
    """

    places: Places
    shards: Mapping[str, CroissantFile]


def croissant_facts(
    texts: SetTexts,
    folder: Folder,
    manifest: Path,
    connection: "duckdb.DuckDBPyConnection",
    ending: str = ".jpg",
    built: "BuiltFiles | None" = None,
) -> CroissantFacts:
    """Gathers the facts; reads shards of unknown checksums once.

    Args:
        texts: what the wing says.
        folder: the set's.
        manifest: the new manifest.
        connection: DuckDB that can read both.
        ending: of the names of photos.
        built: what is new in the set, if it is being put together.
    """
    built = built or BuiltFiles(Places(()), {})
    rows = f"read_parquet({file_literal(manifest)})"
    ((samples, objects),) = connection.execute(
        f"SELECT count(DISTINCT sample), count(*) FROM {rows}"
    ).fetchall()
    return CroissantFacts(
        **vars(texts),
        manifest=_local_file(manifest, MANIFEST),
        columns=tuple(_of_samples(_columns(rows, connection))),
        photos=tuple(_photos(rows, folder, ending, connection, built)),
        one_row=samples == objects,
    )


def _columns(rows: str, connection: "duckdb.DuckDBPyConnection") -> Iterator[Column]:
    """The columns of a table that the format has types for, described as in the manifest."""
    described = {column.name: column.description for column in COLUMNS}
    for name, sql, *_ in connection.execute(f"DESCRIBE FROM {rows}").fetchall():
        if sql in _TYPES:
            yield Column(name, _TYPES[sql], described.get(name, ""))


def _of_samples(columns: Iterator[Column]) -> Iterator[Column]:
    """Of the manifest: some of its own columns, and the labels that follow them."""
    own = {column.name for column in COLUMNS} - set(DESCRIBING)
    return (column for column in columns if column.name not in own)


def _photos(
    rows: str,
    folder: Folder,
    ending: str,
    connection: "duckdb.DuckDBPyConnection",
    built: "BuiltFiles",
) -> Iterator[PhotoFiles]:
    """The files of each split; train, validation and test first."""
    found = connection.execute(f"""
        WITH photos AS (FROM {rows} WHERE status = 'fetched' AND kind NOT IN {TEXT_KINDS}
            AND split IS DISTINCT FROM {literal(EXCLUDED)})
        FROM (SELECT coalesce(split, '') AS name,
            CASE WHEN path LIKE '%.tar' THEN 'shards' WHEN "offset" IS NULL THEN 'files'
                ELSE 'parquet' END AS stored,
            min(path) AS first,
            list(DISTINCT CASE WHEN "offset" IS NULL
                    THEN regexp_replace(regexp_extract(path, '^(.*)/', 1), '/.*', '/*')
                WHEN path LIKE '%.tar' THEN path
                ELSE regexp_extract(path, '^(.*?){_NUMBER}[.]parquet$', 1) END) AS containers
        FROM photos GROUP BY ALL) ORDER BY {ORDER_OF_SPLITS.format("name")}""").fetchall()
    shards = [name for _, stored, _, names in found if stored == "shards" for name in names]
    digests = _digests(folder, sorted(shards), built)
    for split, stored, first, names in found:
        yield PhotoFiles(
            split=split,
            kind=stored,
            patterns=tuple(_patterns(stored, ending, sorted(names))),
            shards=tuple(digests[name] for name in sorted(names) if name in digests),
            ending=ending,
            columns=tuple(_columns(_table(folder.address(built.places.of(first))), connection))
            if stored == "parquet"
            else (),
        )


def _table(address: str) -> str:
    return f"read_parquet({file_literal(address)})"


def _patterns(stored: str, ending: str, names: list[str]) -> Iterator[str]:
    """Patterns of the names of photos in folders or shards, or of Parquet files."""
    if stored == "shards":
        yield f"*{ending}"
    for name in names if stored != "shards" else ():
        yield f"{name}[0-9]*.parquet" if stored == "parquet" else f"{name}/*{ending}"


def _digests(folder: Folder, names: list[str], built: "BuiltFiles") -> dict[str, CroissantFile]:
    """Sizes and SHA-256 of shards; those of shards that were not built anew are known."""
    known = {**_known(folder), **built.shards}

    def described(name: str) -> CroissantFile:
        return known[name] if name in known else _digest(folder, built.places.of(name), name)

    return {each.name: each for each in in_order(described, names, cores())}


def described_shards(scratch: Path, names: Sequence[str]) -> dict[str, CroissantFile]:
    """Sizes and SHA-256 of the shards among some local files."""
    shards = [name for name in names if name.endswith(".tar")]
    described = in_order(lambda name: _local_file(scratch / name, name), shards, cores())
    return {each.name: each for each in described}


def _local_file(path: Path, name: str) -> CroissantFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return CroissantFile(name=name, size=path.stat().st_size, sha256=digest)


def _digest(folder: Folder, place: str, name: str) -> CroissantFile:
    digest, size = hashlib.sha256(), 0
    while block := folder.read(place, size, _READ_BYTES):
        digest.update(block)
        size += len(block)
    return CroissantFile(name=name, size=size, sha256=digest.hexdigest())


def _known(folder: Folder) -> dict[str, CroissantFile]:
    """The files of the earlier `croissant.json`; none if it is missing or damaged."""
    try:
        found = json.loads(folder.read(CROISSANT))["distribution"]
        return {
            each["name"]: CroissantFile(
                name=each["name"],
                size=int(each["contentSize"].removesuffix(" B")),
                sha256=str(each["sha256"]),
            )
            for each in found
            if each["@type"] == "cr:FileObject"
        }
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return {}

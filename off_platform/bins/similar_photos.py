"""Compares neighbouring photos of different splits as images, independently of visits.

Visits and splits follow from the metadata (`visits.py`); here a sample of the photos is compared
for near duplicates (`image_sets/division/near_duplicates.py`). That detects a repeated photo, not
the same bin moments later: of the 29 pairs within a visit among the first 60 bins none is a near
duplicate. So photos in the wrong split are detected, for example because ids were mixed up.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from off_platform.bins.choice import WING
from off_platform.bins.schemas import BIN_SPLITS, BINS
from off_platform.image_sets.declaration.declared import declared_sets
from off_platform.image_sets.division.near_duplicates import near_pairs
from off_platform.image_sets.photos.looks import looks_of
from off_platform.image_sets.photos.perceptual_hash import words_of
from off_platform.quality import Finding
from off_platform.settings import Settings
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import BIN_IMAGE_SETS, MANIFEST
from off_platform.storage.sql import file_literal, literal

if TYPE_CHECKING:
    import duckdb

# Each pair takes a few milliseconds to decode.
PAIRS_MOST = 500


class Photo(NamedTuple):
    """A photo and its location in a set."""

    bin_id: str
    split: str
    image_set: str
    path: str
    offset: int | None
    stored_bytes: int


def sets_at_hand(lake: Lake, settings: Settings, name: str) -> dict[str, Folder]:
    """The folders of a set and of the declared sets that were built in the lake."""
    names = {*declared_sets(settings.image_sets, WING), name}
    folders = {each: lake.root.below(f"{BIN_IMAGE_SETS}/{each}") for each in names}
    return {each: folder for each, folder in folders.items() if folder.exists(MANIFEST)}


def compare_neighbours(
    lake: Lake,
    connection: "duckdb.DuckDBPyConnection",
    image_set: str,
    folders: Mapping[str, Folder],
) -> Finding:
    """Compares a sample of a set's photos with the photos of neighbouring ids in other splits.

    Args:
        lake: with `bins` and `bin_splits`.
        connection: DuckDB that can read the lake and the folders.
        image_set: the set whose photos are compared.
        folders: that set's and those of others, by name, each with its manifest.
    """
    finding = Finding()
    for pair in _pairs(lake, connection, image_set, folders):
        try:
            hashes = [_hash_of(photo, folders) for photo in pair]
        except FileNotFoundError:
            # The other set is being rebuilt.
            continue
        found = [each for each in hashes if each]
        if len(found) < len(pair):
            # Other rules report a photo that cannot be decoded; one of one colour is like no other.
            continue
        finding.of += 1
        if len(near_pairs(words_of(found)).earlier):
            finding.add(1, [f"{_named(pair[0])} and {_named(pair[1])}"])
    finding.note = (
        f"{finding.broken:,} of {finding.of:,} pairs of neighbours in different splits are near "
        "duplicates. The same bin moments later is not detected."
        if finding.of
        else "The sets have no photos of neighbouring ids in different splits."
    )
    return finding


def _hash_of(photo: Photo, folders: Mapping[str, Folder]) -> str | None:
    folder = folders[photo.image_set]
    data = folder.read(photo.path, photo.offset or 0, photo.stored_bytes)
    return looks_of(data).perceptual_hash


def _named(photo: Photo) -> str:
    return f"{photo.bin_id} ({photo.image_set}, {photo.split})"


def _pairs(
    lake: Lake,
    connection: "duckdb.DuckDBPyConnection",
    image_set: str,
    folders: Mapping[str, Folder],
) -> Iterator[tuple[Photo, Photo]]:
    """Up to `PAIRS_MOST` pairs, the same in each run; the first photo is of the set itself."""
    photos = " UNION ALL ".join(
        f"""SELECT sample AS id, {literal(name)} AS image_set, path, "offset", stored_bytes
            FROM read_parquet({file_literal(folder.address(MANIFEST))})
            WHERE kind = 'photo' AND status = 'fetched' AND path NOT LIKE '%.parquet'"""
        for name, folder in folders.items()
    )
    # A photo in several sets is compared once, preferably that of the set itself.
    found = connection.execute(f"""
        WITH photos AS (
            SELECT id, position, split, image_set, path, "offset", stored_bytes
            FROM ({photos})
            JOIN (SELECT id, position FROM {lake.rows_of(BINS.name)} WHERE id_space = 'main')
                USING (id)
            JOIN (SELECT id, split FROM {lake.rows_of(BIN_SPLITS.name)}) USING (id)
            QUALIFY row_number() OVER (
                PARTITION BY id ORDER BY image_set <> {literal(image_set)}, image_set) = 1)
        SELECT a.id, a.split, a.image_set, a.path, a."offset", a.stored_bytes,
            b.id, b.split, b.image_set, b.path, b."offset", b.stored_bytes
        FROM photos AS a JOIN photos AS b ON a.split <> b.split
            AND (b.position = a.position + 1 OR b.position = a.position - 1)
            AND (b.image_set <> a.image_set OR b.position > a.position)
        WHERE a.image_set = {literal(image_set)}
        ORDER BY hash(a.position), a.position, b.position LIMIT {PAIRS_MOST}""").fetchall()
    for row in found:
        yield Photo(*row[:6]), Photo(*row[6:])

"""What a person looks at: data card, gallery and contact sheet, made from a manifest and its files.

Fetching is `build.py`; how a page or sheet looks is `card.py`, `gallery.py`, `contact_sheet.py`.
"""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off_platform.image_sets import building
from off_platform.image_sets.card import (
    CardFacts,
    CardKeyList,
    CardKind,
    CardPhotoSizes,
    CardProblem,
    CardTally,
    CardVerification,
    Spread,
    data_card,
)
from off_platform.image_sets.contact_sheet import contact_sheet
from off_platform.image_sets.contents import TEXT_KINDS, ocr_text
from off_platform.image_sets.gallery import GalleryFacts, GalleryItem, write_gallery
from off_platform.image_sets.image_folder import IMAGE_FOLDER, write_image_folder
from off_platform.storage.folders import Folder
from off_platform.storage.lake import MANIFEST, literal

if TYPE_CHECKING:
    import duckdb

CARD = "README.md"
GALLERY = "gallery.html"
SHEET = "contact_sheet.jpg"

PROBLEMS_NAMED = 20
SHEET_PHOTOS = 60
TEXT_MOST = 4000


@dataclass(frozen=True)
class About:
    """What the wing says of a set: it knows the bucket, this module does not."""

    name: str
    title: str
    description: str
    source: str
    source_url: str
    address: str
    options: tuple[tuple[str, str], ...]
    seed: int | None
    candidates: int
    key_list: CardKeyList | None
    kinds: tuple[CardKind, ...]
    command: str
    licence: str
    licence_id: str
    licence_url: str
    attribution: str
    tags: tuple[str, ...]
    limits: tuple[str, ...]
    asked: int | None
    files: tuple[tuple[str, str], ...] = ()
    reached: tuple[tuple[str, int], ...] = ()
    labels: str | None = None
    """The wing's own file with a column `id`, the sample, and labels; None without."""
    describe: Callable[[bytes], tuple[str, str]] | None = None
    """An object that is neither photo nor OCR result, to heading and text of the gallery."""


@dataclass(frozen=True)
class InSet:
    """What is in a finished set: samples, objects by kind and status, the first that are not there.

    Attributes:
        samples: how many.
        tallies: objects and bytes by kind and status.
        problems: the first objects that could not be had.
        earlier: number of objects that are copies of an earlier run, for want of fresh ones.
    """

    samples: int
    tallies: tuple[CardTally, ...]
    problems: tuple[CardProblem, ...]
    earlier: int

    @cached_property
    def by_status(self) -> Counter[str]:
        """Objects by status."""
        return _by_status(self.tallies)

    @property
    def size(self) -> int:
        """Bytes of all objects that are there."""
        return sum(tally.size for tally in self.tallies)


class Contents:
    """What is in a set, read off its manifest, and the bytes behind it.

    Args:
        folder: the set's; objects are looked for where they will be and where they are built.
        manifest: address of the manifest.
        connection: DuckDB that can read it.
    """

    def __init__(
        self, folder: Folder, manifest: str, connection: "duckdb.DuckDBPyConnection"
    ) -> None:
        """See the class."""
        self._folder, self._connection = folder, connection
        self._rows = f"read_parquet({literal(manifest)})"

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(query).fetchall())

    @cached_property
    def tallies(self) -> tuple[CardTally, ...]:
        """Objects and bytes by kind and status."""
        found = self._ask(f"""SELECT kind, status, count(*), coalesce(sum(bytes), 0)::BIGINT
            FROM {self._rows} GROUP BY kind, status
            ORDER BY kind IN {TEXT_KINDS}, kind, status <> 'fetched', status""")
        return tuple(
            CardTally(kind=kind, status=status, objects=objects, size=size)
            for kind, status, objects, size in found
        )

    @cached_property
    def in_set(self) -> InSet:
        """The figures that are told after the set is made."""
        return InSet(self.samples, self.tallies, self.problems(PROBLEMS_NAMED), self.earlier)

    @cached_property
    def samples(self) -> int:
        """Number of samples."""
        return int(self._ask(f"SELECT count(DISTINCT sample) FROM {self._rows}")[0][0])

    @cached_property
    def shards(self) -> int:
        """Number of shards; 0 for loose files."""
        return self._count("DISTINCT path", "path LIKE '%.tar' AND path NOT LIKE '%incomplete.tar'")

    @cached_property
    def aside(self) -> int:
        """Number of samples in a file of their own, as they lack objects."""
        return self._count("DISTINCT sample", "path LIKE '%incomplete.tar'")

    def _count(self, what: str, where: str) -> int:
        return int(self._ask(f"SELECT count({what}) FROM {self._rows} WHERE {where}")[0][0])

    @cached_property
    def is_image_folder(self) -> bool:
        """Whether these are loose files with photos among them."""
        photos = any(
            tally.status == "fetched" and tally.kind not in TEXT_KINDS for tally in self.tallies
        )
        return photos and not self.shards

    @cached_property
    def earlier(self) -> int:
        """Number of objects that are copies of an earlier run, as fresh ones could not be had."""
        query = f"FROM {self._rows} WHERE status = 'fetched' AND reason IS NOT NULL"
        return int(self._ask(f"SELECT count(*) {query}")[0][0])

    def problems(self, most: int) -> tuple[CardProblem, ...]:
        """The first objects that could not be had."""
        found = self._ask(f"""SELECT key, status, reason FROM {self._rows}
            WHERE status <> 'fetched' ORDER BY position LIMIT {most}""")
        return tuple(
            CardProblem(key=key, status=status, reason=reason) for key, status, reason in found
        )

    @cached_property
    def photo_sizes(self) -> tuple[CardPhotoSizes, ...]:
        """Smallest, middle and largest width and height of each kind of photo."""
        found = self._ask(f"""SELECT kind, count(*), min(width), median(width), max(width),
            min(height), median(height), max(height)
            FROM {self._rows} WHERE width IS NOT NULL GROUP BY kind ORDER BY kind""")
        return tuple(
            CardPhotoSizes(
                kind=kind,
                photos=photos,
                width=Spread(smallest=sizes[0], median=sizes[1], largest=sizes[2]),
                height=Spread(smallest=sizes[3], median=sizes[4], largest=sizes[5]),
            )
            for kind, photos, *sizes in found
        )

    @cached_property
    def verification(self) -> CardVerification:
        """How many objects passed which test."""
        equal, other, fetched, whole, decoded = self._ask(f"""
            SELECT count(*) FILTER (trim(etag, '"') = md5),
                count(*) FILTER (trim(etag, '"') IS DISTINCT FROM md5),
                count(*), count(width), count(*) FILTER (decoded)
            FROM {self._rows} WHERE status = 'fetched'""")[0]
        return CardVerification(
            md5_equal=equal,
            md5_not_comparable=other,
            length_equal=fetched,
            photos_whole=whole,
            photos_decoded=decoded,
        )

    def rows_by_sample(self, samples: int) -> Iterator[list[dict[str, Any]]]:
        """The manifest's rows of the first samples, a list a sample, each with its group.

        Without the times: Arrow makes them with pandas, which takes 0.2 s and 50 MB to load.
        """
        plan = f"read_parquet({literal(self._folder.address(building.PLAN))})"
        if not self._folder.exists(building.PLAN):
            plan = f"""(SELECT position, 0 AS "group" FROM {self._rows})"""
        # A cursor of its own: whoever stops reading half-way must not keep others from asking.
        reader = (
            self._connection.cursor()
            .sql(f"""SELECT m.* EXCLUDE (last_modified), p."group" AS "group"
                FROM {self._rows} AS m JOIN {plan} AS p USING (position)
                ORDER BY position LIMIT {samples * 4}""")
            .to_arrow_reader(1000)
        )
        rows = (row for batch in reader for row in batch.to_pylist())
        grouped = (list(group) for _, group in groupby(rows, lambda row: row["sample"]))
        return islice(grouped, samples)

    def bytes_of(self, row: dict[str, Any]) -> bytes | None:
        """An object as stored; None when it was not fetched."""
        if row["path"] is None:
            return None
        for place in (building.built_at(row["path"], row["group"]), row["path"]):
            try:
                return self._folder.read(place, row["offset"] or 0, row["stored_bytes"])
            except FileNotFoundError:
                continue
        return None


def _by_status(tallies: tuple[CardTally, ...]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for tally in tallies:
        counts[tally.status] += tally.objects
    return counts


def finish(
    folder: Folder,
    about: About,
    connection: "duckdb.DuckDBPyConnection",
    gallery_samples: int,
    more: Callable[[Path], list[str]] | None = None,
) -> InSet:
    """Joins the groups to a set: manifest, card, gallery and sheet, all put in place together.

    Args:
        folder: the set's.
        about: what it is.
        connection: DuckDB that can read the folder.
        gallery_samples: samples shown in the gallery.
        more: makes the wing's own files in the folder it is given, and names them.

    Returns:
        What is in the set.
    """
    with folder.scratch() as scratch:
        building.write_manifest(folder, scratch / MANIFEST, _constants(about), connection)
        contents = Contents(folder, str(scratch / MANIFEST), connection)
        (scratch / CARD).write_text(data_card(_card_facts(about, contents)), encoding="utf-8")
        (scratch / SHEET).write_bytes(_sheet(contents))
        _write_gallery(scratch / GALLERY, about, contents, gallery_samples)
        in_set = contents.in_set
        own = more(scratch) if more else []
        if contents.is_image_folder:
            labels = scratch / about.labels if about.labels else None
            write_image_folder(connection, scratch / MANIFEST, labels, scratch / IMAGE_FOLDER)
            own = [*own, IMAGE_FOLDER]
        made = [CARD, SHEET, GALLERY, *own, MANIFEST]
        for name in made:
            folder.place(scratch / name, f"{building.BUILDING}/{name}")
    groups = building.containers_made(folder, connection)
    building.put_in_place(folder, [*groups, *made], connection)
    return in_set


def _constants(about: About) -> dict[str, str]:
    return {
        "image_set": about.name,
        "url": about.address,
        "licence": about.licence,
        "attribution": about.attribution,
    }


def _card_facts(about: About, contents: Contents) -> CardFacts:
    return CardFacts(
        **{
            name: value
            for name, value in vars(about).items()
            if name not in {"address", "describe", "labels"}
        },
        samples=contents.samples,
        tallies=contents.tallies,
        problems=contents.problems(PROBLEMS_NAMED),
        photo_sizes=contents.photo_sizes,
        shards=contents.shards,
        aside=contents.aside,
        image_folder=contents.is_image_folder,
        example=next((rows[0]["sample"] for rows in contents.rows_by_sample(1)), "sample"),
        verification=contents.verification,
        unpacked=any(kind.name == "ocr" for kind in about.kinds),
        earlier=contents.earlier,
    )


def _sheet(contents: Contents) -> bytes:
    photos = (
        photo
        for rows in contents.rows_by_sample(SHEET_PHOTOS * 2)
        for row in rows
        if row["kind"] not in TEXT_KINDS and (photo := contents.bytes_of(row)) is not None
    )
    return contact_sheet(photos, most=SHEET_PHOTOS)


def _write_gallery(path: Path, about: About, contents: Contents, samples: int) -> None:
    facts = GalleryFacts(
        name=about.name,
        source=about.source,
        licence=about.licence,
        attribution=about.attribution,
        samples=contents.samples,
        statuses=contents.in_set.by_status,
        size=contents.in_set.size,
        description=about.description,
        snapshot=about.key_list.month if about.key_list else None,
        source_url=about.source_url,
        licence_url=about.licence_url,
    )
    items = (
        _gallery_item(rows, contents, about.describe) for rows in contents.rows_by_sample(samples)
    )
    with path.open("w", encoding="utf-8") as page:
        write_gallery(items, page, facts, limit=samples)


def _gallery_item(
    rows: list[dict[str, Any]],
    contents: Contents,
    describe: Callable[[bytes], tuple[str, str]] | None,
) -> GalleryItem:
    photo = text = None
    heading = "Text found by OCR"
    for row in rows:
        stored = contents.bytes_of(row)
        if stored is not None and row["kind"] == "ocr":
            packed = stored if stored.startswith(b"\x1f\x8b") else gzip.compress(stored, 1)
            text = ocr_text(packed, TEXT_MOST)
        elif stored is not None and row["kind"] in TEXT_KINDS:
            if describe:
                heading, text = describe(stored)
                text = text[:TEXT_MOST]
        elif stored is not None:
            photo = stored
    return GalleryItem.from_manifest(rows, photo=photo, text=text, text_heading=heading)


def options_as_text(options: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Options that are set, as a card shows them."""
    return tuple(
        (name, value if isinstance(value, str) else json.dumps(value, default=str))
        for name, value in options.items()
        if value not in (None, [], ())
    )

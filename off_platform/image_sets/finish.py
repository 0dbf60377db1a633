"""The pages for people: data card, gallery and contact sheet, made from a manifest and its files.

`fetching/build.py` fetches; the rooms `pages/` and `layouts/` write.
"""

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off_platform.image_sets.construction.containers import Container, Places, demand_built
from off_platform.image_sets.construction.planned_rows import write_outcomes
from off_platform.image_sets.construction.replacement import place_files, prefix_of, put_in_place
from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.declaration.labels import Labels
from off_platform.image_sets.division.described import Described, describe
from off_platform.image_sets.files.stored_objects import StoredObjects
from off_platform.image_sets.layouts.arranging import arrange
from off_platform.image_sets.layouts.image_folder import write_image_folders
from off_platform.image_sets.layouts.loading import TEXT_ENDINGS, Loading
from off_platform.image_sets.layouts.sample_columns import sample_columns
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.image_sets.pages.card import (
    PROBLEMS_NAMED,
    CardFacts,
    CardKeyList,
    CardKind,
    data_card,
)
from off_platform.image_sets.pages.card_statistics import CardStatistics
from off_platform.image_sets.pages.contact_sheet import contact_sheet
from off_platform.image_sets.pages.croissant import CroissantFile, croissant
from off_platform.image_sets.pages.croissant_facts import (
    CROISSANT,
    BuiltFiles,
    SetTexts,
    croissant_facts,
    described_shards,
)
from off_platform.image_sets.pages.gallery import GalleryFacts, GalleryItem, write_gallery
from off_platform.image_sets.pages.manifest_statistics import count_statistics
from off_platform.image_sets.pages.set_contents import Contents, InSet
from off_platform.image_sets.photos.contents import ocr_text
from off_platform.image_sets.set_states import SetFacts
from off_platform.storage.engine import copy_query, reserve_for_writer
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb

CARD = "README.md"
GALLERY = "gallery.html"
SHEET = "contact_sheet.jpg"

SHEET_PHOTOS = 60
TEXT_MOST = 4000


@dataclass(frozen=True)
class About:
    """The wing's facts about a set and its bucket."""

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
    requested: int | None
    files: tuple[tuple[str, str], ...] = ()
    reached: Callable[[str], tuple[tuple[str, int, int], ...]] | None = None
    """From SQL of the manifest to the classes, see `CardFacts`."""
    labels: str | None = None
    """The wing's file with a column `id`, the sample, and labels; None if there is none."""
    describe: Callable[[bytes], tuple[str, str]] | None = None
    """Maps an object that is neither photo nor OCR result to the gallery's heading and text."""
    class_label: str | None = None
    """The label whose values are the classes in the card's statistics."""


@dataclass(frozen=True)
class Finishing:
    """How fetched objects become a set.

    Attributes:
        how: the set is built.
        labels: of its samples.
        gallery_samples: samples shown in the gallery.
        links: see `splits.split_set`.
        facts: what the set is built with, which its manifest's file says.
    """

    how: How
    labels: Labels | None = None
    gallery_samples: int = 2000
    links: str | None = None
    facts: SetFacts = field(default_factory=SetFacts)

    @property
    def is_described(self) -> bool:
        """Whether there is more to show of its samples than their sizes."""
        return bool(self.how.looks or self.label_names)

    @property
    def label_names(self) -> list[str]:
        """The names of the labels."""
        return [column.name for column in self.labels.columns] if self.labels else []


def finish(
    folder: Folder,
    about: About,
    connection: "duckdb.DuckDBPyConnection",
    finishing: Finishing,
    more: Callable[[Path], list[str]] | None = None,
) -> InSet:
    """Joins the groups to a set: manifest, card, gallery and sheet, moved into place together.

    Args:
        folder: the set's.
        about: the wing's facts about it.
        connection: DuckDB that can read the folder.
        finishing: how.
        more: writes the wing's own files to the given folder, and returns their names.

    Returns:
        The content of the set.
    """
    with folder.scratch() as scratch, StoredObjects(folder) as objects:
        with reserve_for_writer(connection):
            built = _write_manifest(folder, scratch, about, connection, finishing)
        places = built.files.places
        contents = Contents(folder, str(scratch / MANIFEST), connection, objects, places)
        class_label = finishing.how.stratify or finishing.how.class_folders or about.class_label
        statistics = count_statistics(connection, contents.rows, class_label)
        drawn = _write_charts(scratch, statistics) if finishing.is_described else {}
        facts = _card_facts(about, contents, statistics, drawn, finishing.how)
        (scratch / CARD).write_text(data_card(facts), encoding="utf-8")
        (scratch / SHEET).write_bytes(_sheet(contents))
        _write_gallery(scratch / GALLERY, about, contents, finishing)
        in_set = contents.in_set
        own = more(scratch) if more else []
        if contents.is_image_folder:
            labels = scratch / about.labels if about.labels else None
            columns = sample_columns(connection, contents.rows, finishing.label_names)
            where = (scratch / MANIFEST, labels, columns, scratch)
            own = [*own, *write_image_folders(connection, *where)]
        _write_croissant(scratch, about, finishing.how, folder, connection, built.files)
        pages = [CARD, SHEET, GALLERY, CROISSANT, *drawn, *own]
        place_files(folder, scratch, pages)
        names = [*built.arranged, *pages]
        put_in_place(folder, scratch, names, built.containers, connection)
    return in_set


@dataclass(frozen=True)
class _Built:
    """What a set is put together from.

    Attributes:
        containers: that become files of the set.
        arranged: names of the files and folders that were arranged.
        files: where both are.
    """

    containers: Sequence[Container]
    arranged: Sequence[str]
    files: BuiltFiles


def _write_manifest(
    folder: Folder,
    scratch: Path,
    about: About,
    connection: "duckdb.DuckDBPyConnection",
    finishing: Finishing,
) -> _Built:
    """Writes the manifest to the scratch folder, and places arranged files."""
    outcomes, described = scratch / "outcomes.parquet", scratch / "described.parquet"
    containers = write_outcomes(folder, outcomes, _constants(about), connection)
    demand_built(folder, containers)
    names, how = finishing.label_names, finishing.how
    facts = finishing.facts.in_file
    describe(connection, folder, outcomes, how, names, finishing.links, Described(described, facts))
    outcomes.unlink()
    if not how.arranged:
        described.rename(scratch / MANIFEST)
        shards = {
            each.name: CroissantFile(name=each.name, size=each.bytes, sha256=each.sha256)
            for each in containers
            if each.bytes is not None and each.sha256 is not None
        }
        return _Built(containers, (), BuiltFiles(Places(containers), shards))
    staged = Places(containers)
    made = arrange(connection, folder, described, how, names, scratch, staged)
    shards = described_shards(scratch, made.names)
    place_files(folder, scratch, made.names)
    places = f"read_parquet({file_literal(made.locations)})"
    replaced = ", ".join(f'l."{name}" AS "{name}"' for name in ("path", "offset", "stored_bytes"))
    query = f"""SELECT d.* REPLACE ({replaced})
        FROM read_parquet({file_literal(described)}) AS d LEFT JOIN {places} AS l USING (position)
        ORDER BY position"""
    copy_query(connection, query, scratch / MANIFEST, facts=facts)
    moved = made.names if prefix_of(folder) else ()
    return _Built((), made.names, BuiltFiles(Places((), moved), shards))


def _constants(about: About) -> dict[str, str]:
    return {
        "image_set": about.name,
        "url": about.address,
        "licence": about.licence,
        "attribution": about.attribution,
    }


def _write_charts(to: Path, statistics: CardStatistics) -> dict[str, str]:
    """Writes the charts; returns the names of the files, each with its title."""
    # Matplotlib takes longer to load than everything else, and most sets have no charts.
    from off_platform.image_sets.pages.charts import TITLES, charts  # noqa: PLC0415

    drawn = charts(statistics)
    for name, picture in drawn.items():
        (to / name).write_bytes(picture)
    return {name: TITLES[name] for name in drawn}


def _write_croissant(
    to: Path,
    about: About,
    how: How,
    folder: Folder,
    connection: "duckdb.DuckDBPyConnection",
    built: BuiltFiles,
) -> None:
    texts = SetTexts(
        name=about.name,
        description=about.description,
        licence_url=about.licence_url,
        attribution=about.attribution,
        source_url=about.source_url,
        keywords=about.tags,
    )
    facts = croissant_facts(texts, folder, to / MANIFEST, connection, how.form.ending, built)
    (to / CROISSANT).write_text(croissant(facts), encoding="utf-8")


def _card_facts(
    about: About, contents: Contents, statistics: CardStatistics, drawn: dict[str, str], how: How
) -> CardFacts:
    return CardFacts(
        **{
            name: value
            for name, value in vars(about).items()
            if name not in {"address", "describe", "labels", "reached", "class_label", "kinds"}
        },
        kinds=tuple(_as_stored(kind, how) for kind in about.kinds),
        loading=_loading(contents, how) if how.arranged else None,
        reached=about.reached(contents.rows) if about.reached else (),
        samples=contents.samples,
        tallies=contents.tallies,
        problems=contents.problems(PROBLEMS_NAMED),
        photo_sizes=contents.photo_sizes,
        shards=contents.shards,
        aside=contents.aside,
        copies=contents.copies,
        image_folder=contents.is_image_folder,
        example=next((rows[0]["sample"] for rows in contents.rows_by_sample(1)), "sample"),
        verification=contents.verification,
        unpacked=how.unpacks and any(kind.name == "ocr" for kind in about.kinds),
        processing=how.form.text,
        earlier=contents.earlier,
        statistics=statistics,
        charts=tuple(drawn.items()),
    )


def _as_stored(kind: CardKind, how: How) -> CardKind:
    """The kind with the file name ending that its objects have in the set."""
    if kind.photo:
        return replace(kind, suffix=kind.suffix.replace(".jpg", how.form.ending))
    is_renamed = how.labelled and how.layout == "shards"
    return replace(kind, suffix=TEXT_ENDINGS[kind.name]) if is_renamed else kind


def _loading(contents: Contents, how: How) -> Loading:
    there = contents.splits
    splits = tuple(name for name, _ in how.shares if name in there)
    labelled = how.labelled and how.layout == "shards"
    return Loading(how.layout, splits, how.class_folders is not None, labelled, how.form.ending)


def _sheet(contents: Contents) -> bytes:
    photos = (
        photo
        for rows in contents.rows_by_sample(SHEET_PHOTOS * 2)
        for row in rows
        if row["kind"] not in TEXT_KINDS and (photo := contents.bytes_of(row)) is not None
    )
    return contact_sheet(photos, most=SHEET_PHOTOS)


def _write_gallery(path: Path, about: About, contents: Contents, finishing: Finishing) -> None:
    samples = finishing.gallery_samples
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
        _gallery_item(rows, contents, about.describe, finishing.label_names)
        for rows in contents.rows_by_sample(samples)
    )
    with path.open("w", encoding="utf-8") as page:
        write_gallery(items, page, facts, limit=samples)


def _gallery_item(
    rows: list[dict[str, Any]],
    contents: Contents,
    describe: Callable[[bytes], tuple[str, str]] | None,
    labels: Sequence[str],
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
    return GalleryItem.from_manifest(
        rows, photo=photo, text=text, text_heading=heading, labels=labels
    )


def options_as_text(options: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The options that differ from their defaults, as shown in the card."""
    return tuple(
        (name, value if isinstance(value, str) else json.dumps(value, default=str))
        for name, value in options.items()
        if value not in (None, [], ())
    )

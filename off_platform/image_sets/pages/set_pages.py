"""The pages of a set for people: data card with charts, gallery and contact sheet.

Of a set that is put together in a folder, from the facts of its wing, its manifest and its files.
"""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.layouts.loading import TEXT_ENDINGS, Loading
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.image_sets.pages.about import About
from off_platform.image_sets.pages.card import PROBLEMS_NAMED, CardFacts, CardKind, data_card
from off_platform.image_sets.pages.card_statistics import CardStatistics
from off_platform.image_sets.pages.contact_sheet import contact_sheet
from off_platform.image_sets.pages.gallery import GalleryFacts, GalleryItem, write_gallery
from off_platform.image_sets.pages.set_contents import Contents
from off_platform.image_sets.photos.contents import ocr_text

CARD = "README.md"
GALLERY = "gallery.html"
SHEET = "contact_sheet.jpg"

SHEET_PHOTOS = 60
TEXT_MOST = 4000


def write_pages(
    to: Path,
    about: About,
    contents: Contents,
    how: How,
    labels: Sequence[str],
    *,
    gallery_samples: int,
    charts: bool,
) -> list[str]:
    """Writes the pages to a folder.

    Args:
        to: the folder.
        about: the wing's facts.
        contents: of the set.
        how: it is built.
        labels: names of the labels of its samples.
        gallery_samples: maximum number of samples in the gallery.
        charts: whether the card has charts.

    Returns:
        The names of the files.
    """
    statistics = contents.statistics(how.stratify or how.class_folders or about.class_label)
    drawn = _write_charts(to, statistics) if charts else {}
    facts = _card_facts(about, contents, statistics, drawn, how)
    (to / CARD).write_text(data_card(facts), encoding="utf-8")
    (to / SHEET).write_bytes(_sheet(contents))
    _write_gallery(to / GALLERY, about, contents, labels, gallery_samples)
    return [CARD, SHEET, GALLERY, *drawn]


def _write_charts(to: Path, statistics: CardStatistics) -> dict[str, str]:
    """Writes the charts; returns the names of the files, each with its title."""
    # Matplotlib takes longer to load than everything else, and most sets have no charts.
    from off_platform.image_sets.pages.charts import TITLES, charts  # noqa: PLC0415

    drawn = charts(statistics)
    for name, picture in drawn.items():
        (to / name).write_bytes(picture)
    return {name: TITLES[name] for name in drawn}


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


def _write_gallery(
    path: Path, about: About, contents: Contents, labels: Sequence[str], samples: int
) -> None:
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
        _gallery_item(rows, contents, about.describe, labels)
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
        if row["kind"] == "ocr":
            text = _text_found(row, contents)
            continue
        stored = contents.bytes_of(row)
        if stored is not None and row["kind"] in TEXT_KINDS:
            if describe:
                heading, text = describe(stored)
                text = text[:TEXT_MOST]
        elif stored is not None:
            photo = stored
    return GalleryItem.from_manifest(
        rows, photo=photo, text=text, text_heading=heading, labels=labels
    )


def _text_found(row: dict[str, Any], contents: Contents) -> str | None:
    """The text of an OCR result, from the manifest; None if there is no result.

    An object that an earlier version of this package fetched may have its text in its file only.
    """
    if row["path"] is None:
        return None
    if row["ocr_text"] is not None or row["ocr_status"] != "text":
        return str(row["ocr_text"] or "")[:TEXT_MOST]
    stored = contents.bytes_of(row)
    if stored is None:
        return None
    packed = stored if stored.startswith(b"\x1f\x8b") else gzip.compress(stored, 1)
    return ocr_text(packed, TEXT_MOST)

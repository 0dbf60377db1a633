"""The gallery page of an image set: one HTML file for browsing it offline.

Samples are written one by one while threads make the next thumbnails. The caller reads manifest,
photos and OCR results; appearance and keyboard shortcuts are in `templates/gallery.*`.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, Self, TextIO
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup

from off_platform.image_sets.pages.contact_sheet import NotDrawableError, encoded, thumbnail
from off_platform.storage.threads import in_order
from off_platform.templates import template_engine
from off_platform.words import readable, size, web_address

STATUSES = ("fetched", "missing", "refused", "corrupt", "failed")
"""The statuses of an object, best first."""

THUMBNAIL_SIDE = 200
"""Longest side of a photo in the page, in pixels: half of a copy's 400, so that libjpeg halves it
as it decodes, which takes a quarter of the time of scaling it to 240."""

# Pillow works outside of the interpreter's lock. A hostile photo can take 200 MB while it is drawn
# (`contact_sheet.MOST_PIXELS`), so there are no more threads.
THREADS = 2
AHEAD = 8
"""How many samples are held while they wait to be written."""

_QUALITY = 70
_MOST_TEXT = 8_000
_MOST_REASON = 500
_MOST_FACT = 300
# A search for its first sample shows a group of near duplicates.
_OF_SPLITS = ("split", "excluded_because", "duplicate_group", "sharpness")


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryObject:
    """One object of a sample, with the manifest's facts; `size` is its column `bytes`."""

    kind: str
    status: str
    key: str
    url: str | None = None
    reason: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    path: str | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryItem:
    """A sample as shown in the page.

    Attributes:
        sample: The sample's name.
        objects: Its objects, in the manifest's order.
        barcode: The product's barcode, in sets that have barcodes.
        photo: The JPEG to show, as fetched; None when there is none.
        text: The text found by OCR, or another text about it; None when there is none.
        text_heading: The heading of the text.
        facts: What is known about it, such as labels: names and values.
        badges: What its card shows beside its title: its split, and whether it has near duplicates.
    """

    sample: str
    objects: tuple[GalleryObject, ...]
    barcode: str | None = None
    photo: bytes | None = None
    text: str | None = None
    text_heading: str = "Text found by OCR"
    facts: tuple[tuple[str, str], ...] = ()
    badges: tuple[str, ...] = ()

    @classmethod
    def from_manifest(
        cls,
        rows: Sequence[Mapping[str, Any]],
        *,
        photo: bytes | None = None,
        text: str | None = None,
        text_heading: str = "Text found by OCR",
        labels: Sequence[str] = (),
    ) -> Self:
        """Make an item from a sample's manifest rows.

        Args:
            rows: The rows of one sample, at least one; missing columns count as empty.
            photo: The JPEG to show, as fetched.
            text: The text that OCR found, or what else is written about it.
            text_heading: The heading of the text.
            labels: The names of the columns that are labels.

        Returns:
            The sample.

        Raises:
            ValueError: There are no rows, or rows of several samples.
        """
        samples = {row["sample"] for row in rows}
        if len(samples) != 1:
            raise ValueError(f"manifest rows of one sample are needed, not of {len(samples)}")
        return cls(
            sample=samples.pop(),
            barcode=rows[0].get("barcode"),
            objects=tuple(map(_gallery_object, rows)),
            photo=photo,
            text=text,
            text_heading=text_heading,
            facts=tuple(_known(rows[0], labels)),
            badges=tuple(_badges(rows[0])),
        )

    @property
    def status(self) -> str:
        """The worst status among the sample's objects."""
        return max((each.status for each in self.objects), key=_badness, default=STATUSES[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryFacts:
    """The page's facts about the whole set.

    Attributes:
        name: The set's name.
        source: The name of the bucket the objects come from.
        licence: The licence's name.
        attribution: Whom to name.
        samples: Number of samples in the whole set.
        statuses: Number of objects in the whole set by status.
        size: Total bytes of all fetched objects.
        description: What the set is, in a sentence.
        snapshot: The month of the snapshot the set was chosen from, for example `2026-10`.
        source_url: A page about the bucket.
        licence_url: The licence's text.
    """

    name: str
    source: str
    licence: str
    attribution: str
    samples: int
    statuses: Mapping[str, int]
    size: int
    description: str | None = None
    snapshot: str | None = None
    source_url: str | None = None
    licence_url: str | None = None


def write_gallery(
    items: Iterable[GalleryItem],
    destination: TextIO,
    facts: GalleryFacts,
    *,
    limit: int = 2_000,
) -> int:
    """Write the gallery page, with at most `AHEAD` photos in memory.

    Args:
        items: The samples in the set's order. No more than `limit` are taken, and no more than
            `AHEAD` of them before the first of these is written.
        destination: A text file open for writing; UTF-8 is what the page declares.
        facts: The page's facts about the whole set.
        limit: Maximum number of samples in the page.

    Returns:
        Number of samples written.

    Raises:
        ValueError: `limit` is negative.
    """
    environment = _environment()
    script, style = _source(environment, "gallery.js"), _source(environment, "gallery.css")
    cards = _Cards(islice(items, limit))
    page = environment.get_template("gallery.html.j2").generate(
        facts=facts,
        cards=cards,
        segments=_segments(facts.statuses),
        script=script,
        style=style,
        script_hash=_content_hash(script),
        style_hash=_content_hash(style),
    )
    destination.writelines(page)
    return cards.shown


@dataclass(frozen=True, slots=True)
class _Card:
    """A sample with its thumbnail: the template's input for one card."""

    item: GalleryItem
    title: str
    thumbnail: str | None
    width: int
    height: int
    problem: str | None
    objects: list[dict[str, Any]]


class _Cards:
    """The cards in order, made ahead in threads, and their number so far."""

    def __init__(self, items: Iterator[GalleryItem]) -> None:
        self._items = items
        self.shown = 0

    def __iter__(self) -> Iterator[_Card]:
        for card in in_order(_card, self._items, THREADS, AHEAD):
            self.shown += 1
            yield card


@dataclass(frozen=True, slots=True)
class _Segment:
    """One segment of the status bar, in thousandths of its length."""

    status: str
    objects: int
    start: float
    length: float


def _known(row: Mapping[str, Any], labels: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in (*_OF_SPLITS, *labels):
        value = row.get(name)
        if value is not None and value != []:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield name.replace("_", " "), readable(text, _MOST_FACT)


def _badges(row: Mapping[str, Any]) -> Iterator[str]:
    if row.get("split"):
        yield str(row["split"])
    if row.get("duplicate_group"):
        yield "near duplicate"


def _gallery_object(row: Mapping[str, Any]) -> GalleryObject:
    return GalleryObject(
        kind=row["kind"],
        status=row["status"],
        key=row["key"],
        url=row.get("url"),
        reason=row.get("reason"),
        size=row.get("bytes"),
        width=row.get("shown_width"),
        height=row.get("shown_height"),
        path=row.get("path"),
        offset=row.get("offset"),
    )


def _badness(status: str) -> int:
    return STATUSES.index(status) if status in STATUSES else len(STATUSES)


def _card(item: GalleryItem) -> _Card:
    picture, problem, width, height = None, None, 0, 0
    if item.photo is not None:
        try:
            small = thumbnail(item.photo, THUMBNAIL_SIDE)
        except NotDrawableError as reason:
            problem = str(reason)
        else:
            picture = b64encode(encoded(small, _QUALITY)).decode("ascii")
            width, height = small.size
    return _Card(
        item=item,
        title=item.barcode or item.sample,
        thumbnail=picture,
        width=width,
        height=height,
        problem=problem and readable(problem, _MOST_REASON),
        objects=[_shown_object(each) for each in item.objects],
    )


def _shown_object(each: GalleryObject) -> dict[str, Any]:
    measures = [
        f"{each.width:,} \u00d7 {each.height:,}" if each.width and each.height else "",
        size(each.size) if each.size is not None else "",
    ]
    return {
        "kind": each.kind,
        "status": each.status,
        "key": each.key,
        "reason": each.reason and readable(each.reason, _MOST_REASON),
        "measures": " \u00b7 ".join(filter(None, measures)),
        "url": web_address(each.url),
        "file": _link_to_file(each),
        "place": f"{each.path}, from byte {each.offset:,}"
        if each.path and each.offset is not None
        else None,
    }


def _link_to_file(each: GalleryObject) -> str | None:
    if not each.path or each.offset is not None:
        return None
    path = PurePosixPath(each.path)
    if path.is_absolute() or ".." in path.parts:
        return None
    return quote(str(path), errors="replace")


def _segments(statuses: Mapping[str, int]) -> list[_Segment]:
    total, start, segments = sum(statuses.values()), 0.0, []
    for status in sorted(statuses, key=_badness):
        length = 1000 * statuses[status] / total if total else 0.0
        segments.append(_Segment(status, statuses[status], start, length))
        start += length
    return segments


@cache
def _environment() -> Environment:
    made = template_engine("off_platform.image_sets.pages", _fit_for_file)
    made.filters["size"] = size
    made.filters["text"] = partial(readable, most=_MOST_TEXT)
    made.filters["web_address"] = web_address
    return made


def _fit_for_file(value: object) -> object:
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return readable(value, max(len(value), 1))
    return "" if value is None else value


def _source(environment: Environment, name: str) -> str:
    if environment.loader is None:
        raise RuntimeError("the page's templates have no loader")
    text, _, _ = environment.loader.get_source(environment, name)
    return Markup(text)  # noqa: S704 - a file of this package, written as it is hashed


def _content_hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}'"

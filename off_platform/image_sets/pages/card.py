"""The data card of an image set: the README.md that describes the set.

Plain values in, Markdown out. Counting the values and writing the file happen elsewhere; escaping
is in `templates/markdown.py`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from off_platform.image_sets.layouts.loading import Loading
from off_platform.image_sets.layouts.sample_columns import PHOTO_COLUMNS
from off_platform.image_sets.manifest import COLUMNS
from off_platform.image_sets.pages.card_statistics import CardStatistics
from off_platform.image_sets.pages.templates.markdown import markdown_environment

PROBLEMS_NAMED = 20
"""Number of missing objects listed in the card; the manifest lists all."""

LANGUAGE_SHARE_LEAST = 0.02
"""Share of the texts below which a language is not in the front matter."""
_LANGUAGE = re.compile("[a-z]{2,3}")
_SUFFIX = re.compile(r"(?:\.[A-Za-z0-9]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKind:
    """A kind of object in the set.

    Attributes:
        name: As in the manifest's column `kind`, for example `400`.
        meaning: What it is, in a few words: "the photo made 400 pixels large".
        suffix: The part of file names after the sample's name, for example `.400.jpg`.
        photo: Whether these objects are photos.
    """

    name: str
    meaning: str
    suffix: str
    photo: bool = True

    def __post_init__(self) -> None:
        """Refuse a suffix that cannot be used in the card's code.

        Raises:
            ValueError: It has characters other than dots, letters and digits.
        """
        if not _SUFFIX.fullmatch(self.suffix):
            raise ValueError(f"{self.suffix!r} is not a suffix such as '.400.jpg'")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKeyList:
    """The list of keys that the set was chosen from.

    Attributes:
        month: The snapshot's month, for example `2026-10`.
        etag: The bucket's ETag of it.
        md5: The MD5 of the file as copied.
        keys: Its number of keys.
        url: Where the bucket publishes it.
    """

    month: str
    etag: str | None
    md5: str
    keys: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTally:
    """Number of objects of one kind and status; `size` is their total in bytes."""

    kind: str
    status: str
    objects: int
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CardProblem:
    """A missing object: its key, its status, and the reason."""

    key: str
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Minimum, median and maximum of numbers of pixels."""

    smallest: float
    median: float
    largest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPhotoSizes:
    """Sizes of the photos of one kind, in pixels; `photos` is the number measured."""

    kind: str
    photos: int
    width: Spread
    height: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class CardVerification:
    """Numbers of fetched objects that passed each test.

    Attributes:
        md5_equal: The MD5 of the bytes equals the ETag.
        in_parts: The object was uploaded in parts, so that its ETag is not an MD5. It was compared
            part by part or with the store's checksum, or read twice if neither was possible.
        md5_not_comparable: The ETag is not a checksum of the bytes, as under SSE-KMS.
        length_equal: As many bytes arrived as the server announced.
        photos_whole: The photo begins and ends as a JPEG file does.
        photos_decoded: The photo was decoded to its last pixel.
    """

    md5_equal: int
    in_parts: int
    md5_not_comparable: int
    length_equal: int
    photos_whole: int
    photos_decoded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """The content of a data card as plain values; nothing in it may depend on the clock.

    Attributes:
        name: The set's name as declared.
        title: The card's heading.
        description: What the set is and what it is for, in a sentence or two.
        source: The name of the bucket the objects come from.
        source_url: A page about that bucket.
        options: Every option of the choice with its value, in order.
        seed: The seed of the draw; None when nothing was drawn.
        candidates: Number of samples that met the options, including the chosen ones.
        key_list: The list chosen from; None for a bucket without one.
        samples: How many samples the set has.
        kinds: The kinds of objects in it.
        tallies: One per kind and status, in display order.
        problems: Missing objects in the manifest's order; all, or the first.
        photo_sizes: One per kind of photo.
        shards: Number of shards; 0 for loose files.
        example: The name of one sample, as an example of file names.
        verification: Numbers of objects that passed each test.
        command: The command that builds the same set again.
        licence: The licence's name, for example `CC BY-SA 3.0`.
        licence_id: Its identifier on the Hugging Face Hub, for example `cc-by-sa-3.0`.
        licence_url: Its text.
        attribution: Whom to name.
        tags: Tags of the front matter; `image` and, with shards, `webdataset` are added.
        limits: Known limits of the set, one sentence each.
        unpacked: Whether packed objects are stored unpacked in the shards.
        requested: Number of samples requested; None for all that fit.
        earlier: Number of copies from an earlier run, because current objects could not be fetched.
        files: The wing's own files of the set, each with a description.
        reached: The classes, each with the number of samples chosen and of those with a photo.
        aside: Number of samples in `00000_incomplete.tar`, which lack objects or have fields of
            other types.
        copies: Number of photos with the same bytes as an earlier one.
        loading: What loaders need to know of a set that is split, labelled or in Parquet; None for
            others.
        processing: How photos were changed; None if they are stored as fetched.
        image_folder: Whether loose photos come with a `metadata.parquet`.
        statistics: What the photos and their labels are like.
        charts: The charts of it, each file with its title.
    """

    name: str
    title: str
    description: str
    source: str
    source_url: str
    options: tuple[tuple[str, str], ...]
    seed: int | None
    candidates: int
    key_list: CardKeyList | None
    samples: int
    kinds: tuple[CardKind, ...]
    tallies: tuple[CardTally, ...]
    problems: tuple[CardProblem, ...]
    photo_sizes: tuple[CardPhotoSizes, ...]
    shards: int
    example: str
    verification: CardVerification
    command: str
    licence: str
    licence_id: str
    licence_url: str
    attribution: str
    tags: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    unpacked: bool = False
    requested: int | None = None
    earlier: int = 0
    files: tuple[tuple[str, str], ...] = ()
    reached: tuple[tuple[str, int, int], ...] = ()
    aside: int = 0
    copies: int = 0
    image_folder: bool = False
    loading: Loading | None = None
    processing: str | None = None
    statistics: CardStatistics | None = None
    charts: tuple[tuple[str, str], ...] = ()


def data_card(facts: CardFacts) -> str:
    """Write the data card of an image set.

    Args:
        facts: The content; the same facts always give the same text.

    Returns:
        Markdown with a front matter as the Hugging Face Hub reads it, ending in one newline.
        Values are escaped: none can add markup, a table cell or a line of the front matter.
    """
    totals = {
        kind: sum(tally.objects for tally in facts.tallies if tally.kind == kind)
        for kind in dict.fromkeys(tally.kind for tally in facts.tallies)
    }
    text = (
        markdown_environment()
        .get_template("card.md.j2")
        .render(
            facts=facts,
            totals=totals,
            objects=sum(totals.values()),
            size=sum(tally.size for tally in facts.tallies),
            missing_objects=sum(
                tally.objects for tally in facts.tallies if tally.status != "fetched"
            ),
            named=facts.problems[:PROBLEMS_NAMED],
            photo_kind=next((kind for kind in facts.kinds if kind.photo), None),
            tags=_tags(facts),
            tasks=_tasks(facts),
            languages=_languages(facts),
            columns=COLUMNS,
            of_photos=PHOTO_COLUMNS,
        )
    )
    return text.strip() + "\n"


def _tags(facts: CardFacts) -> Iterable[str]:
    own = ("image", "webdataset") if facts.shards else ("image",)
    return dict.fromkeys((*own, *facts.tags))


def _tasks(facts: CardFacts) -> tuple[str, ...]:
    """The tasks that a labelled or split set is for, as the Hub names them."""
    if facts.loading is None or facts.statistics is None:
        return ()
    classes = ("image-classification",) if facts.statistics.classes else ()
    texts = ("image-to-text",) if any(kind.name == "ocr" for kind in facts.kinds) else ()
    return (*classes, *texts)


def _languages(facts: CardFacts) -> tuple[str, ...]:
    """Codes of the languages of the texts, without rare ones, which may be misread."""
    if facts.loading is None or facts.statistics is None:
        return ()
    found = facts.statistics.languages
    least = LANGUAGE_SHARE_LEAST * sum(samples for _, samples in found)
    codes = (code.split("-")[0].lower() for code, samples in found if samples >= least)
    return tuple(dict.fromkeys(code for code in codes if _LANGUAGE.fullmatch(code)))

"""How a set is built: limits, form of the photos, splits, layout. Data only."""

from dataclasses import dataclass, field
from functools import cached_property

from off_platform.image_sets.declaration.options import Format, Layout, SetChoice
from off_platform.image_sets.declaration.shares import shares_of
from off_platform.storage.transfer import Limits

_BY = "; by "


@dataclass(frozen=True)
class PhotoForm:
    """How photos are changed before they are stored; `photos/photo_forms.py` does it.

    Attributes:
        longest_side: to which larger photos are reduced, in pixels; None for no change.
        upright: whether the EXIF orientation is applied.
        format: to which photos are converted; None for JPEG where a photo must be encoded again.
        quality: of photos that are encoded again.
    """

    longest_side: int | None = None
    upright: bool = False
    format: Format | None = None
    quality: int = 90

    @cached_property
    def text(self) -> str | None:
        """As in the manifest's column `processing`; None if photos are stored as fetched."""
        parts = [
            f"longest_side={self.longest_side}" if self.longest_side else "",
            "upright" if self.upright else "",
            f"format={self.format}" if self.format else "",
        ]
        if not any(parts):
            return None
        return ",".join(filter(None, (*parts, f"quality={self.quality}")))

    @property
    def ending(self) -> str:
        """The file name ending of photos in this form."""
        return {"webp": ".webp", "png": ".png"}.get(self.format or "", ".jpg")


@dataclass(frozen=True)
class How:
    """How a set is built.

    Attributes:
        layout: on disk.
        limits: of the transfers.
        decoded_share: share of photos that are decoded in full.
        keep_formats: whether complete PNG, WebP and GIF images named as JPEGs are kept.
        form: how photos are changed.
        looks: whether perceptual hash and sharpness of photos are computed.
        shares: share of each split; empty if the set is not split.
        split_seed: of the splits.
        stratify: label of which each split gets its share of every value.
        distinct: whether all but one of near duplicates are excluded.
        class_folders: label whose values are folders of loose files.
        labelled: whether samples have labels.
        shard_samples: maximum number of samples per shard or Parquet file.
    """

    layout: Layout = "shards"
    limits: Limits = field(default_factory=Limits)
    decoded_share: float = 0.01
    keep_formats: bool = False
    form: PhotoForm = field(default_factory=PhotoForm)
    looks: bool = False
    shares: tuple[tuple[str, float], ...] = ()
    split_seed: int = 0
    stratify: str | None = None
    distinct: bool = False
    class_folders: str | None = None
    labelled: bool = False
    shard_samples: int = 1000

    @property
    def arranged(self) -> bool:
        """Whether the fetched objects are written a second time, in their final places.

        What is in which file depends on all photos, or files have more than the objects.
        """
        with_facts = self.labelled and self.layout == "shards"
        is_other = self.layout == "parquet" or self.class_folders
        return bool(self.shares or self.distinct or is_other or with_facts)

    @property
    def staged(self) -> Layout:
        """The layout in which objects are stored while they are fetched."""
        return "shards" if self.arranged else self.layout

    @property
    def unpacks(self) -> bool:
        """Whether OCR results are stored unpacked, as loaders of shards expect for `.json`.

        Labelled shards have the facts in `.json`.
        """
        return self.layout == "shards" and not self.labelled

    @property
    def division(self) -> str | None:
        """How the set is split, in words that a later run compares; None if it is not."""
        if not self.shares:
            return None
        shares = ",".join(f"{name}={share!r}" for name, share in self.shares)
        return f"{shares}; seed {self.split_seed}{_BY}{self.stratify or 'unit'}"


def stratified_by(division: str) -> str:
    """The label in a `How.division` by which the set is stratified; `unit` without one."""
    return division.rpartition(_BY)[2]


def how_of(choice: SetChoice, limits: Limits, *, labelled: bool) -> How:
    """How to build a set of these options."""
    return How(
        choice.layout,
        limits,
        choice.decoded_share,
        choice.keep_formats,
        PhotoForm(choice.longest_side, choice.upright, choice.format, choice.quality),
        looks=choice.looks_at_photos,
        shares=tuple(shares_of(choice.split, choice.folds).items()),
        split_seed=choice.split_seed,
        stratify=choice.stratify,
        distinct=choice.distinct,
        class_folders=choice.class_folders,
        labelled=labelled,
        shard_samples=choice.shard_samples,
    )

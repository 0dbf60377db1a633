"""The options of an image set: the models that declare them, and a description made from these.

Name, type, default and description of an option are only in its model. `options_of` reads them for
the launchpad, the command line, the docs and the reference in `image_sets.toml`.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from off_platform.image_sets.declaration.shares import canonical_shares, shares_of

Layout = Literal["shards", "files", "parquet"]
Format = Literal["jpeg", "webp", "png"]
Share = Annotated[float, Field(ge=0, le=1)]
# More than there will ever be; products with it still fit 64 bits.
MOST = 10**12
_PLURALS = (("ies$", "y"), ("xes$", "x"), ("s$", ""))
# Written in place of values for an option whose default has some.
NONE = "none"


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class SetChoice(BaseModel):
    """The options of image sets of every bucket."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    known_labels: ClassVar[Collection[str]] = ()
    """The labels of the wing's samples, by name."""

    n: int | None = Field(default=1000, ge=1, le=MOST, description="Number of photos, or `all`.")
    seed: int = Field(default=0, description="Seed of the random choice.")
    keep_formats: bool = Field(
        default=False, description="Keep PNG, WebP and GIF images named .jpg."
    )
    labels: tuple[Name, ...] = Field(default=(), description="Labels of each sample.")
    split: Annotated[str, BeforeValidator(canonical_shares)] | None = Field(
        default=None,
        description="Shares of the splits, such as train=0.8,validation=0.1,test=0.1.",
    )
    folds: int | None = Field(
        default=None, ge=2, le=100, description="Number of equal splits, for cross-validation."
    )
    stratify: Name | None = Field(
        default=None, description="Label of which each split gets its share of every value."
    )
    split_seed: int = Field(default=0, description="Seed of the splits.")
    near_duplicates: bool = Field(
        default=False,
        description="Compute a perceptual hash and the sharpness of each photo, and group near "
        "duplicates; always done for splits.",
    )
    distinct: bool = Field(default=False, description="Keep one photo of each near duplicate.")
    longest_side: int | None = Field(
        default=None, ge=8, le=10_000, description="Longest side to which photos are reduced."
    )
    upright: bool = Field(
        default=False, description="Turn photos upright, as their EXIF orientation says."
    )
    format: Format | None = Field(default=None, description="Format to which photos are converted.")
    quality: int = Field(
        default=90, ge=1, le=100, description="Quality of photos that are encoded again."
    )
    class_folders: Name | None = Field(
        default=None, description="Label whose values are folders of loose files."
    )
    layout: Layout = Field(
        default="shards", description="WebDataset shards, loose files, or Parquet with the photos."
    )
    shard_samples: int = Field(
        default=1000, ge=1, le=100_000, description="Maximum number of samples per shard."
    )
    gallery_samples: int = Field(
        default=2000, ge=0, le=MOST, description="Maximum number of samples in the gallery."
    )
    decoded_share: Share = Field(
        default=0.01, description="Share of the photos that are decoded in full."
    )
    missing_share_most: Share = Field(
        default=0.05, description="Share of missing objects above which the set's check fails."
    )

    @field_validator("labels")
    @classmethod
    def _known(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if labels == (NONE,):
            return ()
        cls._demand_known(labels)
        return tuple(dict.fromkeys(labels))

    @field_validator("stratify", "class_folders")
    @classmethod
    def _known_too(cls, label: str | None) -> str | None:
        cls._demand_known((label,) if label else ())
        return label

    @classmethod
    def _demand_known(cls, labels: Iterable[str]) -> None:
        known = cls.known_labels
        if unknown := next((label for label in labels if label not in known), None):
            raise ValueError(f"there is no label {unknown}; there are {', '.join(known)}")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.folds and self.split:
            raise ValueError("give either split or folds: folds are equal splits")
        if self.stratify and not (self.folds or self.split):
            raise ValueError("stratify needs split or folds")
        if self.class_folders and self.layout != "files":
            raise ValueError('class_folders needs layout = "files"')
        return self

    @property
    def shares(self) -> dict[str, float]:
        """The share of each split, by name; empty if the set is not split."""
        return shares_of(self.split, self.folds)

    @property
    def looks_at_photos(self) -> bool:
        """Whether near duplicates are searched for."""
        return bool(self.near_duplicates or self.distinct or self.shares)

    @property
    def columns_of_labels(self) -> tuple[str, ...]:
        """The labels that the set needs, each once."""
        asked = (*self.labels, self.stratify, self.class_folders)
        return tuple(dict.fromkeys(filter(None, asked)))


# How a set is built and shown; these options do not change its content.
BUILT = {"layout", "shard_samples", "gallery_samples", "decoded_share", "missing_share_most"}


# Options that only matter with others.
DEPENDENT = {"split_seed", "quality"}


class RunOptions(BaseModel):
    """The options of a run that are not declared with a set; none for every bucket."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Option:
    """An option as declared in its model.

    Attributes:
        name: in the model, the launchpad and `image_sets.toml`.
        type: of one value: `int`, `bool`, `str` or a `Literal`; dates are written as texts.
        several: whether it takes several values.
        optional: whether it may be None.
        default: its default.
        description: a sentence.
    """

    name: str
    type: Any
    several: bool
    optional: bool
    default: Any
    description: str

    @property
    def flag(self) -> str:
        """Its flag on the command line, where an option of several values is repeated."""
        name = self.name
        if self.several:
            plural = next((each for each in _PLURALS if re.search(each[0], name)), ("$", ""))
            name = re.sub(*plural, name)
        return f"--{name.replace('_', '-')}"

    @property
    def values(self) -> tuple[str, ...]:
        """The allowed values; empty if there is no list of them."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def plain_type(self) -> Any:
        """Its type where `Literal` is not supported: text."""
        return str if self.values else self.type

    @property
    def described(self) -> str:
        """The description, with the allowed values."""
        listed = f": {', '.join(self.values)}." if self.values else "."
        return f"{self.description.removesuffix('.')}{listed}"

    @property
    def takes_all(self) -> bool:
        """Whether None means all, and is not the default; written `all`."""
        return self.optional and self.default is not None

    @property
    def shown_default(self) -> str | None:
        """The default as written in a file; None if it is empty, None or false."""
        nothing = self.default is None or self.default is False or self.default == ()
        written = ", ".join(map(str, self.default)) if self.several else str(self.default)
        return None if nothing else written

    def words(self, value: Any) -> list[str]:
        """The command-line words for a JSON value."""
        if self.several:
            value = value or ([NONE] if self.default else [])
            return [word for each in value for word in (self.flag, str(each))]
        if self.type is bool:
            return [self.flag] if value else []
        if value is None:
            return [self.flag, "all"] if self.takes_all else []
        return [self.flag, str(value)]


def options_of(model: type[BaseModel]) -> Iterator[Option]:
    """The options of a model in order, those of `BUILT` last."""
    for name, field in sorted(model.model_fields.items(), key=lambda each: each[0] in BUILT):
        arms = get_args(field.annotation)
        optional = NoneType in arms
        kind = next(arm for arm in arms if arm is not NoneType) if optional else field.annotation
        several = get_origin(kind) is tuple
        one = get_args(kind)[0] if several else kind
        one = get_args(one)[0] if get_origin(one) is Annotated else one
        yield Option(
            name,
            str if one is date else one,
            several,
            optional,
            field.default,
            field.description or "",
        )


def command_words(choice: BaseModel) -> list[str]:
    """The command-line words for a choice."""
    values = choice.model_dump(mode="json")
    # Written only if they differ from the default, as the others determine what is chosen.
    quiet = BUILT | DEPENDENT | {"labels"}
    return [
        word
        for option in options_of(type(choice))
        if option.name not in quiet or values[option.name] != _as_json(option.default)
        for word in option.words(values[option.name])
    ]


def _as_json(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default

"""The options of an image set: the models that declare them, and a description made from these.

Name, type, default and description of an option are only in its model. `options_of` reads them for
the launchpad, the command line, the docs and the reference in `image_sets.toml`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field

Layout = Literal["shards", "files"]
Share = Annotated[float, Field(ge=0, le=1)]
# More than there will ever be; products with it still fit 64 bits.
MOST = 10**12
_PLURALS = (("ies$", "y"), ("xes$", "x"), ("s$", ""))


class SetChoice(BaseModel):
    """The options of image sets of every bucket."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: int | None = Field(default=1000, ge=1, le=MOST, description="Number of photos, or `all`.")
    seed: int = Field(default=0, description="Seed of the random choice.")
    keep_formats: bool = Field(
        default=False, description="Keep PNG, WebP and GIF images named .jpg."
    )
    layout: Layout = Field(default="shards", description="WebDataset shards or loose files.")
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


# How a set is built and shown; these options do not change its content.
BUILT = {"layout", "shard_samples", "gallery_samples", "decoded_share", "missing_share_most"}


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
            ending, singular = next(each for each in _PLURALS if re.search(each[0], name))
            name = re.sub(ending, singular, name)
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
        return None if nothing else str(self.default)

    def words(self, value: Any) -> list[str]:
        """The command-line words for a JSON value."""
        if self.several:
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
    return [
        word
        for option in options_of(type(choice))
        if option.name not in BUILT or values[option.name] != option.default
        for word in option.words(values[option.name])
    ]

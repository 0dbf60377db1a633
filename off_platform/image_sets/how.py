"""How a set is built: layout, limits, what is decoded. Data alone; building is `build.py`."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from off_platform.image_sets.declared import UnusableChoiceError
from off_platform.storage.transfer import Limits

Layout = Literal["shards", "files"]


@dataclass(frozen=True)
class How:
    """How a set is built.

    Attributes:
        layout: on disk.
        limits: of the transfers.
        decoded_share: share of photos that are decoded in full.
        keep_formats: whether whole PNG, WebP and GIF pictures are kept that are named as JPEGs.
    """

    layout: Layout = "shards"
    limits: Limits = field(default_factory=Limits)
    decoded_share: float = 0.01
    keep_formats: bool = False


def checked_layout(layout: str) -> Layout:
    """A layout by name.

    Raises:
        UnusableChoiceError: the layout does not exist.
    """
    for known in get_args(Layout):
        if layout == known:
            return known  # type: ignore[no-any-return]
    raise UnusableChoiceError(f"layout={layout!r} is wrong: it is shards or files.")

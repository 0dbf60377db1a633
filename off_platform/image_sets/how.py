"""How a set is built: layout, limits, decoding. Data only; `build.py` builds."""

from dataclasses import dataclass, field

from off_platform.image_sets.options import Layout
from off_platform.storage.transfer import Limits


@dataclass(frozen=True)
class How:
    """How a set is built.

    Attributes:
        layout: on disk.
        limits: of the transfers.
        decoded_share: share of photos that are decoded in full.
        keep_formats: whether complete PNG, WebP and GIF images named as JPEGs are kept.
    """

    layout: Layout = "shards"
    limits: Limits = field(default_factory=Limits)
    decoded_share: float = 0.01
    keep_formats: bool = False

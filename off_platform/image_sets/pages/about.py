"""What a wing says of a set and its bucket, for card, gallery and Croissant. Data only."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from off_platform.image_sets.pages.card import CardKeyList, CardKind


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


def options_as_text(options: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The options that differ from their defaults, as shown in the card."""
    return tuple(
        (name, value if isinstance(value, str) else json.dumps(value, default=str))
        for name, value in options.items()
        if value not in (None, [], ())
    )

"""What is free where the platform writes: for a full disk that the system does not name."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from off_platform.cli.context import settings
from off_platform.storage.system_errors import NO_SPACE
from off_platform.words import size

_NAMES_NO_PLACE = re.compile(rf"({NO_SPACE})(?=\. )")


def with_room(sentence: str) -> str:
    """The sentence; if it is about a full disk and names no place, with what is free on each."""
    if not _NAMES_NO_PLACE.search(sentence):
        return sentence
    return _NAMES_NO_PLACE.sub(lambda said: f"{said[0]} (free now: {_room()})", sentence, count=1)


def _room() -> str:
    free: dict[int, str] = {}
    for what, place in _places():
        there = next(each for each in (place, *place.parents) if each.exists())
        text = f"{size(shutil.disk_usage(there).free)} for {what} in {there}"
        free.setdefault(there.stat().st_dev, text)
    return ", ".join(free.values())


def _places() -> Iterator[tuple[str, Path]]:
    with suppress(ValueError):
        # An invalid setting has its own message, from whatever reads it first.
        lake = settings().lake
        if "://" not in lake:
            yield "the lake", Path(lake).absolute()
    yield "the current folder", Path.cwd()
    # On a full disk Python finds no folder in which it could write one.
    with suppress(FileNotFoundError):
        yield "temporary files", Path(tempfile.gettempdir())

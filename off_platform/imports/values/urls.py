"""URLs. Pure: they are not requested."""

import re
from typing import TYPE_CHECKING

from off_platform.imports.specification.characters import HOST_LABEL, URL
from off_platform.imports.values.reading import Reading, read_on, seen
from off_platform.imports.values.whole_columns import Column, whole

if TYPE_CHECKING:
    from off_platform.imports.values.whole_columns import Bools

_URL = re.compile(URL)
_BARE = re.compile(rf"(?:(?:www\.)|(?:{HOST_LABEL}\.)+[A-Za-z]{{2,24}}/)", re.IGNORECASE)
_MOST_MENDED = 2_000


def url(text: str) -> Reading:
    """One URL with http or https and a host.

    Returns:
        The URL as written.
    """
    return read_on(seen(text), _url)


def urls_sound(column: Column) -> "Bools":
    """Which texts of a column have no finding in `url`."""
    return whole(column, URL)


def _url(text: str) -> Reading:
    if _URL.fullmatch(text):
        return Reading(text)
    if len(text) > _MOST_MENDED or text.lower().count("http") > 1:
        return Reading(None, "not_a_url")
    fixed = text.replace(" ", "%20")
    if "://" not in fixed and _BARE.match(fixed):
        fixed = f"https://{fixed}"
    return Reading(None, "not_a_url", fixed if _URL.fullmatch(fixed) else None)

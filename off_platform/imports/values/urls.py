"""Addresses on the web. Pure; whether anything is there is not asked."""

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
    """One address with http or https and a host.

    Returns:
        The address as written.
    """
    return read_on(seen(text), _url)


def urls_sound(column: Column) -> "Bools":
    """Which texts of a column `url` has nothing to say about."""
    return whole(column, URL)


def _url(text: str) -> Reading:
    if _URL.fullmatch(text):
        return Reading(text)
    if len(text) > _MOST_MENDED or text.lower().count("http") > 1:
        return Reading(None, "not_a_url")
    mended = text.replace(" ", "%20")
    if "://" not in mended and _BARE.match(mended):
        mended = f"https://{mended}"
    return Reading(None, "not_a_url", mended if _URL.fullmatch(mended) else None)

"""Keys of the bins bucket and the bins they belong to, in Python and in SQL.

An id is the key's stem, a string. `1` and `00001` are different bins of different id spaces, so ids
are never compared as numbers, and never padded.
"""

import re
from typing import Literal, NamedTuple, get_args

IdSpace = Literal["main", "pilot"]
Part = Literal["metadata", "image"]
SPACES = get_args(IdSpace)

METADATA = "metadata/"
IMAGES = "bin-images/"
# The main set is padded to five digits, and continues with six; the pilot set is not padded.
MAIN = "[0-9]{4}[1-9]|[0-9]{3}[1-9]0|[0-9]{2}[1-9]00|[0-9][1-9]000|[1-9]0000|[1-9][0-9]{5}"
PILOT = "[1-9][0-9]{0,3}"
ID = f"{MAIN}|{PILOT}"
_MAIN, _PILOT = re.compile(MAIN), re.compile(PILOT)
_KEYS: tuple[tuple[re.Pattern[str], Part], ...] = (
    (re.compile(r"metadata/([0-9]+)\.json"), "metadata"),
    (re.compile(r"bin-images/([0-9]+)\.jpg"), "image"),
)


class BinKey(NamedTuple):
    """The parts of a key."""

    part: Part
    id: str
    id_space: IdSpace


def space_of(bin_id: str) -> IdSpace | None:
    """The id space of an id; None if it is in neither."""
    if _MAIN.fullmatch(bin_id):
        return "main"
    return "pilot" if _PILOT.fullmatch(bin_id) else None


def parse(key: str) -> BinKey | None:
    """The bin of a key; None if it is not a bin's."""
    for pattern, part in _KEYS:
        if (match := pattern.fullmatch(key)) and (space := space_of(match[1])):
            return BinKey(part, match[1], space)
    return None


def metadata_key(bin_id: str) -> str:
    """The key of a bin's metadata."""
    return f"{METADATA}{bin_id}.json"


def image_key(bin_id: str) -> str:
    """The key of a bin's photo."""
    return f"{IMAGES}{bin_id}.jpg"


# The same in SQL, over the columns `key` and `id`.
PART_SQL = (
    "CASE WHEN starts_with(key, 'metadata/') THEN 'metadata' "
    "WHEN starts_with(key, 'bin-images/') THEN 'image' END"
)
ID_SQL = (
    r"nullif(concat(regexp_extract(key, '\Ametadata/([0-9]+)\.json\z', 1), "
    r"regexp_extract(key, '\Abin-images/([0-9]+)\.jpg\z', 1)), '')"
)
SPACE_SQL = (
    f"CASE WHEN regexp_full_match(id, '{MAIN}') THEN 'main' "
    f"WHEN regexp_full_match(id, '{PILOT}') THEN 'pilot' END"
)

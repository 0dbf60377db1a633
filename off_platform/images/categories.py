"""The taxonomy of Open Food Facts' categories: which categories are below others.

A dump tags each product with its categories and all above them, as the taxonomy was when the
product was saved. With the taxonomy of today, products are found that were tagged more narrowly.
"""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

# The published file has 10 MB; it is read into memory.
MOST_BYTES = 64 * 1024 * 1024
MOST_TAG = 300
_EXPECTED = (
    'expected the taxonomy of Open Food Facts as JSON, such as {"en:camemberts": {"parents": '
    '["en:cheeses"]}}'
)


class UnknownTaxonomyError(ValueError):
    """The file is not a taxonomy; the message is one sentence."""


def with_children(file: Path, categories: Iterable[str]) -> tuple[str, ...]:
    """Categories and all below them, sorted.

    Args:
        file: the taxonomy as JSON: by tag, an object with the list `parents`. Entries of another
            form are ignored, and cycles are tolerated.
        categories: tags; those that the taxonomy lacks are kept.

    Raises:
        UnknownTaxonomyError: it is too large, or not a taxonomy.
    """
    children: dict[str, list[str]] = defaultdict(list)
    for tag, entry in _entries(file).items():
        parents = entry.get("parents") if isinstance(entry, dict) else None
        for parent in parents if isinstance(parents, list) and _is_tag(tag) else ():
            if isinstance(parent, str):
                children[parent].append(tag)
    found = set(categories)
    left = list(found)
    while left:
        new = set(children[left.pop()]) - found
        found |= new
        left += new
    return tuple(sorted(found))


def named_like(file: Path, like: str, most: int = 1_000) -> tuple[str, ...]:
    """Categories whose name in some language has a text in it; case and accents do not matter.

    Args:
        file: the taxonomy, see `with_children`.
        like: part of a name.
        most: maximum number of categories.

    Raises:
        UnknownTaxonomyError: it is too large, or not a taxonomy.
    """
    wanted = _plain(like)
    found = (
        tag
        for tag, entry in _entries(file).items()
        if isinstance(entry, dict) and isinstance(names := entry.get("name"), dict) and _is_tag(tag)
        if any(isinstance(name, str) and wanted in _plain(name) for name in names.values())
    )
    return tuple(islice(found, most))


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each))


def _entries(file: Path) -> dict[str, object]:
    if file.stat().st_size > MOST_BYTES:
        raise UnknownTaxonomyError(f"{file.name} has more than {MOST_BYTES:,} bytes; {_EXPECTED}.")
    try:
        entries = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnknownTaxonomyError(f"{file.name} is not JSON; {_EXPECTED}.") from error
    if not isinstance(entries, dict) or not any(
        isinstance(entry, dict) and "parents" in entry for entry in entries.values()
    ):
        raise UnknownTaxonomyError(f"{file.name} has no entry with parents; {_EXPECTED}.")
    return entries


def _is_tag(tag: str) -> bool:
    # Half a surrogate pair cannot be part of a query.
    return 0 < len(tag) <= MOST_TAG and "\0" not in tag and tag.isprintable()

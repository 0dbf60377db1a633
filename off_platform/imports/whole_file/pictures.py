"""Checks that each picture of an import belongs to a product and can be opened.

"Include image files in an `images/` directory with filenames like `{barcode}_front.jpg`". They are
stored with the import and checked, but not used.
"""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from off_platform.barcodes.text import normal_form
from off_platform.imports.readers.batches import Found
from off_platform.imports.readers.folder_files import (
    PICTURES,
    is_of_desktop,
    is_own_folder,
    is_plain,
)
from off_platform.imports.whole_file.staging import Staging

NAME = re.compile(
    r"([0-9]{6,14})_(?:front|ingredients|nutrition|packaging)(?:_[a-z]{2})?\.(?:jpe?g|png)",
    re.IGNORECASE,
)
# A photo of 50 megapixels takes 20 MB.
MOST_BYTES = 64 << 20
# Decoded, a megapixel takes 3 MB, and a progressive JPEG twice as much in addition.
MOST_PIXELS = 64_000_000


def pictures_found(path: Path, staging: Staging) -> list[Found]:
    """The findings on the pictures of an import; none for a single file.

    Args:
        path: the import; a folder may have `images/` in it.
        staging: has the products of the import.
    """
    folder = path / PICTURES
    # A link is not followed; it is reported as not read.
    if not is_own_folder(folder):
        return []
    pictures = sorted(each for each in folder.iterdir() if not is_of_desktop(each.name))
    named = [(each, NAME.fullmatch(each.name)) for each in pictures]
    codes = {normal_form(found[1]) for _, found in named if found}
    known = staging.known(codes)
    return [each for picture, found in named for each in _of_picture(picture, found, known)]


def _of_picture(picture: Path, found: re.Match[str] | None, known: set[str]) -> Iterator[Found]:
    if found is None:
        yield _say(
            picture,
            "image_without_record",
            "is not named after a product, like 3017620422003_front.jpg",
        )
        return
    if normal_form(found[1]) not in known:
        yield _say(picture, "image_without_record", "belongs to no product of the import")
    if reason := _unreadable(picture):
        yield _say(picture, "image_unreadable", reason)


def _say(picture: Path, rule: str, what: str) -> Found:
    shown = f"{PICTURES}/{picture.name}"
    return Found.of_file(rule, f"The picture {shown[:120]} {what}.", shown)


def _unreadable(picture: Path) -> str:
    """Why a picture cannot be opened; empty if it can."""
    if not is_plain(picture) or picture.stat().st_size > MOST_BYTES:
        return f"is not a regular file of up to {MOST_BYTES >> 20} MB"
    try:
        _decode(picture)
    except UnidentifiedImageError:
        return "is not a JPEG or PNG picture"
    except Image.DecompressionBombError:
        return f"has more than {MOST_PIXELS // 10**6} megapixels"
    except (OSError, SyntaxError, ValueError) as error:
        return f"cannot be opened: {str(error)[:80]}"
    return ""


def _decode(picture: Path) -> None:
    """Decodes one picture; its size was checked before."""
    # Pillow warns about large pictures; they are refused below, before decoding.
    with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
        image = Image.open(picture, formats=("JPEG", "PNG"))
    with image:
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        # Reads to the end: a truncated picture opens, but does not load.
        image.load()

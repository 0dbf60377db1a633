"""Images that are named as JPEGs but are not, from the bytes alone.

The bytes come from outside: nothing here raises because of them, and the size is known before
decoding. Complete JPEGs are checked in `contents.py`.
"""

import struct
import threading
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from off_platform.image_sets.photos.contents import Content
from off_platform.image_sets.photos.file_formats import NotWholeError, foreign

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

# Decoding one of this size takes 256 MB; images are decoded one at a time.
MOST_PIXELS = 64_000_000
_ONE_AT_A_TIME = threading.Lock()


def check_other_format(data: bytes) -> Content | None:
    """Checks a PNG, WebP or GIF by decoding it in full; None for other formats.

    Returns:
        Format, width and height, or the problem.
    """
    if not (found := _format_and_size(data)):
        return None
    try:
        picture = _loaded(data, *found)
    except NotWholeError as error:
        return Content(problem=str(error))
    return Content(width=picture.width, height=picture.height, format=found[0], decoded=True)


def loaded(data: bytes) -> "ImageFile":
    """A PNG, WebP or GIF, decoded.

    Raises:
        NotWholeError: it is none of them, too large, or damaged.
    """
    if not (found := _format_and_size(data)):
        raise NotWholeError(foreign(data, "not an image that can be shown"))
    return _loaded(data, *found)


def _loaded(data: bytes, name: str, width: int, height: int) -> "ImageFile":
    if not 0 < width * height <= MOST_PIXELS:
        pixels = f"{width:,} x {height:,} pixels"
        raise NotWholeError(f"the {name} has {pixels}, and 1 to {MOST_PIXELS:,} are allowed")
    try:
        with _ONE_AT_A_TIME, _opened(name, data) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error) as error:
        raise NotWholeError(f"the {name} cannot be decoded") from error
    if picture.size != (width, height):
        raise NotWholeError(
            f"the {name}'s header says {width:,} x {height:,} pixels, it has "
            f"{picture.width:,} x {picture.height:,}"
        )
    return picture


def _format_and_size(data: bytes) -> tuple[str, int, int] | None:
    """From the header alone: Pillow allocates a WebP's pixels when it opens it."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG", int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if data[:6] in {b"GIF87a", b"GIF89a"}:
        return "GIF", _little(data[6:8]), _little(data[8:10])
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP", *_webp_size(data[12:30])
    return None


def _webp_size(chunk: bytes) -> tuple[int, int]:
    if chunk[:4] == b"VP8X":
        return _little(chunk[12:15]) + 1, _little(chunk[15:18]) + 1
    if chunk[:4] == b"VP8L":
        bits = _little(chunk[9:13])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(chunk[14:16]) & 0x3FFF, _little(chunk[16:18]) & 0x3FFF


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def opened_other(data: bytes) -> "ImageFile":
    """A PNG, WebP or GIF, opened by Pillow.

    Raises:
        ValueError: it is none of these.
    """
    found = _format_and_size(data)
    if found is None:
        raise ValueError("not a PNG, WebP or GIF")
    return _opened(found[0], data)


def _opened(name: str, data: bytes) -> "ImageFile":
    # Not by Image.open, which warns about many pixels; warnings can only be silenced for all
    # threads.

    kinds: dict[str, Callable[[BytesIO], ImageFile]] = {
        "PNG": PngImageFile,
        "WebP": WebPImageFile,
        "GIF": GifImageFile,
    }
    return kinds[name](BytesIO(data))

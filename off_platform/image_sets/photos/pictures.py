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
_GIF_FRAME, _GIF_END = b",;"
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
    # Decoding stops at the end of the first frame.
    if not _is_ended(name, data):
        raise NotWholeError(f"the {name} ends before its end marker: cut at {len(data):,} bytes")
    return picture


def _is_ended(name: str, data: bytes) -> bool:
    """Whether the end marker of a file is reached, part by part."""
    match name:
        case "PNG":
            return _is_png_ended(data)
        case "GIF":
            return _is_gif_ended(data)
        case _:
            return len(data) >= 8 + _little(data[4:8])


def _is_png_ended(data: bytes) -> bool:
    at = 8
    while at + 12 <= len(data):
        kind, at = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4])
        if kind == b"IEND":
            return at <= len(data)
    return False


def _is_gif_ended(data: bytes) -> bool:
    at = 13 + _gif_colours(data[10])
    while at < len(data) and data[at] != _GIF_END:
        if data[at] == _GIF_FRAME:
            at += 10 + (_gif_colours(data[at + 9]) if at + 9 < len(data) else 0) + 1
        else:
            at += 2
        # What follows is in blocks, each after its length; the last has none.
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return at < len(data)


def _gif_colours(flags: int) -> int:
    """The bytes of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


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

"""Decides whether a JPEG is complete, by its segments and by decoding it; and how it is turned."""

import re
import struct
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from io import BytesIO
from itertools import islice
from typing import NamedTuple

from PIL.Image import Transpose
from PIL.JpegImagePlugin import JpegImageFile

from off_platform.image_sets.photos.file_formats import NotWholeError, foreign
from off_platform.words import escaped

START = b"\xff\xd8\xff"
"""The first bytes of every JPEG."""
_MAX_SEGMENTS = 5_000
# Each scan costs the decoder a pass over the whole image; encoders write about ten.
_MAX_SCANS = 100

# Pillow refuses a photo with more pixels, and so do the loaders that use it.
MOST_PIXELS = 178_956_970
# All coefficients of a photo in several scans are in memory at once, 6 bytes per pixel: above the
# first bound such photos are decoded one at a time, above the second not at all.
_LARGE_PIXELS = 24_000_000
_MOST_IN_SCANS = 100_000_000
# A block of 64 values takes at least two Huffman codes of one bit each.
_BLOCK_VALUES = 64
_LEAST_BITS = 2
_ONE_LARGE = threading.Lock()
_DEPTH = 8

_START, _END, _SCAN, _APP1, _FF = 0xD8, 0xD9, 0xDA, 0xE1, 0xFF
_BARE = frozenset({0x01, _END})
_MISPLACED = frozenset({_START, *range(0x02, 0xC0)})
# Ordinary segments, which have a length.
_SIZED = frozenset({*range(0xC0, 0xD0), *range(0xDA, _FF)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset({0xC0, 0xC1})
# Inside picture data FF 00 is an escaped FF, D0 to D7 are restarts, FF FF is padding.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_LINES_MARKER = b"\xff\xdc\x00\x04"
_LENGTH = struct.Struct(">H")
_SEGMENT = struct.Struct(">BBH")
_FRAME_HEADER = struct.Struct(">HBHHB")
# Lossless, hierarchical, and their arithmetic forms.
_RARE_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})

UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""How to turn a photo upright, by its EXIF orientation."""
# The first bytes of an APP1 segment with EXIF.
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT = 3
_ORIENTATIONS = range(1, 9)
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


class Frame(NamedTuple):
    """The frame header of a JPEG, and the EXIF orientation before its image data, if there is one.

    Both are found in one pass, as reading the segments costs as much as the MD5 of a small photo.
    """

    width: int
    height: int
    components: int
    sequential: bool
    orientation: int | None = None


def whole_frame(data: bytes, *, thorough: bool) -> Frame:
    """The frame header of a complete JPEG.

    Args:
        data: the whole object.
        thorough: whether all segments are read, also where the end can be inferred.

    Raises:
        NotWholeError: the JPEG is not complete.
    """
    if not data.startswith(START):
        raise NotWholeError(foreign(data, "not a JPEG"))
    frame, exif, scans, picture = None, b"", 0, 0
    for marker, start, end in islice(_segments(data), _MAX_SEGMENTS):
        if marker in _FRAMES:
            if frame is not None:
                raise NotWholeError(f"the JPEG has a second frame header at byte {start - 2:,}")
            frame = _frame(data, marker, start, end)
        elif marker in (_SCAN, _END):
            scans += marker == _SCAN
            if frame is None or not scans:
                missing = "picture data" if frame else "frame header"
                raise NotWholeError(f"the JPEG has no {missing} before byte {start - 2:,}")
            if scans > _MAX_SCANS:
                break
            picture = picture or end
            if marker == _END or (not thorough and _ends_well(data, frame, start, end)):
                _demand_room(len(data) - picture, frame)
                return frame._replace(orientation=orientation_in(exif)) if exif else frame
        elif marker == _APP1 and not (exif or scans) and data.startswith(_EXIF, start + 2):
            exif = data[start + 2 + len(_EXIF) : end]
    raise NotWholeError(f"the JPEG has over {_MAX_SEGMENTS:,} segments or {_MAX_SCANS} scans")


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Markers with start and end of their segments; raises at the end of the file."""
    position, size = 2, len(data)
    while True:
        # Most segments begin where the one before ends: nothing is searched, which takes a third
        # of the time.
        if position + _SEGMENT.size <= size:
            first, marker, length = _SEGMENT.unpack_from(data, position)
            end = position + 2 + length
            if first == _FF and marker in _SIZED and length >= _LENGTH.size and end <= size:
                yield marker, position + 2, end
                position = end
                continue
        if not (found := _MARKER.search(data, position)):
            break
        start = position = found.end()
        marker = data[start - 1]
        if marker in _MISPLACED:
            what = (
                "another JPEG starts" if marker == _START else f"there is no marker 0x{marker:02X}"
            )
            raise NotWholeError(f"the JPEG is damaged at byte {start - 2:,}: {what}")
        if marker not in _BARE:
            if start + _LENGTH.size > size:
                break
            position += _LENGTH.unpack_from(data, start)[0]
            if position > size:
                break
            if position < start + _LENGTH.size:
                raise NotWholeError(f"the JPEG is damaged at byte {start:,}: a segment too short")
        yield marker, start, position
    raise NotWholeError(f"the JPEG ends before its end marker: cut at {size:,} bytes")


def _frame(data: bytes, marker: int, start: int, end: int) -> Frame:
    header = data[start:end][: _FRAME_HEADER.size].ljust(_FRAME_HEADER.size, b"\0")
    length, depth, height, width, components = _FRAME_HEADER.unpack(header)
    if not components or length != _FRAME_HEADER.size + 3 * components:
        raise NotWholeError(f"the JPEG's frame header of {length:,} bytes is damaged")
    if not width or not height:
        late = data.find(_LINES_MARKER, end) != -1
        why = (
            ": its height only follows the image data (DNL), which few programs read"
            if late
            else ""
        )
        raise NotWholeError(f"the JPEG is {width:,} pixels wide and {height:,} high{why}")
    if depth != _DEPTH or marker in _RARE_FRAMES:
        how = f"{depth} bits per sample" if depth != _DEPTH else f"the rare coding 0x{marker:02X}"
        raise NotWholeError(f"the JPEG has {how}, which few programs read")
    if width * height > MOST_PIXELS:
        pixels = f"{width:,} x {height:,} pixels"
        raise NotWholeError(f"the JPEG has {pixels}, more than the {MOST_PIXELS:,} allowed")
    return Frame(width, height, components, marker in _SEQUENTIAL)


def orientation_in(tiff: bytes) -> int | None:
    """The orientation, 1 to 8; None if there is none or an invalid one.

    Args:
        tiff: the EXIF after its first bytes.
    """
    order = _ORDERS.get(tiff[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, start)
        for place in range(start + 2, start + 2 + 12 * entries, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, place)
            if tag == _ORIENTATION:
                return int(value) if kind == _SHORT and value in _ORIENTATIONS else None
    except struct.error:
        return None
    return None


def _demand_room(left: int, frame: Frame) -> None:
    """Raises if there are too few bytes after the header for the pixels."""
    blocks = frame.width * frame.height // _BLOCK_VALUES
    if frame.sequential and left * 8 < blocks * _LEAST_BITS:
        pixels = f"{frame.width:,} x {frame.height:,} pixels"
        raise NotWholeError(f"the JPEG ends early: {left:,} bytes cannot hold {pixels}")


def _ends_well(data: bytes, frame: Frame, start: int, end: int) -> bool:
    # One scan with all components contains no end marker but the last: no need to search it.
    has_end = len(data) >= end + 2 and data.endswith(b"\xff\xd9")
    return has_end and frame.sequential and data[start + 2] == frame.components


def decode(data: bytes, frame: Frame) -> bool:
    """Decodes the photo, unless it is too large; returns whether it was decoded.

    Raises:
        NotWholeError: it is damaged.
    """
    # This scale takes a 64th of the memory for pixels.
    return drafted(data, frame, None, (frame.width // 8, frame.height // 8)) is not None


def drafted(
    data: bytes, frame: Frame, mode: str | None, size: tuple[int, int]
) -> JpegImageFile | None:
    """The photo at the smallest of the decoder's scales that is not below a size.

    Every bit is read at any scale, so damage is found. EXIF is not applied.

    Args:
        data: the whole object.
        frame: its header.
        mode: `L` for a grey picture where the decoder can make one; None for that of the photo.
        size: width and height, in pixels.

    Returns:
        The picture, decoded; None if it is too large for that.

    Raises:
        NotWholeError: it is damaged.
    """
    pixels = f"{frame.width:,} x {frame.height:,} pixels"
    # Pillow warns about damaged EXIF and many pixels, and warnings can only be silenced for all
    # threads at once: so EXIF is hidden from it, and Image.open, which counts pixels, is not used.
    in_scans = 0 if frame.sequential else frame.width * frame.height
    if in_scans > _MOST_IN_SCANS:
        return None
    turn = _ONE_LARGE if in_scans > _LARGE_PIXELS else nullcontext()
    hidden = BytesIO(data.replace(b"Exif\0\0", b"----\0\0"))
    try:
        with JpegImageFile(hidden) as picture, turn:
            found = picture.size
            picture.draft(mode or picture.mode, size)
            drafted_size = picture.size
            picture.load()
            found = found if picture.size == drafted_size else picture.size
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise NotWholeError(f"the JPEG cannot be decoded: {escaped(str(error))}") from error
    if found != (frame.width, frame.height):
        other = f"{found[0]:,} x {found[1]:,}"
        raise NotWholeError(f"the JPEG's header says {pixels}, the picture has {other}")
    return picture

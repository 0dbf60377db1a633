"""Decides from the bytes alone whether a JPEG or an OCR result is complete.

Truncated, damaged or foreign objects are described in one sentence. Fetching the bytes, comparing
sizes and ETags, and handling incomplete objects happen elsewhere. Bytes come from outside and may
be hostile: no check raises because of them, each takes at most linear time, and every sentence is
short and printable.
"""

import json
import re
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any, Literal, NamedTuple, NoReturn, TypeVar

from PIL.JpegImagePlugin import JpegImageFile

from off_platform.words import escaped

OcrStatus = Literal["text", "no text", "empty", "error"]
MAX_OCR_BYTES = 64 * 1024 * 1024

_MAX_SEGMENTS = 5_000
# Each scan costs the decoder a pass over the whole image; encoders write about ten.
_MAX_SCANS = 100
_MAX_GZIP_MEMBERS = 100

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

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_BARE = frozenset({0x01, _END})
_MISPLACED = frozenset({_START, *range(0x02, 0xC0)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset({0xC0, 0xC1})
# Inside picture data FF 00 is an escaped FF, D0 to D7 are restarts, FF FF is padding.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_LINES_MARKER = b"\xff\xdc\x00\x04"
_LENGTH = struct.Struct(">H")
_FRAME_HEADER = struct.Struct(">HBHHB")
# Lossless, hierarchical, and their arithmetic forms.
_RARE_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})

_FORMATS = (
    (re.compile(rb"\xff\xd8\xff"), "a JPEG"),
    (re.compile(rb"\x1f\x8b"), "gzip"),
    (re.compile(rb"\x89PNG"), "a PNG"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "a WebP"),
    (re.compile(rb"GIF8[79]a"), "a GIF"),
    (re.compile(rb"....ftyp(avif|avis)", re.DOTALL), "an AVIF"),
    (re.compile(rb"....ftyp(hei|hev|mif1|msf1)", re.DOTALL), "a HEIC"),
    (re.compile(rb"....ftyp", re.DOTALL), "a video"),
    (re.compile(rb"BM....\x00\x00\x00\x00", re.DOTALL), "a BMP"),
    (re.compile(rb"II\*\x00|MM\x00\*"), "a TIFF"),
    (re.compile(rb"%PDF-"), "a PDF"),
    (re.compile(rb"\s{0,99}<(!doctype|html|head|body)", re.IGNORECASE), "HTML"),
    (re.compile(rb"\s{0,99}<(\?xml|Error)"), "XML"),
    (re.compile(rb"\s{0,99}[{\[]"), "JSON"),
    (re.compile(rb"\x00{16}"), "a run of zero bytes"),
)
_JSON_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
_Json = TypeVar("_Json", bound=dict[str, Any] | list[Any] | str)
_OCR_FIELDS = (b'"responses"', b'"error"', b'"fullTextAnnotation"', b'"textAnnotations"')


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one object.

    Attributes:
        problem: why the object is not complete, in one sentence; None when it is.
        width: pixels of a complete JPEG, from its header; None otherwise.
        height: the same.
        ocr_status: of a complete OCR result: text found, no text found, no response at all, or
            Cloud Vision failed; None otherwise.
        ocr_error: Cloud Vision's message when it failed; None otherwise.
        decoded: whether the photo was decoded in full.
        format: of an image that is not a JPEG, such as PNG; None otherwise.
    """

    problem: str | None = None
    width: int | None = None
    height: int | None = None
    ocr_status: OcrStatus | None = None
    ocr_error: str | None = None
    decoded: bool = False
    format: str | None = None


class _NotWholeError(Exception):
    """The bytes are not a complete object; the message is for users."""


class _Frame(NamedTuple):
    width: int
    height: int
    components: int
    sequential: bool


def check_for(kind: str) -> Callable[[bytes], Content]:
    """The check for one kind of object.

    Args:
        kind: `raw`, `400` and `photo` are JPEGs, `ocr` is gzipped JSON, `metadata` is JSON.

    Raises:
        ValueError: the kind does not exist.
    """
    checks = {
        "raw": check_jpeg,
        "400": check_jpeg,
        "photo": check_jpeg,
        "ocr": check_ocr,
        "metadata": check_json,
    }
    if kind not in checks:
        raise ValueError(f"there is no kind of object {kind!r}: there are {', '.join(checks)}")
    return checks[kind]


def check_json(data: bytes) -> Content:
    """Checks that the bytes are a complete JSON object."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return Content(problem=_foreign(data, "incomplete JSON"))
    return Content() if isinstance(found, dict) else Content(problem="the JSON is not an object")


def check_jpeg(data: bytes) -> Content:
    """Checks that the bytes are a complete JPEG, without decoding it.

    The header is read up to the image data, and an end marker must follow: those of thumbnails
    inside the header do not count, and bytes that cameras append to the end marker are allowed.
    `decode_jpeg` finds damage inside the image data.

    Args:
        data: the whole object.

    Returns:
        Width and height, or the problem.
    """
    try:
        frame = _whole_frame(data, thorough=False)
    except _NotWholeError as error:
        return Content(problem=str(error))
    return Content(width=frame.width, height=frame.height)


def decode_jpeg(data: bytes) -> Content:
    """Checks that every pixel of a JPEG can be decoded; takes milliseconds, not microseconds.

    Decoders silently fill missing data before an end marker with grey, so a truncated file to which
    an end marker was added passes.

    Args:
        data: the whole object.

    Returns:
        Width and height, or the problem.
    """
    try:
        frame = _whole_frame(data, thorough=True)
        decoded = _decode(data, frame)
    except _NotWholeError as error:
        return Content(problem=str(error))
    return Content(width=frame.width, height=frame.height, decoded=decoded)


def check_ocr(data: bytes, max_bytes: int = MAX_OCR_BYTES) -> Content:
    """Checks that the bytes are a complete OCR result: gzip of JSON, as Cloud Vision writes it.

    A result without a response, or with Cloud Vision's error, is complete: see its status.

    Args:
        data: the whole object, gzipped.
        max_bytes: unpacked bytes above which it is refused; no more than that is unpacked.

    Returns:
        The status and Cloud Vision's error, or the problem.
    """
    try:
        return _read_ocr(data, max_bytes)[0]
    except _NotWholeError as error:
        return Content(problem=str(error))


def ocr_text(data: bytes, limit: int) -> str:
    """The text that Cloud Vision read from a photo.

    Args:
        data: the whole object, gzipped.
        limit: maximum number of characters.

    Returns:
        The text, always encodable; empty when there is none or the result is not complete.
    """
    try:
        text = _read_ocr(data, MAX_OCR_BYTES)[1][: max(limit, 0)]
    except _NotWholeError:
        return ""
    # JSON may contain half a surrogate pair, which cannot be written to a file.
    return text.encode("utf-8", "replace").decode("utf-8")


def _whole_frame(data: bytes, *, thorough: bool) -> _Frame:
    if not data.startswith(b"\xff\xd8\xff"):
        raise _NotWholeError(_foreign(data, "not a JPEG"))
    frame, scans, picture = None, 0, 0
    for marker, start, end in islice(_segments(data), _MAX_SEGMENTS):
        if marker in _FRAMES:
            if frame is not None:
                raise _NotWholeError(f"the JPEG has a second frame header at byte {start - 2:,}")
            frame = _frame(data, marker, start, end)
        elif marker in (_SCAN, _END):
            scans += marker == _SCAN
            if frame is None or not scans:
                missing = "picture data" if frame else "frame header"
                raise _NotWholeError(f"the JPEG has no {missing} before byte {start - 2:,}")
            if scans > _MAX_SCANS:
                break
            picture = picture or end
            if marker == _END or (not thorough and _ends_well(data, frame, start, end)):
                _demand_room(len(data) - picture, frame)
                return frame
    raise _NotWholeError(f"the JPEG has over {_MAX_SEGMENTS:,} segments or {_MAX_SCANS} scans")


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Markers with start and end of their segments; raises at the end of the file."""
    position, size = 2, len(data)
    while found := _MARKER.search(data, position):
        start = position = found.end()
        marker = data[start - 1]
        if marker in _MISPLACED:
            what = "another JPEG starts" if marker == _START else f"no marker is 0x{marker:02X}"
            raise _NotWholeError(f"the JPEG is damaged at byte {start - 2:,}: {what}")
        if marker not in _BARE:
            if start + _LENGTH.size > size:
                break
            position += _LENGTH.unpack_from(data, start)[0]
            if position > size:
                break
            if position < start + _LENGTH.size:
                raise _NotWholeError(f"the JPEG is damaged at byte {start:,}: a segment too short")
        yield marker, start, position
    raise _NotWholeError(f"the JPEG ends before its end marker: cut at {size:,} bytes")


def _frame(data: bytes, marker: int, start: int, end: int) -> _Frame:
    header = data[start:end][: _FRAME_HEADER.size].ljust(_FRAME_HEADER.size, b"\0")
    length, depth, height, width, components = _FRAME_HEADER.unpack(header)
    if not components or length != _FRAME_HEADER.size + 3 * components:
        raise _NotWholeError(f"the JPEG's frame header of {length:,} bytes is damaged")
    if not width or not height:
        late = data.find(_LINES_MARKER, end) != -1
        why = ": its height only follows the picture (DNL), which few programs read" if late else ""
        raise _NotWholeError(f"the JPEG is {width:,} pixels wide and {height:,} high{why}")
    if depth != _DEPTH or marker in _RARE_FRAMES:
        how = f"{depth} bits a sample" if depth != _DEPTH else f"the rare coding 0x{marker:02X}"
        raise _NotWholeError(f"the JPEG has {how}, which few programs read")
    if width * height > MOST_PIXELS:
        pixels = f"{width:,} x {height:,} pixels"
        raise _NotWholeError(f"the JPEG has {pixels}, more than the {MOST_PIXELS:,} allowed")
    return _Frame(width, height, components, marker in _SEQUENTIAL)


def _demand_room(left: int, frame: _Frame) -> None:
    """Raises if there are too few bytes after the header for the pixels."""
    blocks = frame.width * frame.height // _BLOCK_VALUES
    if frame.sequential and left * 8 < blocks * _LEAST_BITS:
        pixels = f"{frame.width:,} x {frame.height:,} pixels"
        raise _NotWholeError(f"the JPEG ends early: {left:,} bytes cannot hold {pixels}")


def _ends_well(data: bytes, frame: _Frame, start: int, end: int) -> bool:
    # One scan with all components contains no end marker but the last: no need to search it.
    has_end = len(data) >= end + 2 and data.endswith(b"\xff\xd9")
    return has_end and frame.sequential and data[start + 2] == frame.components


def _decode(data: bytes, frame: _Frame) -> bool:
    """Decodes the photo, unless it is too large; raises if it is damaged."""
    pixels = f"{frame.width:,} x {frame.height:,} pixels"
    # Pillow warns about damaged EXIF and many pixels, and warnings can only be silenced for all
    # threads at once: so EXIF is hidden from it, and Image.open, which counts pixels, is not used.
    in_scans = 0 if frame.sequential else frame.width * frame.height
    if in_scans > _MOST_IN_SCANS:
        return False
    turn = _ONE_LARGE if in_scans > _LARGE_PIXELS else nullcontext()
    hidden = BytesIO(data.replace(b"Exif\0\0", b"----\0\0"))
    try:
        with JpegImageFile(hidden) as picture, turn:
            size = picture.size
            # Every bit is read at any scale; this scale takes a 64th of the memory for pixels.
            picture.draft(picture.mode, (frame.width // 8, frame.height // 8))
            drafted = picture.size
            picture.load()
            size = size if picture.size == drafted else picture.size
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise _NotWholeError(f"the JPEG cannot be decoded: {escaped(str(error))}") from error
    if size != (frame.width, frame.height):
        found = f"{size[0]:,} x {size[1]:,}"
        raise _NotWholeError(f"the JPEG's header says {pixels}, the picture has {found}")
    return True


def _read_ocr(data: bytes, max_bytes: int) -> tuple[Content, str]:
    document = _parsed(_unpacked(data, max_bytes))
    if not isinstance(document, dict):
        raise _odd("the OCR result", document, dict)
    response = _first(document, "responses")
    # A request refused as a whole has an error instead of responses.
    error = document.get("error") or (response or {}).get("error")
    if error:
        message = error.get("message") if isinstance(error, dict) else error
        said = escaped(message) if isinstance(message, str) else "it did not say why"
        return Content(ocr_status="error", ocr_error=said), ""
    if response is None:
        return Content(ocr_status="empty"), ""
    full = _member(response, "fullTextAnnotation", dict) or {}
    first = _first(response, "textAnnotations") or {}
    text = _member(full, "text", str) or _member(first, "description", str) or ""
    return Content(ocr_status="text" if text.strip() else "no text"), text


def _unpacked(data: bytes, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    left, rest = max_bytes, data
    # Zeros after the last member are padding, which gzip also accepts.
    while rest.strip(b"\0") or not parts:
        if not rest.startswith(b"\x1f\x8b"):
            where = f"the gzip file has {len(rest):,} bytes behind its end: " if parts else ""
            raise _NotWholeError(where + _foreign(rest, "but not gzipped"))
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(rest, left + 1))
        except zlib.error as error:
            raise _NotWholeError(f"the gzip file is damaged: {escaped(str(error))}") from error
        left -= len(parts[-1])
        if left < 0 or len(parts) > _MAX_GZIP_MEMBERS:
            bound = f"{max_bytes:,} bytes or {_MAX_GZIP_MEMBERS} members"
            raise _NotWholeError(f"the gzip file unpacks to more than {bound}")
        if not member.eof:
            raise _NotWholeError(f"the gzip file ends too early: cut at {len(data):,} bytes")
        rest = member.unused_data
    unpacked = b"".join(parts)
    if unpacked.startswith(b"\x1f\x8b"):
        raise _NotWholeError("gzipped twice: unpacked once, it is a gzip file again")
    return unpacked


def _parsed(unpacked: bytes) -> object:
    # A Python call per object doubles the time, so it is made only if a field may be repeated.
    hook = _refuse_twice if any(unpacked.count(field) > 1 for field in _OCR_FIELDS) else None
    try:
        # JSON readers may skip a byte order mark (RFC 8259, section 8.1).
        text = unpacked.decode("utf-8-sig")
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=hook)
    except UnicodeDecodeError as error:
        raise _NotWholeError(f"unpacked, this is not UTF-8 at byte {error.start:,}") from error
    except RecursionError as error:
        raise _NotWholeError("the JSON is nested too deeply to be read") from error
    except ValueError as error:
        if unpacked.lstrip()[:1] in (b"{", b"["):
            raise _NotWholeError(f"the JSON is damaged: {escaped(str(error))}") from error
        raise _NotWholeError(f"unpacked, {_foreign(unpacked, 'not JSON')}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a field appears twice in one object")
    return members


def _member(holder: dict[str, Any], name: str, wanted: type[_Json]) -> _Json | None:
    value = holder.get(name)
    if value is not None and not isinstance(value, wanted):
        raise _odd(name, value, wanted)
    return value


def _first(holder: dict[str, Any], name: str) -> dict[str, Any] | None:
    items = _member(holder, name, list)
    if items and not isinstance(items[0], dict):
        raise _odd(f"{name}[0]", items[0], dict)
    return items[0] if items else None


def _odd(name: str, value: object, wanted: type) -> _NotWholeError:
    found = _JSON_NAMES.get(type(value)) or json.dumps(value)[:20]
    return _NotWholeError(f"unlike Cloud Vision's: {name} is {found}, not {_JSON_NAMES[wanted]}")


def _foreign(data: bytes, contrast: str) -> str:
    if not data:
        return f"this is empty, {contrast}"
    names = (name for pattern, name in _FORMATS if pattern.match(data))
    start = repr(data[:16])[1:]
    return f"this is {next(names, 'of no known format')}, {contrast}: it starts with {start}"

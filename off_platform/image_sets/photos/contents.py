"""Decides from the bytes alone whether a JPEG or an OCR result is complete.

Truncated, damaged or foreign objects are described in one sentence. Fetching the bytes, comparing
sizes and ETags, and handling incomplete objects happen elsewhere. Bytes come from outside and may
be hostile: no check raises because of them, each takes at most linear time, and every sentence is
short and printable.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from off_platform.image_sets.photos.file_formats import NotWholeError, foreign
from off_platform.image_sets.photos.jpeg import decode, whole_frame
from off_platform.image_sets.photos.ocr_results import OcrStatus, read_ocr

MAX_OCR_BYTES = 64 * 1024 * 1024
OCR_TEXT_BYTES = 64 * 1024


class Formed(NamedTuple):
    """A photo changed by `photo_forms.py`: its bytes, width and height."""

    data: bytes
    width: int
    height: int


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
        ocr_text: the text that Cloud Vision read, of at most `OCR_TEXT_BYTES`; None if there is
            none, or it was not asked for.
        ocr_language: code of the text's language; None if it is not known.
        ocr_confidence: mean confidence of the text, 0 to 1; None if the result has none.
        decoded: whether the photo was decoded in full.
        format: of an image that is not a JPEG, such as PNG; None otherwise.
        formed: the photo in the set's form; None if it is stored as fetched.
        orientation: of the photo's EXIF, 1 to 8; None otherwise.
        perceptual_hash: of the photo, as hex; None if it was not looked at, or has no features.
        sharpness: the same.
    """

    problem: str | None = None
    width: int | None = None
    height: int | None = None
    ocr_status: OcrStatus | None = None
    ocr_error: str | None = None
    ocr_text: str | None = None
    ocr_language: str | None = None
    ocr_confidence: float | None = None
    decoded: bool = False
    format: str | None = None
    formed: Formed | None = None
    orientation: int | None = None
    perceptual_hash: str | None = None
    sharpness: float | None = None


def check_for(kind: str, *, with_text: bool = False) -> Callable[[bytes], Content]:
    """The check for one kind of object.

    Args:
        kind: `raw`, `400` and `photo` are JPEGs, `ocr` is gzipped JSON, `metadata` is JSON.
        with_text: whether the text of an OCR result is kept, see `Content.ocr_text`.

    Raises:
        ValueError: the kind does not exist.
    """
    checks: dict[str, Callable[[bytes], Content]] = {
        "raw": check_jpeg,
        "400": check_jpeg,
        "photo": check_jpeg,
        "ocr": partial(check_ocr, with_text=with_text),
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
        return Content(problem=foreign(data, "incomplete JSON"))
    return Content() if isinstance(found, dict) else Content(problem="the JSON is not an object")


def check_jpeg(data: bytes) -> Content:
    """Checks that the bytes are a complete JPEG, without decoding it.

    The header is read up to the image data, and an end marker must follow: those of thumbnails
    inside the header do not count, and bytes that cameras append to the end marker are allowed.
    `decode_jpeg` finds damage inside the image data.

    Args:
        data: the whole object.

    Returns:
        Width, height and orientation, or the problem.
    """
    try:
        frame = whole_frame(data, thorough=False)
    except NotWholeError as error:
        return Content(problem=str(error))
    return Content(width=frame.width, height=frame.height, orientation=frame.orientation)


def decode_jpeg(data: bytes) -> Content:
    """Checks that every pixel of a JPEG can be decoded; takes milliseconds, not microseconds.

    Decoders silently fill missing data before an end marker with grey, so a truncated file to which
    an end marker was added passes.

    Args:
        data: the whole object.

    Returns:
        Width, height and orientation, or the problem.
    """
    try:
        frame = whole_frame(data, thorough=True)
        decoded = decode(data, frame)
    except NotWholeError as error:
        return Content(problem=str(error))
    return Content(
        width=frame.width, height=frame.height, orientation=frame.orientation, decoded=decoded
    )


def check_ocr(data: bytes, max_bytes: int = MAX_OCR_BYTES, *, with_text: bool = False) -> Content:
    """Checks that the bytes are a complete OCR result: gzip of JSON, as Cloud Vision writes it.

    A result without a response, or with Cloud Vision's error, is complete: see its status.

    Args:
        data: the whole object, gzipped.
        max_bytes: unpacked bytes above which it is refused; no more than that is unpacked.
        with_text: whether the text is kept.

    Returns:
        The status and Cloud Vision's error, language and confidence, or the problem.
    """
    try:
        found = read_ocr(data, max_bytes)
    except NotWholeError as error:
        return Content(problem=str(error))
    return Content(
        ocr_status=found.status,
        ocr_error=found.error,
        ocr_text=_kept(found.text) if with_text and found.status == "text" else None,
        ocr_language=found.language,
        ocr_confidence=found.confidence,
    )


def _kept(text: str) -> str | None:
    """A text that can be stored: encodable, without NUL, cut between characters."""
    kept = _encodable(text[:OCR_TEXT_BYTES].replace("\0", ""))
    return kept.encode()[:OCR_TEXT_BYTES].decode("utf-8", "ignore") or None


def _encodable(text: str) -> str:
    # JSON may contain half a surrogate pair, which cannot be written to a file.
    return text.encode("utf-8", "replace").decode("utf-8")


def ocr_text(data: bytes, limit: int) -> str:
    """The text that Cloud Vision read from a photo.

    Args:
        data: the whole object, gzipped.
        limit: maximum number of characters.

    Returns:
        The text, always encodable; empty when there is none or the result is not complete.
    """
    try:
        text = read_ocr(data, MAX_OCR_BYTES).text[: max(limit, 0)]
    except NotWholeError:
        return ""
    return _encodable(text)

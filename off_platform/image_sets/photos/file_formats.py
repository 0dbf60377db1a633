"""Names the format of bytes that are not what they should be, for messages."""

import re

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


class NotWholeError(Exception):
    """The bytes are not a complete object; the message is for users."""


def foreign(data: bytes, contrast: str) -> str:
    """A phrase that names the format and the first bytes of an object.

    Args:
        data: the object.
        contrast: what it should be, such as `not a JPEG`.
    """
    if not data:
        return f"this is empty, {contrast}"
    names = (name for pattern, name in _FORMATS if pattern.match(data))
    start = repr(data[:16])[1:]
    return f"this is {next(names, 'of no known format')}, {contrast}: it starts with {start}"

"""Words for people: foreign text made fit to show, sizes, times and counts.

What only one form needs is elsewhere: Markdown in `image_sets/templates/markdown.py`, HTML is
escaped by its template engine.
"""

import re
from urllib.parse import quote, urlsplit

from rich.filesize import decimal

_READABLE = 1_000
_VISIBLE = 300
_ESCAPED = 200
_QUOTED = 60
_HARMFUL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def readable(text: str, most: int = _READABLE) -> str:
    r"""Prose from outside, fit to be written to a file and read.

    Args:
        text: any text, even with control characters, lone surrogates or direction overrides.
        most: characters at most; what was cut off is marked by an ellipsis.

    Returns:
        The text with `\n` and tabs kept and every other such character replaced by U+FFFD.
    """
    cut = text if len(text) <= most else text[: most - 1] + "\u2026"
    return _HARMFUL.sub("\ufffd", cut.replace("\r\n", "\n").replace("\r", "\n"))


def visible(text: str, most: int = _VISIBLE) -> str:
    """A text to compare with its file: shortened, what cannot be seen but line ends as escapes."""
    return "".join(
        character if character.isprintable() or character == "\n" else f"\\u{ord(character):04x}"
        for character in shortened(text, most)
    )


def escaped(text: str, most: int = _ESCAPED) -> str:
    """Somebody else's words within a sentence: one line, what is not printable as escapes."""
    return shortened(repr(text[: most + 1])[1:-1], most)


def quoted(text: str, most: int = _QUOTED) -> str:
    """A text in quotation marks within a sentence: shortened, what is not printable as escapes."""
    return repr(shortened(text, most))


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters, and three dots for what was cut off."""
    return text if len(text) <= most else f"{text[:most]}..."


def file_name(name: str) -> str:
    """A file's name as Unicode; names may hold any bytes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def web_address(url: str | None) -> str | None:
    """An http or https address fit for a link; None when it is anything else."""
    if url is None or _HARMFUL.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return None
    return quote(url, safe="/:?#@!$&'*+,;=%~[]")


def counted(count: int, what: str) -> str:
    """A number with its noun: `1 record`, `1,200 records`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """A number of bytes: `23.7 kB`."""
    return decimal(count)


def duration(seconds: float) -> str:
    """A time: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

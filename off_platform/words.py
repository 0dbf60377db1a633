"""Text for users: outside text made safe to show, sizes, durations and counts.

Markdown is escaped in `image_sets/pages/templates/markdown.py`, HTML by its template engine.
"""

import re
from collections.abc import Sequence
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
    r"""Outside prose, made safe to write to a file and to read.

    Args:
        text: any text, including control characters, lone surrogates and direction overrides.
        most: maximum number of characters; an ellipsis marks a cut.

    Returns:
        The text, with such characters except `\n` and tabs replaced by U+FFFD.
    """
    cut = text if len(text) <= most else text[: most - 1] + "\u2026"
    return _HARMFUL.sub("\ufffd", cut.replace("\r\n", "\n").replace("\r", "\n"))


def visible(text: str, most: int = _VISIBLE) -> str:
    """A text to compare with its file: shortened, invisible characters except line ends escaped."""
    return "".join(
        character if character.isprintable() or character == "\n" else f"\\u{ord(character):04x}"
        for character in shortened(text, most)
    )


def escaped(text: str, most: int = _ESCAPED) -> str:
    """Outside text within a sentence: one line, unprintable characters escaped."""
    return shortened(repr(text[: most + 1])[1:-1], most)


def quoted(text: str, most: int = _QUOTED) -> str:
    """A quoted text within a sentence: shortened, unprintable characters escaped."""
    return repr(shortened(text, most))


def shortened(text: str, most: int) -> str:
    """The text, cut to a number of characters, with three dots for the rest."""
    return text if len(text) <= most else f"{text[:most]}..."


def file_name(name: str) -> str:
    """A file's name as Unicode; names may contain any bytes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def web_address(url: str | None) -> str | None:
    """An http or https URL that is safe to link; None for anything else."""
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


def share(part: int, whole: int) -> str:
    """A share in percent that never rounds to all or nothing: `98.0 %`, `over 99.9 %`."""
    if part == whole:
        return "100 %"
    percent = f"{part / whole:.1%}".replace("%", " %")
    if percent == "0.0 %" and not part:
        return "0 %"
    return {"100.0 %": "over 99.9 %", "0.0 %": "below 0.1 %"}.get(percent, percent)


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


def few(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")

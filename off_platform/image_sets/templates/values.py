"""Values as people read them: printable text, sizes, web addresses.

What only Markdown needs is in `markdown.py`; HTML is escaped by the template engine itself.
"""

import re
from urllib.parse import quote, urlsplit

_MOST_CHARACTERS = 1_000
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_UNITS = ("KB", "MB", "GB", "TB", "PB")
_STEP = 1000


def printable(text: str, most: int = _MOST_CHARACTERS) -> str:
    r"""Make text from outside fit to be written to a file and looked at.

    Args:
        text: Any text, even with control characters, lone surrogates or direction overrides.
        most: How many characters remain at most; what was cut off is marked by an ellipsis.

    Returns:
        The text with `\n` and tabs kept and every other such character replaced by U+FFFD.
    """
    cut = text if len(text) <= most else text[: most - 1] + "\u2026"
    return _UNPRINTABLE.sub("\ufffd", cut.replace("\r\n", "\n").replace("\r", "\n"))


def written_size(size: int) -> str:
    """Write a number of bytes for a person, in steps of 1,000: `23.7 KB`."""
    if size < _STEP:
        return f"{size:,} {'byte' if size == 1 else 'bytes'}"
    amount, unit = size / _STEP, 0
    while round(amount, 1) >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    return f"{amount:,.1f} {_UNITS[unit]}"


def web_address(url: str | None) -> str | None:
    """Return an http or https address fit for a link, or None when it is anything else."""
    if url is None or _UNPRINTABLE.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return None
    return quote(url, safe="/:?#@!$&'*+,;=%~[]")

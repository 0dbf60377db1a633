"""White space and invisible characters, as data for Python and RE2. Pure."""

import re
from itertools import zip_longest

# Everything that `str.strip` removes, for a character class; RE2 has no such class.
SPACES = "\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Invisible and meaningless in these texts: zero width spaces, soft hyphens, byte order marks,
# direction overrides; direction marks in a text of one direction; joiners next to Latin letters.
_DIRECTED = "\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
ALWAYS_UNSEEN = "\u200b\u2060-\u2064\u00ad\ufeff\u180e\u202a-\u202e\u2066-\u2069"
INVISIBLE = (
    f"[{ALWAYS_UNSEEN}]|(?:^|[\\x00-\u024f])[\u200c\u200d]+|[\u200c\u200d]+(?:[\\x00-\u024f]|$)"
    f"|^[^{_DIRECTED}]*[\u200e\u200f\u061c][^{_DIRECTED}]*$"
)
# Not allowed in texts; tab and line ends are.
CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
# Line and paragraph separators, which spreadsheets show as nothing or as a box.
LINES = "\u2028\u2029"
# Each that `str.strip` removes.
ALL_SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
# A text of only these is empty: white space and invisible characters.
NOT_SEEN = ALL_SPACES + "\u200b\u200c\u200d\u200e\u200f\u2060\u00ad\ufeff"
# An address with http or https and a host.
_UNSEEN = f"{CONTROLS}{SPACES}{ALWAYS_UNSEEN}\ufffd"
HOST_LABEL = f"[^\\x00-,/:-@\\[-\\^`{{-\\x7f.{_UNSEEN}]+"
# Same in Python and RE2. No user name: it can disguise the host.
URL = (
    rf"[hH][tT][tT][pP][sS]?://(?:(?:{HOST_LABEL}\.)*{HOST_LABEL}\.?|\[[0-9a-fA-F:.]+\])(?::[0-9]{{1,5}})?"
    rf"(?:[/?#][^\"<>\\^`{{|}}{_UNSEEN}]*)?"
)
_INVISIBLE = re.compile(f"{INVISIBLE}|[{LINES}]".replace("$", r"\Z"))
_ALWAYS = re.compile(f"[{ALWAYS_UNSEEN}]")
_MARKS = re.compile("[\u200e\u200f\u061c]")
_JOINERS = re.compile(
    "(?:(?<=[\\x00-\u024f])|\\A)[\u200c\u200d]+|[\u200c\u200d]+(?=[\\x00-\u024f]|\\Z)"
)
_LINE = re.compile(f"[{LINES}]")
_HAS_DIRECTION = re.compile(f"[{_DIRECTED}]")


def without_invisible(text: str) -> tuple[str, str]:
    """A text without invisible characters that have no meaning in it.

    Joiners of scripts and emoji are kept. Line separators become spaces.

    Returns:
        The text, and the first removed character; empty if none was.
    """
    if text.isascii() or not _INVISIBLE.search(text):
        return text, ""
    clean = _ALWAYS.sub("", text)
    if not _HAS_DIRECTION.search(clean):
        clean = _MARKS.sub("", clean)
    clean = _LINE.sub(" ", _JOINERS.sub("", clean))
    first = next(had for had, has in zip_longest(text, clean) if had != has)
    return clean, str(first)

"""Texts that a spreadsheet would take for formulas: harmless in CSV that we write, and back. Pure.

CSV has no types, so that `=HYPERLINK(...)` in a producer's file would be run by whoever opens our
copy of it ("CSV Injection" of OWASP). A quote in front makes it a text, and is taken away again
when a corrected copy is handed in.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_STARTS = r"'*[=+\-@\t\r\n]"
_FORMULA = re.compile(_STARTS)
_NEUTRAL = f"^'({_STARTS})"


def neutral(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    Numbers stay as they are: `-5` is one.
    """
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def as_it_was(text: str) -> str:
    """The text of which `neutral` made this one."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def as_they_were(texts: "pa.StringArray") -> "pa.StringArray":
    """`as_it_was` of a column."""
    import pyarrow.compute as pc  # noqa: PLC0415 - 0.2 s, once used

    return pc.replace_substring_regex(texts, _NEUTRAL, r"\1", max_replacements=1)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text == text.strip()

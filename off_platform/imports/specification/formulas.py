"""Texts that a spreadsheet would take for formulas: harmless in CSV that we write, and back. Pure.

CSV has no types, so that `=HYPERLINK(...)` in a producer's file would be run by whoever opens our
copy of it ("CSV Injection" of OWASP). A quote in front makes it a text. In our lists of findings
every text that may be a formula gets one; in the corrected copy, which is the producer's own file,
only those that compute something, each counted and noted; it is taken away again when the copy is
handed in.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
# After the first sign: what calls, refers, or computes; `+33 Alpha` and `=Beta` do nothing.
_COMPUTES = re.compile(r"[\s']*[=+\-@].*(?:[(|!&\"\[{:*/^<>=+]|[0-9A-Z)]\s*-)", re.DOTALL)
_QUOTED = r"^'[\s']*[=+\-@]"


def neutral(text: str) -> str:
    """A text that no spreadsheet takes for a formula; numbers such as `-5` stay as they are."""
    return f"'{text}" if looks_like_one(text) else text


def looks_like_one(text: str) -> bool:
    """Whether a spreadsheet may take a text for a formula."""
    return bool(_FORMULA.match(text)) and not _is_number(text)


def computes(text: str) -> bool:
    """Whether a spreadsheet would compute something from a text, or run it."""
    return looks_like_one(text) and bool(_COMPUTES.match(text))


def as_it_was(text: str) -> str:
    """A text of a corrected copy without the quote that was put in front."""
    return text[1:] if text.startswith("'") and computes(text[1:]) else text


def as_they_were(texts: pa.StringArray) -> pa.StringArray:
    """`as_it_was` of a column."""
    quoted = pc.fill_null(pc.match_substring_regex(texts, _QUOTED), fill_value=False)
    if not pc.any(quoted).as_py():
        return texts
    made = [as_it_was(text) for text in texts.filter(quoted).to_pylist()]
    return pc.replace_with_mask(texts, quoted, pa.array(made, pa.string()))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text == text.strip()

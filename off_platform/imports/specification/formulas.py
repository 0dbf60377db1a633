"""Texts that a spreadsheet would run as formulas: made harmless in CSV, and restored. Pure.

CSV has no types, so a spreadsheet that opens our copy of a producer's file would run its
`=HYPERLINK(...)` ("CSV Injection" of OWASP). A leading quote makes it a text. In lists of findings
every text that may be a formula gets one; in the corrected copy only texts that compute something,
with a note. The quote is removed again when the copy is imported.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
# After the first sign: a call, reference or operation; `+33 Alpha` and `=Beta` do nothing.
_COMPUTES = re.compile(r"[\s']*[=+\-@].*(?:[(|!&\"\[{:*/^<>=+]|[0-9A-Z)]\s*-)", re.DOTALL)
_QUOTED = r"^'[\s']*[=+\-@]"


def neutral(text: str) -> str:
    """The text with a quote if a spreadsheet may run it; numbers such as `-5` are kept."""
    return f"'{text}" if looks_like_one(text) else text


def looks_like_one(text: str) -> bool:
    """Whether a spreadsheet may run a text as a formula."""
    return bool(_FORMULA.match(text)) and not _is_number(text)


def computes(text: str) -> bool:
    """Whether a spreadsheet would compute something from a text, or run it."""
    return looks_like_one(text) and bool(_COMPUTES.match(text))


def as_it_was(text: str) -> str:
    """A text of a corrected copy without the added quote."""
    return text[1:] if text.startswith("'") and computes(text[1:]) else text


def as_they_were(texts: pa.StringArray) -> pa.StringArray:
    """`as_it_was` for a column."""
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

"""Checks and repairs texts and lists of texts. Pure."""

import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ftfy import fix_encoding_and_explain
from ftfy.fixes import fix_c1_controls

from off_platform.imports.specification.characters import (
    CONTROLS,
    INVISIBLE,
    LINES,
    SPACES,
    without_invisible,
)
from off_platform.imports.values.placeholders import MARKS, MISSING
from off_platform.imports.values.reading import ERROR_VALUE, Reading, read_on, trimmed
from off_platform.imports.values.whole_columns import Column, matches, one_array

if TYPE_CHECKING:
    import ftfy

    from off_platform.imports.values.whole_columns import Bools

_CONTROL = re.compile(f"[{CONTROLS}]")
# A lone surrogate is also the remainder of a character; columns cannot contain one.
_LOST = re.compile("[\ufffd\ud800-\udfff]")
_EMPTY_PART = re.compile(f"[,;][{SPACES}]*(?:[,;]|\\Z)|\\A[{SPACES}]*[,;]")
_SEPARATOR = re.compile("[,;]")

# Bytes 80 to BF, which continue a character in UTF-8, decoded as another encoding.
_CONTINUATION = (
    "\x80-\xbf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d"
    "\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178"
)
# Signs of double encoding; only ftfy decides whether a capital before a quote is one.
SIGNS = f"[\u00c2-\u00f4][{_CONTINUATION}]|\u00c3 |\u221a[^\\x00-\\x7f]"
_SIGNS = re.compile(SIGNS)
_ODD = (
    f"^[{SPACES}]|[{SPACES}]$|[{CONTROLS}\ufffd{LINES}]|{INVISIBLE}"
    f"|^(?:{ERROR_VALUE}|[{MARKS}][{MARKS}{SPACES}]*)$"
)
# In bytes; some capitals are longer than their lowercase letters.
_LONGEST_WORD = 2 * max(len(word.encode()) for word in MISSING)
# ftfy takes a second for a million characters.
_MOST_REPAIRED = 100_000
# Styles of yes and no, and their words.
BOOLEAN_STYLES = {"true/false": ("true", "false"), "1/0": ("1", "0"), "yes/no": ("yes", "no")}


def repaired_text(text: str, *, said: str = "") -> Reading:
    """One text.

    Args:
        text: as in the file.
        said: the word for nothing that says something here, as `none` does of allergens.

    Returns:
        The trimmed text, repaired if that is certain.
    """
    return read_on(
        trimmed(text, said=said),
        lambda inner: _repaired(inner, said=said),
    )


def split_list(text: str, *, said: str = "") -> Reading:
    """A list, separated by commas or semicolons.

    Args:
        text: as in the file.
        said: see `repaired_text`.

    Returns:
        A tuple of its trimmed parts; None if there are none.
    """
    return read_on(repaired_text(text, said=said), lambda inner: _split(inner, said=said))


def parts_of(text: str) -> list[str]:
    """The trimmed parts of a list, without empty ones."""
    return [part for each in _SEPARATOR.split(text) if (part := each.strip())]


def text_sound(column: Column, *, said: str = "") -> "Bools":
    """Which texts of a column have no finding in `repaired_text`."""
    return _sound(column, said=said, odd="")


def lists_sound(column: Column, *, said: str = "") -> "Bools":
    """Which texts of a column have no finding in `split_list`."""
    odd = f"|^[,;]|[,;][{SPACES}]*[,;]|[,;]$"
    return _sound(column, said=said, odd=odd)


def _sound(column: Column, *, said: str, odd: str) -> "Bools":
    """Which texts have neither suspicious characters nor real signs of double encoding."""
    texts = one_array(column)
    sound = ~matches(texts, _ODD + odd, absent=False)
    short = np.flatnonzero(
        pc.less_equal(pc.binary_length(texts).fill_null(_LONGEST_WORD + 1), _LONGEST_WORD)
    )
    if len(short):
        sound[short] &= ~_are_words(texts.take(pa.array(short)), said)
    beyond_ascii = pc.fill_null(pc.invert(pc.string_is_ascii(texts)), fill_value=False)
    rows = np.flatnonzero(sound & beyond_ascii.to_numpy(zero_copy_only=False))
    if len(rows):
        rows = rows[matches(texts.take(pa.array(rows)), SIGNS, absent=False)]
    if len(rows):
        sound[rows] = ~_encoded_twice(texts.take(pa.array(rows)))
    return sound


def _encoded_twice(texts: pa.StringArray) -> "Bools":
    """Which texts ftfy would decode; it is asked once for each distinct text."""
    encoded = texts.dictionary_encode()
    twice = [_decoded(text)[0] != text for text in encoded.dictionary.to_pylist()]
    answer: Bools = np.array(twice, dtype=bool)[encoded.indices.to_numpy()]
    return answer


def _are_words(texts: pa.StringArray, said: str) -> "Bools":
    """Which texts are placeholders, in any case; see `reading.trimmed`."""
    lower = pc.utf8_lower(texts)
    words = pc.is_in(lower, pa.array([word for word in MISSING if word != said], texts.type))
    same_letters = pc.equal(pc.string_is_ascii(texts), pc.string_is_ascii(lower))
    are_words: Bools = pc.and_(words, same_letters).to_numpy(zero_copy_only=False)
    return are_words


def _split(text: str, *, said: str) -> Reading:
    parts = tuple(parts_of(text))
    if not _EMPTY_PART.search(text):
        return Reading(parts or None)
    # What is left may say nothing, such as `~`, or be an error of a spreadsheet.
    left = trimmed(", ".join(parts), said=said)
    if left.rule:
        return left
    return Reading(parts or None, "list_empty_part", ", ".join(parts), certain=True)


def _repaired(text: str, *, said: str) -> Reading:
    """The worst problem of a trimmed text."""
    if _LOST.search(text):
        return Reading(text, "text_replacement_character")
    fixed, certain = _decoded(text)
    clean = without_invisible(_CONTROL.sub("", _without_c1(fixed)))[0].strip()
    if fixed != text:
        # Remaining problems are reported when the repaired text is read again.
        certain = certain and clean == fixed
        certain = certain and trimmed(clean, said=said).rule is None
        certain = certain and _decoded(clean)[0] == clean and not _LOST.search(clean)
        return Reading(clean if certain else text, "text_double_encoded", clean, certain)
    visible, first = without_invisible(text)
    if first:
        return _as_visible(text, visible.strip(), f"it has U+{ord(first):04X}", said=said)
    if control := _CONTROL.search(text):
        detail = f"it has U+{ord(control[0]):04X}"
        return Reading(text, "text_control_character", clean, detail=detail)
    return Reading(text)


def _as_visible(text: str, clean: str, detail: str, *, said: str) -> Reading:
    certain = _repaired(clean, said=said).rule is None
    certain = certain and trimmed(clean, said=said).rule is None
    value = (clean or None) if certain else text
    return Reading(value, "text_invisible_character", clean, certain, detail)


def _decoded(text: str) -> tuple[str, bool]:
    """The text before double encoding, and whether that is certain."""
    if text.isascii() or not _SIGNS.search(text[:_MOST_REPAIRED]):
        return text, False

    head, tail = text[:_MOST_REPAIRED], text[_MOST_REPAIRED:]
    fixed, steps = fix_encoding_and_explain(head)
    if fixed == head:
        return text, False
    return fixed + tail, not tail and _encoded_again(fixed, steps or []) == text


def _encoded_again(fixed: str, steps: "list[ftfy.ExplanationStep]") -> str | None:
    """The text after the same damage; None if ftfy had to guess."""
    try:
        for action, parameter in reversed(steps):
            if action == "decode":
                data = fixed.encode(parameter)
            elif action == "encode":
                fixed = data.decode(parameter)
            else:
                return None
    except (UnicodeError, LookupError):
        return None
    return fixed


def _without_c1(text: str) -> str:
    """Restores Windows punctuation that was read as control characters."""
    return fix_c1_controls(text)

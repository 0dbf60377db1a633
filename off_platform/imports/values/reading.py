"""The meaning of a text, and the combination of several readings. Pure.

Every parser of texts (`numbers`, `barcodes`, `quantities`, ...) returns a `Reading`. This module
only handles what all types share: surrounding white space and placeholders.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from off_platform.imports.specification.characters import SPACES, without_invisible
from off_platform.imports.specification.rules import BY_ID, LEVELS, MOST_SHOWN, Level
from off_platform.imports.values.placeholders import MARKS, MISSING

# Spreadsheets show errors in the language of the user, and only `#` signs if a column is too
# narrow. Valid in RE2.
_CAPITAL = "A-Z\u00c0-\u00dc\u0401\u0410-\u042f"
ERROR_VALUE = (
    f"#(?:[\u00a1\u00bf]?[{_CAPITAL}0-9/_]{{2,14}}[!?]|[{_CAPITAL}]/[{_CAPITAL}]|NV|GETTING_DATA)"
    "|#{4,}|Err:5[0-9]{2}"
)
NONE = "none"
_ERROR_VALUE = re.compile(ERROR_VALUE)
_ONLY_MARKS = re.compile(f"[{MARKS}][{MARKS}{SPACES}]*")
_MISSING = frozenset(MISSING)
_LONGEST = max(map(len, MISSING))


class Reading(NamedTuple):
    """The meaning of a text, or the rule it breaks.

    Attributes:
        value: its meaning, as written or, if the proposal is certain, as proposed; None if there is
            no value, or an error leaves the meaning open.
        rule: id of the worst rule that it breaks; None for none.
        proposal: the correct text; empty if the cell should be empty.
        certain: whether the proposal can be applied without review. It then breaks no rule with a
            certain proposal, and means the same.
        detail: end of the finding's message.
    """

    value: Any = None
    rule: str | None = None
    proposal: str | None = None
    certain: bool = False
    detail: str = ""


def trimmed(text: str, *, said: str = "") -> Reading:
    """The text without surrounding white space; empty for a placeholder.

    Args:
        text: any text.
        said: a placeholder that is a value in this field, as `none` for allergens.
    """
    inner = text.strip()
    # Longer texts are not placeholders, and lower-casing them takes time.
    word = inner.lower() if len(inner) <= _LONGEST else ""
    # Other letters may become ASCII ones: the Kelvin sign becomes `k`.
    is_word = word in _MISSING and word != said and inner.isascii() == word.isascii()
    if is_word or _ONLY_MARKS.fullmatch(inner):
        return Reading(
            None, "missing_marker", "", certain=True, detail=f"{inner[:MOST_SHOWN]!r} was left out"
        )
    if inner[:1] in ("#", "E") and _ERROR_VALUE.fullmatch(inner):
        return Reading(None, "cell_error_value")
    if inner != text:
        return Reading(inner or None, "text_trimmed", inner, certain=True)
    return Reading(inner or None)


def seen(text: str, *, said: str = "") -> Reading:
    """The same, also without invisible characters; for texts see `texts.repaired_text`.

    Args:
        text: a number, code or URL.
        said: see `trimmed`.
    """
    visible, first = without_invisible(text)
    base = trimmed(visible, said=said)
    if not first or base.rule not in (None, "text_trimmed"):
        return base
    detail = f"it has U+{ord(first):04X}"
    return Reading(base.value, "text_invisible_character", base.value or "", True, detail)  # noqa: FBT003


def read_on(base: Reading, read: Callable[[str], Reading]) -> Reading:
    """Continues a reading with a second one; returns the worst finding of both.

    Args:
        base: the first reading; its value is the text to continue with, None ends it.
        read: the second reading.

    Returns:
        The worse rule of the two with the second's value; its proposal fixes both.
    """
    if base.value is None:
        return base
    inner = read(base.value)
    if base.rule is None:
        return inner
    rule, detail = max(((base.rule, base.detail), (inner.rule, inner.detail)), key=_badness)
    proposal = inner.proposal if inner.rule and inner.proposal is not None else base.proposal
    if base.certain and not inner.certain and LEVELS[0] == _level(inner.rule):
        # Trimming a text that stays wrong would look like a correction.
        proposal = inner.proposal
    certain = base.certain and (inner.certain or inner.proposal is None) and proposal is not None
    return Reading(inner.value, rule, proposal, certain, detail)


def _level(rule: str | None) -> Level | None:
    return BY_ID[rule].level if rule else None


def _badness(found: tuple[str | None, str]) -> int:
    level = _level(found[0])
    return 0 if level is None else len(LEVELS) - LEVELS.index(level)

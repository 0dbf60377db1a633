"""What one text turned out to mean, and how several readings of it become one. Pure.

Every reader of texts (`numbers`, `barcodes`, `quantities`, ...) answers with a `Reading`; what is
read here is only what texts of every type share: white space around them and marks for "missing".
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from off_platform.imports.specification.characters import SPACES, without_invisible
from off_platform.imports.specification.rules import BY_ID, LEVELS, MOST_SHOWN, Level
from off_platform.imports.values.placeholders import MARKS, MISSING

# What spreadsheets show for an error, in the language of whoever saved it; of a column that is too
# narrow they show signs alone. RE2 reads it too.
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
    """What a text means, or which rule it breaks.

    Attributes:
        value: its meaning, as written or, where the proposal is certain, as proposed; None when
            nothing is said, or an error leaves open what was meant.
        rule: id of the rule that it breaks, the worst of several; None when none.
        proposal: the correct text; empty if the cell should be empty.
        certain: whether the proposal may be put there without asking anybody. It then breaks no
            rule that has a certain proposal, and means the same.
        detail: second half of the finding's message, for a person.
    """

    value: Any = None
    rule: str | None = None
    proposal: str | None = None
    certain: bool = False
    detail: str = ""


def trimmed(text: str, *, said: str = "") -> Reading:
    """The text without white space around it; nothing where it only marks what is missing.

    Args:
        text: any text.
        said: the word for nothing that says something here, as `none` does of allergens.
    """
    inner = text.strip()
    # Longer ones are none, and lower-casing a long text for nothing takes time.
    word = inner.lower() if len(inner) <= _LONGEST else ""
    # Other letters than those of ASCII may become some: the sign of Kelvin is a `k` then.
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
    """The same, and without what nobody sees; of texts see `texts.repaired_text`.

    Args:
        text: of a number, a code, an address.
        said: see `trimmed`.
    """
    visible, first = without_invisible(text)
    base = trimmed(visible, said=said)
    if not first or base.rule not in (None, "text_trimmed"):
        return base
    detail = f"it has U+{ord(first):04X}"
    return Reading(base.value, "text_invisible_character", base.value or "", True, detail)  # noqa: FBT003


def read_on(base: Reading, read: Callable[[str], Reading]) -> Reading:
    """Reads what a first look left, and says the worst of both.

    Args:
        base: of a text; its value is the text to read on, None ends it.
        read: the second look.

    Returns:
        The worse rule of the two with the second's value; its proposal mends both.
    """
    if base.value is None:
        return base
    inner = read(base.value)
    if base.rule is None:
        return inner
    rule, detail = max(((base.rule, base.detail), (inner.rule, inner.detail)), key=_badness)
    proposal = inner.proposal if inner.rule and inner.proposal is not None else base.proposal
    if base.certain and not inner.certain and LEVELS[0] == _level(inner.rule):
        # To trim what stays wrong would look like a correction of it.
        proposal = inner.proposal
    certain = base.certain and (inner.certain or inner.proposal is None) and proposal is not None
    return Reading(inner.value, rule, proposal, certain, detail)


def _level(rule: str | None) -> Level | None:
    return BY_ID[rule].level if rule else None


def _badness(found: tuple[str | None, str]) -> int:
    level = _level(found[0])
    return 0 if level is None else len(LEVELS) - LEVELS.index(level)

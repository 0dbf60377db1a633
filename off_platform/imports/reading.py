"""What one text turned out to mean, and how several readings of it become one. Pure.

Every reader of texts (`numerals`, `codes`, `quantities`, ...) answers with a `Reading`; what is
read here is only what texts of every type share: white space around them and marks for "missing".
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from off_platform.imports.rules import BY_ID, LEVELS, Level

# All that `str.strip` removes, as inside of a character class; RE2 knows no such class.
SPACES = "\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Alone in a cell, in any case.
MISSING = ("-", "n/a", "nr", "unknown", "none", "x")
NONE = "none"


class Reading(NamedTuple):
    """What a text means, or which rule it breaks.

    Attributes:
        value: what it means, as it stands or, where the proposal is certain, as proposed; None when
            nothing is said, or an error leaves open what was meant.
        rule: id of the rule that it breaks, the worst of several; None when none.
        proposal: the text that should stand there; empty when the cell should be.
        certain: whether the proposal may be put there without asking anybody. It then breaks no
            rule that has a certain proposal, and means the same.
        detail: second half of the finding's message, for a person.
    """

    value: Any = None
    rule: str | None = None
    proposal: str | None = None
    certain: bool = False
    detail: str = ""


def trimmed(text: str, *, none_is_a_value: bool = False) -> Reading:
    """The text without white space around it; nothing where it only marks what is missing.

    Args:
        text: any text.
        none_is_a_value: whether `none` says something, as it does of allergens.
    """
    inner = text.strip()
    # Longer ones are none, and lower-casing a long text for nothing takes time.
    word = inner.lower() if len(inner) <= len("unknown") else ""
    if word in MISSING and inner.isascii() and not (none_is_a_value and word == NONE):
        return Reading(None, "missing_marker", "", certain=True, detail=f"{inner!r} was left out")
    if inner != text:
        return Reading(inner or None, "text_trimmed", inner, certain=True)
    return Reading(inner or None)


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
        # To trim what stays wrong would look like the mend of it.
        proposal = inner.proposal
    certain = base.certain and (inner.certain or inner.proposal is None) and proposal is not None
    return Reading(inner.value, rule, proposal, certain, detail)


def _level(rule: str | None) -> Level | None:
    return BY_ID[rule].level if rule else None


def _badness(found: tuple[str | None, str]) -> int:
    level = _level(found[0])
    return 0 if level is None else len(LEVELS) - LEVELS.index(level)

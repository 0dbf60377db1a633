"""Number formats of a workbook and what they show: dates, percents, units. Pure.

The codes are those of ECMA-376, 18.8.31. Only what changes the meaning of a number is
distinguished: `0.00` and `#,##0` show the number itself.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from openpyxl.styles.numbers import is_date_format, is_timedelta_format

# One token of a format: a literal, a skipped width, a condition, a placeholder.
_PART = re.compile(r'"([^"]*)"?|\\(.)|_.|\*.|\[(\$?)([^\]]*)\]?|([eE][+-])|(.)', re.DOTALL)
_PLACEHOLDERS = "0#?.,"
_NOTHING = " \u00a0()+-"
_LEAST_ZEROS = 2


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The effect of a format on a number.

    Attributes:
        is_date: it shows a date or a time of day.
        is_duration: it shows elapsed hours, minutes or seconds.
        percents: how often the number is multiplied by 100.
        before: text before the number, such as `EUR `.
        behind: text after it, such as ` g`.
        zeros: minimum number of digits, padded with zeros.
        differs: another difference of the shown number; empty for none.
    """

    is_date: bool = False
    is_duration: bool = False
    percents: int = 0
    before: str = ""
    behind: str = ""
    zeros: int = 0
    differs: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether the number itself is shown."""
        return self == PLAIN

    def shown(self, number: float) -> str:
        """The number as shown, but with all digits."""
        exact = Decimal(repr(number)) * 100**self.percents
        text = f"{exact.normalize():f}"
        if exact == exact.to_integral_value() and exact >= 0:
            text = text.zfill(self.zeros)
        return f"{self.before}{text}{'%' * self.percents}{self.behind}"


PLAIN = NumberFormat()


@lru_cache(maxsize=1_000)
def read_format(code: str) -> NumberFormat:
    """Parses a format's code for positive numbers.

    Args:
        code: as it is in the workbook, such as `0.0%` or `#,##0" g"`.
    """
    if is_date_format(code):
        return NumberFormat(is_date=True, is_duration=bool(is_timedelta_format(code)))
    section = re.split(r";(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", code)[0]
    if section.strip() in {"", "General", "@"}:
        return PLAIN if section.strip() else NumberFormat(differs="the format hides it")
    return _of_section(section)


def _of_section(section: str) -> NumberFormat:
    before, digits, behind, percents = "", "", "", 0
    is_scientific = False
    for quoted, escaped, money, inside, exponent, other in _PART.findall(section):
        is_scientific = is_scientific or bool(exponent)
        percents += other == "%"
        if (other and other in _PLACEHOLDERS) or exponent or (other == "/" and digits):
            # Literals between digits, as in a telephone number.
            digits += f"{behind}{other or 'E'}" if behind.strip() else other or "E"
            behind = ""
            continue
        literal = quoted or escaped or (inside.split("-")[0] if money else "")
        literal = literal or (other if other != "%" else "")
        before, behind = (before, behind + literal) if digits else (before + literal, behind)
    differs = _difference(digits, is_scientific=is_scientific)
    only_zeros = digits.strip("0") == "" and len(digits) >= _LEAST_ZEROS
    return NumberFormat(
        percents=percents,
        before=_shown_literal(before),
        behind=_shown_literal(behind),
        zeros=len(digits) if only_zeros else 0,
        differs=differs,
    )


def _difference(digits: str, *, is_scientific: bool) -> str:
    if is_scientific:
        return "the format shows a power of ten"
    if "/" in digits:
        return "the format shows a fraction"
    if not digits:
        return "the format shows no digits of it"
    if digits.split(".", maxsplit=1)[0].endswith(",") or digits.endswith(","):
        return "the format shows thousands or millions"
    if digits.strip(_PLACEHOLDERS):
        return "the format puts other characters between its digits"
    return ""


def _shown_literal(text: str) -> str:
    """A literal with a meaning; brackets and signs around a number have none."""
    return text if text.strip(_NOTHING) else ""

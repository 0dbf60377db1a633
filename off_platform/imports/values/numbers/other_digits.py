"""Numbers in other characters than 0 to 9: digits of other scripts, and fractions. Pure."""

import re
import unicodedata
from decimal import Decimal

from off_platform.imports.specification.characters import SPACES

_S = f"[{SPACES}]"
# `1/2`, and the normalised form of the characters for it.
_FRACTION = re.compile(rf"(?:([0-9]{{1,3}}){_S}+)?([0-9]{{1,3}}){_S}*[/\u2044]{_S}*([0-9]{{1,3}})")
_BEFORE_CHARACTER = re.compile("(?<=[0-9])(?=[\u00bc-\u00be\u2150-\u215e])")
# Arabic's decimal separator and thousands separator.
_POINTS = {"\u066b": ".", "\u066c": "'"}
_WIDE = frozenset(map(chr, range(0xFF01, 0xFF5F)))


def other_digit(text: str) -> str:
    """The first digit of another script than Latin; empty when there is none."""
    if text.isascii():
        return ""
    return next((each for each in text if each.isdecimal() and not each.isascii()), "")


def with_latin_digits(text: str) -> str:
    """The text with digits of other scripts and their separators replaced by ASCII ones."""
    return "".join(map(_latin, text))


def _latin(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if character in _WIDE:
        return unicodedata.normalize("NFKC", character)
    return _POINTS.get(character, character)


def fraction(text: str) -> Decimal | None:
    """The value of a fraction such as `1/2` or its character; None if it is not one."""
    plain = unicodedata.normalize("NFKC", _BEFORE_CHARACTER.sub(" ", text))
    found = _FRACTION.fullmatch(plain)
    if found is None:
        return None
    whole_part, above, below = (int(part or 0) for part in found.groups())
    return Decimal(whole_part) + Decimal(above) / below if below else None

"""Detects texts and numbers that a spreadsheet converted to times, dates and truth values. Pure.

`1.5` becomes the first of May in locales with a decimal comma, `12:30` half a day. Cells of a
workbook have types (`readers/xlsx/`); this module handles texts of other formats.
"""

import re

_MONTHS = (
    "jan|f[eé][bv]r?|m[aä]rz?|mrz|apr|avr|abr|ma[iyj]|mag|jun|juin|giu|jul|juil|lug|aug|ago|ao[uû]t"
    "|sept?|set|o[ckt]t|nov|de[czs]|d[eé]c|dic|ene|gen"
)
_TIME = re.compile(
    r"[0-9]{1,3}:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?(?: ?[ap]\.?m\.?)?", re.IGNORECASE
)
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?"
    r"|[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{2}|[0-9]{4})"
    rf"|[0-9]{{1,2}}[-. ]{{1,2}}(?:{_MONTHS})\.?(?:[- ](?:[0-9]{{2}}|[0-9]{{4}}))?"
    rf"|(?:{_MONTHS})\.?[- ](?:[0-9]{{2}}|[0-9]{{4}})",
    re.IGNORECASE,
)
# As shown by Excel and LibreOffice in several languages.
_TRUTH = re.compile(
    "true|false|wahr|falsch|vrai|faux|verdadero|falso|vero|verdadeiro|waar|onwaar|prawda|fałsz"
    "|sant|falskt|sand|falsk|sann|usann|tosi|epätosi|pravda|nepravda|igaz|hamis|истина|ложь"
    "|doğru|yanl\u0131ş",
    re.IGNORECASE,
)
_KINDS = ((_TIME, "a time of day"), (_DATE, "a date"), (_TRUTH, "a truth value"))
_MOST_CHARACTERS = 24


def converted_into(text: str) -> str:
    """The type of a converted text: `a time of day`, `a date`, `a truth value`, or empty.

    Args:
        text: trimmed, of a field in which none of these is valid.
    """
    if len(text) > _MOST_CHARACTERS:
        return ""
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(text)), "")

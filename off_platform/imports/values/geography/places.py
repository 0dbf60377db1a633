"""Countries and languages, by codes and English names. Pure; the lists come from libraries.

`country_names.py` has the names of countries; languages are from pycountry.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import pycountry

from off_platform.imports.specification.column_names import language_codes
from off_platform.imports.values.geography.country_names import (
    alias_of,
    code_of,
    is_shared,
    meant_country,
)
from off_platform.imports.values.reading import Reading, read_on, seen
from off_platform.imports.values.texts import parts_of, repaired_text
from off_platform.imports.values.whole_columns import Column, sound_by_distinct

if TYPE_CHECKING:
    from off_platform.imports.values.whole_columns import Bools

# Codes that programs also write for missing values.
NAMIBIA = NAURUAN = "na"
_MOST_CHARACTERS = 100
_MOST_LOOKED_AT = 60
# Maximum number of commas in a name, longest names first.
_MOST_PIECES = (4, 3, 2)
_MOST_NAMES = 1_000
_TAG = re.compile("[a-z]{2}:", re.IGNORECASE)
_LOCALE = re.compile("([a-z]{2})[-_][a-z]{2,4}", re.IGNORECASE)


class _Part(NamedTuple):
    """One part of a list: its meaning, and its correct spelling."""

    value: str
    rule: str | None = None
    proposal: str | None = None


def countries(text: str) -> Reading:
    """A list of countries.

    Returns:
        A tuple of ISO 3166-1 alpha-2 codes, `World` and `European Union`; unknown ones unchanged.
    """
    return read_on(repaired_text(text, said=NAMIBIA), _countries)


def languages(text: str) -> Reading:
    """A list of languages.

    Returns:
        A tuple of ISO 639-1 codes.
    """
    return read_on(seen(text, said=NAURUAN), _languages)


def language_code(text: str) -> Reading:
    """One language.

    Returns:
        An ISO 639-1 code.
    """
    return read_on(seen(text, said=NAURUAN), _language)


def countries_sound(column: Column) -> "Bools":
    """Which texts of a column have no finding in `countries`."""
    return sound_by_distinct(column, countries)


def languages_sound(column: Column) -> "Bools":
    """Which texts of a column have no finding in `languages`."""
    return sound_by_distinct(column, languages)


def language_codes_sound(column: Column) -> "Bools":
    """Which texts of a column have no finding in `language_code`."""
    return sound_by_distinct(column, language_code)


def _countries(text: str) -> Reading:
    names = [name for each in text.split(";") for name in _names_between(each.split(","))]
    # Searching for similar names takes time; nobody sells in that many unknown countries.
    parts = [_country(name, near=place < _MOST_LOOKED_AT) for place, name in enumerate(names)]
    values = tuple(part.value for part in parts) or None
    rules = [part.rule for part in parts if part.rule]
    if not rules:
        if all(each.strip() for each in re.split("[,;]", text)):
            return Reading(values)
        return Reading(values, "list_empty_part", ", ".join(names), certain=True)
    proposal = ", ".join(
        name if part.proposal is None else part.proposal
        for name, part in zip(names, parts, strict=True)
    )
    if "country_unknown" not in rules:
        return Reading(values, "country_alias", proposal, certain=True)
    unknown = [n for n, part in zip(names, parts, strict=True) if part.rule == "country_unknown"]
    named = f"{unknown[0][:_MOST_CHARACTERS]!r} is unknown"
    fixed = any(part.proposal for part in parts)
    return Reading(values, "country_unknown", proposal if fixed else None, detail=named)


def _names_between(pieces: list[str]) -> Iterator[str]:
    """The names in a comma-separated list; some names contain commas.

    Examples are `Korea, Republic of` and `Congo, Dem. Republic`, whose second half is not a
    country, and whose first half is ambiguous.
    """
    pieces = [piece for each in pieces if (piece := each.strip())]
    at = 0
    while at < len(pieces):
        lengths = _MOST_PIECES if at < _MOST_NAMES else ()
        taken = next((n for n in lengths if _is_one_name(pieces[at : at + n], n)), 1)
        follows = pieces[at + 1 : at + 2]
        if taken == 1 and follows and is_shared(pieces[at]) and not _is_known(follows[0]):
            taken = 2
        yield ", ".join(pieces[at : at + taken])
        at += taken


def _is_one_name(pieces: list[str], count: int) -> bool:
    if len(pieces) < count or all(map(_is_known, pieces)):
        return False
    name = ", ".join(pieces)
    return len(name) <= _MOST_CHARACTERS and code_of(name) is not None


def _is_known(name: str) -> bool:
    return len(name) <= _MOST_CHARACTERS and bool(code_of(name) or alias_of(name))


def _country(name: str, *, near: bool) -> _Part:
    if len(name) > _MOST_CHARACTERS:
        return _Part(name, "country_unknown")
    if alias := alias_of(name):
        return _Part(alias, "country_alias", alias)
    if code := code_of(name):
        return _Part(code)
    return _Part(name, "country_unknown", _meant_country(name) if near else None)


@lru_cache(maxsize=4096)
def _meant_country(name: str) -> str | None:
    """The country that a text may mean: another language, a tag, a misspelling."""
    plain = _TAG.sub("", name, count=1)
    spaced = plain.replace("-", " ")
    return code_of(spaced) or alias_of(spaced) or meant_country(plain)


def _language(text: str) -> Reading:
    part = _language_part(text)
    if part.rule is None:
        return Reading(part.value)
    if part.rule == "language_upper_case":
        return Reading(part.value, part.rule, part.value, certain=True)
    detail = f"{text[:_MOST_CHARACTERS]!r} is unknown"
    return Reading(None, part.rule, part.proposal, detail=detail)


def _languages(text: str) -> Reading:
    names = parts_of(text)
    parts = [_language_part(name) for name in names]
    unknown = [n for n, p in zip(names, parts, strict=True) if p.rule == "language_unknown"]
    if unknown:
        settled = all(part.proposal or not part.rule for part in parts)
        proposal = ", ".join(part.proposal or part.value for part in parts) if settled else None
        detail = f"{unknown[0][:_MOST_CHARACTERS]!r} is unknown"
        return Reading(None, "language_unknown", proposal, detail=detail)
    values = tuple(part.value for part in parts)
    rule = None
    if ";" in text:
        rule = "language_separator"
    elif len(names) != len(text.split(",")):
        rule = "list_empty_part"
    elif any(part.rule for part in parts):
        rule = "language_upper_case"
    if rule is None:
        return Reading(values or None)
    return Reading(values or None, rule, ", ".join(values), certain=True)


def _language_part(name: str) -> _Part:
    code = name.lower() if len(name) <= _MOST_CHARACTERS else ""
    if code in language_codes():
        return _Part(code) if code == name else _Part(code, "language_upper_case", code)
    return _Part(name, "language_unknown", _near_language(code))


def _near_language(name: str) -> str | None:
    """The language that a text may mean: its name, a three-letter code, a locale, a tag."""
    plain = _TAG.sub("", name, count=1)
    if locale := _LOCALE.fullmatch(plain):
        plain = locale[1].lower()
    return plain if plain in language_codes() else _language_names().get(plain)


@cache
def _language_names() -> Mapping[str, str]:
    """English names and three-letter codes of the languages of ISO 639-1."""
    return {
        str(language._fields[key]).lower(): language.alpha_2
        for language in pycountry.languages
        if "alpha_2" in language._fields
        for key in ("name", "alpha_3", "bibliographic", "common_name")
        if key in language._fields
    }

"""Countries and languages, by codes and English names. Pure; the lists are others'.

Countries are pycountry's, with the everyday names of the time zone database; languages are
pycountry's.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from off_platform.imports.fields import language_codes
from off_platform.imports.reading import Reading, read_on, trimmed
from off_platform.imports.texts import parts_of, repaired_text
from off_platform.imports.whole_columns import Column, sound_by_distinct

if TYPE_CHECKING:
    from off_platform.imports.whole_columns import Bools

# What is sold in a group of countries; the document's own example names one of them.
# `Worldwide` stands in Open Food Facts' own template.
GROUPS = {
    "world": "World",
    "worldwide": "World",
    "european union": "European Union",
    "eu": "European Union",
}
# The document's own example; ISO 3166-1 reserves it and has GB.
ALIASES = {"uk": "GB"}
# Languages in which a country's name is recognised, to propose its code.
_OTHER_LANGUAGES = ("de", "fr", "es", "it", "nl", "pt", "pl")
_MOST_CHARACTERS = 100
_MOST_LOOKED_AT = 60
_NEAR = 88
_TAG = re.compile("[a-z]{2}:", re.IGNORECASE)
_LOCALE = re.compile("([a-z]{2})[-_][a-z]{2,4}", re.IGNORECASE)


class _Part(NamedTuple):
    """One part of a list: what it means, and what should stand there."""

    value: str
    rule: str | None = None
    proposal: str | None = None


def countries(text: str) -> Reading:
    """A list of countries.

    Returns:
        A tuple of ISO 3166-1 alpha-2 codes, `World` and `European Union`; unknown ones as they
        stand.
    """
    return read_on(repaired_text(text), _countries)


def languages(text: str) -> Reading:
    """A list of languages.

    Returns:
        A tuple of ISO 639-1 codes.
    """
    return read_on(trimmed(text), _languages)


def language_code(text: str) -> Reading:
    """One language.

    Returns:
        An ISO 639-1 code.
    """
    return read_on(trimmed(text), _language)


def countries_sound(column: Column) -> "Bools":
    """Which texts of a column `countries` has nothing to say about."""
    return sound_by_distinct(column, countries)


def languages_sound(column: Column) -> "Bools":
    """Which texts of a column `languages` has nothing to say about."""
    return sound_by_distinct(column, languages)


def language_codes_sound(column: Column) -> "Bools":
    """Which texts of a column `language_code` has nothing to say about."""
    return sound_by_distinct(column, language_code)


def _countries(text: str) -> Reading:
    names = parts_of(text)
    # To look for what is near takes time; nobody sells in that many unknown countries.
    parts = [_country(name, near=place < _MOST_LOOKED_AT) for place, name in enumerate(names)]
    values = tuple(part.value for part in parts) or None
    rules = [part.rule for part in parts if part.rule]
    if not rules:
        if len(names) == len(re.split("[,;]", text)):
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
    mended = any(part.proposal for part in parts)
    return Reading(values, "country_unknown", proposal if mended else None, detail=named)


@lru_cache(maxsize=4096)
def _code_of(name: str) -> str | None:
    """The code of a country's code or English name, or the name of a group; None when unknown."""
    folded = _folded(name)
    return GROUPS.get(folded) or _english_names().get(folded)


def _country(name: str, *, near: bool) -> _Part:
    if len(name) > _MOST_CHARACTERS:
        return _Part(name, "country_unknown")
    if alias := ALIASES.get(name.lower()):
        return _Part(alias, "country_alias", alias)
    if code := _code_of(name):
        return _Part(code)
    return _Part(name, "country_unknown", _near_country(name) if near else None)


@lru_cache(maxsize=4096)
def _near_country(name: str) -> str | None:
    """The country that a text may mean: another language, a tag, a slip of the pen."""
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - 0.05 s, only for unknown ones

    folded = _folded(_TAG.sub("", name, count=1)).replace("-", " ")
    known = {**_other_names(), **_english_names(), **GROUPS}
    if folded in known:
        return known[folded]
    if len(folded) < len("chad"):
        return None
    long_names = [each for each in known if len(each) >= len("chad")]
    found = process.extractOne(folded, long_names, scorer=fuzz.ratio, score_cutoff=_NEAR)
    return known[found[0]] if found else None


@cache
def _english_names() -> Mapping[str, str]:
    """ISO 3166-1: codes and English names, folded -> alpha-2 code."""
    import pycountry  # noqa: PLC0415 - 0.03 s, once used

    names = dict(_everyday_names())
    for country in pycountry.countries:
        for name in ("alpha_2", "name", "common_name", "official_name"):
            # pycountry warns where it falls back from one name to another.
            if written := country._fields.get(name):
                names[_folded(written)] = country.alpha_2
    return names


def _everyday_names() -> Iterator[tuple[str, str]]:
    """Such as Russia; where two share one, as with the Congos, neither has it."""
    from importlib.resources import files  # noqa: PLC0415 - 0.02 s, once used

    table = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if line and line[0] != "#"]
    short = [(_folded(name.split("(")[0].replace("&", "and")), code) for code, name in rows]
    seen = [name for name, _ in short]
    yield from (each for each in short if seen.count(each[0]) == 1)


@cache
def _other_names() -> Mapping[str, str]:
    """Names in other languages and three-letter codes, folded -> alpha-2 code."""
    import gettext  # noqa: PLC0415 - 0.01 s, only for unknown ones

    import pycountry  # noqa: PLC0415 - 0.03 s, once used

    names = {country.alpha_3.lower(): country.alpha_2 for country in pycountry.countries}
    for language in _OTHER_LANGUAGES:
        translated = gettext.translation(
            "iso3166-1", pycountry.LOCALES_DIR, languages=[language], fallback=True
        )
        for country in pycountry.countries:
            names.setdefault(_folded(translated.gettext(country.name)), country.alpha_2)
    return names


def _folded(name: str) -> str:
    """A name without case, accents and article."""
    letters = unicodedata.normalize("NFKD", name.strip().replace("\u2019", "'"))
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return " ".join(plain.casefold().removeprefix("the ").split())


def _language(text: str) -> Reading:
    part = _language_part(text)
    if part.rule is None:
        return Reading(part.value)
    detail = f"{text[:_MOST_CHARACTERS]!r} is unknown"
    return Reading(None, part.rule, part.proposal, detail=detail)


def _languages(text: str) -> Reading:
    names = parts_of(text)
    parts = [_language_part(name) for name in names]
    unknown = [n for n, part in zip(names, parts, strict=True) if part.rule]
    if unknown:
        settled = all(part.proposal or not part.rule for part in parts)
        proposal = ", ".join(part.proposal or part.value for part in parts) if settled else None
        detail = f"{unknown[0][:_MOST_CHARACTERS]!r} is unknown"
        return Reading(None, "language_unknown", proposal, detail=detail)
    values = tuple(part.value for part in parts) or None
    if ";" in text:
        return Reading(values, "language_separator", ", ".join(names), certain=True)
    if len(names) != len(text.split(",")):
        return Reading(values, "list_empty_part", ", ".join(names), certain=True)
    return Reading(values)


def _language_part(name: str) -> _Part:
    code = name.lower() if len(name) <= _MOST_CHARACTERS else ""
    if code in language_codes():
        return _Part(code)
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
    import pycountry  # noqa: PLC0415 - 0.03 s, once used

    return {
        str(language._fields[key]).lower(): language.alpha_2
        for language in pycountry.languages
        if "alpha_2" in language._fields
        for key in ("name", "alpha_3", "bibliographic", "common_name")
        if key in language._fields
    }

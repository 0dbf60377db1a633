"""Names and codes of countries. Pure; the lists come from libraries.

Codes are those of ISO 3166-1 (pycountry). English names are from pycountry, the time zone database
and CLDR (babel); names in other languages are from CLDR and pycountry's translations of ISO 3166-1,
which have Hong Kong without its status. `places.py` reads lists of countries.
"""

import gettext
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TypeVar

import pycountry
from babel import localedata
from babel.languages import get_official_languages
from rapidfuzz import fuzz, process

# Groups of countries; the document's example has one of them. `Worldwide` is in Open Food Facts'
# template.
GROUPS = {
    "world": "World",
    "worldwide": "World",
    "european union": "European Union",
    "eu": "European Union",
}
# `UK` is the document's example; ISO 3166-1 reserves it and has GB.
_BRITAIN = "GB"
_BRITISH = ("uk", "great britain")
# Not a code of ISO 3166-1, but that of the European Commission and CLDR for Kosovo.
_BESIDE_ISO = ("XK",)
# In no list, but unambiguous: the Koreans' name of their country, and the name of North Macedonia
# until 2019.
_EVERYDAY = {"\ud55c\uad6d": "KR", "macedonia": "MK", "uae": "AE"}
# `Country of Thailand`: prefixes of the name in lists.
_THAI_COUNTRY = "\u0e1b\u0e23\u0e30\u0e40\u0e17\u0e28"
# Languages whose names are searched for misspellings.
_NEAR_LANGUAGES = ("de", "fr", "es", "it", "nl", "pt", "pl")
_NEAR = 88
# By how much, of 100, the nearest name must be nearer than that of another country.
_CLEARLY = 3
_WORD = re.compile(r"[^\W_]+")
_SMALL_WORDS = ("the", "of", "and")
_Name = TypeVar("_Name")


def folded(name: str) -> str:
    """A name without case, accents, periods and article."""
    letters = unicodedata.normalize("NFKD", name.strip().replace("\u2019", "'").replace(".", ""))
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return " ".join(plain.casefold().removeprefix("the ").split())


@lru_cache(maxsize=4096)
def code_of(name: str) -> str | None:
    """The code for a country's code or English name, or the name of a group; None if unknown.

    The words of a name may be in any order, as in `Korea, Republic of`.
    """
    plain = folded(name)
    return GROUPS.get(plain) or _english_names().get(plain) or _by_words().get(_words(plain))


def alias_of(name: str) -> str | None:
    """The code for an alias: `UK`, `USA`, `Scotland`."""
    return _aliases().get(folded(name))


def is_shared(name: str) -> bool:
    """Whether several countries have a name with different additions, as the two Congos."""
    return folded(name) in _shared_names()


def meant_country(name: str) -> str | None:
    """The country that a text may mean: a name in another language, or a misspelling.

    None if ambiguous: `Nigera` is Niger in Latvian, and Nigeria without a letter.
    """
    plain = folded(name)
    near = _near_countries(plain.replace("-", " "))
    meant = _other_names().get(plain) or _other_names().get(plain.removeprefix(_THAI_COUNTRY))
    if meant and near <= {meant}:
        return meant
    return near.pop() if len(near) == 1 and not meant else None


def _near_countries(plain: str) -> set[str]:
    """Countries whose names are about as near as the nearest."""
    if len(plain) < len("chad"):
        return set()
    known = _names_nearby()
    found = process.extract(plain, list(known), scorer=fuzz.ratio, score_cutoff=_NEAR, limit=10)
    best = max((score for _, score, _ in found), default=0)
    return {known[name] for name, score, _ in found if score > best - _CLEARLY}


@cache
def _english_names() -> Mapping[str, str]:
    """Codes and English names, folded -> alpha-2 code."""
    names = {**_unshared((folded(head), code) for head, code in _heads()), **_cldr_names(["en"])}
    for country in pycountry.countries:
        for key in ("alpha_2", "name", "common_name", "official_name"):
            # pycountry warns when it falls back from one name to another.
            if written := country._fields.get(key):
                names[folded(written)] = country.alpha_2
    return names | {code.casefold(): code for code in _BESIDE_ISO}


def _heads() -> Iterator[tuple[str, str]]:
    """Common names such as Russia, without additions in parentheses."""
    yield from ((name.split("(")[0], code) for name, code in _everyday_names())


def _everyday_names() -> Iterator[tuple[str, str]]:
    table = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and line[0] != "#":
            code, name = line.split("\t")
            yield name.replace("&", "and"), code


@cache
def _aliases() -> Mapping[str, str]:
    """Three-letter codes, and names of the United Kingdom and its parts."""
    names = {country.alpha_3.casefold(): country.alpha_2 for country in pycountry.countries}
    # Wales is listed as `Wales [Cymru GB-CYM]`.
    lands = [
        part.name.split(" [")[0]
        for part in pycountry.subdivisions
        if part.country_code == _BRITAIN and part.type in ("Country", "Province")
    ]
    return names | {folded(name): _BRITAIN for name in (*_BRITISH, *lands)}


@cache
def _by_words() -> Mapping[tuple[str, ...], str]:
    names = [*_english_names().items(), *_aliases().items(), *_everyday_names()]
    found = _unshared((_words(folded(name)), code) for name, code in names)
    # Andorra's three-letter code is the word `and`.
    return {words: code for words, code in found.items() if words}


def _words(name: str) -> tuple[str, ...]:
    """The words of a folded name, sorted; with duplicates, as in a list of two countries."""
    return tuple(sorted(word for word in _WORD.findall(name) if word not in _SMALL_WORDS))


@cache
def _shared_names() -> frozenset[str]:
    """Names that several countries share before a parenthesis."""
    counted = Counter(folded(head) for head, _ in _heads())
    return frozenset(name for name, countries in counted.items() if countries > 1)


@cache
def _other_names() -> Mapping[str, str]:

    spoken = {
        language.split("_")[0]
        for country in pycountry.countries
        for language in get_official_languages(country.alpha_2, de_facto=True)
    }
    everyday = {folded(name): code for name, code in _EVERYDAY.items()}
    return _unshared(chain(_of_cldr(sorted(spoken)), _translated(spoken))) | everyday


def _translated(languages: Container[str]) -> Iterator[tuple[str, str]]:
    """Translations of ISO 3166-1 names, short and official, into these languages."""
    for folder in sorted(Path(pycountry.LOCALES_DIR).iterdir()):
        # Includes `zh_TW` and `sr@latin`.
        if re.split("[_@]", folder.name)[0] not in languages:
            continue
        words = gettext.translation("iso3166-1", folder.parent, [folder.name], fallback=True)
        for country in pycountry.countries:
            for key in ("name", "common_name", "official_name"):
                if (written := country._fields.get(key)) and words.gettext(written) != written:
                    yield folded(words.gettext(written)), country.alpha_2


@cache
def _names_nearby() -> Mapping[str, str]:
    near = {
        name: code
        for name, code in _cldr_names(_NEAR_LANGUAGES).items()
        if _other_names().get(name) == code
    }
    names = {**near, **_english_names(), **GROUPS}
    return {name: code for name, code in names.items() if len(name) >= len("chad")}


def _cldr_names(languages: Iterable[str]) -> dict[str, str]:
    """Names of countries in these languages, folded; ambiguous ones are omitted."""
    return _unshared(_of_cldr(languages))


def _of_cldr(languages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names of countries in these languages, folded, with their codes."""
    codes = {country.alpha_2 for country in pycountry.countries} | set(_BESIDE_ISO)
    return (
        (folded(name), code)
        for language in languages
        if localedata.exists(language)
        for code, name in localedata.load(language, merge_inherited=False)["territories"].items()
        if code in codes
    )


def _unshared(names: Iterable[tuple[_Name, str]]) -> dict[_Name, str]:
    """The unambiguous names."""
    of_name: defaultdict[_Name, set[str]] = defaultdict(set)
    for name, code in names:
        of_name[name].add(code)
    return {name: codes.pop() for name, codes in of_name.items() if len(codes) == 1}

"""By which names and codes a country is known. Pure; the lists are others'.

Codes are those of ISO 3166-1 (pycountry). English names are pycountry's, those of the time zone
database and of CLDR (babel); names in other languages are CLDR's and those of the translations of
ISO 3166-1 that pycountry brings, which have Hong Kong without its status. How a list of countries
is read is in `places.py`.
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

# What is sold in a group of countries; the document's own example names one of them.
# `Worldwide` is in Open Food Facts' own template.
GROUPS = {
    "world": "World",
    "worldwide": "World",
    "european union": "European Union",
    "eu": "European Union",
}
# `UK` is the document's own example; ISO 3166-1 reserves it and has GB.
_BRITAIN = "GB"
_BRITISH = ("uk", "great britain")
# No code of ISO 3166-1, but the one that the European Commission and CLDR use for Kosovo.
_BESIDE_ISO = ("XK",)
# Of no list, though nothing else is meant by them: what Koreans call their country, and what North
# Macedonia was called until 2019.
_EVERYDAY = {"\ud55c\uad6d": "KR", "macedonia": "MK", "uae": "AE"}
# `Country of Thailand`, in front of the name that lists have.
_THAI_COUNTRY = "\u0e1b\u0e23\u0e30\u0e40\u0e17\u0e28"
# Languages among whose names a slip of the pen is looked for.
_NEAR_LANGUAGES = ("de", "fr", "es", "it", "nl", "pt", "pl")
_NEAR = 88
# How much nearer than another country's name the nearest must be, of 100.
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
    """The code of a country's code or English name, or the name of a group; None when unknown.

    The words of a name may be in any order, as in `Korea, Republic of`.
    """
    plain = folded(name)
    return GROUPS.get(plain) or _english_names().get(plain) or _by_words().get(_words(plain))


def alias_of(name: str) -> str | None:
    """The code of a country that goes by another: `UK`, `USA`, `Scotland`."""
    return _aliases().get(folded(name))


def is_shared(name: str) -> bool:
    """Whether several countries go by a name and something more, as the two Congos do."""
    return folded(name) in _shared_names()


def meant_country(name: str) -> str | None:
    """The country that a text may mean: its name in another language, or a slip of the pen.

    None where it may be two: Niger is `Nigera` in Latvian, and Nigeria lacks a letter.
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
            # pycountry warns where it falls back from one name to another.
            if written := country._fields.get(key):
                names[folded(written)] = country.alpha_2
    return names | {code.casefold(): code for code in _BESIDE_ISO}


def _heads() -> Iterator[tuple[str, str]]:
    """Everyday names such as Russia, without what some have in parentheses."""
    yield from ((name.split("(")[0], code) for name, code in _everyday_names())


def _everyday_names() -> Iterator[tuple[str, str]]:
    table = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and line[0] != "#":
            code, name = line.split("\t")
            yield name.replace("&", "and"), code


@cache
def _aliases() -> Mapping[str, str]:
    """Three-letter codes, and what the United Kingdom and its parts are called."""
    names = {country.alpha_3.casefold(): country.alpha_2 for country in pycountry.countries}
    # Wales is `Wales [Cymru GB-CYM]` there.
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
    # Andorra's three letters are a small word.
    return {words: code for words, code in found.items() if words}


def _words(name: str) -> tuple[str, ...]:
    """The words of a folded name, sorted; in a list of two countries one may occur twice."""
    return tuple(sorted(word for word in _WORD.findall(name) if word not in _SMALL_WORDS))


@cache
def _shared_names() -> frozenset[str]:
    """What precedes the parenthesis in names of several countries."""
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
    """Names of ISO 3166-1, short and official ones, as translated into these languages."""
    for folder in sorted(Path(pycountry.LOCALES_DIR).iterdir()):
        # Of `zh_TW` and `sr@latin` too.
        if re.split("[_@]", folder.name)[0] not in languages:
            continue
        words = gettext.translation("iso3166-1", folder.parent, [folder.name], fallback=True)
        for country in pycountry.countries:
            for key in ("name", "common_name", "official_name"):
                if (written := country._fields.get(key)) and words.gettext(written) != written:
                    yield folded(words.gettext(written)), country.alpha_2


@cache
def _names_nearby() -> Mapping[str, str]:
    near = {name: code for name, code in _cldr_names(_NEAR_LANGUAGES).items()
            if _other_names().get(name) == code}  # fmt: skip
    names = {**near, **_english_names(), **GROUPS}
    return {name: code for name, code in names.items() if len(name) >= len("chad")}


def _cldr_names(languages: Iterable[str]) -> dict[str, str]:
    """What countries are called in these languages, folded; names of two countries are left out."""
    return _unshared(_of_cldr(languages))


def _of_cldr(languages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What countries are called in these languages, folded, with their codes."""
    codes = {country.alpha_2 for country in pycountry.countries} | set(_BESIDE_ISO)
    return (
        (folded(name), code)
        for language in languages
        if localedata.exists(language)
        for code, name in localedata.load(language, merge_inherited=False)["territories"].items()
        if code in codes
    )


def _unshared(names: Iterable[tuple[_Name, str]]) -> dict[_Name, str]:
    """Names of one country each."""
    of_name: defaultdict[_Name, set[str]] = defaultdict(set)
    for name, code in names:
        of_name[name].add(code)
    return {name: codes.pop() for name, codes in of_name.items() if len(codes) == 1}

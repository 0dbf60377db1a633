"""The layout of the images bucket's keys as data; formats and parses keys. Pure.

The patterns, the key of one object in Python and the keys of a table in SQL are made from this
data. `key_index.py` parses whole lists with the same patterns. The sources are Open Food Facts'
document on the images bucket and, for the current layout of 2024, pull request 10472 of its server.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from off_platform.barcodes.text import EAN_13, MOST_DIGITS, digits_of, normal_form
from off_platform.dumps.photos import MOST_ID_DIGITS
from off_platform.storage.sql import literal

Kind = Literal["raw", "400", "ocr"]
Layout = Literal["current", "document", "other"]

PREFIX = "data/"
KEY_LIST = "data/data_keys.gz"

# "simply add the image ID ... by adding the `.400` suffix ... with the `.json.gz` extension"
SUFFIXES: dict[Kind, str] = {"raw": ".jpg", "400": ".400.jpg", "ocr": ".json.gz"}
# Which objects of a photo there are: by the bits of their kinds, 1 the first alone, 7 all three.
PHOTO_KINDS = tuple(
    "+".join(kind for bit, kind in enumerate(SUFFIXES) if bits >> bit & 1)
    for bits in range(1, 1 << len(SUFFIXES))
)

# A tenth digit would not fit the index's 32-bit image_id; the largest known ids have four digits.


@dataclass(frozen=True, slots=True)
class Directory:
    """How a layout writes a barcode as a directory.

    Attributes:
        cuts: numbers of digits followed by a slash, apart from the final one.
        least: number of digits to which the barcode is padded.
        most: largest number of digits.
    """

    cuts: tuple[int, ...]
    least: int
    most: int

    @property
    def pattern(self) -> str:
        """A regular expression that matches the whole directory."""
        sizes = (
            f"{end - start}" if end else f"{self.least - start},{self.most - start}"
            for start, end in self._groups
        )
        return PREFIX + "".join(f"[0-9]{{{size}}}/" for size in sizes)

    def of(self, code: str) -> str:
        """The directory of a barcode, from `data/` to the final slash."""
        code = code.zfill(self.least)
        return PREFIX + "".join(f"{code[start:end]}/" for start, end in self._groups)

    def sql(self, code: str) -> str:
        """The same in DuckDB SQL, for a column of barcodes."""
        padded = f"(repeat('0', {self.least} - length({code})) || {code})"
        groups = (f"{padded}[{start + 1}:{end or ''}], '/'" for start, end in self._groups)
        return f"concat('{PREFIX}', {', '.join(groups)})"

    @property
    def _groups(self) -> Iterator[tuple[int, int | None]]:
        return zip((0, *self.cuts), (*self.cuts, None), strict=True)


# Three groups of 3 digits and "one group of 4 digits", as documented. A code of more than 13 digits
# has a longer last group, as 990530101113758685 in the published list.
SPLIT = Directory(cuts=(3, 6, 9), least=EAN_13, most=MOST_DIGITS)
# As documented, "for barcodes with fewer digits (like EAN8), the directory path is not split".
UNSPLIT = Directory(cuts=(), least=1, most=EAN_13 - 1)

_SUFFIX = "|".join(map(re.escape, SUFFIXES.values()))
NAME = f"[0-9]{{1,{MOST_ID_DIGITS}}}(?:{_SUFFIX})"
KEY = f"(?:{SPLIT.pattern}|{UNSPLIT.pattern}){NAME}"

_SPLIT, _UNSPLIT, _NAME = (re.compile(each) for each in (SPLIT.pattern, UNSPLIT.pattern, NAME))
_KIND_OF_SUFFIX: dict[str, Kind] = {suffix: kind for kind, suffix in SUFFIXES.items()}


class NotAKeyError(ValueError):
    """The text is not the key of a photo or OCR result; the message says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """The parts of a key: product, image, kind of object, and layout.

    The layout is `other` for a split directory with more leading zeros than the current rule
    allows.
    """

    barcode: str
    image_id: int
    kind: Kind
    layout: Layout


def directory(barcode: str, layout: Layout = "current") -> str:
    """The directory of a product's objects, from `data/` to the final slash.

    Args:
        barcode: digits, as on the package.
        layout: `current` strips leading zeros, pads to 13 and splits, for every length; `document`
            leaves codes of fewer than 13 digits unsplit, as in the bucket's document. `other` is
            not possible.

    Raises:
        off_platform.barcodes.text.NotABarcodeError: see `off_platform.barcodes.text.digits_of`.
    """
    code = digits_of(barcode)
    if layout == "document" and len(code) <= UNSPLIT.most:
        return UNSPLIT.of(code)
    return SPLIT.of(code.lstrip("0"))


def key(barcode: str, image_id: int, kind: Kind, layout: Layout = "current") -> str:
    """The key of one object: directory, image id and the suffix of its kind.

    Raises:
        off_platform.barcodes.text.NotABarcodeError: see `directory`.
    """
    return f"{directory(barcode, layout)}{image_id}{SUFFIXES[kind]}"


def key_sql(barcode: str, image_id: str, kind: str, directory: Directory = SPLIT) -> str:
    """The keys of a table's objects, in DuckDB SQL.

    Args:
        barcode: SQL of the barcodes, in normal form for the current layout; like the others, never
            text from outside.
        image_id: SQL of whole numbers from 0 on.
        kind: SQL of the kinds.
        directory: `SPLIT` for the current layout.
    """
    suffixes = " ".join(f"WHEN {literal(k)} THEN {literal(s)}" for k, s in SUFFIXES.items())
    return f"concat({directory.sql(barcode)}, {image_id}, CASE {kind} {suffixes} END)"


def parse(text: str) -> Key:
    """Parses a key; the groups of its directory are joined and normalised.

    Raises:
        NotAKeyError: it does not have the documented form.
        off_platform.barcodes.text.NotABarcodeError: never; all zeros are a `NotAKeyError`.
    """
    where, slash, name = text.rpartition("/")
    named = parse_name(name)
    unsplit = _UNSPLIT.fullmatch(where + slash)
    code = where.removeprefix(PREFIX).replace("/", "")
    if not named or not _is_directory(where + slash) or not code.strip("0"):
        raise NotAKeyError(f"{text[:120]!r} is not a key: {reason_against(text)}.")
    layout: Layout = "document" if unsplit else "other"
    if text == key(normal_form(code), *named):
        layout = "current"
    return Key(normal_form(code), *named, layout)


def parse_name(name: str) -> tuple[int, Kind] | None:
    """Image id and kind of the last part of a key; None if it is invalid."""
    image_id, dot, suffix = name.partition(".")
    return (int(image_id), _KIND_OF_SUFFIX[dot + suffix]) if _NAME.fullmatch(name) else None


def reason_against(text: str) -> str:
    """Why a text is not a key, in a few words by which oddities of a key list are grouped."""
    where, slash, name = text.rpartition("/")
    for holds, reason in (
        (text == "", "an empty line"),
        (text == KEY_LIST, "the key list itself"),
        ("\r" in text, "has a carriage return"),
        ("\0" in text, "has NUL bytes"),
        (text != text.strip(), "begins or ends with white space"),
        (not text.startswith(PREFIX), "does not start with data/"),
        ("/../" in text or "/./" in text, "leaves its directory"),
        (not _is_directory(where + slash), "the directory is not a barcode in either layout"),
        (not parse_name(name), "the name is not an image id with .jpg, .400.jpg or .json.gz"),
    ):
        if holds:
            return reason
    return "the barcode is all zeros"


def _is_directory(text: str) -> bool:
    return bool(_SPLIT.fullmatch(text) or _UNSPLIT.fullmatch(text))


def file_name(text: str) -> str:
    """The document's name for an object as a loose file: `376_005_047_0099_1.jpg`.

    "filename=$(... | tr '/' '_' | sed 's|data_||')": only for keys that `parse` accepts, so that no
    outside text becomes a path.

    Raises:
        NotAKeyError: see `parse`.
    """
    parse(text)
    return text.removeprefix(PREFIX).replace("/", "_")

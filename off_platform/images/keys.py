"""Barcode to directory, directory to barcode, key to its parts. Pure: one key at a time.

The whole key list at once is parsed by `key_index.py`, which must agree with this module; a test
holds the two together. The sources are the images bucket's document, as Open Food Facts publishes
it, and for the layout of today its server's pull request 10472.
"""

import re
from dataclasses import dataclass
from typing import Literal

from off_platform.barcodes import EAN_13_DIGITS, MOST_DIGITS, digits_of, normal_form

Kind = Literal["raw", "400", "ocr"]
Layout = Literal["current", "document", "other"]

PREFIX = "data/"
KEY_LIST = "data/data_keys.gz"

# "simply add the image ID ... by adding the `.400` suffix ... with the `.json.gz` extension"
SUFFIXES: dict[Kind, str] = {"raw": ".jpg", "400": ".400.jpg", "ocr": ".json.gz"}

# A tenth digit would not fit the index's 32-bit image_id; the largest seen ids have four digits.
MOST_ID_DIGITS = 9

# Three groups of 3 digits and "one group of 4 digits", as documented. A code of more than 13
# digits keeps a longer last group, as 990530101113758685 does in the published list.
SPLIT_DIRECTORY = re.compile(
    rf"data/([0-9]{{3}})/([0-9]{{3}})/([0-9]{{3}})/([0-9]{{4,{MOST_DIGITS - 9}}})/"
)
# As documented, "for barcodes with fewer digits (like EAN8), the directory path is not split".
UNSPLIT_DIRECTORY = re.compile(r"data/([0-9]{1,12})/")
NAME = re.compile(rf"([0-9]{{1,{MOST_ID_DIGITS}}})(\.400\.jpg|\.jpg|\.json\.gz)")

_KIND_OF_SUFFIX: dict[str, Kind] = {suffix: kind for kind, suffix in SUFFIXES.items()}


class NotAKeyError(ValueError):
    """The text is no key of a photo or OCR result; the message says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a key says: product, image, kind of object, and in which layout it was written.

    The layout is `other` for a split directory with more zeros in front than today's rule leaves.
    """

    barcode: str
    image_id: int
    kind: Kind
    layout: Layout


def directory(barcode: str, layout: Layout = "current") -> str:
    """The directory of a product's objects, with `data/` before and a slash behind.

    Args:
        barcode: digits, as on the package.
        layout: `current` strips leading zeros, pads to 13 and splits, whatever the length;
            `document` leaves codes of fewer than 13 digits unsplit, as the bucket's document says.
            `other` cannot be asked for.

    Raises:
        off_platform.barcodes.NotABarcodeError: see `off_platform.barcodes.digits_of`.
    """
    code = digits_of(barcode)
    if layout == "document" and len(code) < EAN_13_DIGITS:
        return f"{PREFIX}{code}/"
    code = code.lstrip("0").zfill(EAN_13_DIGITS)
    return f"{PREFIX}{code[:3]}/{code[3:6]}/{code[6:9]}/{code[9:]}/"


def key(barcode: str, image_id: int, kind: Kind, layout: Layout = "current") -> str:
    """The key of one object: directory, image id and the suffix of its kind.

    Raises:
        off_platform.barcodes.NotABarcodeError: see `directory`.
    """
    return f"{directory(barcode, layout)}{image_id}{SUFFIXES[kind]}"


def parse(text: str) -> Key:
    """A key's parts; the way back from a directory joins the groups and takes the normal form.

    Raises:
        NotAKeyError: it is not built as the document says.
        off_platform.barcodes.NotABarcodeError: never; an all-zero directory is a `NotAKeyError`.
    """
    where, slash, name = text.rpartition("/")
    named = parse_name(name)
    split = SPLIT_DIRECTORY.fullmatch(where + slash)
    unsplit = UNSPLIT_DIRECTORY.fullmatch(where + slash)
    found = split or unsplit
    code = "".join(found.groups()) if found else ""
    if not named or not code.strip("0"):
        raise NotAKeyError(f"{text[:120]!r} is no key: {reason_against(text)}.")
    layout: Layout = "document" if unsplit else "other"
    if text == key(normal_form(code), *named):
        layout = "current"
    return Key(normal_form(code), *named, layout)


def parse_name(name: str) -> tuple[int, Kind] | None:
    """Image id and kind that the last part of a key tells, or None when it is no such name."""
    named = NAME.fullmatch(name)
    return (int(named[1]), _KIND_OF_SUFFIX[named[2]]) if named else None


def reason_against(text: str) -> str:
    """Why a text is no key, in a few words that also group the oddities of a key list."""
    where, slash, name = text.rpartition("/")
    for holds, reason in (
        (text == "", "an empty line"),
        (text == KEY_LIST, "the key list names itself"),
        (not text.startswith(PREFIX), "does not start with data/"),
        ("/../" in text or "/./" in text, "climbs out of its directory"),
        (not _is_directory(where + slash), "the directory is no barcode in either layout"),
        (not parse_name(name), "the name is no image id with .jpg, .400.jpg or .json.gz"),
    ):
        if holds:
            return reason
    return "the barcode is all zeros"


def _is_directory(text: str) -> bool:
    return bool(SPLIT_DIRECTORY.fullmatch(text) or UNSPLIT_DIRECTORY.fullmatch(text))


def file_name(text: str) -> str:
    """The document's name for an object put down loose: `376_005_047_0099_1.jpg`.

    "filename=$(... | tr '/' '_' | sed 's|data_||')": only for keys that `parse` accepts, so that
    nothing from outside becomes a path.

    Raises:
        NotAKeyError: see `parse`.
    """
    parse(text)
    return text.removeprefix(PREFIX).replace("/", "_")


def sample_name(text: str) -> str:
    """The stem that a photo and its OCR share in an image set: `376_005_047_0099_1`.

    Raises:
        NotAKeyError: see `parse`.
    """
    name = file_name(text)
    return name[: name.index(".")]

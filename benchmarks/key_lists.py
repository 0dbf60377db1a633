"""A key list as large as the bucket's, generated: the same bytes for the same number of keys.

Believable is what the programs meet: sorted bytes, products of many photos and of one, codes of 8,
13 and more digits, ids with gaps, a photo here and there without its copy or OCR result, and a list
that names itself. `python -m benchmarks.key_lists KEYS FOLDER` writes one where the bucket has it;
with another such folder in place of KEYS, the list that this one may have been a month earlier.
"""

import gzip
import sys
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

from off_platform.barcodes.text import with_check_digit
from off_platform.images.keys import KEY_LIST, directory

SEED = 20261003
SUFFIXES = (".400.jpg", ".jpg", ".json.gz")
# As in the bucket: 29,972,731 keys of 3,612,280 products.
KEYS_A_PRODUCT = 29_972_731 / 3_612_280
PHOTOS_MOST = 60
# What the codes start with, and how many of 100 do.
STARTS = {"3": 34, "0": 18, "4": 12, "80": 8, "84": 8, "50": 5, "87": 4, "7": 5, "2": 4, "9": 2}
EAN_8_SHARE, LONG_SHARE = 0.04, 0.001
GAP_SHARE, LACKING_SHARE = 0.05, 0.0002
MISSING_ID = 2
COMPANY_DIGITS, ITEM_DIGITS = 8, 4
PRODUCTS_A_COMPANY = 12
WRITTEN_PRODUCTS = 10_000
NEW_EACH = 100


def write_key_list(path: Path, keys: int) -> None:
    """Writes a key list of so many keys."""
    random = Random(SEED)  # noqa: S311 - test data need not be secret
    directories = _directories(random, round(keys / KEYS_A_PRODUCT * 1.05))
    # Without a name and a time in it, the same keys give the same bytes.
    with path.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        left, text = keys - 1, []
        for lines in _products(directories, random):
            text.append("".join(lines[:left]))
            left -= min(len(lines), left)
            if len(text) == WRITTEN_PRODUCTS or not left:
                packed.write("".join(text).encode())
                text.clear()
            if not left:
                break
        # "no newline at the end": the list names itself last.
        packed.write(KEY_LIST.encode())


def _products(directories: list[str], random: Random) -> Iterator[list[str]]:
    """The lines of one product after the other."""
    mean_photos = KEYS_A_PRODUCT / len(SUFFIXES)
    for where in directories:
        photos = min(1 + int(random.expovariate(1 / (mean_photos - 0.5))), PHOTOS_MOST)
        names = _names(photos, random.random() < GAP_SHARE)
        if random.random() < LACKING_SHARE * len(names):
            lacking = random.randrange(len(names))
            names = names[:lacking] + names[lacking + 1 :]
        yield [where + name for name in names]


@cache
def _names(photos: int, gap: bool) -> list[str]:  # noqa: FBT001 - private, and cached by position
    """Names of a product's objects in the order of their bytes: `10.jpg` before `2.jpg`."""
    ids = [each for each in range(1, photos + 1 + gap) if not gap or each != MISSING_ID]
    return sorted(f"{each}{suffix}\n" for each in ids for suffix in SUFFIXES)


def _directories(random: Random, products: int) -> list[str]:
    codes: set[str] = set()
    starts, weights = list(STARTS), list(STARTS.values())
    while len(codes) < products:
        start = random.choices(starts, weights)[0]
        company = start + _digits(random, COMPANY_DIGITS - len(start))
        item = random.randrange(10**ITEM_DIGITS)
        for _ in range(1 + int(random.expovariate(1 / PRODUCTS_A_COMPANY))):
            item = (item + 1 + int(random.expovariate(1 / 3))) % 10**ITEM_DIGITS
            codes.add(_code(random, f"{company}{item:0{ITEM_DIGITS}d}"))
    # Codes that differ in leading zeros are one product.
    return sorted(set(map(directory, codes)))


def _code(random: Random, digits: str) -> str:
    luck = random.random()
    if luck < EAN_8_SHARE:
        return with_check_digit(digits[-7:])
    if luck < EAN_8_SHARE + LONG_SHARE:
        return "1" + digits + _digits(random, 5)
    return with_check_digit(digits)


def _digits(random: Random, count: int) -> str:
    return f"{random.randrange(10**count):0{count}d}"


def write_earlier_key_list(path: Path, of: Path) -> None:
    """Writes a key list without each hundredth key."""
    with (
        gzip.open(of) as lines,
        path.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
    ):
        while some := list(islice(lines, NEW_EACH)):
            packed.write(b"".join(some[: NEW_EACH - 1]))


if __name__ == "__main__":
    what, folder = sys.argv[1:]
    to = Path(folder) / KEY_LIST
    to.parent.mkdir(parents=True)
    if what.isdigit():
        write_key_list(to, int(what))
    else:
        write_earlier_key_list(to, Path(what) / KEY_LIST)

"""Twelve months of the sandbox's key list, copied, indexed, compared and described: 11 CPU seconds.

    .venv/bin/python examples/a_year.py var/year

The lists are those of the sandbox, with barcodes of several countries; photos are not drawn. Each
month is made as the monthly job makes it, as if it were that month. Prints the table `months` and
the story of the last month, and leaves the lake in FOLDER/lake.
"""

import gzip
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

from off_platform.barcodes.text import EAN_13, with_check_digit
from off_platform.images.keys import KEY_LIST
from off_platform.images.monthly import compare_month, index_month
from off_platform.images.months import all_months, by_country, file_month
from off_platform.images.story import month_story, months_table
from off_platform.images.sync import Bounds, SyncRequest, sync_month
from off_platform.sandbox.images_plan import PhotoPlan, plan
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source

YEAR, PRODUCTS, SEED = 2026, 400, 1
# GS1 prefixes of the countries that products are labelled for, by their number.
PREFIXES = ("301", "400", "800", "840", "500", "760", "540", "900")
# The newest photos have no OCR yet, one in this many.
WAITING_EVERY = 3
UNPACKED_MOST = 2**30


def main(folder: Path) -> None:
    """Makes the year and prints it."""
    lake, bucket = Lake(str(folder / "lake")), folder / "bucket"
    with lake.connect() as connection:
        for number in range(12):
            month = date(YEAR, number + 1, 1).isoformat()
            _write_list(bucket, number)
            asked = SyncRequest(month, today=date.fromisoformat(month))
            bounds = Bounds(UNPACKED_MOST, list_attempts=1, attempts=1)
            sync_month(lake, Source(str(bucket)), asked, connection, bounds)
            index_month(lake, month, connection, UNPACKED_MOST)
            compare_month(lake, month, connection)
            file_month(lake, month, connection)
        months = all_months(lake, connection)
        print(months_table(months), end="\n\n")
        print(month_story(months[-1], months[-2], by_country(lake, month, connection)))


def _write_list(bucket: Path, month: int) -> None:
    """The key list of a month, from 0."""
    photos = plan(PRODUCTS, SEED, month).photos
    lines = {line for photo in photos for line in _issued(photo).keys(_listed(photo, month))}
    path = bucket / KEY_LIST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(sorted(lines)).encode(), mtime=0))


def _issued(photo: PhotoPlan) -> PhotoPlan:
    """The photo with a barcode of a country, if its product has an invented one."""
    product = photo.product
    if not (len(product.code) == EAN_13 and product.code.startswith("2")):
        return photo
    prefix = PREFIXES[product.number * product.number % 11 % len(PREFIXES)]
    code = with_check_digit(f"{prefix}{product.code[3:12]}")
    return replace(photo, product=replace(product, code=code))


def _listed(photo: PhotoPlan, month: int) -> tuple[str, ...]:
    """The kinds in the list: OCR comes a month later for some."""
    is_new = photo.product.number >= PRODUCTS + (month - 1) * (PRODUCTS // 20)
    waits = is_new and photo.product.number % WAITING_EVERY == 0
    return tuple(kind for kind in photo.listed if not (waits and kind == "ocr"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

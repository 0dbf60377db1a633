"""The sandbox's images bucket as a plain folder: photos, 400 px copies, OCR results and key list.

What is in it is decided in `images_plan.py`, its photos are drawn in `photos.py`.
"""

import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from off_platform.images import keys
from off_platform.sandbox import ocr, photo_files, photos
from off_platform.sandbox.bucket_folder import make_once, write_file
from off_platform.sandbox.images_plan import SPOILT, Flaw, PhotoPlan, Plan, plan
from off_platform.sandbox.products import FIRST_LIST_T, MONTH_SECONDS

# Raise it when plan or drawings change, so that an older sandbox is replaced.
EDITION = 2

_HTML_PAGE = b"""<!DOCTYPE html>
<html><head><title>503 Service Unavailable</title></head>
<body><h1>Service Unavailable</h1><p>Please try again later.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class ImagesBucket:
    """A made bucket.

    Attributes:
        folder: in place of the bucket, with `data/` in it.
        object_count: files of photos, without the key list.
        line_count: lines of the key list.
        awkward: what is wrong or rare on purpose, each name with its keys.
        added: keys of this list that last month's does not have, sorted; empty in month 0.
        removed: keys of last month's list that this one does not have, sorted.
        changed: keys of both lists whose bytes have changed, sorted.
        photos: every photo, whether listed or not.
        made: whether it was made by this call; False where it existed already.
    """

    folder: Path
    object_count: int
    line_count: int
    awkward: dict[str, tuple[str, ...]]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    photos: tuple[PhotoPlan, ...] = field(repr=False)
    made: bool


def make_images_bucket(
    folder: Path, *, products: int = 60, seed: int = 1, month: int = 0
) -> ImagesBucket:
    """Makes the bucket, or leaves it as it is if the same one exists, see `bucket_folder.py`.

    Args:
        folder: where.
        products: in month 0.
        seed: another one gives other products and photos.
        month: 0, or a later state of the same bucket.

    Raises:
        ValueError: too few products or a negative month, see `images_plan.plan`.
        FileExistsError: the folder holds something other than a sandbox; it is not touched.
    """
    planned = plan(products, seed, month)
    arguments = {"edition": EDITION, "products": products, "seed": seed, "month": month}
    list_t = FIRST_LIST_T + month * MONTH_SECONDS
    made = make_once(folder, arguments, lambda part: _build(part, planned, list_t))
    before = plan(products, seed, month - 1) if month else planned
    return _described(folder, planned, before, made=made)


def _described(folder: Path, planned: Plan, before: Plan, *, made: bool) -> ImagesBucket:
    listed, listed_before = set(planned.listed), set(before.listed)
    retaken, retaken_before = (
        {photo.keys(("raw",))[0]: photo.retaken_in for photo in each.photos}
        for each in (planned, before)
    )
    changed = [key for key in retaken if retaken_before.get(key, retaken[key]) != retaken[key]]
    return ImagesBucket(
        folder=folder,
        object_count=len(planned.stored),
        line_count=len(planned.listed),
        awkward=planned.awkward,
        added=tuple(sorted(listed - listed_before)),
        removed=tuple(sorted(listed_before - listed)),
        changed=tuple(sorted(changed)),
        photos=planned.photos,
        made=made,
    )


def _build(folder: Path, planned: Plan, list_t: int) -> None:
    """Draws and writes everything, on one thread per processor, eight at most."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        # Reading the results raises what a drawing raised.
        list(threads.map(partial(_write_photo, folder), planned.photos))
    # Like the bucket's list, without a newline at the end.
    lines = "\n".join(planned.listed).encode()
    write_file(folder / keys.KEY_LIST, gzip.compress(lines, mtime=0), list_t)


def _write_photo(folder: Path, photo: PhotoPlan) -> None:
    contents = _contents(photo) if photo.stored else {}
    for kind, key in zip(photo.stored, photo.keys(photo.stored), strict=True):
        content = contents[kind]
        if photo.flaw and kind in SPOILT[photo.flaw]:
            content = _spoilt(photo.flaw, content)
        write_file(folder / key, content, photo.written_t(kind))


def _contents(photo: PhotoPlan) -> dict[keys.Kind, bytes]:
    product, image_id = photo.product, photo.image_id
    taken = photos.photograph(product, image_id)
    return {
        "raw": photo_files.raw_file(taken, product, image_id, photo.retaken_in),
        "400": photo_files.small_file(taken),
        "ocr": ocr.file(ocr.result(product, image_id, taken.blocks, taken.image.size)),
    }


def _spoilt(flaw: Flaw, content: bytes) -> bytes:
    """What is stored in place of a sound object."""
    spoilt: dict[Flaw, bytes] = {
        "truncated_jpeg": content[: len(content) * 6 // 10],
        "html_page": _HTML_PAGE,
        "ocr_error": ocr.file(ocr.FAILED),
        "ocr_empty_responses": ocr.file(ocr.EMPTY),
        "ocr_without_responses": ocr.file(ocr.WITHOUT_RESPONSES),
    }
    return spoilt[flaw]

"""The sandbox's images bucket as a plain folder: photos, 400 px copies, OCR results and key list.

What lies in it is decided in `images_plan.py`, how it looks in `photos.py`.
"""

import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from off_platform.images import keys
from off_platform.sandbox import filing, ocr, photos
from off_platform.sandbox.bucket_folder import make_once, write_file
from off_platform.sandbox.images_plan import SPOILT, PhotoPlan, Plan, plan
from off_platform.sandbox.products import FIRST_LIST_T, MONTH_SECONDS

# To be raised when the drawings change, so that an older sandbox is made anew.
EDITION = 1

_HTML_PAGE = b"""<!DOCTYPE html>
<html><head><title>503 Service Unavailable</title></head>
<body><h1>Service Unavailable</h1><p>Please try again later.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class ImagesBucket:
    """A made bucket.

    Attributes:
        folder: what stands for the bucket; `data/` lies in it.
        product_count: products that have a photo.
        object_count: files of photos, without the key list.
        line_count: lines of the key list.
        awkward: what is wrong or rare on purpose, each name with its keys.
        added: keys that the list names and last month's did not, sorted; empty in month 0.
        removed: keys that last month's list named and this one does not, sorted.
        changed: keys in both lists whose bytes are others than last month, sorted.
        photos: every photo, whether listed or not.
        made: whether it was made just now; False where it was there already.
    """

    folder: Path
    product_count: int
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
    """Make the bucket, or leave it as it is where the same one lies there already.

    It is built beside the folder, in one of the same name with `.part` behind, and put in place
    whole: a killed make leaves nothing that looks whole, and the next one clears up after it.

    Args:
        folder: where; a sandbox made with other arguments is replaced.
        products: in month 0.
        seed: another one gives other products and photos.
        month: 0, or a later state of the same bucket.

    Raises:
        ValueError: too few products or a negative month, see `images_plan.plan`.
        FileExistsError: something else than a sandbox lies in the folder; it is not touched.
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
        {photo.keys(("raw",)): photo.retaken_in for photo in each.photos}
        for each in (planned, before)
    )
    changed = [key for key in retaken if retaken_before.get(key, retaken[key]) != retaken[key]]
    return ImagesBucket(
        folder=folder,
        product_count=len({photo.product.code for photo in planned.photos}),
        object_count=len(planned.stored),
        line_count=len(planned.listed),
        awkward=planned.awkward,
        added=tuple(sorted(listed - listed_before)),
        removed=tuple(sorted(listed_before - listed)),
        changed=tuple(sorted(key for (key,) in changed)),
        photos=planned.photos,
        made=made,
    )


def _build(folder: Path, planned: Plan, list_t: int) -> None:
    """Draw and write everything, on as many threads as there are processors, eight at most."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        # Asking for the results is what raises if a drawing failed.
        list(threads.map(partial(_write_photo, folder), planned.photos))
    # As the bucket does it: no newline at the end.
    write_file(folder / keys.KEY_LIST, gzip.compress(_lines(planned), mtime=0), list_t)


def _lines(planned: Plan) -> bytes:
    return "\n".join(planned.listed).encode()


def _write_photo(folder: Path, photo: PhotoPlan) -> None:
    contents = _contents(photo) if photo.stored else {}
    for kind in photo.stored:
        content = contents[kind]
        if photo.flaw and kind in SPOILT[photo.flaw]:
            content = _spoilt(photo, content)
        (key,) = photo.keys((kind,))
        write_file(folder / key, content, photo.written_t(kind))


def _contents(photo: PhotoPlan) -> dict[keys.Kind, bytes]:
    taken = photos.photograph(photo.product, photo.image_id)
    filed = filing.filing(photo.product, photo.image_id, photo.retaken_in)
    answer = ocr.result(photo.product, photo.image_id, taken.blocks, taken.image.size)
    return {
        "raw": filing.raw_file(taken, filed),
        "400": filing.small_file(taken),
        "ocr": ocr.file(answer),
    }


def _spoilt(photo: PhotoPlan, content: bytes) -> bytes:
    """What lies in place of a sound object."""
    answers = {
        "ocr_error": ocr.FAILED,
        "ocr_empty_responses": ocr.EMPTY,
        "ocr_without_responses": ocr.WITHOUT_RESPONSES,
    }
    if photo.flaw == "truncated_jpeg":
        return content[: len(content) * 6 // 10]
    if photo.flaw == "html_page":
        return _HTML_PAGE
    return ocr.file(answers[str(photo.flaw)])

"""The sandbox's bins bucket as a plain folder: `metadata/` and `bin-images/`.

What is in the bins is decided in `bins_plan.py`, their photos are drawn in `bins_photos.py`.
"""

from dataclasses import dataclass
from pathlib import Path

from off_platform.bins.keys import image_key, metadata_key
from off_platform.sandbox.bins_photos import photo_of
from off_platform.sandbox.bins_plan import STRAY_ID, BinPlan, plan
from off_platform.sandbox.bucket_folder import make_once, write_file
from off_platform.sandbox.products import FIRST_LIST_T

# Raise it when plan or drawings change, so that an older sandbox is replaced.
EDITION = 3
STRAY_KEY = metadata_key(STRAY_ID)


@dataclass(frozen=True, slots=True)
class BinsBucket:
    """A made bucket.

    Attributes:
        folder: in place of the bucket.
        bins: all bins as planned, whether their files are sound or not.
        awkward: what is wrong or rare on purpose, each name with its ids.
        made: whether it was made by this call; False where it existed already.
    """

    folder: Path
    bins: tuple[BinPlan, ...]
    awkward: dict[str, tuple[str, ...]]
    made: bool


def make_bins_bucket(folder: Path, *, bins: int = 120, seed: int = 1) -> BinsBucket:
    """Makes the bucket, or leaves it as it is if the same one exists, see `bucket_folder.py`.

    Args:
        folder: where.
        bins: in the main set; 15 of the pilot set and two with six digits are added.
        seed: another one gives other bins and photos.

    Raises:
        ValueError: too few bins or too many, see `bins_plan.plan`.
        FileExistsError: the folder holds something other than a sandbox; it is not touched.
    """
    planned = plan(bins, seed)
    arguments = {"edition": EDITION, "bins": bins, "seed": seed}
    made = make_once(folder, arguments, lambda part: _build(part, planned.bins, seed))
    return BinsBucket(folder, planned.bins, planned.awkward, made)


def _build(folder: Path, bins: tuple[BinPlan, ...], seed: int) -> None:
    for planned in bins:
        if planned.metadata is not None:
            write_file(folder / metadata_key(planned.id), planned.metadata, FIRST_LIST_T)
        if planned.has_photo:
            photo = photo_of(planned, seed)
            write_file(folder / image_key(planned.id), photo, FIRST_LIST_T)
    write_file(folder / STRAY_KEY, b'{"what": "no bin"}', FIRST_LIST_T)

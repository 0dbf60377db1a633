"""The whole sandbox in one folder: every bucket and file that the platform reads."""

from dataclasses import dataclass
from pathlib import Path

from off_platform.sandbox.bins_bucket import BinsBucket, make_bins_bucket
from off_platform.sandbox.images_bucket import ImagesBucket, make_images_bucket
from off_platform.sandbox.inbox import make_inbox
from off_platform.sandbox.products_dump import make_products_dump

# The names of the public buckets, under which a server of the root serves them.
IMAGES_BUCKET = "openfoodfacts-images"
BINS_BUCKET = "aft-vbi-pds"
PRODUCTS_DUMP = "products.jsonl.gz"
INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A made sandbox: its folder and its parts."""

    root: Path
    images: ImagesBucket
    products_dump: Path
    bins: BinsBucket
    producers_file: Path


def make_sandbox(
    root: Path, *, products: int = 60, bins: int = 120, seed: int = 1, month: int = 0
) -> Sandbox:
    """Makes the sandbox in a folder; buckets that exist already are left as they are.

    Args:
        root: where; made with its parents if it does not exist.
        products: in month 0.
        bins: in the bins bucket's main set, 40 or more; the bucket is the same in every month.
        seed: another one gives other products, bins and photos.
        month: 0, or a later state of the same sandbox.

    Raises:
        ValueError: too few products or bins, or a negative month.
        FileExistsError: something other than a sandbox is stored where a bucket belongs.
    """
    images = make_images_bucket(root / IMAGES_BUCKET, products=products, seed=seed, month=month)
    dump = make_products_dump(root / PRODUCTS_DUMP, images)
    bins_bucket = make_bins_bucket(root / BINS_BUCKET, bins=bins, seed=seed)
    return Sandbox(root, images, dump, bins_bucket, make_inbox(root / INBOX, images))

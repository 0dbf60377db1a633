"""A tiny products dump with some columns of Open Food Facts' CSV dump, for the bucket's products.

One code has 14 digits and a leading zero, as older entries have, so that it joins with the bucket
only by its normal form (`barcodes/`).
"""

import gzip
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from off_platform.sandbox.images_bucket import ImagesBucket
from off_platform.sandbox.products import Product


def make_products_dump(path: Path, bucket: ImagesBucket) -> Path:
    """Writes the dump of a bucket's products, to a temporary file that is then moved.

    Args:
        path: where; the published dump is named `.csv.gz` and tab separated, and so is this.
        bucket: whose products.

    Returns:
        The path.
    """
    last_image_t: dict[Product, int] = {}
    for photo in bucket.photos:
        sent = max(photo.uploaded_t, last_image_t.get(photo.product, 0))
        last_image_t[photo.product] = sent
    rows = sorted((_row(*each) for each in last_image_t.items()), key=lambda row: row["code"])
    lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    return part.replace(path)


def tag(text: str) -> str:
    """A name as Open Food Facts' tag: lower case without accents, joined by dashes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _row(product: Product, last_image_t: int) -> dict[str, str]:
    """A product's line by column, in the order of the dump."""
    return {
        "code": product.code,
        "creator": product.creator,
        **_moment("created", product.created_t),
        **_moment("last_modified", product.modified_t),
        "last_modified_by": product.editor,
        "product_name": product.name,
        "quantity": product.quantity,
        "brands": product.brand,
        "brands_tags": tag(product.brand),
        "categories": ",".join(product.food.categories),
        "categories_tags": _tags(product.food.categories),
        "countries": product.country,
        "countries_tags": _tags([product.country]),
        "ingredients_text": ", ".join(product.ingredients),
        **_moment("last_image", last_image_t),
        "main_category": _tags(product.food.categories[-1:]),
    }


def _tags(names: Iterable[str]) -> str:
    return ",".join(f"en:{tag(name)}" for name in names)


def _moment(name: str, seconds: int) -> dict[str, str]:
    written = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {f"{name}_t": str(seconds), f"{name}_datetime": written}

"""A tiny products dump in the shape of Open Food Facts' CSV dump, for the sandbox's products.

The columns are some of the dump's own, in its order and tab separated; where the products come
from stands in `products.py`. One code is written with 14 digits and a leading zero, as elder
entries are, so that only the normal form of `barcodes/` joins it with the bucket.
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
    """Write the dump of a bucket's products, written aside and put in place whole.

    Args:
        path: where; the published dump is called `.csv.gz` and tab separated, and so is this.
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
    part.replace(path)
    return path


def tag(text: str) -> str:
    """A name as Open Food Facts tags it: lower case without accents, joined by dashes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _row(product: Product, last_image_t: int) -> dict[str, str]:
    """A product's line by column, in the order of the dump."""
    code = product.code
    categories = product.sort.categories
    fat, saturates, carbohydrate, sugars, protein, salt = map(str, product.per_100)
    kilojoules, kilocalories = map(str, product.energy)
    address = (
        f"http://world-en.openfoodfacts.org/product/{code}/{tag(product.name)}-{tag(product.brand)}"
    )
    return {
        "code": code,
        "url": address,
        "creator": product.creator,
        "created_t": str(product.created_t),
        "created_datetime": _moment(product.created_t),
        "last_modified_t": str(product.modified_t),
        "last_modified_datetime": _moment(product.modified_t),
        "last_modified_by": product.editor,
        "last_updated_t": str(product.modified_t),
        "last_updated_datetime": _moment(product.modified_t),
        "product_name": product.name,
        "quantity": product.quantity,
        "brands": product.brand,
        "brands_tags": tag(product.brand),
        "brands_en": product.brand,
        "categories": ",".join(categories),
        "categories_tags": _tags(categories),
        "categories_en": ",".join(categories),
        "countries": product.country,
        "countries_tags": _tags([product.country]),
        "countries_en": product.country,
        "ingredients_text": ", ".join(product.ingredients),
        "last_image_t": str(last_image_t),
        "last_image_datetime": _moment(last_image_t),
        "main_category": _tags(categories[-1:]),
        "main_category_en": categories[-1],
        "energy-kj_100g": kilojoules,
        "energy-kcal_100g": kilocalories,
        "fat_100g": fat,
        "saturated-fat_100g": saturates,
        "carbohydrates_100g": carbohydrate,
        "sugars_100g": sugars,
        "proteins_100g": protein,
        "salt_100g": salt,
    }


def _tags(names: Iterable[str]) -> str:
    return ",".join(f"en:{tag(name)}" for name in names)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

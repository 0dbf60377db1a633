"""A tiny products dump with some fields of Open Food Facts' JSONL dump, for the bucket's products.

One code has 14 digits and a leading zero, as older entries have, so that it joins with the bucket
only by its normal form (`barcodes/`). Half of the products have their photos in the older form of
`images`, half in the newer one.
"""

import gzip
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from off_platform.sandbox.images_bucket import ImagesBucket
from off_platform.sandbox.images_plan import PhotoPlan
from off_platform.sandbox.photos import View, view_of
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import chance

Json = dict[str, Any]

# What the photos of the views are selected as.
_PICTURES: dict[View, str] = {
    "front": "front",
    "nutrition": "nutrition",
    "ingredients": "ingredients",
    "back": "packaging",
}
_LABELS = ("Organic", "No gluten", "Vegetarian", "Vegan", "Fair trade", "Palm oil free")
# Grams of sugars, saturates and salt in 100 g that cost a grade each.
_STEPS = (12.0, 6.0, 1.2)


def make_products_dump(path: Path, bucket: ImagesBucket) -> Path:
    """Writes the dump of a bucket's products, to a temporary file that is then moved.

    Args:
        path: where; the published dump is named `.jsonl.gz`, and so is this.
        bucket: whose products.

    Returns:
        The path.
    """
    photos: dict[Product, list[PhotoPlan]] = {}
    for photo in bucket.photos:
        photos.setdefault(photo.product, []).append(photo)
    rows = sorted((_row(*each) for each in photos.items()), key=lambda row: row["code"])
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
    return part.replace(path)


def tag(text: str) -> str:
    """A name as Open Food Facts' tag: lower case without accents, joined by dashes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _row(product: Product, photos: Sequence[PhotoPlan]) -> Json:
    """What the dump has of a product."""
    luck = chance("dump", product.code)
    language, ingredients = product.language, ", ".join(product.ingredients)
    nova = min(4, 1 + (len(product.ingredients) + 1) // 2)
    return {
        "code": product.code,
        "creator": product.creator,
        "created_t": product.created_t,
        "last_modified_t": product.modified_t,
        "last_modified_by": product.editor,
        "lang": language,
        "lc": language,
        "languages_codes": {language: 4},
        "product_name": product.name,
        f"product_name_{language}": product.name,
        "product_name_en": product.food.name,
        "quantity": product.quantity,
        "brands": product.brand,
        "brands_tags": [tag(product.brand)],
        "categories": ", ".join(product.food.categories),
        "categories_tags": _tags(product.food.categories),
        "categories_hierarchy": _tags(product.food.categories),
        "labels_tags": _tags(sorted(luck.sample(_LABELS, luck.choice((0, 0, 1, 1, 2))))),
        "countries": product.country,
        "countries_tags": _tags([product.country]),
        "ingredients_text": ingredients,
        "nutriscore_grade": _grade(product) if luck.randrange(8) else "unknown",
        "nova_group": nova,
        "last_image_t": max(photo.uploaded_t for photo in photos),
        "images": _images(product, photos),
    }


def _grade(product: Product) -> str:
    """A letter by what is in it; Nutri-Score itself weighs more."""
    _, saturates, _, sugars, _, salt = product.per_100
    eaten = zip((sugars, saturates, salt), _STEPS, strict=True)
    points = sum(min(3, int(grams / step)) for grams, step in eaten)
    return "abcde"[min(points, 4)]


def _images(product: Product, photos: Sequence[PhotoPlan]) -> Json:
    """The photos and what they were selected as, in one of the two forms."""
    width, height = product.camera
    sizes = {"full": {"w": width, "h": height}, "400": _within(width, height, 400)}
    uploaded = {
        str(photo.image_id): {
            "uploaded_t": photo.uploaded_t,
            "uploader": product.creator,
            "sizes": sizes,
        }
        for photo in photos
    }
    # The first photo of each view is selected, and no photo twice.
    first = {_PICTURES[view_of(photo.image_id)]: photo.image_id for photo in reversed(photos)}
    chosen = {picture: {"imgid": str(number), "rev": "4"} for picture, number in first.items()}
    if product.number % 2:
        selected = {picture: {product.language: facts} for picture, facts in chosen.items()}
        return {"uploaded": uploaded, "selected": selected}
    return uploaded | {f"{name}_{product.language}": facts for name, facts in chosen.items()}


def _within(width: int, height: int, most: int) -> Json:
    scale = most / max(width, height)
    return {"w": round(width * scale), "h": round(height * scale)}


def _tags(names: Iterable[str]) -> list[str]:
    return [f"en:{tag(name)}" for name in names]

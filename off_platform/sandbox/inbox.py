"""A producer's file of the sandbox's products, with faults that such files have."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from off_platform.sandbox.images_bucket import ImagesBucket
from off_platform.sandbox.products import Product

NAME = "producer.csv"
BARCODE_DIGITS = (8, 12, 13)

# Each in one record: a decimal comma, a unit, a wrong check digit, no name, an unknown country.
FAULTS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("fat_g", lambda number: number.replace(".", ",") if "." in number else f"{number},0"),
    ("salt_g", lambda number: f"{number} g"),
    ("barcode", lambda code: code[:-1] + str((int(code[-1]) + 1) % 10)),
    ("product_name", lambda _: ""),
    ("countries", lambda _: "Atlantis"),
)


def make_inbox(folder: Path, bucket: ImagesBucket) -> Path:
    """Writes the file of a bucket's products, to a temporary file that is then moved.

    Args:
        folder: where; made if it does not exist.
        bucket: whose products.

    Returns:
        The path of the file.
    """
    # The bucket's awkward codes, of lengths that no barcode has, are not a producer's.
    products = {
        photo.product.code: photo.product
        for photo in bucket.photos
        if len(photo.product.code) in BARCODE_DIGITS
    }
    rows = [_row(products[code]) for code in sorted(products)]
    # In records that are not neighbours.
    for row, (column, spoil) in zip(rows[2::5], FAULTS, strict=False):
        row[column] = spoil(row[column])
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{NAME}.part"
    part.write_text(text.getvalue(), encoding="utf-8")
    return part.replace(folder / NAME)


def _row(product: Product) -> dict[str, str]:
    fat, saturates, carbohydrate, sugars, protein, salt = product.per_100
    kilojoules, kilocalories = product.energy
    return {
        "barcode": product.code,
        "product_name": product.name,
        "brand": product.brand,
        "quantity": product.quantity,
        "categories": ", ".join(product.food.categories),
        "countries": product.country,
        "ingredients_text": ", ".join(product.ingredients),
        "energy_kj": str(kilojoules),
        "energy_kcal": str(kilocalories),
        "fat_g": str(fat),
        "saturated_fat_g": str(min(saturates, fat)),
        "carbohydrates_g": str(carbohydrate),
        "sugars_g": str(min(sugars, carbohydrate)),
        "proteins_g": str(protein),
        "salt_g": str(salt),
    }

"""A producer's file of the sandbox's products, with the faults that such files have.

What is right about such a file is said in `imports/`; the products are `products.py`.
"""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from off_platform.sandbox.images_bucket import ImagesBucket
from off_platform.sandbox.products import Product

NAME = "producer.csv"
BARCODE_DIGITS = (8, 12, 13)

Row = dict[str, str]


def make_inbox(folder: Path, bucket: ImagesBucket) -> Path:
    """Write the file of a bucket's products into a folder, put in place whole.

    Args:
        folder: where; made if it is not there.
        bucket: whose products.

    Returns:
        The path of the file.
    """
    # Awkward codes of the bucket, of a length that no barcode has, are no producer's.
    products = {
        photo.product.code: photo.product
        for photo in bucket.photos
        if len(photo.product.code) in BARCODE_DIGITS
    }
    rows = [_row(products[code]) for code in sorted(products)]
    # Apart, so that each is seen for itself.
    for row, spoil in zip(rows[2::5], FAULTS, strict=False):
        spoil(row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{NAME}.part"
    part.write_text(text.getvalue(), encoding="utf-8")
    return part.replace(folder / NAME)


def _row(product: Product) -> Row:
    fat, saturates, carbohydrate, sugars, protein, salt = product.per_100
    kilojoules, kilocalories = map(str, product.energy)
    return {
        "barcode": product.code,
        "product_name": product.name,
        "brand": product.brand,
        "quantity": product.quantity,
        "categories": ", ".join(product.sort.categories),
        "countries": product.country,
        "ingredients_text": ", ".join(product.ingredients),
        "energy_kj": kilojoules,
        "energy_kcal": kilocalories,
        "fat_g": str(fat),
        "saturated_fat_g": str(min(saturates, fat)),
        "carbohydrates_g": str(carbohydrate),
        "sugars_g": str(min(sugars, carbohydrate)),
        "proteins_g": str(protein),
        "salt_g": str(salt),
    }


def _decimal_comma(row: Row) -> None:
    row["fat_g"] = row["fat_g"].replace(".", ",") if "." in row["fat_g"] else f"{row['fat_g']},0"


def _with_unit(row: Row) -> None:
    row["salt_g"] += " g"


def _another_check_digit(row: Row) -> None:
    row["barcode"] = row["barcode"][:-1] + str((int(row["barcode"][-1]) + 1) % 10)


def _without_name(row: Row) -> None:
    row["product_name"] = ""


def _unknown_country(row: Row) -> None:
    row["countries"] = "Atlantis"


FAULTS: tuple[Callable[[Row], None], ...] = (
    _decimal_comma,
    _with_unit,
    _another_check_digit,
    _without_name,
    _unknown_country,
)

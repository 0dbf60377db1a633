"""The products dump: shaped like the published one, and it joins with the bucket."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from off_platform.barcodes.text import normal_form
from off_platform.images import keys
from off_platform.sandbox.images_bucket import ImagesBucket
from off_platform.sandbox.products_dump import make_products_dump, tag

PROMISED = {
    "code", "creator", "created_t", "last_modified_t", "last_modified_datetime",
    "last_modified_by", "product_name", "brands", "brands_tags", "categories_tags",
    "countries_tags", "last_image_t", "last_image_datetime",
}  # fmt: skip


def rows(path: Path) -> list[dict[str, str]]:
    header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


@pytest.fixture
def dump(bucket: ImagesBucket, tmp_path: Path) -> Path:
    return make_products_dump(tmp_path / "products.csv.gz", bucket)


def test_its_columns_are_the_published_dumps_in_the_same_order(
    dump: Path, real_data: Callable[[str], Path]
) -> None:
    real = real_data("off/exports/en.openfoodfacts.org.products_1000.tsv")
    with real.open(encoding="utf-8") as lines:
        published = next(lines).rstrip("\n").split("\t")
    columns = list(rows(dump)[0])
    assert columns == [column for column in published if column in columns]
    assert set(columns) >= PROMISED


def test_it_holds_every_product_of_the_bucket_once(dump: Path, bucket: ImagesBucket) -> None:
    codes = [normal_form(row["code"]) for row in rows(dump)]
    stored = [key for photo in bucket.photos for key in photo.keys(photo.stored or photo.listed)]
    assert sorted(codes) == sorted({keys.parse(key).barcode for key in stored})
    assert len(codes) == len(set(codes))


def test_one_code_has_14_digits_and_joins_by_its_normal_form_only(dump: Path) -> None:
    odd = [row["code"] for row in rows(dump) if row["code"] != normal_form(row["code"])]
    assert odd == ["02012345600010"]


def test_it_is_reproducible_and_leaves_no_other_files(dump: Path, bucket: ImagesBucket) -> None:
    first = dump.read_bytes()
    assert make_products_dump(dump, bucket).read_bytes() == first
    assert [path.name for path in dump.parent.iterdir()] == ["products.csv.gz"]


def test_tags_are_lower_case_words_joined_by_dashes() -> None:
    assert tag("Müsli & Nüsse, geröstet") == "musli-nusse-gerostet"

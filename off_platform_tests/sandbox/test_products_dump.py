"""The products dump: shaped like the published one, and it joins with the bucket."""

import gzip
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from off_platform.barcodes.text import normal_form
from off_platform.images import keys
from off_platform.sandbox.images_bucket import ImagesBucket
from off_platform.sandbox.products_dump import make_products_dump, tag

PROMISED = {
    "code", "created_t", "last_modified_t", "last_modified_by", "product_name", "product_name_en",
    "brands", "categories_tags", "countries_tags", "labels_tags", "languages_codes", "quantity",
    "nutriscore_grade", "nova_group", "ingredients_text", "last_image_t", "images",
}  # fmt: skip
# The sample that is at hand has none of these in its first lines.
NOT_IN_THE_SAMPLE = {"product_name_de", "product_name_it", "product_name_es"}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.fixture
def dump(bucket: ImagesBucket, tmp_path: Path) -> Path:
    return make_products_dump(tmp_path / "products.jsonl.gz", bucket)


def test_its_fields_are_those_of_the_published_dump(
    dump: Path, real_data: Callable[[str], Path]
) -> None:
    with gzip.open(real_data("off/exports/openfoodfacts-products-min.jsonl.gz")) as lines:
        published = {name for line in islice(lines, 300) for name in json.loads(line)}
    for row in rows(dump):
        assert row.keys() >= PROMISED
        assert row.keys() <= published | NOT_IN_THE_SAMPLE


def test_its_photos_are_those_of_the_bucket_in_both_forms(dump: Path, bucket: ImagesBucket) -> None:
    stored = {(photo.product.code, str(photo.image_id)) for photo in bucket.photos}
    images = {row["code"]: row["images"] for row in rows(dump)}
    newer = {code: found for code, found in images.items() if "uploaded" in found}
    assert 0 < len(newer) < len(images)
    assert stored == {
        (code, number)
        for code, found in images.items()
        for number in found.get("uploaded", found)
        if number.isdigit()
    }
    fronts = [found["selected"]["front"] for found in newer.values()]
    fronts += [
        {name[6:]: facts}
        for code, found in images.items()
        if code not in newer
        for name, facts in found.items()
        if name.startswith("front_")
    ]
    assert len(fronts) > len(images) / 2
    assert {facts["imgid"] for front in fronts for facts in front.values()} >= {"1"}


def test_its_facts_differ(dump: Path) -> None:
    for name, least in {"nutriscore_grade": 3, "nova_group": 2, "labels_tags": 3}.items():
        assert len({str(row[name]) for row in rows(dump)}) >= least


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
    assert [path.name for path in dump.parent.iterdir()] == ["products.jsonl.gz"]


def test_tags_are_lower_case_words_joined_by_dashes() -> None:
    assert tag("Müsli & Nüsse, geröstet") == "musli-nusse-gerostet"

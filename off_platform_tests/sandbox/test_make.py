"""The whole sandbox."""

import shutil
from pathlib import Path

import pytest

from off_platform.sandbox.bins_plan import plan
from off_platform.sandbox.images_bucket import ImagesBucket
from off_platform.sandbox.images_plan import LEAST_PRODUCTS
from off_platform.sandbox.make import make_sandbox


@pytest.mark.slow
def test_everything_is_stored_where_a_server_of_the_root_finds_it(
    bucket: ImagesBucket, tmp_path: Path
) -> None:
    root = tmp_path / "deep" / "sandbox"
    shutil.copytree(bucket.folder, root / "openfoodfacts-images")
    made = make_sandbox(root, products=LEAST_PRODUCTS, bins=41)
    assert not made.images.made
    assert made.images.folder == root / "openfoodfacts-images"
    assert made.products_dump == root / "products.jsonl.gz"
    assert made.bins.folder == root / "aft-vbi-pds"
    assert sorted(path.name for path in root.iterdir()) == [
        "aft-vbi-pds",
        "inbox",
        "openfoodfacts-images",
        "products.jsonl.gz",
    ]
    assert (made.bins.folder / "bin-images" / "00041.jpg").is_file()
    assert not (made.bins.folder / "bin-images" / "00042.jpg").exists()
    assert made.bins.bins == plan(41, 1).bins
    assert not make_sandbox(root, products=LEAST_PRODUCTS, bins=41).bins.made

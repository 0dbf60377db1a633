"""The whole sandbox."""

import shutil
from pathlib import Path

from off_platform.sandbox.bins_plan import plan
from off_platform.sandbox.images_bucket import ImagesBucket
from off_platform.sandbox.images_plan import LEAST_PRODUCTS
from off_platform.sandbox.make import make_sandbox


def test_everything_is_stored_where_a_server_of_the_root_finds_it(
    bucket: ImagesBucket, tmp_path: Path
) -> None:
    root = tmp_path / "deep" / "sandbox"
    shutil.copytree(bucket.folder, root / "openfoodfacts-images")
    made = make_sandbox(root, products=LEAST_PRODUCTS)
    assert not made.images.made
    assert made.images.folder == root / "openfoodfacts-images"
    assert made.products_dump == root / "products.csv.gz"
    assert made.bins.folder == root / "aft-vbi-pds"
    assert sorted(path.name for path in root.iterdir()) == [
        "aft-vbi-pds",
        "inbox",
        "openfoodfacts-images",
        "products.csv.gz",
    ]


def test_a_sandbox_is_made_from_nothing_with_its_folders(tmp_path: Path) -> None:
    made = make_sandbox(tmp_path / "a" / "b", products=LEAST_PRODUCTS, month=1)
    assert made.images.made
    assert (made.images.folder / "data" / "data_keys.gz").is_file()
    assert made.products_dump.is_file()
    assert made.bins.made


def test_as_many_bins_are_made_as_asked_for_and_the_seed_is_theirs_too(
    bucket: ImagesBucket, tmp_path: Path
) -> None:
    shutil.copytree(bucket.folder, tmp_path / "openfoodfacts-images")
    made = make_sandbox(tmp_path, products=LEAST_PRODUCTS, bins=41)
    assert (made.bins.folder / "bin-images" / "00041.jpg").is_file()
    assert not (made.bins.folder / "bin-images" / "00042.jpg").exists()
    assert made.bins.bins == plan(41, 1).bins
    assert not make_sandbox(tmp_path, products=LEAST_PRODUCTS, bins=41).bins.made

"""The sandboxes that several test modules look at, each made once."""

import shutil
from pathlib import Path

import pytest

from off_platform.sandbox.bucket_folder import MARKER
from off_platform.sandbox.images_bucket import ImagesBucket, make_images_bucket
from off_platform.sandbox.images_plan import LEAST_PRODUCTS


@pytest.fixture(scope="package")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> ImagesBucket:
    """The smallest bucket of seed 1 in month 0; to be looked at only."""
    folder = tmp_path_factory.mktemp("sandbox") / "bucket"
    return make_images_bucket(folder, products=LEAST_PRODUCTS, seed=1)


@pytest.fixture(scope="package")
def next_month(tmp_path_factory: pytest.TempPathFactory, bucket: ImagesBucket) -> ImagesBucket:
    """The state a month later, made in the place of a copy of `bucket`; to be looked at only."""
    folder = tmp_path_factory.mktemp("sandbox") / "bucket"
    shutil.copytree(bucket.folder, folder)
    return make_images_bucket(folder, products=LEAST_PRODUCTS, seed=1, month=1)


@pytest.fixture(scope="package")
def other_seed(tmp_path_factory: pytest.TempPathFactory) -> ImagesBucket:
    """A bucket of another seed, made where a marker lay that nobody can read."""
    folder = tmp_path_factory.mktemp("sandbox") / "bucket"
    folder.mkdir()
    (folder / MARKER).write_text("{")
    return make_images_bucket(folder, products=LEAST_PRODUCTS, seed=2)


@pytest.fixture(scope="package")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> ImagesBucket:
    """The bucket of `bucket` once more, made where an earlier make was killed half-way."""
    folder = tmp_path_factory.mktemp("sandbox") / "bucket"
    for aside in ("bucket.part", "bucket.old"):
        leftover: Path = folder.with_name(aside) / "data" / "999" / "1.jpg"
        leftover.parent.mkdir(parents=True)
        leftover.write_bytes(b"half a pho")
    return make_images_bucket(folder, products=LEAST_PRODUCTS, seed=1)

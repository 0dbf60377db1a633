"""Neighbouring photos of different splits: those that look alike are found, without the visits."""

import shutil
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from off_platform.asset_checks import check_result
from off_platform.bins.choice import BinChoice
from off_platform.bins.image_set import make_bin_image_set, request_from
from off_platform.bins.schemas import NEIGHBOURS_DIFFER
from off_platform.bins.similar_photos import compare_neighbours
from off_platform.quality import Finding
from off_platform.settings import Settings
from off_platform.storage.local_folder import LocalFolder
from off_platform_tests.bins.conftest import BinsDesk

SETTINGS = Settings(_env_file=None)
IDS = [f"{number:05d}" for number in range(1, 61)]


def picture(seed: int, size: tuple[int, int] = (120, 90)) -> Image.Image:
    """Light and dark patches, others for each seed."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def as_jpeg(image: Image.Image, quality: int = 90) -> bytes:
    file = BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()


@pytest.fixture
def desk(bins_desk: BinsDesk, bins_bucket: Path) -> BinsDesk:
    """Bins of which each has its own item and its own picture: no two are one visit."""
    for number, bin_id in enumerate(IDS):
        item = f'{{"asin": "B00000{number:04d}", "name": "x", "normalizedName": "x",'
        item += ' "quantity": 1, "height": null, "length": null, "width": null, "weight": null}'
        (bins_bucket / "metadata" / f"{bin_id}.json").write_text(
            f'{{"BIN_FCSKU_DATA": {{"B00000{number:04d}": {item}}}, "EXPECTED_QUANTITY": 1}}'
        )
        (bins_bucket / "bin-images" / f"{bin_id}.jpg").write_bytes(as_jpeg(picture(number)))
    bins_desk.collect()
    bins_desk.make()
    return bins_desk


def split_of(desk: BinsDesk) -> dict[str, str]:
    return {row["id"]: row["split"] for row in desk.rows("bin_splits")}


def across(desk: BinsDesk) -> list[tuple[str, str]]:
    """Neighbours in different splits."""
    splits = split_of(desk)
    return [(first, second) for first, second in pairwise(IDS) if splits[first] != splits[second]]


def make(desk: BinsDesk, to: Path, **options: object) -> LocalFolder:
    folder = LocalFolder(to)
    choice = BinChoice.model_validate({"n": None, **options})
    request = request_from(SETTINGS, to.name, choice, "", {})
    make_bin_image_set(desk.lake, desk.source, request, folder, desk.connection)
    return folder


def compared(desk: BinsDesk, image_set: str, *folders: LocalFolder) -> Finding:
    named = {Path(folder.address()).name: folder for folder in folders}
    return compare_neighbours(desk.lake, desk.connection, image_set, named)


def test_photos_that_differ_are_no_finding(desk: BinsDesk, tmp_path: Path) -> None:
    finding = compared(desk, "all", make(desk, tmp_path / "all"))
    assert finding.of == len(across(desk)) > 5
    assert finding.passed(NEIGHBOURS_DIFFER)


@pytest.mark.slow
def test_one_photo_under_two_neighbouring_ids_is_found(desk: BinsDesk, tmp_path: Path) -> None:
    first, second = across(desk)[0]
    photos = Path(desk.source.url) / "bin-images"
    with Image.open(photos / f"{first}.jpg") as photo:
        (photos / f"{second}.jpg").write_bytes(as_jpeg(photo, 60))
    desk.collect()
    desk.make()
    finding = compared(desk, "all", make(desk, tmp_path / "all"))
    assert (finding.broken, finding.of) == (1, len(across(desk)))
    assert not finding.passed(NEIGHBOURS_DIFFER)
    splits = split_of(desk)
    assert finding.examples == [
        f"{first} (all, {splits[first]}) and {second} (all, {splits[second]})"
    ]
    assert check_result("bin_image_set", NEIGHBOURS_DIFFER, finding).severity.value == "WARN"


@pytest.mark.slow
def test_photos_of_other_sets_at_hand_count(desk: BinsDesk, tmp_path: Path) -> None:
    train = make(desk, tmp_path / "train", split="train")
    test = make(desk, tmp_path / "test", split="test")
    alone = compared(desk, "train", train)
    assert (alone.broken, alone.of) == (0, 0)
    assert alone.note == "The sets have no photos of neighbouring ids in different splits."
    splits = split_of(desk)
    pairs = [pair for pair in across(desk) if {splits[each] for each in pair} == {"train", "test"}]
    assert pairs
    assert compared(desk, "train", train, test).of == len(pairs)
    assert compared(desk, "test", train, test).of == len(pairs)


@pytest.mark.slow
def test_genuine_neighbours(
    real_bucket: Path, real_data: Callable[[str], Path], bins_bucket: Path, bins_desk: BinsDesk,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Genuine photos of other bins look different."""
    for photo in real_data("bins/images").glob("*.jpg"):
        metadata = real_bucket / "metadata" / f"{photo.stem}.json"
        if metadata.exists():
            shutil.copyfile(photo, bins_bucket / "bin-images" / photo.name)
            shutil.copyfile(metadata, bins_bucket / "metadata" / metadata.name)
    bins_desk.collect()
    bins_desk.make()
    finding = compared(bins_desk, "genuine", make(bins_desk, tmp_path / "genuine"))
    assert finding.of
    assert finding.broken == 0

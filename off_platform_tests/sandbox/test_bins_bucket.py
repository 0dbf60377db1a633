"""The sandbox's bins bucket as a folder: its files, and the same bytes again."""

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from off_platform.sandbox.bins_bucket import STRAY_KEY, BinsBucket, make_bins_bucket
from off_platform.sandbox.bins_plan import LEAST_BINS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> BinsBucket:
    """The smallest bucket of seed 1; to be looked at only."""
    folder = tmp_path_factory.mktemp("sandbox") / "bins"
    return make_bins_bucket(folder, bins=LEAST_BINS, seed=1)


def tree(bucket: BinsBucket) -> dict[str, bytes]:
    """Every object's bytes by its key."""
    files = (path for path in bucket.folder.rglob("*") if path.is_file())
    return {
        path.relative_to(bucket.folder).as_posix(): path.read_bytes()
        for path in files
        if not path.name.startswith(".")
    }


def test_every_bin_has_both_halves_save_two(made: BinsBucket) -> None:
    objects = tree(made)
    ids = {each.id for each in made.bins}
    (unknown,) = made.awkward["a photo has no metadata"]
    (unseen,) = made.awkward["metadata have no photo"]
    wanted = {f"metadata/{bin_id}.json" for bin_id in ids - {unknown}}
    wanted |= {f"bin-images/{bin_id}.jpg" for bin_id in ids - {unseen}}
    assert objects.keys() == wanted | {STRAY_KEY}
    assert all(objects.get(f"metadata/{each.id}.json") == each.metadata for each in made.bins)
    assert made.awkward["a key is no bin's"] == ("notes",)
    assert STRAY_KEY == "metadata/notes.json"
    assert made.made


def test_photos_are_small_and_of_the_genuine_sizes(made: BinsBucket) -> None:
    photos = {key: data for key, data in tree(made).items() if key.endswith(".jpg")}
    sizes = set()
    for data in photos.values():
        assert len(data) < 25_000
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert image.format == "JPEG"
            assert image.mode == "RGB"
            assert not image.getexif()
            sizes.add(image.size)
    assert all(315 <= width <= 500 and 240 <= height <= 600 for width, height in sizes)
    assert len(sizes) > len(photos) // 2
    assert len(set(photos.values())) == len(photos)


@pytest.mark.slow
def test_the_same_arguments_give_the_same_bytes(made: BinsBucket, tmp_path: Path) -> None:
    again = make_bins_bucket(tmp_path / "again", bins=LEAST_BINS, seed=1)
    assert again.made
    assert tree(again) == tree(made)


@pytest.mark.slow
def test_a_different_seed_replaces_it(made: BinsBucket, tmp_path: Path) -> None:
    folder = tmp_path / "bins"
    shutil.copytree(made.folder, folder)
    other = make_bins_bucket(folder, bins=LEAST_BINS, seed=2)
    assert other.made
    first, second = tree(made), tree(other)
    same = {key for key in first.keys() & second.keys() if first[key] == second[key]}
    # The metadata of empty bins do not depend on the seed.
    assert not {key for key in same if key.endswith(".jpg")}
    assert [path.name for path in tmp_path.iterdir()] == ["bins"]


def test_too_few_bins_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 40"):
        make_bins_bucket(tmp_path / "bins", bins=3)
    assert not list(tmp_path.iterdir())

"""Files of split sets show loaders at once what they have, also where objects are missing."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from off_platform.images.products import make_products
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import Desk, desk_at

pytestmark = pytest.mark.slow
SPLIT = "train=0.5,validation=0.25,test=0.25"
LOOKED_AT = 5


@pytest.fixture
def desk(sandbox: Sandbox, month_lake: Path, bucket: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk with products, and a bucket in which photos and OCR results are missing."""
    lake = Path(shutil.copytree(month_lake, tmp_path / "lake"))
    photos = sorted(path for path in bucket.rglob("*.400.jpg"))
    # The first photo of every product keeps both of its objects.
    for place, photo in enumerate(path for path in photos if path.name != "1.400.jpg"):
        text = photo.with_name(photo.name.replace(".400.jpg", ".json.gz"))
        (photo, text)[place % 2].unlink(missing_ok=True)
    with desk_at(lake, Source(str(bucket))) as made:
        make_products(
            made.lake, str(sandbox.products_dump), Settings(_env_file=None), made.connection
        )
        yield made


def samples_of(shard: Path) -> list[dict[str, bytes]]:
    """The samples of a shard in its order: bytes by file name ending."""
    samples: dict[str, dict[str, bytes]] = {}
    with tarfile.open(shard) as archive:
        for member in archive:
            stem, _, ending = member.name.partition(".")
            file = archive.extractfile(member)
            assert file
            samples.setdefault(stem, {})[ending] = file.read()
    return list(samples.values())


def test_the_first_samples_of_a_split_show_files_and_facts(desk: Desk) -> None:
    desk.make(kind="400+ocr", split=SPLIT, near_duplicates=True, group_samples=50)
    folder = Path(desk.folder().address())
    parts = {row["split"] for row in desk.manifest() if row["path"]}
    endings = {"jpg", "json", "ocr.json.gz"}
    apart = 0
    for part in parts:
        shards = sorted(folder.glob(f"{part}-*.tar"))
        samples = [sample for shard in shards for sample in samples_of(shard)]
        first = samples_of(shards[0])[:LOOKED_AT]
        complete = [sample for sample in samples if sample.keys() == endings]
        assert {frozenset(sample) for sample in first} == {frozenset(endings)}
        assert len(first) == min(LOOKED_AT, len(complete))
        assert facts_shown(first) == facts_shown(complete)
        apart += len(shards) > 1
    assert apart


def facts_shown(samples: list[dict[str, bytes]]) -> set[str]:
    """The facts that a sample has a value of."""
    facts: list[dict[str, Any]] = [json.loads(sample["json"]) for sample in samples]
    return {name for each in facts for name, value in each.items() if value not in (None, [])}


def test_folders_of_classes_have_photos(desk: Desk) -> None:
    desk.make(kind="400+ocr", split=SPLIT, layout="files", class_folders="category")
    folder = Path(desk.folder().address())
    classes = [
        path for path in folder.glob("*/*") if path.is_dir() and path.parts[-2] != ".scratch"
    ]
    assert len(classes) > LOOKED_AT
    assert all(any(each.glob("*.jpg")) for each in classes)
    for row in desk.manifest():
        assert not row["path"] or (folder / row["path"]).is_file()
    # The text of a photo that is missing is beside the classes.
    assert any(len(Path(row["path"]).parts) == 2 for row in desk.manifest() if row["path"])

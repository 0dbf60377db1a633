"""A set of real photos, OCR results and a real dump in the loaders of shards."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from off_platform_tests.images.test_real_sets import DUMPS, build, fill
from off_platform_tests.images_desk import BUCKET, desk_at, source_of
from off_platform_tests.s3.server import S3Server

pytestmark = [pytest.mark.loaders, pytest.mark.filterwarnings("ignore")]


def test_real_shards_open(
    webdataset: Any, hugging_face: Any, real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    dump, bucket = real_data(f"off/exports/{DUMPS[0]}"), tmp_path / BUCKET
    fill(bucket, real_data, dump)
    with (
        S3Server({BUCKET: bucket}) as server,
        desk_at(tmp_path / "lake", source_of(server)) as desk,
    ):
        folder, rows = build(desk, dump, "shards")
    photos = {row["sample"]: row for row in rows if row["kind"] == "raw"}
    opened = hugging_face.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert set(opened) == {"train", "validation", "test"}
    seen = 0
    for split, dataset in opened.items():
        names = {name for name, row in photos.items() if row["split"] == split}
        shards = sorted(map(str, folder.glob(f"{split}-*.tar")))
        raw = {each["__key__"]: each for each in webdataset.WebDataset(shards, shardshuffle=False)}
        found = {each["__key__"]: each for each in dataset}
        assert raw.keys() == found.keys() == names
        for name in names:
            row, sample = photos[name], found[name]
            md5 = hashlib.md5(raw[name]["jpg"], usedforsecurity=False).hexdigest()
            assert md5 == row["md5"]
            assert sample["jpg"].size == (row["width"], row["height"])
            for label in ("category", "categories", "countries", "nutriscore"):
                assert (sample["json"][label] or None) == (row[label] or None)
            assert sample["ocr.json.gz"]["responses"]
            seen += 1
    assert seen > len(photos) // 2

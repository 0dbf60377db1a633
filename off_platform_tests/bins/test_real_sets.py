"""The first 60 bins: real photos and metadata, split by visit, with labels, in each layout."""

import io
import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from PIL import Image

from off_platform.bins.choice import BinChoice
from off_platform.bins.image_set import make_bin_image_set, request_from
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Access, Source
from off_platform_tests.bins.conftest import BUCKET, BinsDesk
from off_platform_tests.images_desk import Row, rows_of
from off_platform_tests.s3.server import S3Server

pytestmark = pytest.mark.slow
BINS = 60
Make = Callable[..., tuple[Path, list[Row]]]


@pytest.fixture(scope="module")
def make(
    metadata: dict[str, Any],
    real_data: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Make]:
    """A function from options to a set of the real bins and its manifest."""
    root = tmp_path_factory.mktemp("first_bins")
    for name in ("metadata", "bin-images"):
        (root / BUCKET / name).mkdir(parents=True)
    for number in range(1, BINS + 1):
        photo = real_data(f"bins/images/{number:05d}.jpg")
        shutil.copy(photo, root / BUCKET / "bin-images")
        text = json.dumps(metadata[f"{number:05d}"])
        (root / BUCKET / "metadata" / f"{number:05d}.json").write_text(text)
    lake = Lake(str(root / "lake"))
    with S3Server({BUCKET: root / BUCKET}) as server, lake.connect() as connection:
        source = Source(f"s3://{BUCKET}", Access(endpoint=server.url))
        desk = BinsDesk(lake, source, connection)
        desk.collect()
        desk.make()

        def build(**options: Any) -> tuple[Path, list[Row]]:
            folder = tmp_path_factory.mktemp("bins") / "set"
            given = {"n": None, "split": "train=0.6,validation=0.2,test=0.2", "distinct": True}
            choice = BinChoice.model_validate({**given, "shard_samples": 10, **options})
            request = request_from(Settings(_env_file=None), "few", choice, "A set.", {})
            make_bin_image_set(lake, source, request, LocalFolder(folder), connection)
            return folder, rows_of(connection, folder / "manifest.parquet")

        yield build


def _files(folder: Path, split: str) -> list[tuple[str, bytes, int]]:
    table = pd.read_parquet(folder / split / "metadata.parquet")
    return [
        (row["sample"], (folder / split / row["file_name"]).read_bytes(), row["expected_quantity"])
        for row in table.to_dict("records")
    ]


def _parquet(folder: Path, split: str) -> list[tuple[str, bytes, int]]:
    query = "SELECT sample, image.bytes, expected_quantity FROM read_parquet(?)"
    with duckdb.connect() as connection:
        return connection.execute(query, [str(folder / f"{split}-*.parquet")]).fetchall()


@pytest.mark.parametrize(
    ("layout", "read"), [("files", _files), ("parquet", _parquet)], ids=["files", "parquet"]
)
def test_real_bins_open_split_by_visit(
    make: Make,
    metadata: dict[str, Any],
    real_data: Callable[[str], Path],
    layout: str,
    read: Callable[[Path, str], list[tuple[str, bytes, int]]],
) -> None:
    folder, rows = make(layout=layout, stratify="expected_quantity")
    kept = {
        row["sample"]: row for row in rows if row["kind"] == "photo" and row["split"] != "excluded"
    }
    assert len(kept) > BINS * 3 // 4
    seen = 0
    for split in {row["split"] for row in kept.values()}:
        for name, data, quantity in read(folder, split):
            assert kept[name]["split"] == split
            assert data == real_data(f"bins/images/{name}.jpg").read_bytes()
            with Image.open(io.BytesIO(data)) as photo:
                photo.load()
                assert photo.size == (kept[name]["width"], kept[name]["height"])
            assert quantity == metadata[name]["EXPECTED_QUANTITY"]
            seen += 1
    assert seen == len(kept)


def test_visits_stay_together(make: Make) -> None:
    _, rows = make(layout="parquet", labels=["visit_id"])
    of_visits = defaultdict(set)
    for row in rows:
        if row["split"] != "excluded":
            of_visits[row["visit_id"]].add(row["split"])
    assert {len(splits) for splits in of_visits.values()} == {1}
    assert len({split for splits in of_visits.values() for split in splits}) > 1

"""A split set that grows, whose month changes or whose builder is killed moves no sample.

Nothing here knows the rule by which places are given: manifests are compared by sample and unit.
The photos are tiny, several of a product, and one in four is a changed copy of another product's.
"""

import io
import random
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count as count_from
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from off_platform.barcodes.text import with_check_digit
from off_platform.images import keys
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import (
    BUCKET,
    NEXT_MONTH,
    Desk,
    Row,
    desk_at,
    source_of,
    tree,
    write_list,
)
from off_platform_tests.interruptions import Kills, at_a_desk, forks
from off_platform_tests.s3.server import S3Server

SPLIT = {"split": "train=0.7,validation=0.15,test=0.15"}


def photo(look: int, quality: int) -> bytes:
    """A tiny photo; photos of one look are the same to the eye."""
    noise = np.random.default_rng(look).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    file = io.BytesIO()
    grown = Image.fromarray(noise).resize((48, 48), Image.Resampling.BICUBIC)
    grown.save(file, "JPEG", quality=quality)
    return file.getvalue()


def product(number: int) -> str:
    """The EAN-13 of a product."""
    return with_check_digit(f"{300_000_000_000 + number * 7919}")


def looks_of(count: int) -> Iterator[tuple[str, int]]:
    """Keys of photos, 1 to 6 of a product, and their looks; one in four has an earlier one's."""
    luck = random.Random(1)
    looks: list[int] = []
    for number in count_from(0):
        for image_id in range(1, luck.randint(1, 6) + 1):
            is_copy = bool(looks) and not luck.randrange(4)
            looks.append(luck.choice(looks) if is_copy else len(looks))
            yield keys.key(product(number), image_id, "raw"), looks[-1]
        if len(looks) >= count:
            return


@dataclass
class Bucket:
    """A bucket of tiny photos, and the look of each by its key."""

    folder: Path
    looks: dict[str, int]

    def add(self, photos: Mapping[str, int]) -> None:
        """Writes photos of these looks, each of another quality than others of its look."""
        self.looks |= photos
        for place, (key, look) in enumerate(photos.items()):
            (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / key).write_bytes(photo(look, 80 + place % 15))

    def list(self) -> None:
        """Writes the key list."""
        write_list(self.folder, (key.encode() for key in sorted(self.looks)))

    def leaks(self, rows: Iterable[Row]) -> set[int]:
        """The looks of which photos are in two splits."""
        found: dict[int, set[str]] = defaultdict(set)
        for row in rows:
            if row["split"] != "excluded":
                found[self.looks[row["key"]]].add(row["split"])
        return {look for look, splits in found.items() if len(splits) > 1}


Fill = Callable[[int], Bucket]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """A function from a number of photos to a bucket of at least as many."""

    def make(count: int) -> Bucket:
        bucket = Bucket(tmp_path / BUCKET, {})
        bucket.add(dict(looks_of(count)))
        bucket.list()
        return bucket

    return make


def folder_of(desk: Desk) -> Path:
    return Path(desk.folder().address())


def of_units(rows: Iterable[Row]) -> dict[str, set[str]]:
    """The splits of each unit, without those that are excluded."""
    found = defaultdict(set)
    for row in rows:
        if row["split"] != "excluded":
            found[row["unit"]].add(row["split"])
    return found


def moved(before: list[Row], after: list[Row], *, is_shorter: bool = False) -> set[str]:
    """The samples and units whose split is another one than before.

    Args:
        before: rows of the earlier manifest.
        after: of the later one.
        is_shorter: whether photos are gone; what was excluded for one of them may have a place now.
    """
    was, now = ({row["sample"]: row["split"] for row in rows} for rows in (before, after))
    kept = was.keys() & now.keys()
    assert len(kept) > len(was) // 2
    found = {name for name in kept if was[name] != now[name]}
    if is_shorter:
        found = {name for name in found if was[name] != "excluded"}
    earlier, later = of_units(before), of_units(after)
    return found | {unit for unit in earlier.keys() & later.keys() if earlier[unit] != later[unit]}


def in_two_splits(rows: Iterable[Row]) -> set[str]:
    return {unit for unit, splits in of_units(rows).items() if len(splits) > 1}


def make(desk: Desk, n: int | None, **options: Any) -> list[Row]:
    """Makes the set, or lets it grow; returns its manifest."""
    given = {} if "folds" in options else SPLIT
    desk.make(kind="raw", n=n, **{"group_samples": 100, **given, **options})
    return desk.manifest()


def grow(bucket: Bucket, lake: Path, sizes: tuple[int, int], options: dict[str, Any]) -> None:
    """Makes a set of two sizes, and the larger one anew; nothing has moved."""
    with desk_at(lake, Source(str(bucket.folder))) as desk:
        desk.month()
        small, large = (make(desk, n, **options) for n in sizes)
        assert (len(small), len(large)) == sizes
        assert moved(small, large) == in_two_splits(large) == set()
        assert bucket.leaks(large) == set()
        shares = Counter(row["split"] for row in large)
        assert shares["excluded"] > sizes[1] // 50
        assert len(shares) == (options.get("folds") or 3) + 1
        assert sum(row["duplicate_group"] is not None for row in large) > sizes[1] // 20
        # As if it had been so large from the start.
        desk.folder().remove("")
        assert moved(large, make(desk, sizes[1], **options)) == set()


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"distinct": True}], ids=["all", "distinct"])
def test_growth_moves_nothing(fill: Fill, tmp_path: Path, options: dict[str, bool]) -> None:
    grow(fill(350), tmp_path / "lake", (80, 300), options)


@pytest.mark.soak
@pytest.mark.parametrize("options", [{}, {"distinct": True}, {"folds": 5}], ids=str)
def test_growth_from_1000_to_5000_moves_nothing(
    fill: Fill, tmp_path: Path, options: dict[str, bool]
) -> None:
    grow(fill(5500), tmp_path / "lake", (1000, 5000), options)


@pytest.mark.slow
@pytest.mark.parametrize("n", [None, 160], ids=["all", "some"])
def test_another_month_moves_nothing(fill: Fill, tmp_path: Path, n: int | None) -> None:
    bucket = fill(270)
    with desk_at(tmp_path / "lake", Source(str(bucket.folder))) as desk:
        desk.month()
        before = make(desk, n)
        # One product in ten is gone, and as many are new, some with photos that look like old ones.
        of_products = defaultdict(list)
        for key in sorted(bucket.looks):
            of_products[keys.parse(key).barcode].append(key)
        gone = [key for code in sorted(of_products)[::10] for key in of_products[code]]
        bucket.looks = {key: look for key, look in bucket.looks.items() if key not in set(gone)}
        new = {
            keys.key(product(100_000 + number), 1, "raw"): number * 7 for number in range(len(gone))
        }
        bucket.add(new)
        bucket.list()
        desk.month(NEXT_MONTH)
        after = make(desk, n)
    assert {row["key"] for row in after} & new.keys()
    assert not {row["key"] for row in after} & set(gone)
    assert moved(before, after, is_shorter=True) == in_two_splits(after) == set()
    assert bucket.leaks(after) == set()


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["shards", "files", "parquet"])
def test_the_same_bytes_in_another_folder_and_nothing_fetched_again(
    fill: Fill, tmp_path: Path, layout: str
) -> None:
    bucket = fill(120)
    with (
        S3Server({BUCKET: bucket.folder}) as server,
        desk_at(tmp_path / "lake", source_of(server)) as desk,
    ):
        desk.month()
        make(desk, 100, layout=layout)
        first = tree(folder_of(desk))
        server.requests.clear()
        make(desk, 100, layout=layout)
        assert {seen.status for seen in server.requests} == {304}
        assert tree(folder_of(desk)) == first
        make(desk, 100, layout=layout, folder=LocalFolder(tmp_path / "elsewhere"))
        assert tree(tmp_path / "elsewhere") == first


def _large(desk: Desk) -> None:
    make(desk, 200, group_samples=20, distinct=True, layout="parquet")


def _kill_and_go_on(bucket: Bucket, tmp_path: Path, times: int) -> None:
    """Kills a number of runs that let a set grow, at random moments, and resumes each."""
    context, luck = forks(), random.Random(times)
    with S3Server({BUCKET: bucket.folder}) as server:
        source = source_of(server)
        with desk_at(tmp_path / "small", source) as desk:
            desk.month()
            small = make(desk, 60, group_samples=20, distinct=True, layout="parquet")
            shutil.copytree(tmp_path / "small", tmp_path / "large")
        with desk_at(tmp_path / "large", source) as desk:
            begun = time.monotonic()
            _large(desk)
            longest = 1.2 * (time.monotonic() - begun) + 0.3
            whole = tree(folder_of(desk))
            assert moved(small, desk.manifest()) == set()
        kills = Kills(times, longest, luck)
        for number in kills.rounds():
            lake = tmp_path / f"killed-{number}"
            shutil.copytree(tmp_path / "small", lake)
            kills.try_one(context, at_a_desk, _large, lake, source)
            with desk_at(lake, source) as after:
                _large(after)
                assert tree(folder_of(after)) == whole
            shutil.rmtree(lake)


@pytest.mark.slow
def test_a_killed_run_moves_nothing(fill: Fill, tmp_path: Path) -> None:
    _kill_and_go_on(fill(250), tmp_path, 3)


@pytest.mark.soak
def test_many_killed_runs_move_nothing(fill: Fill, tmp_path: Path) -> None:
    _kill_and_go_on(fill(250), tmp_path, 20)

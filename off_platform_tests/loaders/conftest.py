"""Sets of both buckets, whole and with gaps, and the loaders that open them.

Where the loaders are not installed, the tests are left out with the reason.
"""

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from off_platform.bins.choice import BinChoice
from off_platform.bins.image_set import make_bin_image_set, request_from
from off_platform.image_sets.manifest import COLUMNS, TEXT_KINDS
from off_platform.images.products import make_products
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Source
from off_platform_tests.bins.conftest import BinsDesk
from off_platform_tests.images_desk import BUCKET, Row, desk_at, rows_of

REASON = "the loaders are installed by `make loaders`"
# Which samples lack one of their two objects, by the sample's place in the set.
GAPS: dict[str, Callable[[int], bool]] = {
    "whole": lambda place: place < 0,
    "some missing": lambda place: place % 5 == 2,
    "most missing": lambda place: place not in {1, 4, 9},
    "all missing": lambda place: place >= 0,
}


@dataclass(frozen=True)
class MadeSet:
    """A set, its manifest, and the bucket that it was made from."""

    folder: Path
    rows: list[Row]
    bucket: Path
    splits: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def of_split(self, split: str) -> dict[str, tuple[Row | None, Row | None]]:
        """The manifest's rows of photo and text of each sample of a split, those that are there."""
        names = {row["sample"] for row in self.rows if row["split"] == split}
        there = names & (self.photos.keys() | self.texts.keys())
        return {name: (self.photos.get(name), self.texts.get(name)) for name in there}

    def objects(self, row: Row) -> bytes:
        """The bytes of a row's object as the bucket has them."""
        return (self.bucket / row["key"]).read_bytes()

    @property
    def photos(self) -> dict[str, Row]:
        """The manifest's rows of the photos that are there, by sample."""
        return self._fetched(of_photos=True)

    @property
    def texts(self) -> dict[str, Row]:
        """The manifest's rows of the objects that describe a photo, by sample."""
        return self._fetched(of_photos=False)

    def _fetched(self, *, of_photos: bool) -> dict[str, Row]:
        return {
            row["sample"]: row
            for row in self.rows
            if row["status"] == "fetched" and (row["kind"] not in TEXT_KINDS) == of_photos
        }


Make = Callable[..., list[Row]]
SetMaker = Callable[[str, str, str], MadeSet]
SplitSetMaker = Callable[..., MadeSet]

# The form of a split set: options, with a label that has single values.
FORMS: dict[str, Callable[[str], dict[str, Any]]] = {
    "shards": lambda _: {"layout": "shards"},
    "files": lambda _: {"layout": "files"},
    "classes": lambda label: {"layout": "files", "class_folders": label},
    "parquet": lambda _: {"layout": "parquet"},
}
THREE = {"split": "train=0.5,validation=0.25,test=0.25"}
LABEL = {"images": "category", "bins": "expected_quantity"}
# The second photo of some samples is that of another product or visit.
COPIES = {3: 1, 9: 4}


@pytest.fixture(scope="session")
def split_sets(
    sandbox: Sandbox, month_lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> SplitSetMaker:
    """A function from wing, form, whether there are gaps, and options to a set that is split.

    It has labels, is stratified, and one of near duplicates is kept; each is made once.
    """
    made: dict[tuple[Any, ...], MadeSet] = {}
    places: dict[tuple[str, bool], tuple[Path, Make]] = {}

    def place_of(wing: str, *, gaps: bool) -> tuple[Path, Make]:
        if (wing, gaps) not in places:
            root = tmp_path_factory.mktemp("split_sets")
            source = sandbox.images.folder if wing == "images" else sandbox.bins.folder
            bucket = Path(shutil.copytree(source, root / BUCKET))
            maker = _maker(wing, month_lake, bucket, sandbox.products_dump)
            whole = maker(root / "whole", "shards", labels=())
            _copy_photos(bucket, whole)
            if gaps:
                _remove(bucket, whole, lambda place: place % 5 == 2, of_photos=True)
                if wing == "images":
                    _remove(bucket, whole, lambda place: place % 4 == 1, of_photos=False)
            places[wing, gaps] = bucket, maker
        return places[wing, gaps]

    def make(wing: str, form: str, *, gaps: bool, **options: Any) -> MadeSet:
        key = (wing, form, gaps, *options.items())
        if key not in made:
            bucket, maker = place_of(wing, gaps=gaps)
            folder = tmp_path_factory.mktemp("train_test") / "set"
            label = LABEL[wing]
            given = {"stratify": label, "distinct": True, "shard_samples": 6}
            given |= FORMS[form](label) | (options or THREE)
            rows = maker(folder, given.pop("layout"), **given)
            splits = {row["split"] for row in rows} - {"excluded"}
            known = {column.name for column in COLUMNS}
            labels = tuple(name for name in rows[0] if name not in known)
            made[key] = MadeSet(folder, rows, bucket, tuple(sorted(splits)), labels)
        return made[key]

    return make


def _copy_photos(bucket: Path, rows: list[Row]) -> None:
    """Makes some photos copies of others, of another unit."""
    photos = [row for row in rows if row["kind"] not in TEXT_KINDS and row["status"] == "fetched"]
    for to, of in COPIES.items():
        shutil.copy(bucket / photos[of]["key"], bucket / photos[to]["key"])


@pytest.fixture(scope="session")
def made_sets(
    sandbox: Sandbox, month_lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> SetMaker:
    """A function from wing, layout and gaps to a set; each is made once."""
    made: dict[tuple[str, str, str], MadeSet] = {}

    def make(wing: str, layout: str, gaps: str) -> MadeSet:
        place = (wing, layout, gaps)
        if place not in made:
            root = tmp_path_factory.mktemp("sets")
            source = sandbox.images.folder if wing == "images" else sandbox.bins.folder
            bucket = Path(shutil.copytree(source, root / BUCKET))
            maker = partial(_maker(wing, month_lake, bucket), labels=())
            # Names that could be taken for those of splits.
            whole = maker(root / "whole", layout)
            # The metadata of bins are at hand already; their photos may be missing.
            _remove(bucket, whole, GAPS[gaps], of_photos=wing == "bins")
            folder = root / "train_test"
            made[place] = MadeSet(folder, maker(folder, layout), bucket)
        return made[place]

    return make


def _remove(
    bucket: Path, rows: list[Row], is_missing: Callable[[int], bool], *, of_photos: bool
) -> None:
    samples = list(dict.fromkeys(row["sample"] for row in rows))
    for row in rows:
        is_photo = row["kind"] not in TEXT_KINDS
        if is_photo == of_photos and is_missing(samples.index(row["sample"])):
            (bucket / row["key"]).unlink(missing_ok=True)


def _maker(wing: str, month_lake: Path, bucket: Path, dump: Path | None = None) -> Make:
    return _images(month_lake, bucket, dump) if wing == "images" else _bins(bucket)


def _images(month_lake: Path, bucket: Path, dump: Path | None) -> Make:
    lake = Path(shutil.copytree(month_lake, bucket.parent / "lake"))
    source = Source(str(bucket))
    if dump:
        with desk_at(lake, source) as desk:
            make_products(desk.lake, str(dump), Settings(_env_file=None), desk.connection)

    def make(folder: Path, layout: Any, **options: Any) -> list[Row]:
        with desk_at(lake, source) as desk:
            samples = options.pop("shard_samples", 20)
            given = {"kind": "400+ocr", "layout": layout, "group_samples": samples, **options}
            desk.make(folder=LocalFolder(folder), **given)
            return rows_of(desk.connection, folder / MANIFEST)

    return make


def _bins(bucket: Path) -> Make:
    lake = Lake(str(bucket.parent / "lake"))
    source = Source(str(bucket))
    with lake.connect() as connection:
        desk = BinsDesk(lake, source, connection)
        desk.collect()
        desk.make()

    def make(folder: Path, layout: str, **options: Any) -> list[Row]:
        given = {"n": None, "shard_samples": 20, "layout": layout, **options}
        choice = BinChoice.model_validate(given)
        request = request_from(Settings(), "few", choice, "A set.", {})
        with lake.connect() as connection:
            make_bin_image_set(lake, source, request, LocalFolder(folder), connection)
            return rows_of(connection, folder / MANIFEST)

    return make


@pytest.fixture(scope="session")
def hugging_face(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Hugging Face's `datasets`, without network."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_HUB_OFFLINE", "1")
        environment.setenv("HF_HOME", str(tmp_path_factory.mktemp("hugging_face")))
        datasets = pytest.importorskip("datasets", reason=REASON)
        datasets.disable_progress_bars()
        yield datasets


@pytest.fixture(scope="session")
def webdataset() -> Any:
    """The library that shards are made for."""
    return pytest.importorskip("webdataset", reason=REASON)


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    """Ray, on this machine only; its sockets need a short path."""
    with pytest.MonkeyPatch.context() as environment, TemporaryDirectory(prefix="ray") as place:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        library = pytest.importorskip("ray", reason=REASON)
        pytest.importorskip("ray.data", reason=REASON)
        library.init(
            num_cpus=1,
            include_dashboard=False,
            object_store_memory=100 * 2**20,
            log_to_driver=False,
            _temp_dir=place,
        )
        yield library
        library.shutdown()


def digest(data: bytes) -> str:
    """As in the manifest's column `md5`."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def as_json(data: bytes) -> Any:
    """An object's JSON, gzipped or not."""
    return json.loads(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)

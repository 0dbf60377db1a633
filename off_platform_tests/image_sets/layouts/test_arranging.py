"""Sets that are split, labelled or in another form: what is where, and that nothing is lost."""

import gzip
import hashlib
import json
import shutil
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from off_platform.image_sets.declaration.declared import UnusableChoiceError
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.image_sets.files.stored_objects import StoredObjects
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.images.products import make_products
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import BUCKET, Desk, Row, desk_at, source_of, tree
from off_platform_tests.interruptions import StoppingFolder
from off_platform_tests.s3.server import S3Server

pytestmark = pytest.mark.slow

SPLIT = {"train": 0.5, "validation": 0.25, "test": 0.25}
LABELLED = {"kind": "400+ocr", "split": SPLIT, "stratify": "category"}

MadeLake = Callable[[str], Path]
Made = Callable[..., AbstractContextManager[Desk]]


@pytest.fixture(scope="module")
def labelled_lake(
    sandbox: Sandbox, month_lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The month with the products of the sandbox's dump; to be copied only."""
    lake = Path(shutil.copytree(month_lake, tmp_path_factory.mktemp("labelled") / "lake"))
    with desk_at(lake, Source(str(sandbox.images.folder))) as desk:
        make_products(desk.lake, str(sandbox.products_dump), Settings(), desk.connection)
    return lake


@pytest.fixture
def desk(server: S3Server, labelled_lake: Path, tmp_path: Path) -> Iterator[Desk]:
    lake = Path(shutil.copytree(labelled_lake, tmp_path / "lake"))
    with desk_at(lake, source_of(server)) as made:
        yield made


@pytest.fixture(scope="module")
def shared_server(sandbox: Sandbox) -> Iterator[S3Server]:
    """A server for sets that several tests look at; nobody changes what it has."""
    with S3Server({BUCKET: sandbox.images.folder}) as running:
        yield running


@pytest.fixture(scope="module")
def made_lake(
    shared_server: S3Server, labelled_lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> MadeLake:
    """A lake with the labelled set in a layout, made once; to be looked at, or copied."""

    @cache
    def lake_with(layout: str) -> Path:
        lake = Path(shutil.copytree(labelled_lake, tmp_path_factory.mktemp(layout) / "lake"))
        with desk_at(lake, source_of(shared_server)) as desk:
            desk.make(layout=layout, **LABELLED)
        return lake

    return lake_with


@pytest.fixture
def made(made_lake: MadeLake, shared_server: S3Server) -> Made:
    """A desk at such a lake; to be looked at only."""

    @contextmanager
    def desk_of(layout: str = "shards") -> Iterator[Desk]:
        with desk_at(made_lake(layout), source_of(shared_server)) as desk:
            yield desk

    return desk_of


def folder_of(desk: Desk) -> Path:
    return Path(desk.folder().address())


def fetched(desk: Desk) -> list[Row]:
    return [row for row in desk.manifest() if row["status"] == "fetched"]


def is_photo(row: Row) -> bool:
    return row["kind"] not in TEXT_KINDS


@pytest.mark.parametrize("layout", ["shards", "files", "parquet"])
def test_every_object_is_in_the_files_of_its_split(
    made: Made, sandbox: Sandbox, layout: str
) -> None:
    with made(layout) as desk, StoredObjects(desk.folder()) as objects:
        rows = fetched(desk)
        assert {row["split"] for row in rows} >= set(SPLIT)
        for row in rows:
            start = f"{row['split']}{'/' if layout == 'files' else '-0'}"
            assert row["path"].startswith(start)
            bytes_of = objects.read(row["kind"], row["path"], row["offset"], row["stored_bytes"])
            # As in the bucket, OCR results too.
            assert bytes_of == (sandbox.images.folder / row["key"]).read_bytes()
            assert hashlib.md5(bytes_of, usedforsecurity=False).hexdigest() == row["md5"]
        assert not desk.folder().names(BUILDING)


def test_no_product_and_no_near_duplicate_is_in_two_splits(made: Made) -> None:
    splits: dict[str, set[str]] = defaultdict(set)
    with made() as desk:
        rows = fetched(desk)
    for row in rows:
        if row["split"] != "excluded":
            splits[f"product {row['barcode']}"].add(row["split"])
            if is_photo(row):
                splits[f"bytes {row['md5']}"].add(row["split"])
                splits[f"looks {row['perceptual_hash'] or row['sample']}"].add(row["split"])
            if row["duplicate_group"]:
                splits[f"group {row['duplicate_group']}"].add(row["split"])
    assert {name: found for name, found in splits.items() if len(found) > 1} == {}
    excluded = [row for row in rows if row["split"] == "excluded"]
    for row in excluded:
        assert row["excluded_because"].startswith("nearly the same photo as ")


def test_facts_in_shards_are_those_of_the_manifest(made: Made) -> None:
    with made() as desk:
        rows, folder = fetched(desk), folder_of(desk)
    by_sample = {row["sample"]: row for row in rows if is_photo(row)}
    texts = {row["sample"]: row for row in rows if not is_photo(row)}
    seen = 0
    keys = set()
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as shard:
            for member in shard:
                stem, _, ending = member.name.partition(".")
                file = shard.extractfile(member)
                assert file
                if ending == "json":
                    facts = json.load(file)
                    keys.add(tuple(facts))
                    row = by_sample.get(stem) or texts[stem]
                    assert facts["split"] == row["split"] == path.name.partition("-")[0]
                    for name in ("category", "brands", "name", "nutriscore", "picture", "barcode"):
                        assert facts[name] == row[name]
                    if stem in texts:
                        assert facts["ocr_text"] == texts[stem]["ocr_text"]
                    seen += 1
                elif ending == "ocr.json.gz":
                    json.loads(gzip.decompress(file.read()))
                else:
                    assert ending == "jpg"
    assert seen == len(by_sample.keys() | texts.keys())
    assert len(keys) == 1


def test_folders_of_classes(desk: Desk) -> None:
    desk.make(kind="400", layout="files", split=SPLIT, class_folders="category")
    for row in fetched(desk):
        split, folder, _ = row["path"].split("/")
        assert (split, folder) == (row["split"], row["category"].replace(":", "_"))
    for split in SPLIT:
        table = pq.read_table(folder_of(desk) / split / "metadata.parquet").to_pylist()
        assert table
        for each in table:
            assert (folder_of(desk) / split / each["file_name"]).is_file()


def test_distinct_keeps_one_photo_of_a_group(desk: Desk) -> None:
    desk.make(kind="400", distinct=True)
    rows = fetched(desk)
    kept = [row for row in rows if row["split"] is None]
    hashes = Counter(row["perceptual_hash"] for row in kept if row["perceptual_hash"])
    assert max(hashes.values()) == 1
    assert {row["split"] for row in rows} <= {None, "excluded"}
    assert {row["path"].partition("-")[0] for row in rows if row["split"]} <= {"excluded"}
    assert {row["path"].rpartition(".")[2] for row in kept} == {"tar"}


def test_folds_are_equal_splits(desk: Desk) -> None:
    desk.make(kind="400", folds=3)
    found = Counter(row["split"] for row in fetched(desk))
    assert found.keys() <= {"fold_0", "fold_1", "fold_2", "excluded"}
    assert len(found.keys() - {"excluded"}) == 3


@pytest.mark.parametrize("layout", ["shards", "files", "parquet"])
def test_a_second_run_fetches_nothing_and_has_the_same_bytes(
    made_lake: MadeLake, shared_server: S3Server, tmp_path: Path, layout: str
) -> None:
    lake = Path(shutil.copytree(made_lake(layout), tmp_path / "lake"))
    with desk_at(lake, source_of(shared_server)) as desk:
        before = tree(folder_of(desk))
        shared_server.requests.clear()
        again = desk.make(layout=layout, **LABELLED)
        assert again.tally.by_end["fetched"] == 0
        corrupt = sum(row["status"] == "corrupt" for row in desk.manifest())
        assert sum(seen.status == 200 for seen in shared_server.requests) == corrupt
        assert tree(folder_of(desk)) == before


def test_a_set_is_laid_out_anew_without_fetching(desk: Desk, server: S3Server) -> None:
    desk.make(kind="400", n=12, split=SPLIT, layout="shards")
    was = {row["sample"]: (row["split"], row["md5"]) for row in fetched(desk)}
    # From each layout to each other.
    for other in ("files", "shards", "parquet", "files", "parquet", "shards"):
        server.requests.clear()
        desk.make(kind="400", n=12, split=SPLIT, layout=other)
        now = {row["sample"]: (row["split"], row["md5"]) for row in fetched(desk)}
        assert now == was
        corrupt = sum(row["status"] == "corrupt" for row in desk.manifest())
        assert sum(seen.status == 200 for seen in server.requests) == corrupt
        named = {row["path"] for row in fetched(desk)}
        parts = {name for name in desk.folder().names() if name.endswith((".tar", ".jpg"))}
        assert parts - {"contact_sheet.jpg"} <= named


@pytest.mark.parametrize("stop", range(1, 34, 8))
def test_a_run_that_stops_anywhere_is_completed(made: Made, tmp_path: Path, stop: int) -> None:
    folder = StoppingFolder(tmp_path / "stopped", stop)
    with made("files") as desk:
        whole = tree(folder_of(desk))
        try:
            desk.make(folder=folder, layout="files", **LABELLED)
        except KeyboardInterrupt:
            desk.make(folder=LocalFolder(tmp_path / "stopped"), layout="files", **LABELLED)
        assert tree(folder_of(desk)) == whole
    found = tree(tmp_path / "stopped")
    assert found == whole


def test_photos_are_changed_and_their_originals_named(desk: Desk, sandbox: Sandbox) -> None:
    desk.make(kind="raw", longest_side=64, upright=True, format="webp", quality=80)
    for row in fetched(desk):
        data = desk.folder().read(row["path"], row["offset"], row["stored_bytes"])
        with Image.open(BytesIO(data)) as photo:
            assert photo.format == "WEBP"
            assert photo.size == (row["stored_width"], row["stored_height"])
            assert max(photo.size) == 64
        original = (sandbox.images.folder / row["key"]).read_bytes()
        assert row["md5"] == hashlib.md5(original, usedforsecurity=False).hexdigest()
        assert row["bytes"] == len(original)
        assert row["processing"] == "longest_side=64,upright,format=webp,quality=80"
        shown = row["shown_width"] / row["shown_height"]
        assert row["stored_width"] / row["stored_height"] == pytest.approx(shown, rel=0.05)


def test_another_form_is_fetched_anew(desk: Desk) -> None:
    desk.make(kind="400", longest_side=64)
    again = desk.make(kind="400", longest_side=64)
    assert again.tally.by_end["fetched"] == 0
    other = desk.make(kind="400", longest_side=32)
    assert other.tally.by_end["fetched"] == len(fetched(desk))
    assert {max(row["stored_width"], row["stored_height"]) for row in fetched(desk)} == {32}


def test_without_a_dump_the_set_is_made_and_it_is_said(month_desk: Desk) -> None:
    made = month_desk.make(kind="400", n=5)
    assert "made without labels" in made.note
    assert made.contents.samples == 5
    with pytest.raises(UnusableChoiceError, match="category"):
        month_desk.make(kind="400", n=5, split=SPLIT, stratify="category")


def test_a_stratified_label_must_be_a_single_value(desk: Desk) -> None:
    with pytest.raises(UnusableChoiceError, match="several values"):
        desk.make(kind="400", n=5, split=SPLIT, stratify="brands")
    assert not desk.folder().exists(MANIFEST)

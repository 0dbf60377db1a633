"""Sets of real photos, OCR results and dumps: labelled, split, without near duplicates.

Opened with what everyone has: DuckDB, pandas, tarfile and Pillow. What is right is what the dump
says of a product when it is read line by line, and the bytes that were put into the bucket.
"""

import csv
import gzip
import hashlib
import io
import json
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from off_platform.images import keys
from off_platform.images.products import make_products
from off_platform.settings import Settings
from off_platform_tests.images_desk import BUCKET, Desk, Row, desk_at, source_of, write_list
from off_platform_tests.s3.server import S3Server

pytestmark = pytest.mark.slow
DUMPS = (
    "openfoodfacts-products-min.jsonl.gz",
    "food_products_1000.parquet",
    "en.openfoodfacts.org.products_1000.tsv",
)
SPLIT = "train=0.6,validation=0.2,test=0.2"
PRODUCTS = 36
ACROSS = 3
RealData = Callable[[str], Path]


def categories_of(dump: Path) -> dict[str, list[str]]:
    """By barcode the categories, as the dump has them."""
    if dump.suffix == ".parquet":
        rows = pq.read_table(dump, columns=["code", "categories_tags"]).to_pylist()
        return {row["code"]: row["categories_tags"] or [] for row in rows}
    if dump.suffix == ".tsv":
        csv.field_size_limit(sys.maxsize)
        with dump.open(encoding="utf-8", newline="") as file:
            found = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            return {
                row["code"]: [tag for tag in (row["categories_tags"] or "").split(",") if tag]
                for row in found
            }
    with gzip.open(dump) as lines:
        products = [json.loads(line) for line in lines]
    return {product["code"]: product.get("categories_tags") or [] for product in products}


def parts_of(photo: Path) -> Iterator[bytes]:
    """A real photo, and nine others that are cut from it."""
    yield photo.read_bytes()
    with Image.open(photo) as whole:
        wide, high = whole.width // ACROSS, whole.height // ACROSS
        for place in range(ACROSS * ACROSS):
            left, top = place % ACROSS * wide, place // ACROSS * high
            file = io.BytesIO()
            whole.convert("RGB").crop((left, top, left + wide, top + high)).save(file, "JPEG")
            yield file.getvalue()


class RealSet(NamedTuple):
    """A set, and where it came from."""

    folder: Path
    rows: list[Row]
    bucket: Path
    dump: Path

    def photo(self, row: Row) -> bytes:
        """The bytes of a row's object in the bucket."""
        return (self.bucket / row["key"]).read_bytes()


def fill(bucket: Path, real_data: RealData, dump: Path) -> None:
    """Puts real photos and OCR under the keys of their names, and under keys of the dump."""
    written: dict[str, bytes] = {}
    photos = sorted(real_data("off/images").glob("*.jpg"))
    for file in [*photos, *sorted(real_data("off/ocr").glob("*.json*"))]:
        stem, _, ending = file.name.partition(".")
        code, _, image_id = stem.partition("_")
        if code.isdigit():
            kind = {"jpg": "raw", "400.jpg": "400"}.get(ending, "ocr")
            data = file.read_bytes()
            packed = gzip.compress(data, mtime=0) if ending == "json" else data
            written[keys.key(code, int(image_id), kind)] = packed  # type: ignore[arg-type]
    parts = [part for photo in photos for part in parts_of(photo)]
    texts = [data for key, data in sorted(written.items()) if key.endswith(".json.gz")]
    lines = gzip.decompress(real_data("off/image_keys/derived_data_keys.gz").read_bytes())
    known = {keys.directory(code): code for code in categories_of(dump) if code.isdigit()}
    of_dump = [
        key
        for key in lines.decode().splitlines()
        if f"{key.rpartition('/')[0]}/" in known and key.endswith("/1.jpg")
    ]
    codes = [keys.parse(key).barcode for key in of_dump]
    # Some dumps share few products with the derived keys; theirs have photos by the layout's rule.
    more = sorted(set(known.values()) - set(codes))
    for number, code in enumerate([*codes, *more][:PRODUCTS]):
        written[keys.key(code, 1, "raw")] = parts[number % len(parts)]
        # Every third product has the second photo of another.
        written[keys.key(code, 2, "raw")] = parts[(number + number % 3 * 7 + 1) % len(parts)]
        for image_id in (1, 2):
            written[keys.key(code, image_id, "ocr")] = texts[number % len(texts)]
    for key, data in written.items():
        (bucket / key).parent.mkdir(parents=True, exist_ok=True)
        (bucket / key).write_bytes(data)
    write_list(bucket, (key.encode() for key in sorted(written)))


@pytest.fixture(
    scope="module",
    params=[(dump, "parquet") for dump in DUMPS]
    + [(DUMPS[0], each) for each in ("shards", "files")],
    ids=lambda each: f"{each[1]} of {each[0]}",
)
def made(
    request: pytest.FixtureRequest, real_data: RealData, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealSet]:
    """A set of real photos with labels of a real dump, fetched from a server; to be looked at."""
    name, layout = request.param
    root = tmp_path_factory.mktemp("real_set")
    dump, bucket = real_data(f"off/exports/{name}"), root / BUCKET
    fill(bucket, real_data, dump)
    with S3Server({BUCKET: bucket}) as server, desk_at(root / "lake", source_of(server)) as desk:
        yield RealSet(*build(desk, dump, layout), bucket, dump)


def build(desk: Desk, dump: Path, layout: str) -> tuple[Path, list[Row]]:
    """Materialises the products and makes the set."""
    desk.month()
    make_products(desk.lake, str(dump), Settings(_env_file=None), desk.connection)
    options: dict[str, Any] = {"split": SPLIT, "stratify": "category", "distinct": True}
    if layout == "files":
        options["class_folders"] = "nutriscore"
    desk.make(kind="raw+ocr", layout=layout, group_samples=20, **options)
    return Path(desk.folder().address()), desk.manifest()


def opened(made: RealSet) -> dict[str, tuple[str, bytes, list[str]]]:
    """By sample the split, the photo's bytes and the categories, as readers see them."""
    found: dict[str, tuple[str, bytes, list[str]]] = {}
    for split in ("train", "validation", "test"):
        for name, data, categories in _read(made.folder, split):
            assert name not in found
            found[name] = split, data, categories
    return found


def _read(folder: Path, split: str) -> Iterator[tuple[str, bytes, list[str]]]:
    if (folder / split).is_dir():
        table = pd.read_parquet(folder / split / "metadata.parquet")
        for row in table.to_dict("records"):
            data = (folder / split / row["file_name"]).read_bytes()
            yield (
                row["sample"],
                data,
                list(row["categories"] if row["categories"] is not None else []),
            )
        return
    tables = sorted(map(str, folder.glob(f"{split}-*.parquet")))
    if tables:
        query = (
            "SELECT sample, image.bytes, categories FROM read_parquet(?) WHERE image IS NOT NULL"
        )
        with duckdb.connect() as connection:
            for name, data, categories in connection.execute(query, [tables]).fetchall():
                yield name, data, categories or []
        return
    for shard in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(shard) as archive:
            members: dict[str, dict[str, bytes]] = defaultdict(dict)
            for member in archive:
                stem, _, ending = member.name.partition(".")
                file = archive.extractfile(member)
                assert file
                members[stem][ending] = file.read()
        for stem, of_sample in members.items():
            if "jpg" in of_sample:
                yield stem, of_sample["jpg"], json.loads(of_sample["json"])["categories"] or []


def test_real_sets_open(made: RealSet) -> None:
    photos = {
        row["sample"]: row
        for row in made.rows
        if row["kind"] == "raw" and row["status"] == "fetched" and row["split"] != "excluded"
    }
    assert len(photos) > PRODUCTS // 2
    found = opened(made)
    assert found.keys() == photos.keys()
    said = {
        keys.parse(keys.key(code, 1, "raw")).barcode: tags
        for code, tags in categories_of(made.dump).items()
        if code.isdigit()
    }
    labelled = 0
    for name, (split, data, categories) in found.items():
        row = photos[name]
        assert split == row["split"]
        assert data == made.photo(row)
        assert hashlib.md5(data, usedforsecurity=False).hexdigest() == row["md5"]
        with Image.open(io.BytesIO(data)) as photo:
            photo.load()
            assert photo.size == (row["width"], row["height"])
        assert categories == said.get(row["barcode"], [])
        labelled += bool(categories)
    assert labelled > PRODUCTS // 4


def test_real_sets_do_not_leak(made: RealSet) -> None:
    kept = [row for row in made.rows if row["split"] != "excluded"]
    of_products = defaultdict(set)
    for row in kept:
        of_products[row["barcode"]].add(row["split"])
    assert {len(splits) for splits in of_products.values()} == {1}
    copies = Counter(row["md5"] for row in kept if row["kind"] == "raw" and row["md5"])
    assert set(copies.values()) == {1}
    # Photos were put under several products.
    assert len(kept) < len(made.rows)
    texts = [row for row in made.rows if row["kind"] == "ocr" and row["status"] == "fetched"]
    assert any(row["ocr_text"] for row in texts)

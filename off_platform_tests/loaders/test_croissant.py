"""`mlcroissant` accepts `croissant.json` and reads every layout by it, photos with their labels."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from off_platform.image_sets.manifest import COLUMNS
from off_platform.image_sets.pages.croissant.document import SetTexts, croissant
from off_platform.image_sets.pages.croissant.facts import CROISSANT, croissant_facts
from off_platform.quality import Column, Table
from off_platform.storage.local_folder import LocalFolder
from off_platform_tests.images_desk import Desk
from off_platform_tests.images_desk import rows_of as manifest_of
from off_platform_tests.loaders.conftest import FORMS, LABEL, REASON, SetMaker, SplitSetMaker

pytestmark = [
    pytest.mark.loaders,
    # Of the loader's own making.
    pytest.mark.filterwarnings("ignore"),
]
LABELS = (
    Column("category", "string", "", nullable=True),
    Column("countries", "list<string>", ""),
    Column("quantity", "int32", "", nullable=True),
)
SPLITS = ("train", "train", "train", "validation", "test", "excluded")
TEXTS = SetTexts(
    name="few",
    description='A "set" of <photos>.',
    licence_url="https://creativecommons.org/licenses/by-sa/3.0/",
    attribution="Open Food Facts {contributors}",
    source_url="https://world.openfoodfacts.org/data",
    keywords=("food",),
)


@pytest.fixture
def mlcroissant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library; it unpacks shards into a cache by nothing but their names."""
    library = pytest.importorskip("mlcroissant", reason=REASON)
    place = "mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH"
    monkeypatch.setattr(place, _etils_path(tmp_path / "unpacked"))
    return library


def _etils_path(path: Path) -> Any:
    return pytest.importorskip("etils.epath").Path(path)


def photo(number: int) -> bytes:
    """A photo that is known by its width."""
    written = io.BytesIO()
    Image.new("RGB", (20 + number, 10), (number * 20, 0, 0)).save(written, "JPEG")
    return written.getvalue()


def rows_of(*, split: bool) -> Iterator[dict[str, Any]]:
    for number, name in enumerate(SPLITS):
        yield {
            "position": number,
            "sample": f"s{number}",
            "key": f"data/{number}.jpg",
            "kind": "400",
            "status": "fetched",
            "split": name if split else None,
            "category": None if number == 1 else f"en:{number % 2}",
            "countries": ["en:france"] * (number % 3),
            "quantity": None if number == 2 else number,
            "md5": hashlib.md5(photo(number), usedforsecurity=False).hexdigest(),
        }


def write_labelled(folder: Path, layout: str, *, split: bool) -> list[dict[str, Any]]:
    """Writes photos and manifest as a labelled set has them; returns the rows."""
    folder.mkdir()
    rows = list(rows_of(split=split))
    containers: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        name = row["split"]
        if layout == "files":
            row["path"] = f"{name}/cheese/s{number}.jpg" if name else f"00000/s{number}.jpg"
            (folder / row["path"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / row["path"]).write_bytes(photo(number))
        else:
            ending = "tar" if layout == "shards" else "parquet"
            row["path"] = f"{name}-00000.{ending}" if name else f"00000.{ending}"
            row["offset"] = len(containers.setdefault(row["path"], []))
            containers[row["path"]].append(number)
    for path, numbers in containers.items():
        write = _write_shard if layout == "shards" else _write_parquet
        write(folder / path, numbers, rows)
    schema = Table("manifest", "", (*COLUMNS, *LABELS)).arrow
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "manifest.parquet")
    with duckdb.connect() as connection:
        facts = croissant_facts(TEXTS, LocalFolder(folder), folder / "manifest.parquet", connection)
    (folder / CROISSANT).write_text(croissant(facts))
    return rows


def _write_shard(path: Path, numbers: list[int], _: list[dict[str, Any]]) -> None:
    with tarfile.open(path, "w") as shard:
        for number in numbers:
            for ending, data in (("jpg", photo(number)), ("json", b"{}")):
                member = tarfile.TarInfo(f"s{number}.{ending}")
                member.size = len(data)
                shard.addfile(member, io.BytesIO(data))


def _write_parquet(path: Path, numbers: list[int], rows: list[dict[str, Any]]) -> None:
    own = [column for column in COLUMNS if column.name in {"sample", "kind", "split", "barcode"}]
    more = [
        column for column in COLUMNS if column.name in {"image_id", "shown_width", "shown_height"}
    ]
    columns = Table("photos", "", (*own, *more, *LABELS)).arrow
    image = pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    found = [
        {"image": {"bytes": photo(number), "path": f"s{number}.jpg"}, **rows[number]}
        for number in numbers
    ]
    pq.write_table(pa.Table.from_pylist(found, pa.schema([image, *columns])), path)


def records(dataset: Any, name: str) -> list[dict[str, Any]]:
    """The records of a set, without the names of the sets in the fields, texts as texts."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value.decode() if isinstance(value, bytes) else value

    return [
        {field.removeprefix(f"{name}/"): plain(value) for field, value in record.items()}
        for record in dataset.records(name)
    ]


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("layout", ["shards", "files", "parquet"])
def test_labelled_sets_are_read(
    mlcroissant: Any, tmp_path: Path, layout: str, *, split: bool
) -> None:
    rows = write_labelled(tmp_path / "set", layout, split=split)
    dataset = mlcroissant.Dataset(str(tmp_path / "set" / CROISSANT))
    assert not dataset.metadata.ctx.issues.errors
    names = ["train", "validation", "test"] if split else ["samples"]
    assert [each.id for each in dataset.metadata.record_sets] == [*names, "objects"]
    for name in names:
        expected = [row for row in rows if not split or row["split"] == name]
        found = {record["sample"]: record for record in records(dataset, name)}
        assert found.keys() == {row["sample"] for row in expected}
        for row in expected:
            record = found[row["sample"]]
            assert record["image"].size == (20 + row["position"], 10)
            for label in ("category", "quantity", "split"):
                assert record[label] == row[label]
            # It reads an empty list as null.
            assert (record["countries"] or []) == row["countries"]
    objects = records(dataset, "objects")
    assert [record["md5"] for record in objects] == [row["md5"] for row in rows]


@pytest.mark.parametrize("layout", ["shards", "files"])
@pytest.mark.parametrize("wing", ["images", "bins"])
def test_sets_as_they_are_built_are_read(
    mlcroissant: Any, made_sets: SetMaker, wing: str, layout: str
) -> None:
    made = made_sets(wing, layout, "some missing")
    dataset = mlcroissant.Dataset(str(made.folder / CROISSANT))
    assert not dataset.metadata.ctx.issues.errors
    found = {record["sample"]: record for record in records(dataset, "samples")}
    assert found.keys() == made.photos.keys()
    for name, record in found.items():
        photo_row = made.photos[name]
        assert record["image"].size == (photo_row["width"], photo_row["height"])
    assert len(records(dataset, "objects")) == len(made.rows)


@pytest.mark.parametrize("layout", ["shards", "files", "parquet"])
def test_split_sets_as_they_are_built_are_read(
    mlcroissant: Any, month_desk: Desk, tmp_path: Path, layout: str
) -> None:
    options: dict[str, Any] = {"split": "train=0.6,validation=0.2,test=0.2", "longest_side": 64}
    folder = LocalFolder(tmp_path / "set", tmp_path / "scratch")
    month_desk.make(kind="400", layout=layout, folder=folder, group_samples=20, **options)
    rows = manifest_of(month_desk.connection, tmp_path / "set" / "manifest.parquet")
    dataset = mlcroissant.Dataset(str(tmp_path / "set" / CROISSANT))
    assert not dataset.metadata.ctx.issues.errors
    names = [each.id for each in dataset.metadata.record_sets if each.id != "objects"]
    there = {row["split"] for row in rows if row["path"]} - {"excluded"}
    assert set(names) == there
    for name in names:
        expected = {row["sample"]: row for row in rows if row["split"] == name and row["path"]}
        found = {record["sample"]: record for record in records(dataset, name)}
        assert found.keys() == expected.keys()
        for sample, record in found.items():
            row = expected[sample]
            assert record["image"].size == (row["stored_width"], row["stored_height"])
            assert (record["split"], record["barcode"]) == (name, row["barcode"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wing", ["images", "bins"])
def test_split_sets_of_both_buckets_are_read(
    mlcroissant: Any, split_sets: SplitSetMaker, wing: str, form: str
) -> None:
    made = split_sets(wing, form, gaps=True)
    dataset = mlcroissant.Dataset(str(made.folder / CROISSANT))
    assert not dataset.metadata.ctx.issues.errors
    for split in made.splits:
        photos = {name: row for name, (row, _) in made.of_split(split).items() if row}
        found = {each["sample"]: each for each in records(dataset, split) if each["image"]}
        assert found.keys() == photos.keys()
        for name, row in photos.items():
            assert found[name]["image"].size == (row["stored_width"], row["stored_height"])
            # Rows of photo and text cannot be joined to shards; labels are in `objects`.
            if form != "shards":
                assert found[name][LABEL[wing]] == row[LABEL[wing]]


def test_a_changed_shard_is_noticed(mlcroissant: Any, tmp_path: Path) -> None:
    write_labelled(tmp_path / "set", "shards", split=False)
    shard = tmp_path / "set" / "00000.tar"
    shard.write_bytes(shard.read_bytes()[:-1] + b"X")
    dataset = mlcroissant.Dataset(str(tmp_path / "set" / CROISSANT))
    with pytest.raises(Exception, match=r"Download\(00000\.tar\)"):
        list(dataset.records("samples"))

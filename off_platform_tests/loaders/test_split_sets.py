"""Sets of both buckets with labels, splits and without near duplicates open in every loader.

What is right is what the bucket has and the manifest says of it: which samples are in a split, the
bytes of their photos, their sizes, labels and texts. What is excluded is in no split.
"""

import gzip
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from off_platform_tests.images_desk import Row
from off_platform_tests.loaders.conftest import (
    FORMS,
    LABEL,
    REASON,
    MadeSet,
    SplitSetMaker,
    as_json,
    digest,
)
from off_platform_tests.loaders.test_loaders import alike, within

pytestmark = [
    pytest.mark.loaders,
    # Of the loaders' own making.
    pytest.mark.filterwarnings("ignore"),
]
TEXT_FIELDS = {"images": "ocr.json.gz", "bins": "metadata.txt"}
TEXT_COLUMNS = {"images": "ocr", "bins": "metadata"}
NOT_SHOWN = object()
DIVISIONS: dict[str, dict[str, Any]] = {
    "split": {},
    "folds": {"folds": 3},
    "smaller": {"folds": 2, "longest_side": 96, "upright": True, "format": "webp", "quality": 80},
}


class Found(NamedTuple):
    """What a loader shows of a sample."""

    size: tuple[int, int] | None
    data: bytes | None
    labels: Mapping[str, Any]
    text: Any = NOT_SHOWN


Opened = Mapping[str, Mapping[str, Found]]


@pytest.fixture(params=["images", "bins"])
def wing(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(
    params=[("split", False), ("split", True), ("folds", True), ("smaller", False)],
    ids=["split", "split with gaps", "folds with gaps", "smaller folds"],
)
def made_as(
    request: pytest.FixtureRequest, split_sets: SplitSetMaker, wing: str
) -> Callable[[str], MadeSet]:
    """A function from a form to a set that is divided."""
    division, gaps = request.param
    return lambda form: split_sets(wing, form, gaps=gaps, **DIVISIONS[division])


def agree(
    opened: Opened,
    made: MadeSet,
    *,
    photos_only: bool = False,
    same: Callable[[Any, Any], bool] = alike,
) -> None:
    """The loader shows the manifest's samples, and the bucket's bytes."""
    assert sorted(opened) == list(made.splits)
    assert len(made.splits) > 1
    for split, found in opened.items():
        expected = made.of_split(split)
        if photos_only:
            expected = {name: rows for name, rows in expected.items() if rows[0]}
        assert found.keys() == expected.keys()
        for name, (photo, text) in expected.items():
            _agree_on_photo(found[name], photo, made)
            labels = photo or text or {}
            for label in made.labels:
                assert alike(plain(found[name].labels[label]), plain(labels[label])), label
            if found[name].text is not NOT_SHOWN:
                shown = found[name].text
                assert same(shown, as_json(made.objects(text)) if text else None)


def _agree_on_photo(found: Found, photo: Row | None, made: MadeSet) -> None:
    if photo is None:
        assert found.size is None
        assert found.data is None
        return
    assert found.size == (photo["stored_width"], photo["stored_height"])
    if found.data is None:
        return
    if photo["processing"] is None:
        assert digest(found.data) == photo["md5"] == digest(made.objects(photo))
    else:
        assert len(found.data) == photo["stored_bytes"]
        assert size_of(found.data) == found.size


def plain(value: Any) -> Any:
    """A value as Python has it, whatever the library."""
    if isinstance(value, np.ndarray | list):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value


def size_of(data: bytes) -> tuple[int, int]:
    """The size of a photo that is decoded in full."""
    with Image.open(io.BytesIO(data)) as photo:
        photo.load()
        return photo.size


def unpacked(text: Any) -> Any:
    """The JSON of a text as loaders show it."""
    if text is None or isinstance(text, dict):
        return text
    return as_json(text if isinstance(text, bytes) else text.encode())


def by_sample(rows: Iterable[tuple[str, Found]]) -> dict[str, Found]:
    found = list(rows)
    assert len(dict(found)) == len(found)
    return dict(found)


def of_hugging_face(dataset: Any, library: Any, wing: str) -> dict[str, Found]:
    """The samples of a split: photos as it decodes them, and their bytes."""
    fields = list(dataset.features)
    photo = next((name for name in ("image", "jpg", "webp") if name in fields), None)
    undecoded = dataset.cast_column(photo, library.Image(decode=False))
    return by_sample(
        (row.get("__key__") or row["sample"], _of_row(row, raw[photo], photo, wing))
        for row, raw in zip(dataset, undecoded, strict=True)
    )


def _of_row(row: Mapping[str, Any], raw: Any, photo: str, wing: str) -> Found:
    is_shard = "__key__" in row
    field = TEXT_FIELDS[wing] if is_shard else TEXT_COLUMNS[wing]
    text = unpacked(row[field]) if field in row else NOT_SHOWN
    data = None
    if raw:
        data = raw["bytes"] if raw["bytes"] is not None else Path(raw["path"]).read_bytes()
    image = row[photo]
    return Found(image and image.size, data, row["json"] if is_shard else row, text)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_the_folder_opens(
    hugging_face: Any,
    made_as: Callable[[str], MadeSet],
    wing: str,
    form: str,
    tmp_path: Path,
    *,
    streaming: bool,
) -> None:
    made = made_as(form)
    opened = hugging_face.load_dataset(
        str(made.folder), streaming=streaming, cache_dir=str(tmp_path)
    )
    found = {name: of_hugging_face(split, hugging_face, wing) for name, split in opened.items()}
    agree(found, made, photos_only=form in {"files", "classes"})


@pytest.mark.parametrize("form", FORMS)
def test_the_builders_open_the_files_of_a_split(
    hugging_face: Any, made_as: Callable[[str], MadeSet], wing: str, form: str, tmp_path: Path
) -> None:
    made = made_as(form)
    if form == "shards" and len(made.photos.keys() & made.texts.keys()) < len(made.photos):
        pytest.skip("without the card it needs a few samples of a split that have everything")
    builders = {"shards": "webdataset", "parquet": "parquet"}
    endings = {"shards": "tar", "parquet": "parquet"}

    def where(split: str) -> dict[str, str]:
        if form in endings:
            return {"data_files": str(made.folder / f"{split}-*.{endings[form]}")}
        return {"data_dir": str(made.folder / split)}

    def load(split: str) -> dict[str, Found]:
        opened = hugging_face.load_dataset(
            builders.get(form, "imagefolder"),
            **where(split),
            split="train",
            cache_dir=str(tmp_path / split),
        )
        return of_hugging_face(opened, hugging_face, wing)

    photos_only = form in {"files", "classes"}
    # It makes a struct of the first samples' fields, so what others have more is not in it.
    same = within if form == "shards" and wing == "images" else alike
    opened = {split: load(split) for split in made.splits}
    agree(opened, made, photos_only=photos_only, same=same)


def test_webdataset_opens_the_shards(
    webdataset: Any, made_as: Callable[[str], MadeSet], wing: str
) -> None:
    made = made_as("shards")

    def load(split: str) -> Iterator[tuple[str, Found]]:
        names = sorted(map(str, made.folder.glob(f"{split}-*.tar")))
        decoded = webdataset.WebDataset(names, shardshuffle=False).decode("pil")
        for sample, raw in zip(
            decoded, webdataset.WebDataset(names, shardshuffle=False), strict=True
        ):
            photo = sample.get("jpg", sample.get("webp"))
            data = raw.get("jpg", raw.get("webp"))
            text = unpacked(sample.get(TEXT_FIELDS[wing]))
            yield sample["__key__"], Found(photo and photo.size, data, sample["json"], text)

    agree({split: by_sample(load(split)) for split in made.splits}, made)


def of_table(rows: Iterable[Mapping[str, Any]], wing: str) -> dict[str, Found]:
    """The samples of a Parquet table, photos decoded."""
    found = []
    for row in rows:
        data = row["image"] and row["image"]["bytes"]
        size = size_of(data) if data else None
        text = unpacked(plain(row.get(TEXT_COLUMNS[wing])))
        found.append((row["sample"], Found(size, data, row, text)))
    return by_sample(found)


def _duckdb(files: Sequence[Path]) -> Iterable[Mapping[str, Any]]:
    with duckdb.connect() as connection:
        found = connection.execute("FROM read_parquet(?)", [[str(file) for file in files]])
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _pandas(files: Sequence[Path]) -> Iterable[Mapping[str, Any]]:
    rows = pd.concat([pd.read_parquet(file) for file in files])
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _polars(files: Sequence[Path]) -> Iterable[Mapping[str, Any]]:
    polars = pytest.importorskip("polars", reason=REASON)
    found: list[Mapping[str, Any]] = polars.scan_parquet(list(files)).collect().to_dicts()
    return found


@pytest.mark.parametrize("read", [_duckdb, _pandas, _polars])
def test_tables_open_as_one(
    read: Callable[[Sequence[Path]], Iterable[Mapping[str, Any]]],
    made_as: Callable[[str], MadeSet],
    wing: str,
) -> None:
    made = made_as("parquet")
    opened = {
        split: of_table(read(sorted(made.folder.glob(f"{split}-*.parquet"))), wing)
        for split in made.splits
    }
    agree(opened, made)


@pytest.mark.parametrize("gaps", [False, True])
def test_ray_data_opens_the_tables(
    ray: Any, split_sets: SplitSetMaker, wing: str, *, gaps: bool
) -> None:
    made = split_sets(wing, "parquet", gaps=gaps)

    def load(split: str) -> dict[str, Found]:
        files = sorted(map(str, made.folder.glob(f"{split}-*.parquet")))
        return of_table(ray.data.read_parquet(files).take_all(), wing)

    agree({split: load(split) for split in made.splits}, made)


# As torchvision.datasets.folder has them; the library itself needs torch.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def find_classes(directory: Path) -> dict[str, int]:
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return {name: number for number, name in enumerate(classes)}


def make_dataset(directory: Path, class_to_idx: Mapping[str, int]) -> list[tuple[Path, int]]:
    instances, available = [], set()
    for target in sorted(class_to_idx):
        for root, _, names in sorted(os.walk(directory / target, followlinks=True)):
            for name in sorted(names):
                if name.lower().endswith(EXTENSIONS):
                    instances.append((Path(root) / name, class_to_idx[target]))
                    available.add(target)
    if empty := class_to_idx.keys() - available:
        raise FileNotFoundError(f"Found no valid file for the classes {', '.join(sorted(empty))}.")
    return instances


def test_class_folders_are_those_of_torchvision(
    made_as: Callable[[str], MadeSet], wing: str
) -> None:
    made = made_as("classes")
    for split in made.splits:
        class_to_idx = find_classes(made.folder / split)
        found = make_dataset(made.folder / split, class_to_idx)
        rows = {photo["path"]: photo for photo, _ in made.of_split(split).values() if photo}
        assert len(found) == len(rows)
        of_class: dict[int, set[Any]] = {number: set() for number in class_to_idx.values()}
        for path, number in found:
            row = rows[path.relative_to(made.folder).as_posix()]
            assert size_of(path.read_bytes()) == (row["stored_width"], row["stored_height"])
            of_class[number].add(row[LABEL[wing]])
        # Each folder is one class, and each class is one folder.
        assert {len(values) for values in of_class.values()} == {1}
        assert len(set.union(*of_class.values())) == len(of_class)


def test_sets_are_divided_and_something_is_excluded(
    made_as: Callable[[str], MadeSet], wing: str
) -> None:
    made = made_as("parquet")
    excluded = made.of_split("excluded")
    assert excluded
    assert not excluded.keys() & {name for split in made.splits for name in made.of_split(split)}
    assert made.labels
    assert wing == "bins" or any(row["ocr_text"] for row in made.rows)
    photos = [row for row in made.rows if row["sample"] in excluded and row["excluded_because"]]
    assert photos


def test_texts_of_shards_are_the_buckets_bytes(split_sets: SplitSetMaker) -> None:
    made = split_sets("images", "shards", gaps=False)
    for split in made.splits:
        for _, text in made.of_split(split).values():
            if text:
                with (made.folder / text["path"]).open("rb") as shard:
                    shard.seek(text["offset"])
                    stored = shard.read(text["stored_bytes"])
                assert stored == made.objects(text)
                assert gzip.decompress(stored)

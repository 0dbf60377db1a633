"""Every layout of both buckets opens rightly in Hugging Face's `datasets` and in `webdataset`.

What is right is what the bucket has and the manifest says of it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from math import isclose
from pathlib import Path
from typing import Any

import pytest

from off_platform.image_sets.fetching.drafts import Draft
from off_platform_tests.image_sets.pages.test_contact_sheet import jpeg
from off_platform_tests.image_sets.photos.test_pictures import picture
from off_platform_tests.loaders.conftest import GAPS, MadeSet, SetMaker, as_json, digest

pytestmark = [
    pytest.mark.loaders,
    # Of the loaders' own making.
    pytest.mark.filterwarnings("ignore"),
]
WINGS = ["images", "bins"]


@pytest.fixture(params=GAPS)
def shards(request: pytest.FixtureRequest, made_sets: SetMaker, wing: str) -> MadeSet:
    return made_sets(wing, "shards", gaps_of(wing, request.param))


@pytest.fixture(params=GAPS)
def files(request: pytest.FixtureRequest, made_sets: SetMaker, wing: str) -> MadeSet:
    return made_sets(wing, "files", gaps_of(wing, request.param))


@pytest.fixture(params=WINGS)
def wing(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def gaps_of(wing: str, gaps: str) -> str:
    if wing == "bins" and gaps == "all missing":
        pytest.skip("without any photo there is nothing to load")
    return gaps


def by_key(samples: Iterable[Mapping[str, Any]], key: str) -> dict[str, Mapping[str, Any]]:
    found = list(samples)
    named = {str(sample[key]): sample for sample in found}
    assert len(named) == len(found)
    return named


def alike(found: Any, expected: Any) -> bool:
    """Whether JSON is the same, but for numbers of which Hugging Face keeps ten decimals."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            alike(found[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(alike, found, expected))
    if isinstance(expected, float):
        return isclose(found, expected, rel_tol=1e-6, abs_tol=1e-9)
    return bool(found == expected)


def agree_on_shards(found: Mapping[str, Mapping[str, Any]], made: MadeSet) -> None:
    assert found.keys() == made.photos.keys() | made.texts.keys()
    for name, sample in found.items():
        photo, text = made.photos.get(name), made.texts.get(name)
        size = sample["jpg"].size if sample["jpg"] is not None else None
        assert size == ((photo["width"], photo["height"]) if photo else None)
        assert alike(sample["json"], as_json(made.objects(text)) if text else None)


@pytest.mark.parametrize("streaming", [False, True])
def test_the_folder_opens(
    hugging_face: Any, shards: MadeSet, tmp_path: Path, *, streaming: bool
) -> None:
    samples = hugging_face.load_dataset(
        str(shards.folder), split="train", streaming=streaming, cache_dir=str(tmp_path)
    )
    agree_on_shards(by_key(samples, "__key__"), shards)


def test_each_config_of_the_card_opens(
    hugging_face: Any, shards: MadeSet, files: MadeSet, tmp_path: Path
) -> None:
    for made in (shards, files):
        configs = hugging_face.get_dataset_config_names(str(made.folder))
        assert configs == ["samples"]
        opened = hugging_face.load_dataset(str(made.folder), configs[0], cache_dir=str(tmp_path))
        assert list(opened) == ["train"]
        assert len(opened["train"]) >= len(made.photos) > 0


@pytest.mark.parametrize("streaming", [False, True])
def test_the_webdataset_builder_opens_the_shards(
    hugging_face: Any, shards: MadeSet, tmp_path: Path, *, streaming: bool
) -> None:
    samples = hugging_face.load_dataset(
        "webdataset",
        data_files=str(shards.folder / "*.tar"),
        split="train",
        streaming=streaming,
        cache_dir=str(tmp_path),
    )
    found = by_key(samples, "__key__")
    assert found.keys() == shards.photos.keys() | shards.texts.keys()
    for name, sample in found.items():
        assert (sample["jpg"] is not None) == (name in shards.photos)
        # It makes a struct of the first samples' fields, so what others have more is not in it.
        assert (sample.get("json") is not None) == (name in shards.texts)


WITH_TEXT = {"responses": [{"fullTextAnnotation": {"text": "a"}, "score": 0.5}]}
WHOLE_NUMBERS = {"responses": [{"fullTextAnnotation": {"text": "a"}, "score": 1}]}
WITHOUT_TEXT: dict[str, Any] = {"responses": [{}]}
EMPTY: dict[str, Any] = {"responses": []}
KINDS_OF_TEXTS = {
    "no text first": [*[WITHOUT_TEXT] * 5, *[WITH_TEXT] * 5],
    "empty first": [*[EMPTY] * 5, *[WITH_TEXT] * 2, *[EMPTY] * 3],
    "whole numbers first": [*[WHOLE_NUMBERS] * 5, *[WITH_TEXT] * 3],
    "both kinds of numbers": [WHOLE_NUMBERS, WITH_TEXT] * 3,
    "without responses": [{"created_at": 3}, EMPTY, WITH_TEXT, WHOLE_NUMBERS] * 3,
    "nulls first": [*[{"A": {"height": None}}] * 5, {"A": {"height": {"value": 2.5}}}],
    "other items each": [
        {"Q": 1, "D": {name: {"q": 1}} if name else {}} for name in ("", *"abcdef")
    ],
}


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("texts", [*KINDS_OF_TEXTS, "real"])
def test_fields_of_different_types_are_read(
    hugging_face: Any,
    real_data: Callable[[str], Path],
    tmp_path: Path,
    texts: str,
    *,
    streaming: bool,
) -> None:
    documents = KINDS_OF_TEXTS.get(texts) or [
        json.loads(file.read_bytes()) for file in sorted(real_data("off/ocr").glob("*.json"))
    ]
    _make_shard(tmp_path, documents)
    found = by_key(
        hugging_face.load_dataset(
            "webdataset",
            data_files=str(tmp_path / "*.tar"),
            split="train",
            streaming=streaming,
            cache_dir=str(tmp_path / "cache"),
        ),
        "__key__",
    )
    assert len(found) == len(documents)
    for number, document in enumerate(documents):
        assert within(found[f"{number:03d}"]["json"], document)


def within(found: Any, document: Any) -> bool:
    """Whether the values read are in the JSON; a null means a missing field."""
    if isinstance(found, dict):
        return all(
            value is None or within(value, (document or {}).get(name)) or value == []
            for name, value in found.items()
        )
    if isinstance(found, list):
        return len(found) == len(document) and all(map(within, found, document))
    return bool(found == document)


def test_kept_formats_are_read_by_their_bytes(
    hugging_face: Any, webdataset: Any, tmp_path: Path
) -> None:
    formats = ["PNG", "WebP", "GIF", "JPEG"] * 2
    photos = [picture(name, (30, 20 + number)) for number, name in enumerate(formats)]
    _make_shard(tmp_path, [{}] * len(photos), photos)
    sizes = {f"{number:03d}": (30, 20 + number) for number in range(len(photos))}
    shard = str(tmp_path / "00000.tar")
    opened = [
        hugging_face.load_dataset(
            "webdataset", data_files=shard, split="train", cache_dir=str(tmp_path / "cache")
        ),
        webdataset.WebDataset(shard, shardshuffle=False).decode("pil"),
    ]
    for samples in opened:
        found = by_key(samples, "__key__")
        assert {name: sample["jpg"].size for name, sample in found.items()} == sizes


def _make_shard(place: Path, documents: list[Any], photos: list[bytes] | None = None) -> None:
    draft = Draft(place, "00000.tar", "shards")
    for number, document in enumerate(documents):
        photo = photos[number] if photos else jpeg()
        for ending, data in (("jpg", photo), ("json", json.dumps(document).encode())):
            facts = {"position": len(draft.rows), "status": "fetched"}
            facts |= {"bytes": len(data), "md5": digest(data)}
            draft.add(facts, f"{number:03d}.{ending}", data)
    draft.close(done=True)
    draft.arrange()


def test_webdataset_opens_the_shards(webdataset: Any, shards: MadeSet) -> None:
    names = sorted(map(str, shards.folder.glob("*.tar")))
    samples = webdataset.WebDataset(names, shardshuffle=False).decode("pil")
    found = by_key(({"jpg": None, "json": None} | sample for sample in samples), "__key__")
    agree_on_shards(found, shards)


def agree_on_files(samples: Iterable[Mapping[str, Any]], made: MadeSet) -> None:
    found = by_key(samples, "sample")
    assert list(found) == list(made.photos)
    for name, sample in found.items():
        photo = made.photos[name]
        assert sample["image"].size == (photo["width"], photo["height"])
        assert sample["md5"] == photo["md5"] == digest(made.objects(photo))
        text = made.texts.get(name)
        assert sample["text_path"] == (text["path"] if text else None)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("builder", ["folder", "imagefolder"])
def test_loose_files_open_as_an_image_folder(
    hugging_face: Any, files: MadeSet, tmp_path: Path, builder: str, *, streaming: bool
) -> None:
    folder = str(files.folder)
    where = {"path": folder} if builder == "folder" else {"path": builder, "data_dir": folder}
    samples = hugging_face.load_dataset(
        **where, split="train", streaming=streaming, cache_dir=str(tmp_path)
    )
    agree_on_files(samples, files)


def test_labels_of_bins_are_columns(hugging_face: Any, made_sets: SetMaker, tmp_path: Path) -> None:
    made = made_sets("bins", "files", "whole")
    samples = hugging_face.load_dataset(str(made.folder), split="train", cache_dir=str(tmp_path))
    for sample in samples:
        text = as_json(made.objects(made.texts[sample["sample"]]))
        assert sample["expected_quantity"] == text["EXPECTED_QUANTITY"]
        assert set(samples.unique("split")) <= {"train", "validation", "test"}


def test_all_loose_files_are_in_one_folder(made_sets: SetMaker, wing: str) -> None:
    # ABID's loader reads root/%05d.jpg; torchvision's ImageFolder takes folders for classes.
    made = made_sets(wing, "files", "whole")
    assert len(made.photos) > 20
    assert {Path(row["path"]).parent for row in made.photos.values()} == {Path("00000")}
    # Classes are the first folders below the root; here is one.
    folders = [path.name for path in made.folder.iterdir() if path.is_dir()]
    assert [name for name in folders if not name.startswith(".")] == ["00000"]


def test_abids_loader_finds_every_photo(made_sets: SetMaker) -> None:
    made = made_sets("bins", "files", "whole")
    root, found = made.folder / "00000", 0
    for name in ("trainset", "valset"):
        # As `ImageFolderCounting(root, list)` has it.
        for place, quantity in json.loads((made.folder / f"abid_counting_{name}.json").read_text()):
            assert (root / f"{place + 1:05d}.jpg").read_bytes().startswith(b"\xff\xd8\xff")
            labels = json.loads((root / f"{place + 1:05d}.json").read_text())
            assert labels["EXPECTED_QUANTITY"] == quantity
            found += 1
        for number in (made.folder / f"abid_random_{name}.txt").read_text().split():
            assert (root / f"{int(number):05d}.jpg").is_file()
    assert found > 10

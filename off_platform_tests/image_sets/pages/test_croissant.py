"""`croissant.json` says what is in a set, the same every time; `loaders/` opens sets with it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from off_platform.image_sets.manifest import COLUMNS
from off_platform.image_sets.pages.croissant import facts as croissant_facts
from off_platform.image_sets.pages.croissant.document import (
    CroissantFacts,
    CroissantFile,
    PhotoFiles,
    croissant,
)
from off_platform_tests.image_sets.pages.test_card import HOSTILE
from off_platform_tests.images_desk import Desk

SHARD = CroissantFile(name="train-00000.tar", size=10, sha256="a" * 64)
FACTS = CroissantFacts(
    name="few",
    description="Few photos.",
    licence_url="https://creativecommons.org/licenses/by-sa/3.0/",
    attribution="Open Food Facts contributors",
    source_url="https://world.openfoodfacts.org/data",
    keywords=("food",),
    manifest=CroissantFile(name="manifest.parquet", size=5, sha256="b" * 64),
    columns=COLUMNS[:4],
    photos=(PhotoFiles(split="train", kind="shards", patterns=("*.jpg",), shards=(SHARD,)),),
    one_row=True,
)


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_texts_stay_texts(value: str) -> None:
    facts = {"description": value, "attribution": value}
    made = json.loads(croissant(CroissantFacts(**_with(facts))))
    plain = json.loads(croissant(FACTS))
    assert made.keys() == plain.keys()
    assert made["distribution"] == plain["distribution"]
    assert made["citeAs"].count("{") == made["citeAs"].count("}") == 5


def _with(values: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(FACTS, name) for name in CroissantFacts.__dataclass_fields__} | values


def test_it_names_licence_files_and_fields() -> None:
    made = json.loads(croissant(FACTS))
    assert made["license"] == FACTS.licence_url
    files = {each["@id"]: each for each in made["distribution"]}
    assert files["train-00000.tar"]["sha256"] == "a" * 64
    assert files["train-00000.tar"]["contentSize"] == "10 B"
    assert files["photos-train"]["containedIn"] == [{"@id": "train-00000.tar"}]
    assert [each["@id"] for each in made["recordSet"]] == ["train", "objects"]


@pytest.mark.slow
@pytest.mark.parametrize("split", [None, "train=0.7,test=0.3"])
@pytest.mark.parametrize("layout", ["shards", "files"])
def test_checksums_are_those_of_the_files(month_desk: Desk, layout: str, split: str | None) -> None:
    month_desk.make(kind="400+ocr", layout=layout, split=split)
    folder = month_desk.folder()
    made = json.loads(folder.read(croissant_facts.CROISSANT))
    files = [each for each in made["distribution"] if each["@type"] == "cr:FileObject"]
    for each in files:
        data = folder.read(each["name"])
        assert each["sha256"] == hashlib.sha256(data).hexdigest()
        assert each["contentSize"] == f"{len(data)} B"
    names = [name for name in folder.names() if name.endswith(".tar")]
    shards = sum(not name.startswith("excluded") for name in names)
    assert len(files) == 1 + shards


@pytest.mark.slow
def test_shards_that_stay_are_not_read_again(
    month_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    month_desk.make(kind="400", n=20)
    before = month_desk.folder().read(croissant_facts.CROISSANT)
    read: list[str] = []
    digest = croissant_facts._digest

    def noted(folder: Any, place: str, name: str) -> CroissantFile:
        read.append(place)
        return digest(folder, place, name)

    monkeypatch.setattr(croissant_facts, "_digest", noted)
    month_desk.make(kind="400", n=20)
    assert read == []
    assert month_desk.folder().read(croissant_facts.CROISSANT) == before
    # A damaged one is no reason not to build the set.
    Path(month_desk.folder().address(croissant_facts.CROISSANT)).write_text('{"distribution": 1}')
    month_desk.make(kind="400", n=20)
    assert len(read) == 4
    assert month_desk.folder().read(croissant_facts.CROISSANT) == before

"""Image sets as Dagster components: the same sets, options and refusals as `image_sets.toml`."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from dagster_dg_cli.cli import create_dg_cli
from pydantic import ValidationError

from off_platform.bins.choice import BinChoice
from off_platform.components import BinImageSet, ImageSet, attributes_of
from off_platform.definitions import definitions
from off_platform.image_sets.declaration.declared import (
    UnusableChoiceError,
    WrongDeclarationError,
    declared_choice,
    declared_sets,
)
from off_platform.images.choice import Choice
from off_platform.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
TOML = """
[images.tea]
description = "Teas."
n = "all"
kind = "raw"
countries = ["en:france"]
edited_from = 2024-05-01
split = "train=0.5,test=0.5"
"""
TEA = {
    "description": "Teas.", "n": "all", "kind": "raw", "countries": ["en:france"],
    "edited_from": "2024-05-01", "split": "train=0.5,test=0.5",
}  # fmt: skip
Declare = Callable[..., Path]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Declares a set as a component; gives the file of the other sets."""

    def made(name: str, *, of_bins: bool = False, text: str | None = None, **options: Any) -> Path:
        folder = tmp_path / "off_platform_defs" / name
        folder.mkdir(parents=True)
        component = "off_platform.BinImageSet" if of_bins else "off_platform.ImageSet"
        whole = yaml.safe_dump({"type": component, "attributes": options})
        (folder / "defs.yaml").write_text(whole if text is None else text)
        return tmp_path / "image_sets.toml"

    return made


def test_both_ways_lead_to_the_same_partitions_and_options(declare: Declare) -> None:
    path = declare("green", **TEA)
    declare("visits", of_bins=True, n=3)
    path.write_text(TOML)
    assert declared_choice(path, "images", Choice, "green") == declared_choice(
        path, "images", Choice, "tea"
    )
    assert declared_choice(path, "bins", BinChoice, "visits")[0].n == 3
    graph = definitions(of=Settings(_env_file=None, image_sets=path)).resolve_asset_graph()
    partitions = {
        key.to_user_string(): graph.get(key).partitions_def.get_partition_keys()
        for key in graph.get_all_asset_keys()
        if key.to_user_string().endswith("image_set")
    }
    assert partitions == {"image_set": ["green", "tea"], "bin_image_set": ["visits"]}


@pytest.mark.parametrize(
    ("options", "toml"),
    [
        ({"n": 0}, "n = 0"),
        ({"kindd": "raw"}, 'kindd = "raw"'),
        ({"folds": 3, "split": "a=0.5,b=0.5"}, 'folds = 3\nsplit = "a=0.5,b=0.5"'),
        ({"labels": ["colour"]}, 'labels = ["colour"]'),
    ],
)
def test_both_ways_refuse_the_same_with_the_same_sentence(
    declare: Declare, options: dict[str, Any], toml: str
) -> None:
    path = declare("green", **options)
    path.write_text(f"[images.tea]\n{toml}")
    said = []
    for name, where in (("green", "green/defs.yaml: "), ("tea", "images.tea: ")):
        with pytest.raises(UnusableChoiceError) as refused:
            declared_choice(path, "images", Choice, name)
        said.append(str(refused.value).split(where, 1)[1])
    assert said[0] == said[1]
    with pytest.raises(ValidationError):
        attributes_of(Choice).model_validate(options)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("green", "type: [", "is not a YAML file: "),
        ("green", "", "must declare exactly one image set"),
        ("green", "type: a\n---\ntype: b\n", "must declare exactly one image set"),
        ("green", "type: dagster.Asset\n", "'dagster.Asset' is not one of off_platform.ImageSet,"),
        ("green", "type: off_platform.ImageSet\nname: x\n", "the key 'name' is unknown"),
        ("green", "type: off_platform.ImageSet\nattributes: 3\n", "must be a table of options"),
        ("Green", None, "'Green' cannot name an image set"),
        ("a/green", None, "both declare the image set 'green'"),
        ("tea", None, "is declared in "),
    ],
)
def test_a_wrong_component_is_one_sentence(
    declare: Declare, name: str, text: str | None, sentence: str
) -> None:
    path = declare(name, text=text)
    path.write_text(TOML)
    if name == "a/green":
        declare("green")
    with pytest.raises(WrongDeclarationError) as refused:
        declared_sets(path, "images")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_component_offers_every_option_and_says_what_it_is() -> None:
    for component, choice in ((ImageSet, Choice), (BinImageSet, BinChoice)):
        schema = component.get_model_cls().model_json_schema()["properties"]
        assert schema.keys() == choice.model_fields.keys() | {"description"}
        assert all(option["description"] for option in schema.values())


@pytest.mark.slow
def test_dg_scaffolds_checks_and_lists_components(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    shutil.copytree(
        PROJECT / "off_platform_defs",
        tmp_path / "off_platform_defs",
        ignore=lambda *_: [p.name for p in (PROJECT / "off_platform_defs").iterdir() if p.is_dir()],
    )

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)

    def dg(*words: str) -> Result:
        # In this process: each one of its own loads Dagster for five seconds.
        return CliRunner().invoke(create_dg_cli(), words)

    made = dg("scaffold", "defs", "off_platform.ImageSet", "my_set")
    assert made.exit_code == 0, made.output
    path = tmp_path / "image_sets.toml"
    choice, description = declared_choice(path, "images", Choice, "my_set")
    assert (choice, description) == (Choice(n=100), "The image set my_set.")
    declared = tmp_path / "off_platform_defs" / "my_set" / "defs.yaml"
    declared.write_text(declared.read_text().replace("n: 100", "n: 100\n  kindd: raw"))
    refused = dg("check", "yaml")
    assert refused.exit_code == 1
    assert "'kindd' was unexpected" in refused.output
    listed = json.loads(dg("list", "components", "--json").stdout)
    known = {each["key"]: each["summary"] for each in listed["items"]}
    assert "a partition of `image_set`" in known["off_platform.ImageSet"]
    assert "a partition of `bin_image_set`" in known["off_platform.BinImageSet"]

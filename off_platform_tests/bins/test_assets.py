"""The bins wing's assets in Dagster: a month over a bucket, the next one, and an image set."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from off_platform.bins.image_set import LICENCE
from off_platform.bins.schemas import TABLES
from off_platform.definitions import definitions
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import MANIFEST
from off_platform_tests.bins.conftest import BUCKET
from off_platform_tests.images_desk import rows_of, tree
from off_platform_tests.s3.server import S3Server

# Nearly every one of them runs Dagster.
pytestmark = pytest.mark.slow

DECLARED = """
[bins.few]
description = "A few bins to look at."
n = 7

[bins.many]
n = 100000
difficulty = "moderate"

[bins.odd]
n = 5
skus = ["B0NOSUCH01"]
"""
NAMES = tuple(table.name for table in TABLES)
RULES = {(table.name, rule.id) for table in TABLES for rule in table.rules}
# What the sandbox has wrong on purpose, and a thousandth of so few bins is none.
WARNED = {
    ("bin_objects", "key_format"),
    ("bin_objects", "metadata_has_image"),
    ("bin_objects", "image_has_metadata"),
    ("bin_oddities", "few_oddities"),
    ("bins", "items_not_below_expected"),
    ("items", "one_variant"),
}
WRONG = {("bin_metadata", "json_valid"), ("bin_metadata", "items_valid")}


@dataclass
class House:
    """A platform over one bucket: settings, and an instance that remembers its runs."""

    settings: Settings
    instance: dg.DagsterInstance

    @cached_property
    def defs(self) -> dg.Definitions:
        """The definitions, loaded once as by a code server."""
        return definitions(of=self.settings)

    @property
    def lake(self) -> Lake:
        """Where the tables are."""
        return Lake(self.settings.lake)

    def month(self, *names: str) -> dg.ExecuteInProcessResult:
        """What the monthly job does to the bins, or to some of their tables."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        selection = {dg.AssetKey(name) for name in names or NAMES}
        return job.get_subset(asset_selection=selection).execute_in_process(
            instance=self.instance, raise_on_error=False
        )

    def image_set(self, name: str, **config: Any) -> dg.ExecuteInProcessResult:
        """Makes a declared set, with options of a run."""
        job = self.defs.resolve_job_def("bin_image_sets")
        return job.execute_in_process(
            partition_key=name,
            instance=self.instance,
            run_config={"ops": {"bin_image_set": {"config": config}}},
            raise_on_error=False,
        )

    def shown(self, asset: str) -> dict[str, Any]:
        """The metadata of an asset's newest materialization."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event
        assert event.asset_materialization
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}


HouseMaker = Callable[..., House]


@pytest.fixture(scope="module")
def house_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HouseMaker]:
    """Makes houses over a bucket that a server or a folder has."""
    instances: list[dg.DagsterInstance] = []

    def make(bucket: str, **changes: Any) -> House:
        root = tmp_path_factory.mktemp("house")
        declared = root / "image_sets.toml"
        declared.write_text(DECLARED)
        given = {"lake": str(root / "lake"), "bins_bucket": bucket, "image_sets": declared}
        instances.append(dg.DagsterInstance.ephemeral(tempdir=str(root)))
        return House(Settings(_env_file=None, **given, **changes), instances[-1])

    yield make
    for instance in instances:
        instance.dispose()


@dataclass
class Month:
    """A house in which a month has run over a server, and what came of it."""

    house: House
    server: S3Server
    result: dg.ExecuteInProcessResult
    listings: int


def listings_of(server: S3Server) -> list[str]:
    """The pages of the listing that were requested."""
    return [seen.path for seen in server.requests if "list-type=2" in seen.path]


@pytest.fixture(scope="module")
def month(house_at: HouseMaker, sandbox: Sandbox) -> Iterator[Month]:
    with S3Server({BUCKET: sandbox.bins.folder}) as server:
        house = house_at(f"s3://{BUCKET}", sources_endpoint=server.url)
        result = house.month()
        yield Month(house, server, result, len(listings_of(server)))


def failed_of(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dg.AssetCheckSeverity]:
    """The checks that did not pass, with their severity."""
    return {
        (each.asset_key.to_user_string(), each.check_name): each.severity
        for each in result.get_asset_check_evaluations()
        if not each.passed
    }


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step said."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    error = event.step_failure_data.error
    assert error
    return f"{error.message}{error.cause.message if error.cause else ''}"


def test_every_rule_is_looked_at_and_only_what_is_wrong_is_found(month: Month) -> None:
    assert month.result.success
    evaluated = [
        (each.asset_key.to_user_string(), each.check_name)
        for each in month.result.get_asset_check_evaluations()
    ]
    assert len(evaluated) == len(set(evaluated))
    assert set(evaluated) == RULES
    assert failed_of(month.result) == {
        **dict.fromkeys(WARNED, dg.AssetCheckSeverity.WARN),
        **dict.fromkeys(WRONG, dg.AssetCheckSeverity.ERROR),
    }


def test_a_failed_check_names_the_bins(month: Month, sandbox: Sandbox) -> None:
    by_name = {
        each.check_name: each.metadata["examples"].value
        for each in month.result.get_asset_check_evaluations()
        if not each.passed
    }
    awkward = sandbox.bins.awkward
    for check, names in {
        "json_valid": ["a metadata file is an HTML page", "a metadata file was cut"],
        "items_valid": ["a quantity is a text"],
        "metadata_has_image": ["metadata have no photo"],
        "image_has_metadata": ["a photo has no metadata"],
        "items_not_below_expected": ["more is expected than there is"],
        "key_format": ["a key is no bin's"],
    }.items():
        for name in names:
            (bin_id,) = awkward[name]
            assert bin_id in by_name[check]


def test_a_sound_bucket_passes_every_check(
    house_at: HouseMaker, sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(sandbox.bins.folder, tmp_path / BUCKET))
    fine = {"a bin is empty", "an id has six digits", "an id in both spaces when padded"}
    for name, ids in sandbox.bins.awkward.items():
        for bin_id in () if name in fine else ids:
            (folder / "metadata" / f"{bin_id}.json").unlink(missing_ok=True)
            (folder / "bin-images" / f"{bin_id}.jpg").unlink(missing_ok=True)
    house = house_at(str(folder))
    result = house.month()
    assert result.success
    assert failed_of(result) == {}
    assert len(result.get_asset_check_evaluations()) == len(RULES)
    assert house.shown("bin_oddities")["dagster/row_count"] == 0
    assert failed_of(house.image_set("few")) == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_materialized_table_shows_itself(month: Month, name: str) -> None:
    shown = month.house.shown(name)
    with month.house.lake.connect() as connection:
        rows = rows_of(connection, shown["path"])
    assert shown["dagster/row_count"] == len(rows) > 0
    assert shown["preview"].startswith("| ")
    assert shown["path"] == month.house.lake.address(name)
    if name in {"bins", "items", "bin_visits"}:
        assert "data:image/png;base64," in shown["chart"]


def test_a_second_month_says_that_nothing_changed_and_costs_one_listing(month: Month) -> None:
    assert month.listings > 0
    before = tree(Path(month.house.settings.lake))
    largest = [Path(month.house.lake.address(name)) for name in ("bin_objects", "bin_metadata")]
    written = [path.stat().st_mtime_ns for path in largest]
    month.server.requests.clear()
    result = month.house.month()
    assert result.success
    assert failed_of(result).keys() == WARNED | WRONG
    pages = listings_of(month.server)
    assert len(month.server.requests) == len(pages) == len(set(pages)) == month.listings
    assert month.house.shown("bin_objects")["what"] == (
        "56 metadata and 56 photos are listed; nothing has changed since the previous listing."
    )
    assert month.house.shown("bin_metadata")["this_run"] == "Nothing has changed."
    # A gigabyte of metadata is not even written again.
    assert [path.stat().st_mtime_ns for path in largest] == written
    after = tree(Path(month.house.settings.lake))
    tables = {name for name in before if name.startswith("tables/")}
    assert len(tables) == len(NAMES)
    assert {name: after[name] for name in tables} == {name: before[name] for name in tables}


def test_a_new_bin_is_all_that_the_next_month_fetches(
    house_at: HouseMaker, month: Month, sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(sandbox.bins.folder, tmp_path / BUCKET))
    lake = shutil.copytree(month.house.settings.lake, tmp_path / "lake")
    for part, suffix in (("metadata", "json"), ("bin-images", "jpg")):
        shutil.copyfile(folder / part / f"00001.{suffix}", folder / part / f"00099.{suffix}")
    with S3Server({BUCKET: folder}) as server:
        house = house_at(f"s3://{BUCKET}", sources_endpoint=server.url)
        house.settings = house.settings.model_copy(update={"lake": str(lake)})
        assert house.month().success
        fetched = [seen.path for seen in server.requests if "list-type" not in seen.path]
    assert fetched == [f"/{BUCKET}/metadata/00099.json"]
    assert "2 objects are new or changed, 0 gone" in house.shown("bin_objects")["what"]
    bins = month.house.shown("bins")["dagster/row_count"]
    assert house.shown("bins")["dagster/row_count"] == bins + 1


def test_an_empty_bucket_stops_the_month_and_leaves_the_tables(
    house_at: HouseMaker, month: Month, tmp_path: Path
) -> None:
    before = tree(Path(month.house.settings.lake) / "tables")
    (tmp_path / "metadata").mkdir()
    house = house_at(str(tmp_path))
    house.settings = house.settings.model_copy(update={"lake": month.house.settings.lake})
    result = house.month()
    assert not result.success
    assert "has no bins below metadata/ and bin-images/" in failure_of(result)
    started = {event.step_key for event in result.all_events if event.is_step_start}
    assert started == {"bin_objects"}
    assert tree(Path(month.house.settings.lake) / "tables") == before


def test_an_image_set_shows_its_contact_sheet_and_card(month: Month) -> None:
    result = month.house.image_set("few")
    assert result.success
    assert failed_of(result) == {}
    shown = month.house.shown("bin_image_set")
    assert shown["contact_sheet"].startswith("![contact sheet](data:image/jpeg;base64,")
    assert shown["card"].lstrip().startswith("# Image set few\n\nA few bins to look at.")
    assert LICENCE in shown["card"]
    folder = Path(shown["path"])
    assert shown["gallery"] == str(folder / "gallery.html")
    assert "<img" in Path(shown["gallery"]).read_text()
    assert shown["chosen_from"] == "37 candidates of the table bins"
    assert (shown["samples"], shown["objects_fetched"]) == (7, 14)
    with month.house.lake.connect() as connection:
        rows = rows_of(connection, folder / MANIFEST)
        assert shown["bytes"] == sum(row["bytes"] for row in rows)
        assert shown["dagster/partition_row_count"] == len(rows) == 14
        assert len(rows_of(connection, folder / "labels.parquet")) == 7


def test_options_are_overridden_for_a_run(month: Month) -> None:
    config = {"n": 3, "id_space": "pilot", "layout": "files", "most_quantity": 2}
    result = month.house.image_set("few", **config)
    assert failed_of(result) == {}
    folder = Path(month.house.shown("bin_image_set")["path"])
    with month.house.lake.connect() as connection:
        labels = rows_of(connection, folder / "labels.parquet")
    assert len(labels) == 3
    assert {row["id_space"] for row in labels} == {"pilot"}
    assert max(row["expected_quantity"] for row in labels) <= 2
    assert len(list((folder / "00000").iterdir())) == 6
    # The next run makes it again as it is declared.
    assert month.house.image_set("few").success
    assert month.house.shown("bin_image_set")["samples"] == 7
    assert not (folder / "00000").exists()


def test_fewer_bins_than_declared_fail_a_check_and_are_told(month: Month) -> None:
    result = month.house.image_set("many")
    assert result.success
    assert failed_of(result).keys() == {("bin_image_set", "exactly_n_chosen")}
    shown = month.house.shown("bin_image_set")
    assert shown["too_few"] == f"100,000 were requested; only {shown['samples']} fit"


@pytest.mark.parametrize(
    ("name", "config", "sentence"),
    [
        ("few", {"split": "val"}, "few: split: 'val' is not one of 'train'"),
        (
            "few",
            {"layout": "zip"},
            "layout='zip' is wrong: Input should be 'shards', 'files' or 'parquet'.",
        ),
        ("odd", {}, "odd: no bin fits the options: no bin has 'B0NOSUCH01'"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(
    month: Month, name: str, config: dict[str, Any], sentence: str
) -> None:
    result = month.house.image_set(name, **config)
    assert not result.success
    assert sentence in failure_of(result)


def test_a_set_before_the_first_month_says_what_to_run(
    house_at: HouseMaker, sandbox: Sandbox
) -> None:
    result = house_at(str(sandbox.bins.folder)).image_set("few")
    assert not result.success
    assert "There are no bins yet; run `off-platform run`, or the job monthly." in failure_of(
        result
    )

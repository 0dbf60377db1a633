"""The code location as a whole: every asset described, run over the sandbox, and checked."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from off_platform.bins import labels as bins_labels
from off_platform.bins import schemas as bins_schemas
from off_platform.definitions import definitions
from off_platform.image_sets.declaration.declared import WrongDeclarationError
from off_platform.images import labels as images_labels
from off_platform.images.keys import KEY_LIST
from off_platform.images.monthly import index_month
from off_platform.images.sync import SyncRequest, bounds_from, sync_month
from off_platform.imports.intake.originals import key_of
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import BUCKET, rows_of, tree, write_list
from off_platform_tests.waiting import PATIENCE_SECONDS

DECLARED = """
[images.tryout]
missing_share_most = 0.3
description = "A few small photos."
kind = "400"
n = 9

[bins.few]
missing_share_most = 0.3
n = 7

[images.southern]
missing_share_most = 0.3
kind = "400"
n = 5
countries = ["en:italy", "en:spain"]
"""
PROJECT = Path(__file__).resolve().parents[1]
# Each takes a good part of the two seconds in which the definitions must be there.
HEAVY = (
    "boto3",
    "dagster_aws",
    "dagster_duckdb",
    "duckdb",
    "isal",
    "jinja2",
    "matplotlib",
    "numpy",
    "obstore",
    "pandas",
    "pandera",
    "PIL",
    "pyarrow",
    "ray",
)


@dataclass
class House:
    """A platform of its own: settings, definitions and an instance that remembers its runs."""

    settings: Settings
    instance: dg.DagsterInstance

    @cached_property
    def defs(self) -> dg.Definitions:
        """The definitions, loaded once as by a code server."""
        return definitions(of=self.settings)

    def run(
        self, job: str, partition: str | None = None, only: Sequence[str] = (), **config: Any
    ) -> dg.ExecuteInProcessResult:
        """Runs a job, or only some of its assets; what fails is in the result."""
        return self.defs.resolve_job_def(job).execute_in_process(
            partition_key=partition,
            instance=self.instance,
            run_config={"ops": config},
            raise_on_error=False,
            asset_selection=[dg.AssetKey(each) for each in only] or None,
        )

    def materialized(self, asset: str) -> dict[str, Any]:
        """The metadata of an asset's newest materialization."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event
        assert event.asset_materialization
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def checks_of(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], bool]:
    """Which checks were evaluated, and whether they passed."""
    evaluations = result.get_asset_check_evaluations()
    found = {(e.asset_key.to_user_string(), e.check_name): e.passed for e in evaluations}
    assert len(found) == len(evaluations)
    return found


def failure_of(result: dg.ExecuteInProcessResult, step: str) -> str:
    """What a failed step said."""
    (event,) = [e for e in result.all_events if e.is_step_failure and e.step_key == step]
    error = event.step_failure_data.error
    assert error
    return f"{error.message}{error.cause.message if error.cause else ''}"


HouseMaker = Callable[..., House]


@pytest.fixture(scope="module")
def house_at(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[HouseMaker]:
    """Makes houses over a copy of the sandbox's bucket, settings changed as asked."""
    instances: list[dg.DagsterInstance] = []

    def make(**changes: Any) -> House:
        root = tmp_path_factory.mktemp("house")
        (root / "image_sets.toml").write_text(DECLARED)
        given = {
            "lake": str(root / "lake"),
            "images_bucket": str(shutil.copytree(sandbox.images.folder, root / BUCKET)),
            "bins_bucket": str(sandbox.bins.folder),
            "products_dump": str(sandbox.products_dump),
            "image_sets": root / "image_sets.toml",
            "import_folders": str(root.parent),
        }
        instance = dg.DagsterInstance.ephemeral(tempdir=str(root))
        instances.append(instance)
        return House(Settings(_env_file=None, **{**given, **changes}), instance)

    yield make
    for instance in instances:
        instance.dispose()


@pytest.fixture(scope="module")
def empty(house_at: HouseMaker) -> House:
    """A house in which nothing has run."""
    return house_at()


@pytest.fixture(scope="module")
def defs(empty: House) -> dg.Definitions:
    return empty.defs


def this_month() -> str:
    """The month in which a test runs, which the next one may not have any more."""
    return f"{datetime.now(UTC):%Y-%m-01}"


def month_before(month: str) -> str:
    return f"{date.fromisoformat(month) - timedelta(days=1):%Y-%m-01}"


@dataclass
class Run:
    """A house in which all has run once, the month of that, and the results by job."""

    house: House
    month: str
    results: dict[str, dg.ExecuteInProcessResult]


@pytest.fixture(scope="module")
def run(house_at: HouseMaker) -> Run:
    house, month = house_at(), this_month()
    return Run(
        house,
        month,
        {
            "monthly": house.run("monthly", month),
            "products_dump": house.run("products_dump"),
            "image_sets": house.run("image_sets", "southern"),
            "bin_image_sets": house.run("bin_image_sets", "few"),
            "imports": _import_of_one_product(house),
            "export": house.run("export"),
            "weekly": house.run("weekly"),
        },
    )


def _import_of_one_product(house: House) -> dg.ExecuteInProcessResult:
    path = Path(house.settings.lake).with_name("products.csv")
    path.write_text("barcode,product_name\n3017620422003,Nutella\n")
    key = key_of(path)
    house.instance.add_dynamic_partitions("imports", [key])
    return house.run("imports", key, import_file={"config": {"path": str(path)}})


def specs_of(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


BIN_TABLES = tuple(table.name for table in bins_schemas.TABLES)
MONTH_TABLES = ("bucket_sync", "key_index", "key_index_oddities", "photos", "key_changes", "months")
IMPORT_TABLES = (
    "products_accepted",
    "products_quarantined",
    "import_findings",
    "products_imported",
    "products_compared",
    "products_export",
)
TABLES = (
    *BIN_TABLES,
    "bin_image_set",
    *MONTH_TABLES,
    "products",
    "product_photos",
    "image_set",
)


def test_the_wings_assets_are_there(defs: dg.Definitions) -> None:
    others = {"data_keys", "import_file", "import_report", "open_findings"}
    assert {*TABLES, *IMPORT_TABLES, *others} == set(specs_of(defs))


def test_every_asset_is_owned_grouped_and_described(defs: dg.Definitions) -> None:
    for name, spec in specs_of(defs).items():
        assert spec.owners, name
        assert spec.description, name
        assert spec.description.endswith("."), name
        assert spec.group_name in {"images", "bins", "imports", "open"}, name
        assert spec.kinds, name


@pytest.mark.parametrize("name", [*TABLES, *IMPORT_TABLES])
def test_every_table_has_a_column_schema_with_descriptions(defs: dg.Definitions, name: str) -> None:
    spec = specs_of(defs)[name]
    columns = spec.metadata["dagster/column_schema"].columns
    assert len(columns) >= 3
    for column in columns:
        assert column.description, (name, column.name)
        assert column.type


def lineage_of(spec: dg.AssetSpec) -> dict[str, list[tuple[str, str]]]:
    """The columns that each column of an asset is made of, as asset and column."""
    lineage = spec.metadata["dagster/column_lineage"].deps_by_column
    return {
        column: [(dep.asset_key.to_user_string(), dep.column_name) for dep in deps]
        for column, deps in lineage.items()
    }


def columns_of(spec: dg.AssetSpec) -> set[str]:
    return {column.name for column in spec.metadata["dagster/column_schema"].columns}


def test_columns_are_made_of_columns_that_are_upstream(defs: dg.Definitions) -> None:
    graph, specs = defs.resolve_asset_graph(), specs_of(defs)
    tables = {n: s for n, s in specs.items() if "dagster/column_schema" in s.metadata}
    assert tables.keys() >= {*TABLES, *IMPORT_TABLES}
    labels = {"image_set": images_labels.LABELS, "bin_image_set": bins_labels.LABELS}
    for name, spec in tables.items():
        if name == "data_keys":
            continue
        above = {k.to_user_string() for k in graph.get_ancestor_asset_keys(spec.key)}
        lineage = lineage_of(spec)
        assert lineage.keys() <= columns_of(spec) | labels.get(name, {}).keys(), name
        # An import's columns are read from its file; only `import_file` is above them.
        assert lineage or not above - {"data_keys", "import_file"}, name
        for asset, column in (each for deps in lineage.values() for each in deps):
            assert asset in above, (name, asset)
            assert column in columns_of(specs[asset]), (name, asset, column)


def test_values_are_those_of_the_columns_they_are_made_of(run: Run) -> None:
    """Of columns that keep their name, each value is found in the table above; nulls aside."""
    lake, copied = Lake(run.house.settings.lake), 0
    with lake.connect() as connection:
        for name, spec in specs_of(run.house.defs).items():
            if "dagster/column_lineage" not in spec.metadata or not lake.has(name):
                continue
            for column, deps in lineage_of(spec).items():
                if [each for _, each in deps] != [column] or not lake.has(deps[0][0]):
                    continue
                above, rows = lake.rows_of(deps[0][0]), lake.rows_of(name)
                new = connection.execute(
                    f"SELECT {column} FROM {rows} WHERE {column} NOT NULL "
                    f"EXCEPT SELECT {column} FROM {above}"
                )
                assert new.fetchall() == [], (name, column)
                copied += 1
    assert copied > 10


# Each job, and its assets with checks, all of which can run alone.
ALONE = {
    "monthly": (*MONTH_TABLES, *BIN_TABLES),
    "image_sets": ("image_set",),
    "bin_image_sets": ("bin_image_set",),
    "imports": ("products_accepted", "products_imported"),
    "products_dump": ("products", "product_photos"),
    "export": ("products_compared", "products_export"),
    "weekly": ("open_findings",),
}


def test_all_checks_can_run_alone(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    checked = {key.asset_key.to_user_string() for key in graph.asset_check_keys}
    assert checked == {asset for assets in ALONE.values() for asset in assets}
    for key in graph.asset_check_keys:
        # Else the UI does not offer to execute it.
        assert graph.get_execution_set_asset_and_check_keys(key) == {key}


@pytest.mark.slow
@pytest.mark.parametrize("job", ALONE)
def test_checks_alone_find_the_same_and_make_nothing(run: Run, job: str) -> None:
    evaluated = {
        (each.asset_check_key, each.partition): each
        for each in run.results[job].get_asset_check_evaluations()
        if each.asset_key.to_user_string() in ALONE[job]
    }
    assert {check.asset_key.to_user_string() for check, _ in evaluated} == {*ALONE[job]}
    before = files_of(run.house)
    for asset in ALONE[job]:
        checks = {check for check, _ in evaluated if check.asset_key.to_user_string() == asset}
        (partition,) = {each for check, each in evaluated if check in checks}
        result = checked_alone(run.house, checks, partition)
        assert result.success
        assert result.get_asset_materialization_events() == []
        found = result.get_asset_check_evaluations()
        assert {each.asset_check_key for each in found} == checks
        for each in found:
            of_making = evaluated[each.asset_check_key, each.partition]
            assert (each.passed, each.severity, each.description, each.metadata) == (
                of_making.passed,
                of_making.severity,
                of_making.description,
                of_making.metadata,
            ), each.asset_check_key
    assert files_of(run.house) == before


@pytest.mark.slow
def test_one_check_alone_sees_damage_and_leaves_it(run: Run) -> None:
    check, lake = (
        dg.AssetCheckKey(dg.AssetKey("items"), "asins_unique"),
        Lake(run.house.settings.lake),
    )
    path = Path(lake.address("items"))
    assert checked_alone(run.house, {check}).get_asset_check_evaluations()[0].passed
    whole, when = path.read_bytes(), path.stat()
    try:
        table = pq.read_table(path)
        pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
        before = files_of(run.house)
        result = checked_alone(run.house, {check})
        (found,) = result.get_asset_check_evaluations()
        assert (found.asset_check_key, found.passed) == (check, False)
        assert result.get_asset_materialization_events() == []
        assert files_of(run.house) == before
    finally:
        path.write_bytes(whole)
        os.utime(path, ns=(when.st_atime_ns, when.st_mtime_ns))


@pytest.mark.parametrize(
    ("asset", "check", "partition", "step", "sentence"),
    [
        ("items", "asins_unique", None, "items", "There is no table items"),
        ("image_set", "exactly_n_chosen", "tryout", "image_set", "There is no set at"),
        ("products_accepted", "numbers", "a.csv@12345678", "validated_import", "There is no table"),
        ("products", "codes_unique", None, "products", "There is no table products"),
        ("products_compared", "shape", None, "products_compared", "There is no table"),
        ("products_export", "reads_back", None, "products_export", "There is no table"),
        ("open_findings", "months_made", None, "open_findings", "There is no table"),
    ],
)
def test_checks_alone_of_nothing_say_what_to_do(
    empty: House, asset: str, check: str, partition: str | None, step: str, sentence: str
) -> None:
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    result = checked_alone(empty, {key}, partition)
    assert not result.success
    assert sentence in failure_of(result, step)
    assert "materialise it first." in failure_of(result, step)
    assert result.get_asset_check_evaluations() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("job", "of"),
    [
        ("check_months", "monthly"),
        ("check_imports", "imports"),
        ("check_image_sets", "image_sets"),
        ("check_bin_image_sets", "bin_image_sets"),
    ],
)
def test_all_checks_of_a_partition_are_a_job(run: Run, job: str, of: str) -> None:
    before = files_of(run.house)
    made = [
        each
        for each in run.results[of].get_asset_check_evaluations()
        if each.partition and each.asset_key.to_user_string() in ALONE[of]
    ]
    result = run.house.run(job, made[0].partition)
    assert result.get_asset_materialization_events() == []
    # Each on the partition, so that others keep their red and green.
    assert {
        (e.asset_check_key, e.partition, e.passed) for e in result.get_asset_check_evaluations()
    } == {(e.asset_check_key, e.partition, e.passed) for e in made}
    assert files_of(run.house) == before


def checked_alone(
    house: House, checks: set[dg.AssetCheckKey], partition: str | None = None
) -> dg.ExecuteInProcessResult:
    """Evaluates checks and makes nothing, as the UI does: in a job of these checks alone."""
    everything = house.defs.resolve_implicit_global_asset_job_def()
    alone = everything.get_subset(asset_selection=set(), asset_check_selection=checks)
    tags = {"dagster/partition": partition} if partition else {}
    return alone.execute_in_process(tags=tags, instance=house.instance, raise_on_error=False)


def files_of(house: House) -> dict[str, tuple[str, int]]:
    """Every file of the lake, with the digest of its bytes and the time of its last change."""
    folder = Path(house.settings.lake)
    return {
        name: (sha256, (folder / name).stat().st_mtime_ns) for name, sha256 in tree(folder).items()
    }


def test_every_asset_links_to_the_function_that_makes_it(defs: dg.Definitions) -> None:
    for name, spec in specs_of(defs).items():
        (link,) = spec.metadata["dagster/code_references"].code_references
        path = Path(link.file_path)
        assert path.relative_to(PROJECT / "off_platform").parts[0] in (spec.group_name, name)
        decorated = path.read_text(encoding="utf-8").splitlines()[link.line_number - 1 :]
        assert path.stem.endswith("assets")
        assert decorated[0].lstrip().startswith(("@", f"def {name}(")), name


def test_checks_have_unique_names_and_sentences(defs: dg.Definitions) -> None:
    specs = list(defs.resolve_asset_graph().asset_check_keys)
    assert len(specs) == len({(key.asset_key, key.name) for key in specs}) > 40
    for check in defs.resolve_asset_graph().asset_check_nodes:
        assert check.description
        assert check.description.endswith(".")


@pytest.mark.slow
def test_the_month_runs_and_its_checks_pass(run: Run) -> None:
    result = run.results["monthly"]
    assert result.success
    found = checks_of(result)
    # The sandbox is so small that each of its oddities is too many.
    assert {name for name, passed in found.items() if not passed} == {
        ("key_index", "few_oddities"),
        ("bin_objects", "key_format"),
        ("bin_objects", "metadata_has_image"),
        ("bin_objects", "image_has_metadata"),
        ("bin_metadata", "json_valid"),
        ("bin_metadata", "items_valid"),
        ("bin_oddities", "few_oddities"),
        ("bins", "items_not_below_expected"),
        ("items", "one_variant"),
    }


@pytest.mark.slow
def test_every_check_is_evaluated(run: Run) -> None:
    wanted = {
        (key.asset_key.to_user_string(), key.name)
        for key in run.house.defs.resolve_asset_graph().asset_check_keys
    }
    found = {name for result in run.results.values() for name in checks_of(result)}
    assert found == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_materialized_tables_have_their_row_count_and_a_preview(run: Run, name: str) -> None:
    metadata = run.house.materialized(name)
    rows = metadata.get("dagster/partition_row_count", metadata.get("dagster/row_count"))
    assert isinstance(rows, int)
    lake = Lake(run.house.settings.lake)
    with lake.connect() as connection:
        if name == "image_set":
            path = lake.root.address("image_sets/southern/manifest.parquet")
        elif name == "bin_image_set":
            path = lake.root.address("bin_image_sets/few/manifest.parquet")
        elif name in {"products", "product_photos", *BIN_TABLES}:
            path = lake.address(name)
        else:
            table = "snapshots" if name == "bucket_sync" else name
            path = lake.address(table, ("month", run.month))
        assert rows == len(rows_of(connection, path))
    if name not in {"bucket_sync", "image_set", "bin_image_set"}:
        assert metadata["preview"].startswith("| ")


@pytest.mark.slow
def test_a_materialized_set_is_nice_to_look_at(run: Run) -> None:
    metadata = run.house.materialized("image_set")
    assert "data:image/jpeg;base64," in metadata["contact_sheet"]
    assert metadata["card"].lstrip().startswith("# Image set southern")
    assert Path(metadata["gallery"]).is_file()
    assert metadata["samples"] == 5
    assert metadata["chosen_from"].endswith(f"of the key index of {run.month[:7]}")
    # What the event log keeps about five times over.
    assert sum(len(str(value)) for value in metadata.values()) < 400_000


@pytest.mark.slow
def test_a_second_month_is_not_copied_again(run: Run) -> None:
    result = run.house.run("monthly", run.month, only=["bucket_sync"])
    assert result.success
    metadata = run.house.materialized("bucket_sync")
    assert metadata["copied"] is False
    expected = "has not changed" if run.month == this_month() else "The month is past"
    assert expected in metadata["verdict"]


@pytest.mark.slow
def test_options_are_overridden_for_a_run(run: Run) -> None:
    config = {"n": 3, "kind": "raw+ocr", "layout": "files", "seed": 2}
    result = run.house.run("image_sets", "tryout", image_set={"config": config})
    assert result.success
    lake = Lake(run.house.settings.lake)
    with lake.connect() as connection:
        rows = rows_of(connection, lake.root.address("image_sets/tryout/manifest.parquet"))
    assert [row["kind"] for row in rows] == ["raw", "ocr"] * 3
    # What it was about to do was recorded before anything was fetched.
    (observed,) = (e for e in result.all_events if e.event_type_value == "ASSET_OBSERVATION")
    planned = observed.asset_observation_data.asset_observation
    figures = {name: value.value for name, value in planned.metadata.items()}
    assert planned.partition == "tryout"
    assert (figures["planned_raw"], figures["planned_ocr"]) == (3, 3)
    assert (figures["planned_shards"], figures["shards_left"]) == (1, 1)
    assert figures["free_bytes"] > 0
    assert checks_of(result)["image_set", "exactly_n_chosen"]
    # The next run makes it again as it is declared.
    assert run.house.run("image_sets", "tryout").success
    assert run.house.materialized("image_set")["samples"] == 9


@pytest.mark.slow
def test_wrong_options_of_a_run_are_one_sentence(run: Run) -> None:
    result = run.house.run("image_sets", "tryout", image_set={"config": {"kind": "front"}})
    assert not result.success
    assert "tryout: the option kind='front' is wrong" in failure_of(result, "image_set")


@pytest.mark.slow
def test_a_set_of_no_name_cannot_be_asked_for(run: Run) -> None:
    with pytest.raises(dg.DagsterUnknownPartitionError, match="nothing"):
        run.house.run("image_sets", "nothing")


def test_a_month_that_is_past_says_so(house_at: HouseMaker) -> None:
    house, past = house_at(), month_before(this_month())
    result = house.run("monthly", past, only=MONTH_TABLES)
    assert not result.success
    assert f"{past[:7]} has no snapshot" in failure_of(result, "bucket_sync")
    assert not {asset for asset, _ in checks_of(result)} & {"bucket_sync", "key_index"}
    assert not Lake(house.settings.lake).partitions("snapshots")


def _snapshot_of(month: str, house: House, lines: list[bytes]) -> None:
    """Files a snapshot of these lines under a past month, as it was then."""
    folder = Path(house.settings.images_bucket)
    now = (folder / KEY_LIST).read_bytes()
    write_list(folder, lines)
    lake = Lake(house.settings.lake)
    asked = SyncRequest(month, today=date.fromisoformat(month))
    bounds = bounds_from(house.settings, lake)
    with lake.connect() as connection:
        sync_month(lake, Source(str(folder)), asked, connection, bounds)
        index_month(lake, month, connection, bounds.unpacked_most)
    (folder / KEY_LIST).write_bytes(now)


@pytest.mark.slow
@pytest.mark.parametrize(("more", "passes"), [(4, True), (5, False)])
def test_a_list_that_shrank_too_much_goes_no_further(
    house_at: HouseMaker, *, more: int, passes: bool
) -> None:
    house, month = house_at(), this_month()
    before = month_before(month)
    packed = (Path(house.settings.images_bucket) / KEY_LIST).read_bytes()
    lines = gzip.decompress(packed).split(b"\n")
    # 82 lines of now are 95.3 % of 86, and 94.3 % of 87.
    _snapshot_of(before, house, [*lines, *(b"data/17/%d.jpg" % n for n in range(more))])
    result = house.run("monthly", month, only=MONTH_TABLES)
    assert result.success is passes
    assert checks_of(result)["bucket_sync", "key_list_not_shrunk"] is passes
    indexed = Lake(house.settings.lake).partitions("key_index")
    assert indexed == ([before, month] if passes else [before])
    # The snapshot is kept for inspection.
    assert month in Lake(house.settings.lake).partitions("snapshots")
    if passes:
        assert house.materialized("key_changes")["removed"] == more
        for asset, drawn in (
            ("key_changes", "chart"),
            ("key_changes", "ocr_coverage"),
            ("months", "chart"),
        ):
            assert "data:image/png;base64," in house.materialized(asset)[drawn]
        # The month before has been indexed without its own row, as an older version did.
        assert "**0 products are new**" in house.materialized("key_changes")["story"]
    else:
        started = {e.step_key for e in result.all_events if e.is_step_start}
        assert not started & {"key_index", "key_changes"}


@pytest.mark.slow
def test_a_newer_list_replaces_the_snapshot_when_asked(house_at: HouseMaker) -> None:
    house, month, tables = house_at(), this_month(), MONTH_TABLES[:3]
    assert house.run("monthly", month, only=tables).success
    packed = (Path(house.settings.images_bucket) / KEY_LIST).read_bytes()
    lines = gzip.decompress(packed).split(b"\n")
    write_list(Path(house.settings.images_bucket), [*lines, b"data/undefined/2.jpg"])
    assert house.run("monthly", month, only=tables).success
    assert house.materialized("key_index_oddities")["dagster/partition_row_count"] == 2
    again = {"config": {"replace": True}}
    replaced = house.run("monthly", month, only=tables, bucket_sync=again)
    assert replaced.success
    assert house.materialized("key_index_oddities")["dagster/partition_row_count"] == 3


@pytest.mark.slow
def test_without_a_dump_products_say_so_and_filters_too(house_at: HouseMaker) -> None:
    house = house_at(products_dump=None)
    result = house.run("products_dump")
    assert result.success
    assert all(checks_of(result).values())
    note = house.materialized("products")["what"]
    assert "No dump is set (OFF_PLATFORM_PRODUCTS_DUMP)" in note
    check = dg.AssetCheckKey(dg.AssetKey("products"), "codes_unique")
    (alone,) = checked_alone(house, {check}).get_asset_check_evaluations()
    assert (alone.passed, alone.description) == (True, note)
    # The photos are made of the key list alone, and a set of them.
    assert house.run("monthly", this_month(), only=MONTH_TABLES[:4]).success
    assert house.run("image_sets", "tryout").success
    filtered = house.run("image_sets", "southern")
    assert not filtered.success
    assert "needs the table products: set OFF_PLATFORM_PRODUCTS_DUMP" in failure_of(
        filtered, "image_set"
    )


def test_a_dump_that_is_not_there_says_where_it_should_be(
    house_at: HouseMaker, tmp_path: Path
) -> None:
    house = house_at(products_dump=str(tmp_path / "dump.csv.gz"))
    result = house.run("products_dump")
    assert not result.success
    assert "There is no dump of products at" in failure_of(result, "products")


@pytest.mark.slow
def test_the_key_list_upstream_is_observed(house_at: HouseMaker) -> None:
    house = house_at()
    folder = Path(house.settings.images_bucket)
    versions = []
    for lines in (None, None, [b"data/17/1.jpg"]):
        if lines:
            write_list(folder, lines)
        job = house.defs.resolve_implicit_global_asset_job_def()
        result = job.get_subset(asset_selection={dg.AssetKey("data_keys")}).execute_in_process(
            instance=house.instance
        )
        (observed,) = result.asset_observations_for_node("data_keys")
        versions.append(observed.data_version)
        assert observed.metadata["bytes"].value == (folder / KEY_LIST).stat().st_size
    assert versions[0] == versions[1] != versions[2]


def test_sets_are_partitions(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    node = graph.get(dg.AssetKey("image_set"))
    assert node.partitions_def
    assert node.partitions_def.get_partition_keys() == ["southern", "tryout"]


def test_the_month_that_runs_is_a_partition(defs: dg.Definitions) -> None:
    # A plain monthly partition would only have the month that is over.
    node = defs.resolve_asset_graph().get(dg.AssetKey("bucket_sync"))
    assert node.partitions_def
    assert node.partitions_def.get_last_partition_key() == this_month()


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ("[images.tryout", "is not a TOML file"),
        ("[breakfast]\nn = 1", "has the table 'breakfast'"),
        ('[images."../x"]', "cannot name an image set"),
    ],
)
def test_wrong_declarations_are_one_sentence(
    house_at: HouseMaker, tmp_path: Path, declared: str, sentence: str
) -> None:
    path = tmp_path / "image_sets.toml"
    path.write_text(declared)
    with pytest.raises(WrongDeclarationError, match=sentence) as refused:
        definitions(of=house_at(image_sets=path).settings)
    assert "\n" not in str(refused.value)


def _in_a_process(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.slow
def test_definitions_load_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "image_sets.toml").write_text(DECLARED)
    loaded = _in_a_process(
        tmp_path,
        "import sys, json, off_platform.definitions; print(json.dumps(sorted(sys.modules)))",
    )
    assert loaded.returncode == 0, loaded.stderr
    modules = set(json.loads(loaded.stdout))
    assert "dagster" in modules
    assert modules & set(HEAVY) == set()


@pytest.mark.slow
def test_a_location_with_wrong_declarations_ends_in_the_sentence(tmp_path: Path) -> None:
    (tmp_path / "image_sets.toml").write_text("[breakfast]")
    loaded = _in_a_process(tmp_path, "import off_platform.definitions")
    assert loaded.returncode == 1
    assert (
        loaded.stderr.strip()
        .split("\n")[-1]
        .endswith(
            "image_sets.toml has the table 'breakfast'; sets belong below images or bins, such as "
            "[images.breakfast]."
        )
    )


def test_all_definitions_load_together() -> None:
    """As commands of Dagster load them; the UI loads one after another."""
    repository = definitions(of=Settings(_env_file=None)).get_repository_def()
    repository.load_all_definitions()
    assert {job.name for job in repository.get_all_jobs()} >= {"monthly", "imports", "import_batch"}


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")
def test_the_settings_in_force_are_shown_without_secrets() -> None:
    of = Settings(
        _env_file=None, inbox="inbox", products_dump="https://x.org/dump.csv?version=hidden",
        alerts="jsons://x.org/secret",
    )  # fmt: skip
    repository = definitions(of=of).get_repository_def()
    shown = repository.get_top_level_resources()["settings"]
    text = str(shown.description)
    assert "- `OFF_PLATFORM_INBOX` = `inbox`" in text
    assert "- `OFF_PLATFORM_PRODUCTS_DUMP` = `https://x.org/dump.csv`" in text
    assert "OFF_PLATFORM_THREADS" not in text
    assert "secret" not in text
    assert "hidden" not in text
    # Its page in the UI has every setting, in words.
    (page,) = (
        each for each in RepositorySnap.from_def(repository).resources if each.name == "settings"
    )
    assert {each.name for each in page.config_field_snaps} == Settings.model_fields.keys()
    assert all(each.description for each in page.config_field_snaps)
    values = page.configured_values
    shown_as = ("inbox", "threads", "alerts")
    assert [values[name] for name in shown_as] == ['"inbox"', "2", '"set, not shown"']
    assert "x.org/secret" not in str(values)
    assert "hidden" not in str(values)

"""The states of partitioned checks that are kept in memory are those that Dagster computes anew."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.asset_check_state import (
    AssetCheckState,
    bulk_update_asset_check_state,
)

from off_platform.automation import check_states

# It runs Dagster.
pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
IMPORTS = dg.DynamicPartitionsDefinition(name="files")
MONTHS = dg.StaticPartitionsDefinition(["2026-01", "2026-02"])
with warnings.catch_warnings():
    # As the checks of imports.
    warnings.simplefilter("ignore", dg.PreviewWarning)
    SPECS = [
        dg.AssetCheckSpec("is_whole", asset="table", partitions_def=IMPORTS),
        dg.AssetCheckSpec("is_new", asset="table", partitions_def=IMPORTS),
    ]
    OF_MONTHS = dg.AssetCheckSpec("is_there", asset="month", partitions_def=MONTHS)
WHOLE = dg.AssetCheckSpec("is_whole", asset="lake")
CHECKS = [*((spec.key, IMPORTS) for spec in SPECS), (OF_MONTHS.key, MONTHS), (WHOLE.key, None)]


class Outcome(dg.Config):
    """What becomes of a partition."""

    passes: bool = True
    fails: bool = False


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    shutil.copy(PROJECT / "dagster.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        made.add_dynamic_partitions("files", ["a", "b", "c"])
        yield made


@pytest.fixture
def run(instance: dg.DagsterInstance) -> Callable[..., None]:
    """Runs an asset's partition, and compares the states during the run and after it."""

    @dg.multi_asset(specs=[dg.AssetSpec("table", partitions_def=IMPORTS)], check_specs=SPECS)
    def table(config: Outcome) -> dg.MaterializeResult:
        assert_as_dagsters(instance)
        if config.fails:
            raise ValueError("There is no such file.")
        return dg.MaterializeResult(check_results=[
            dg.AssetCheckResult(check_name="is_whole", passed=config.passes),
            dg.AssetCheckResult(check_name="is_new", passed=True)])  # fmt: skip

    @dg.multi_asset(specs=[dg.AssetSpec("month", partitions_def=MONTHS)], check_specs=[OF_MONTHS])
    def month(config: Outcome) -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=config.passes)])

    @dg.asset(check_specs=[WHOLE])
    def lake(config: Outcome) -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=config.passes)])

    assets = {each.node_def.name: each for each in (table, month, lake)}

    def run_one(asset: str, partition: str | None = None, **how: bool) -> None:
        dg.materialize([assets[asset]], instance=instance, partition_key=partition,
                       run_config={"ops": {asset: {"config": how}}},
                       raise_on_error=False)  # fmt: skip
        assert_as_dagsters(instance)

    return run_one


def shown(states: dict[dg.AssetCheckKey, AssetCheckState]) -> dict[str, Any]:
    """Check -> partitions by status, and those of runs that go on."""
    return {
        key.to_user_string(): (
            {status.value: _partitions(each) for status, each in state.subsets.items()},
            {run: _partitions(each) for run, each in state.in_progress_runs.items()},
        )
        for key, state in states.items()
    }


def _partitions(subset: object) -> object:
    value = subset.value  # type: ignore[attr-defined]
    return value if isinstance(value, bool) else sorted(value.get_partition_keys())


def assert_as_dagsters(instance: dg.DagsterInstance) -> None:
    anew = {key: AssetCheckState.empty() for key, _ in CHECKS}
    with partition_loading_context(dynamic_partitions_store=instance):
        ours = shown(dict(instance.event_log_storage.get_asset_check_state(CHECKS)))
        dagsters = shown(dict(bulk_update_asset_check_state(instance, CHECKS, anew)))
    # What runs that have ended leave behind says nothing.
    assert {key: statuses for key, (statuses, _) in ours.items()} == {
        key: statuses for key, (statuses, _) in dagsters.items()
    }


@pytest.mark.parametrize("most_changed", [check_states.MOST_CHANGED, 0])
def test_after_each_event_the_states_are_those_that_dagster_computes_anew(
    instance: dg.DagsterInstance,
    run: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    most_changed: int,
) -> None:
    monkeypatch.setattr(check_states, "MOST_CHANGED", most_changed)
    assert_as_dagsters(instance)
    run("table", "a", passes=False)
    run("table", "b")
    run("month", "2026-01", passes=False)
    run("lake", passes=False)
    # Red becomes green, green becomes red, and a run fails.
    run("table", "a")
    run("table", "b", passes=False)
    run("table", "c", fails=True)
    run("table", "a", fails=True)
    run("month", "2026-01")
    run("lake")
    # A file is made again without its checks; another is deleted.
    remade = dg.AssetMaterialization("table", partition="b")
    instance.report_runless_asset_event(remade)
    assert_as_dagsters(instance)
    instance.delete_dynamic_partition("files", "c")
    run("table", "b")
    states = instance.event_log_storage.get_asset_check_state(CHECKS)
    assert shown(dict(states))["table:is_whole"][0]["SUCCEEDED"] == ["b"]


def test_a_look_between_an_event_and_its_result_is_made_good_by_the_next(
    instance: dg.DagsterInstance, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("table", "a")
    log = instance.event_log_storage

    @dg.multi_asset(specs=[dg.AssetSpec("table", partitions_def=IMPORTS)], check_specs=SPECS)
    def table() -> dg.MaterializeResult:
        newest = log.get_maximum_record_id() or 0
        with (
            monkeypatch.context() as patch,
            partition_loading_context(dynamic_partitions_store=instance),
        ):
            # As if the next events were stored already, and their results not yet.
            patch.setattr(log, "get_maximum_record_id", lambda: newest + 3)
            log.get_asset_check_state(CHECKS)
        results = [dg.AssetCheckResult(check_name=each.name, passed=False) for each in SPECS]
        return dg.MaterializeResult(check_results=results)

    dg.materialize([table], instance=instance, partition_key="a")
    assert_as_dagsters(instance)

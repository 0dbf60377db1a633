"""The states of partitioned checks that are kept in memory are those that Dagster computes anew."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.storage.asset_check_state import (
    AssetCheckState,
    bulk_update_asset_check_state,
)

from off_platform.automation.check_states import CheckStates

# It runs Dagster.
pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
CONFIGURED = {
    "sqlite": PROJECT / "dagster.yaml",
    "postgres": PROJECT / "deploy" / "dagster.yaml",
}
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
    is_stopped: bool = False


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """One machine as it is set up by the project, or a server."""
    with ExitStack() as stack:
        if request.param == "postgres":
            for name, value in request.getfixturevalue("postgres").items():
                monkeypatch.setenv(name, value)
        shutil.copy(CONFIGURED[request.param], tmp_path)
        monkeypatch.chdir(tmp_path)
        made = stack.enter_context(dg.DagsterInstance.from_config(str(tmp_path)))
        made.run_storage.wipe()
        made.event_log_storage.wipe()
        made.add_dynamic_partitions("files", ["a", "b", "c"])
        yield made


@pytest.fixture
def logs(instance: dg.DagsterInstance) -> Iterator[list[CheckStates]]:
    """The event log, one that reads only what is new, and one that takes each change for many."""
    log = instance.event_log_storage
    assert isinstance(log, CheckStates)
    reached = log.postgres_url if hasattr(log, "postgres_url") else log._base_dir  # type: ignore[attr-defined]
    others = [
        type("Eager", (type(log),), {"late_events": 0, "late_seconds": 0})(reached),
        type("Thorough", (type(log),), {"most_changed": 0})(reached),
    ]
    for each in others:
        each.register_instance(instance)
    yield [log, *others]
    for each in others:
        each.dispose()


@pytest.fixture
def run(instance: dg.DagsterInstance, logs: list[CheckStates]) -> Callable[..., None]:
    """Runs an asset's partition, and compares the states during the run and after it."""

    @dg.multi_asset(specs=[dg.AssetSpec("table", partitions_def=IMPORTS)], check_specs=SPECS)
    def table(config: Outcome) -> dg.MaterializeResult:
        assert_as_dagsters(instance, logs)
        if config.fails:
            raise ValueError("There is no such file.")
        if config.is_stopped:
            raise DagsterExecutionInterruptedError
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
        with suppress(DagsterExecutionInterruptedError):
            dg.materialize([assets[asset]], instance=instance, partition_key=partition,
                           run_config={"ops": {asset: {"config": how}}},
                           raise_on_error=False)  # fmt: skip
        assert_as_dagsters(instance, logs)

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


def in_table(instance: dg.DagsterInstance) -> Any:
    """Status -> partitions of the first check."""
    states = shown(dict(instance.event_log_storage.get_asset_check_state(CHECKS)))
    return states["table:is_whole"][0]


def _partitions(subset: object) -> object:
    value = subset.value  # type: ignore[attr-defined]
    return value if isinstance(value, bool) else sorted(value.get_partition_keys())


def assert_as_dagsters(instance: dg.DagsterInstance, logs: list[CheckStates]) -> None:
    anew = {key: AssetCheckState.empty() for key, _ in CHECKS}
    with partition_loading_context(dynamic_partitions_store=instance):
        ours = [shown(dict(log.get_asset_check_state(CHECKS))) for log in logs]
        dagsters = shown(dict(bulk_update_asset_check_state(instance, CHECKS, anew)))
    # What runs that have ended leave behind says nothing.
    for each in ours:
        assert {key: statuses for key, (statuses, _) in each.items()} == {
            key: statuses for key, (statuses, _) in dagsters.items()
        }


def test_after_each_event_the_states_are_those_that_dagster_computes_anew(
    instance: dg.DagsterInstance, logs: list[CheckStates], run: Callable[..., None]
) -> None:
    assert_as_dagsters(instance, logs)
    run("table", "a", passes=False)
    run("table", "b")
    run("month", "2026-01", passes=False)
    run("lake", passes=False)
    # Red becomes green, green becomes red, and a run fails.
    run("table", "a")
    run("table", "b", passes=False)
    run("table", "c", fails=True)
    run("table", "a", fails=True)
    run("table", "b", is_stopped=True)
    run("month", "2026-01")
    run("lake")
    # A file is made again without its checks; another is deleted.
    remade = dg.AssetMaterialization("table", partition="b")
    instance.report_runless_asset_event(remade)
    assert_as_dagsters(instance, logs)
    instance.delete_dynamic_partition("files", "c")
    run("table", "b")
    # The asset is made as a whole, as if it had no partitions.
    instance.report_runless_asset_event(dg.AssetMaterialization("table"))
    assert_as_dagsters(instance, logs)
    run("table", "b")
    assert in_table(instance)["SUCCEEDED"] == ["b"]
    instance.wipe_assets([dg.AssetKey("table")])
    assert_as_dagsters(instance, logs)
    assert not any(in_table(instance).values())
    run("table", "b", passes=False)


def test_a_look_between_an_event_and_its_result_is_made_good_by_the_next(
    instance: dg.DagsterInstance,
    logs: list[CheckStates],
    run: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("table", "a")

    @dg.multi_asset(specs=[dg.AssetSpec("table", partitions_def=IMPORTS)], check_specs=SPECS)
    def table() -> dg.MaterializeResult:
        newest = logs[0].get_maximum_record_id() or 0
        with partition_loading_context(dynamic_partitions_store=instance):
            for log in logs:
                # As if the next events were stored already, and their results not yet.
                with monkeypatch.context() as patch:
                    patch.setattr(log, "get_maximum_record_id", lambda: newest + 3)
                    log.get_asset_check_state(CHECKS)
        results = [dg.AssetCheckResult(check_name=each.name, passed=False) for each in SPECS]
        return dg.MaterializeResult(check_results=results)

    dg.materialize([table], instance=instance, partition_key="a")
    assert_as_dagsters(instance, logs)


def test_an_event_that_is_seen_after_one_with_a_larger_id_is_not_missed(
    instance: dg.DagsterInstance, logs: list[CheckStates], monkeypatch: pytest.MonkeyPatch
) -> None:
    careful = logs[0]
    with partition_loading_context(dynamic_partitions_store=instance):
        careful.get_asset_check_state(CHECKS)
        evaluated = dg.AssetCheckEvaluation(
            check_name="is_whole", asset_key=dg.AssetKey("table"), passed=False, partition="a"
        )
        instance.report_runless_asset_event(evaluated)
        newest = careful.get_maximum_record_id()
        with monkeypatch.context() as patch:
            # A look that sees only the other event.
            patch.setattr(careful, "_since", lambda *_: (set(), set()))
            careful.get_asset_check_state(CHECKS)
    assert careful.get_maximum_record_id() == newest
    assert_as_dagsters(instance, [careful])

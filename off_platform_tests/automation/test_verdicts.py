"""What a run found is in its tags, and said by its last event."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from off_platform.automation.runs import run_job
from off_platform.automation.workers import watched_in_process
from off_platform.partitions import IMPORT_FILES

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    quiet = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=quiet) as made:
        yield made


def tags_of(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    run = instance.get_run_by_id(run_id)
    assert run
    return {name: said for name, said in run.tags.items() if not name.startswith((".", "dagster/"))}


def last_but_success(instance: dg.DagsterInstance, run_id: str) -> tuple[str, dict[str, Any]]:
    """The last event of a run, but for the one that says that it succeeded."""
    events = [event for each in instance.all_logs(run_id) if (event := each.dagster_event)]
    # The result that a test opens initialises resources once more.
    last = [event for event in events if event.event_type_value == "ENGINE_EVENT"][-1]
    metadata = last.engine_event_data.metadata
    return last.message or "", {name: each.value for name, each in metadata.items()}


def _evaluated(key: str, *, passed: bool, severity: dg.AssetCheckSeverity) -> Any:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("products_accepted"),
        check_name="numbers",
        passed=passed,
        severity=severity,
        partition=key,
        metadata={},
        blocking=False,
    )


def several_imports() -> dg.JobDefinition:
    """As the job of several imports: an op that reports each on its partition."""

    @dg.op(out=dg.Out(dg.Nothing))
    def import_files() -> Iterator[Any]:
        for number in range(6):
            key = f"{number}.csv@0000000{number % 10}"
            metadata = {"verdict": f"{number} records.", "report": dg.MetadataValue.path(f"/{key}")}
            yield dg.AssetMaterialization("import_report", partition=key, metadata=metadata)
            yield _evaluated(key, passed=number != 3, severity=ERROR)
            yield _evaluated(key, passed=number < 4, severity=WARN)

    @dg.job(executor_def=watched_in_process)
    def batch() -> None:
        import_files()

    return batch


@pytest.mark.slow
def test_of_several_imports_those_with_failed_checks_have_a_tag(
    instance: dg.DagsterInstance,
) -> None:
    with dg.execute_job(dg.reconstructable(several_imports), instance) as result:
        assert result.success
        assert tags_of(instance, result.run_id) == {
            "checks": "failed",
            "checks_failed": "1",
            "checks_warned": "2",
            "imports": "6",
            "import/3.csv@00000003": "checks_failed=1",
        }
        said, metadata = last_but_success(instance, result.run_id)
        assert said.startswith("Of 12 checks, 1 failed and 2 warned. 3.csv@00000003: 3 records. ")
        assert said.endswith("And 3 more.")
        assert metadata["report of 3.csv@00000003"] == "/3.csv@00000003"
    found = instance.get_runs(dg.RunsFilter(tags={"checks_failed": "1"}))
    assert [run.run_id for run in found] == [result.run_id]


@pytest.mark.slow
def test_a_run_from_the_command_line_says_the_same(instance: dg.DagsterInstance) -> None:
    specs = [dg.AssetCheckSpec("numbers", asset="products")]

    @dg.asset(partitions_def=IMPORT_FILES, check_specs=specs)
    def products(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        passed = context.partition_key == "good.csv@00000001"
        result = dg.AssetCheckResult(check_name="numbers", passed=passed)
        return dg.MaterializeResult(metadata={"verdict": "Read."}, check_results=[result])

    job = dg.define_asset_job("imports", [products])
    defs = dg.Definitions([products], jobs=[job])
    keys = ("good.csv@00000001", "bad.csv@00000002")
    instance.add_dynamic_partitions("imports", keys)
    for key, tags, said in (
        (keys[0], {"checks": "passed"}, "Of 1 check, none failed. Read."),
        (keys[1], {"checks": "failed", "checks_failed": "1"}, "Of 1 check, 1 failed. Read."),
    ):
        result = run_job(defs, instance, "imports", key)
        assert tags_of(instance, result.run_id) == {**tags, "import": key}
        assert last_but_success(instance, result.run_id) == (said, {})

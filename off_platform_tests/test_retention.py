"""Old runs are forgotten, and nothing that people look at changes by it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from deploy.forget_old_runs import Forgotten, forget_old_runs, main, options_of
from off_platform_tests.waiting import PATIENCE_SECONDS

# Nearly every one of them runs Dagster.
pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[1]
MONTHS = dg.StaticPartitionsDefinition(["2026-01", "2026-02", "2026-03"])
UPSTREAM = dg.AssetKey("upstream")
CHECK = dg.AssetCheckKey(dg.AssetKey("table"), "is_whole")


class Month(dg.Config):
    """How a month goes."""

    fails: bool = False


@dg.asset(partitions_def=MONTHS, check_specs=[dg.AssetCheckSpec("is_whole", asset="table")])
def table(context: dg.AssetExecutionContext, config: Month) -> dg.MaterializeResult:
    print("said to the log")  # noqa: T201 - a log that is forgotten with its run
    if config.fails:
        raise ValueError("There is no such month.")
    passed = context.partition_key != "2026-02"
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=passed)])


@dg.asset
def lake() -> dg.MaterializeResult:
    return dg.MaterializeResult()


@dg.asset
def look(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    context.log_event(dg.AssetObservation("upstream", partition="2026-01"))
    context.log_event(dg.AssetObservation("upstream"))
    return dg.MaterializeResult()


DEFINITIONS = dg.Definitions(
    assets=[table, lake, look],
    jobs=[dg.define_asset_job(each, each) for each in ("table", "lake", "look")],
)


@pytest.fixture(scope="module")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which nothing has run; to be copied only."""
    home = tmp_path_factory.mktemp("fresh")
    shutil.copy(PROJECT / "dagster.yaml", home)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        with dg.DagsterInstance.from_config(str(home)):
            return home


@pytest.fixture
def home(fresh_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One machine as it is set up by the project, which keeps its state where it is started."""
    home = Path(shutil.copytree(fresh_home, tmp_path / "home"))
    monkeypatch.chdir(home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as made:
        yield made


def run(instance: dg.DagsterInstance, job: str, month: str | None = None, **how: bool) -> str:
    """Runs a job of an asset; gives the run."""
    done = DEFINITIONS.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=month, raise_on_error=False,
        run_config={"ops": {job: {"config": how}}} if how else None,
    )  # fmt: skip
    return done.run_id


def forget(instance: dg.DagsterInstance, *, dry_run: bool = False) -> Forgotten:
    return forget_old_runs(instance, datetime.now(UTC), dry_run=dry_run)


def shown(instance: dg.DagsterInstance) -> object:
    """What the UI shows of the assets: their months, and the last result of the check of each."""
    status = get_and_update_asset_status_cache_value(instance, table.key, MONTHS)
    last = instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK])[CHECK]
    return (
        instance.get_materialized_partitions(table.key),
        status and status.deserialize_materialized_partition_subsets(MONTHS).get_partition_keys(),
        (last.run_id, last.status),
        [
            event and (event.run_id, event.timestamp)
            for event in map(instance.get_latest_materialization_event, (table.key, lake.key))
        ],
        [record.run_id for record in instance.fetch_observations(UPSTREAM, limit=1).records],
    )


def files(home: Path, run_id: str) -> list[Path]:
    return [path for path in home.rglob(f"*{run_id}*") if path.is_dir() or path.suffix == ".db"]


def test_superseded_and_failed_runs_go_and_the_ui_shows_the_same(
    home: Path, instance: dg.DagsterInstance
) -> None:
    superseded = [run(instance, "table", "2026-01"), run(instance, "lake")]
    observed = [run(instance, "look"), run(instance, "look")]
    needed = [run(instance, "table", "2026-02"), run(instance, "table", "2026-01")]
    failed = run(instance, "table", "2026-01", fails=True)
    never = run(instance, "table", "2026-03", fails=True)
    needed += [observed.pop(), run(instance, "lake")]
    going = {*superseded, *observed, failed, never}
    assert all(files(home, each) for each in going)
    before = shown(instance)

    assert set(forget(instance, dry_run=True).forgotten) == going
    assert instance.get_runs_count() == len(going) + len(needed)
    assert all(files(home, each) for each in going)

    done = forget(instance)
    assert (set(done.forgotten), set(done.needed)) == (going, set(needed))
    assert shown(instance) == before
    assert set(instance.get_run_ids()) == set(needed)
    assert all(len(files(home, each)) > 0 for each in needed)
    assert not any(files(home, each) for each in going)
    status = get_and_update_asset_status_cache_value(instance, table.key, MONTHS)
    assert status
    assert not list(status.deserialize_failed_partition_subsets(MONTHS).get_partition_keys())

    assert forget(instance).forgotten == []
    assert set(instance.get_run_ids()) == set(needed)


def test_a_run_that_is_young_or_not_at_its_end_stays(instance: dg.DagsterInstance) -> None:
    old = run(instance, "lake")
    middle = datetime.now(UTC)
    young = run(instance, "lake")
    run(instance, "lake")
    job = DEFINITIONS.resolve_job_def("lake")
    going = [
        instance.create_run_for_job(job, status=status).run_id
        for status in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED)
    ]
    assert forget_old_runs(instance, middle).forgotten == [old]
    assert young in instance.get_run_ids()
    assert forget(instance).forgotten == [young]
    assert set(going) < set(instance.get_run_ids())


def test_a_month_that_was_made_though_a_check_stopped_its_run_stays(
    instance: dg.DagsterInstance,
) -> None:
    @dg.asset(
        partitions_def=MONTHS,
        check_specs=[dg.AssetCheckSpec("is_whole", asset="stopped", blocking=True)],
    )
    def stopped() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])

    made = dg.materialize([stopped], instance=instance, partition_key="2026-01",
                          raise_on_error=False)  # fmt: skip
    run(instance, "lake")
    assert not made.success
    assert forget(instance) == Forgotten([], [made.run_id, *instance.get_run_ids(limit=1)])
    assert instance.get_materialized_partitions(dg.AssetKey("stopped")) == {"2026-01"}


def test_the_last_run_of_all_stays_so_that_its_numbers_are_not_given_again(
    instance: dg.DagsterInstance,
) -> None:
    failed = [run(instance, "table", "2026-03", fails=True) for _ in range(2)]
    assert forget(instance) == Forgotten(failed[:1], failed[1:])


def test_stopped_in_the_middle_it_goes_on_the_next_time(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run(instance, "lake") for _ in range(3)]

    def stop(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(instance.run_storage, "delete_run", stop)
    with pytest.raises(KeyboardInterrupt):
        forget(instance)
    with dg.DagsterInstance.from_config(str(home)) as next_time:
        assert forget(next_time).forgotten == runs[:2]
    assert not any(files(home, each) for each in runs[:2])


def test_the_command_says_what_it_did(
    instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        run(instance, "lake")

    def said(*words: str) -> str:
        capsys.readouterr()
        main(list(words))
        return capsys.readouterr().out

    half_a_year_ago = f"{datetime.now(UTC) - timedelta(days=180):%Y-%m-%d}"
    assert said().startswith(f"0 runs that ended before {half_a_year_ago}")
    assert said("--days", "0", "--dry-run").startswith("2 runs that ended before")
    script = [sys.executable, PROJECT / "deploy" / "forget_old_runs.py", "--days", "0"]
    done = subprocess.run(  # noqa: S603 - our own script
        script, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    )
    assert "2 runs that ended before" in done.stdout
    assert " were deleted; 1 are kept" in done.stdout
    assert said("--days", "0").startswith("0 runs that ended before")


@pytest.mark.usefixtures("home")
def test_servers_forget_what_is_older_than_half_a_year() -> None:
    compose = yaml.safe_load((PROJECT / "deploy" / "compose.yaml").read_text())
    unit = (PROJECT / "deploy" / "systemd" / "off-platform-retention.service").read_text()
    commands = [compose["services"]["retention"]["command"], unit.split("ExecStart=")[1]]
    for command in commands:
        words = command.splitlines()[0].split("forget_old_runs.py")[1].split()
        assert (options_of(words).days, options_of(words).dry_run) == (180, False)
    assert "deploy/forget_old_runs.py" in (PROJECT / "deploy" / "Dockerfile").read_text()


@pytest.mark.parametrize("words", [["--days", "-1"], ["--every", "0"], ["--days", "half"]])
def test_the_command_refuses_what_makes_no_sense(home: Path, words: list[str]) -> None:
    assert home.is_dir()
    with pytest.raises(SystemExit, match="2"):
        main(words)


def test_the_command_asks_where_the_runs_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "DAGSTER_HOME must name the folder" in capsys.readouterr().err

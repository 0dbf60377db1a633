"""Old runs and logs are deleted, and nothing that people look at changes by it."""

import itertools
import os
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from sqlalchemy.engine import Engine

from off_platform.automation.history import LOG_DELETED, Forgotten, forget_history
from off_platform.automation.history_job import FORGET, FORGET_STEP
from off_platform.automation.runs import run_job
from off_platform.cli.imports_run import run_import
from off_platform.definitions import definitions
from off_platform.settings import Settings

# Nearly every one of them runs Dagster.
pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[1]
MONTHS = dg.StaticPartitionsDefinition(["2026-01", "2026-02", "2026-03"])
UPSTREAM = dg.AssetKey("upstream")
with warnings.catch_warnings():
    # As the checks of imports.
    warnings.simplefilter("ignore", dg.PreviewWarning)
    IS_WHOLE = dg.AssetCheckSpec("is_whole", asset="table", partitions_def=MONTHS)
# What the page of a run that is kept still needs.
OF_KEPT = {
    "ASSET_MATERIALIZATION_PLANNED", "ASSET_MATERIALIZATION", "ENGINE_EVENT", "PIPELINE_ENQUEUED",
    "PIPELINE_START", "PIPELINE_STARTING", "PIPELINE_SUCCESS", "PIPELINE_FAILURE", "STEP_FAILURE",
}  # fmt: skip
CHECK = dg.AssetCheckKey(dg.AssetKey("table"), "is_whole")


class Month(dg.Config):
    """How a month goes."""

    fails: bool = False


@dg.asset(partitions_def=MONTHS, check_specs=[IS_WHOLE])
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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One machine as it is set up by the project, or a server; nothing has run."""
    if request.param == "sqlite":
        home = Path(shutil.copytree(request.getfixturevalue("fresh_home"), tmp_path / "home"))
    else:
        home = tmp_path / "home"
        home.mkdir()
        shutil.copy(PROJECT / "deploy" / "dagster.yaml", home)
        for name, value in request.getfixturevalue("postgres").items():
            monkeypatch.setenv(name, value)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            instance.run_storage.wipe()
            instance.event_log_storage.wipe()
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
    return forget_history(instance, datetime.now(UTC), dry_run=dry_run)


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


def log_is_there(home: Path, instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the output of a run, or events that only its log has, are stored."""
    on_disk = [each for each in home.rglob(f"*{run_id}*") if each.is_dir() or each.suffix == ".db"]
    return bool(on_disk) or "STEP_START" in log_of(instance, run_id)


def test_superseded_and_failed_runs_go_and_the_ui_shows_the_same(
    home: Path, instance: dg.DagsterInstance
) -> None:
    is_there = partial(log_is_there, home, instance)
    superseded = [run(instance, "table", "2026-01"), run(instance, "lake")]
    observed = [run(instance, "look"), run(instance, "look")]
    needed = [run(instance, "table", "2026-02"), run(instance, "table", "2026-01")]
    failed = run(instance, "table", "2026-01", fails=True)
    never = run(instance, "table", "2026-03", fails=True)
    needed += [observed.pop(), run(instance, "lake")]
    going = {*superseded, *observed, failed, never}
    assert all(is_there(each) for each in going)
    before = shown(instance)

    assert set(forget(instance, dry_run=True).forgotten) == going
    assert instance.get_runs_count() == len(going) + len(needed)
    assert all(is_there(each) for each in going)

    done = forget(instance)
    assert (set(done.forgotten), set(done.needed)) == (going, set(needed))
    # The log of the last run of all is not old.
    assert set(done.trimmed) == set(needed[:-1])
    assert shown(instance) == before
    assert set(instance.get_run_ids()) == set(needed)
    assert is_there(needed[-1])
    assert not any(is_there(each) for each in {*going, *needed[:-1]})
    status = get_and_update_asset_status_cache_value(instance, table.key, MONTHS)
    assert status
    assert not list(status.deserialize_failed_partition_subsets(MONTHS).get_partition_keys())

    assert (forget(instance).forgotten, forget(instance).trimmed) == ([], [])
    assert set(instance.get_run_ids()) == set(needed)
    # A look at a run whose file was deleted does not create it again.
    assert not any(is_there(each) for each in needed[:-1])


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
    assert forget_history(instance, middle).forgotten == [old]
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
    last = instance.get_run_ids(limit=1)
    assert forget(instance) == Forgotten([], [made.run_id, *last], [made.run_id], 0)
    assert instance.get_materialized_partitions(dg.AssetKey("stopped")) == {"2026-01"}


def test_the_last_run_of_all_stays_so_that_its_numbers_are_not_given_again(
    instance: dg.DagsterInstance,
) -> None:
    failed = [run(instance, "table", "2026-03", fails=True) for _ in range(2)]
    assert forget(instance) == Forgotten(failed[:1], failed[1:], [], 1)


def forget_until(home: Path, statement: int) -> bool:
    """Forgets in a process that kills itself before a statement or a deletion; True if it ended."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    count = itertools.count()

    def die_in_time(*_: object) -> None:
        if next(count) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            sqlalchemy.event.listen(Engine, "before_cursor_execute", die_in_time)
            sqlalchemy.event.listen(Engine, "commit", die_in_time)
            sys.addaudithook(lambda name, _: die_in_time() if name == "os.remove" else None)
            forget(instance)
    except BaseException:  # noqa: BLE001 - a fork of the tests must not go on with them
        os._exit(1)
    os._exit(0)


@pytest.mark.soak
def test_killed_again_and_again_it_ends_with_nothing_lost_or_left(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        superseded = [run(instance, "table", "2026-01") for _ in range(2)]
        never = run(instance, "table", "2026-03", fails=True)
        kept = [run(instance, "table", month) for month in ("2026-01", "2026-02")]
        last = run(instance, "lake")
        before, logs = shown(instance), {each: log_of(instance, each) for each in (*kept, last)}
    deaths = 0
    # Each process comes a little further than the one before.
    while not forget_until(home, 4 * deaths):
        deaths += 1
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert shown(instance) == before
    assert deaths > 10
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert shown(instance) == before
        assert set(instance.get_run_ids()) == {*kept, last}
        assert not any(log_is_there(home, instance, each) for each in (*superseded, never, *kept))
        assert log_of(instance, last) == logs[last]
        for each in kept:
            left = sorted(name for name in logs[each] if name in OF_KEPT)
            assert sorted(log_of(instance, each)) == left
        assert forget(instance) == Forgotten([], [*kept, last], [], 0)


def in_a_fork(home: Path, work: Callable[[dg.DagsterInstance], object]) -> int:
    """The id of a process that does this; it ends with 0 unless it fails."""
    if child := os.fork():
        return child
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            work(instance)
    except BaseException:  # noqa: BLE001 - a fork of the tests must not go on with them
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def test_three_at_once_beside_a_run_delete_the_same_as_one(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        superseded = [run(instance, "table", "2026-01") for _ in range(3)]
        superseded += [run(instance, "lake") for _ in range(3)]
        never = run(instance, "table", "2026-03", fails=True)
        kept = [run(instance, "table", month) for month in ("2026-01", "2026-02")]
        logs = {each: log_of(instance, each) for each in kept}
        last = run(instance, "lake")
    young: list[partial[object]] = [partial(run, job="table", month="2026-03")]
    children = [in_a_fork(home, work) for work in [forget, forget, forget, *young]]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (new,) = {*instance.get_run_ids()} - {*kept, last}
        assert not any(log_is_there(home, instance, each) for each in (*superseded, never, *kept))
        for each in kept:
            left = sorted(name for name in logs[each] if name in OF_KEPT)
            assert sorted(log_of(instance, each)) == left
        assert instance.get_materialized_partitions(table.key) == {*MONTHS.get_partition_keys()}
        assert "PIPELINE_SUCCESS" in log_of(instance, new)


def log_of(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """The types of a run's events, in their order."""
    entries = [each.dagster_event for each in instance.all_logs(run_id)]
    return [each.event_type_value if each else "message" for each in entries]


def test_of_a_run_that_is_kept_what_it_made_and_why_it_failed_can_be_read(
    instance: dg.DagsterInstance,
) -> None:
    """An asset was made before another one failed."""

    @dg.asset
    def made() -> None:
        """Makes nothing."""

    @dg.asset(deps=[made])
    def refused() -> None:
        raise ValueError("The disk is full.")

    done = dg.materialize([made, refused], instance=instance, raise_on_error=False)
    instance.report_engine_event("Of 2 checks, none failed.", done.dagster_run)
    run(instance, "lake")
    stats = instance.get_run_stats(done.run_id)
    log = log_of(instance, done.run_id)
    assert {"STEP_START", "STEP_FAILURE", "ENGINE_EVENT"} < set(log)
    assert forget(instance).trimmed == [done.run_id]
    left = log_of(instance, done.run_id)
    assert sorted(left) == sorted(name for name in log if name in OF_KEPT)
    said = [each.message for each in instance.all_logs(done.run_id)]
    assert "Of 2 checks, none failed." in " ".join(said)
    (failed,) = instance.all_logs(done.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert "The disk is full." in str(failed.get_dagster_event().step_failure_data.error)
    kept = instance.get_run_stats(done.run_id)
    assert (kept.start_time, kept.end_time) == (stats.start_time, stats.end_time)
    # What is said later to such a run does not hide it.
    instance.report_engine_event("Somebody looked.", instance.get_run_by_id(done.run_id))
    assert log_of(instance, done.run_id) == [*left, "ENGINE_EVENT"]


def test_a_check_keeps_its_newest_result_of_each_partition(instance: dg.DagsterInstance) -> None:
    for month in ("2026-01", "2026-02", "2026-01", "2026-01"):
        run(instance, "table", month)
    run(instance, "table", "2026-02", fails=True)

    def results() -> list[tuple[str, object]]:
        found = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=99)
        return [(each.run_id, each.status) for each in found]

    # The last was only planned, so the result before it stays, too.
    planned, third, _, second, _ = before = results()
    assert forget_history(instance, datetime(2026, 1, 1, tzinfo=UTC)).results == 0
    assert forget(instance, dry_run=True).results == 2
    assert results() == before
    assert forget(instance).results == 2
    assert results() == [planned, third, second]


def test_after_the_weekly_job_imports_are_red_or_green_as_before_and_take_less_space(
    home: Path, instance: dg.DagsterInstance
) -> None:
    defs = definitions(of=Settings(_env_file=None, lake=str(home / "lake"), import_folders="/"))
    keys = []
    for name, code in (("bad", "3017620422004"), ("good", "3017620422003")):
        file = home / f"{name}.csv"
        file.write_text(f"code,product_name\n{code},Spread\n")
        keys.append(run_import(defs, instance, file)[0])

    def statuses() -> object:
        checks = defs.resolve_asset_graph().asset_check_keys
        info = instance.event_log_storage.get_asset_check_partition_info(list(checks))
        found = [(str(each.check_key), each.partition_key, each.latest_execution_status.value,
                  each.is_current) for each in info]  # fmt: skip
        assets = sorted(instance.get_asset_keys())
        made = [instance.get_materialized_partitions(each) for each in assets]
        events = [instance.get_latest_materialization_event(each) for each in assets]
        return found, made, events, {run.run_id: run.status for run in instance.get_runs()}

    def lake() -> dict[str, bytes]:
        return {str(each): each.read_bytes() for each in (home / "lake").rglob("*")
                if each.is_file()}  # fmt: skip

    def stored() -> int:
        return sum(len(instance.all_logs(each)) for each in imports)

    imports = instance.get_run_ids()
    before, tables, events = statuses(), lake(), stored()
    assert str(before).count("FAILED") == 1
    job = {FORGET_STEP: {"days": 0}}
    done = run_job(defs, instance, FORGET, config=job)
    assert done.success
    after = statuses()
    assert isinstance(after, tuple)
    assert isinstance(before, tuple)
    del after[3][done.run_id]
    assert after == before
    assert lake() == tables
    assert stored() < events / 4
    assert "the logs of 2 of them were deleted" in " ".join(
        each.user_message for each in instance.all_logs(done.run_id)
    )
    assert instance.get_run_by_id(done.run_id).tags.get(LOG_DELETED) is None

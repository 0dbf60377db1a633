"""Several imports in one run: each is stored, checked and reported as by a run of its own."""

import logging
import os
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from off_platform.arrivals import BATCH, BATCH_STEP, batch_config, import_config
from off_platform.automation.alert_sensors import alert_sensors
from off_platform.automation.runs import opened_home, run_job
from off_platform.automation.unfinished import due_again
from off_platform.definitions import definitions
from off_platform.imports import assets, batch
from off_platform.imports.importing import Imported, NotImported, Site, import_at
from off_platform.imports.intake.originals import key_of
from off_platform.imports.specification.tables import IMPORT, PRODUCTS_ACCEPTED
from off_platform.settings import Settings
from off_platform.storage.fleet import Here, LostPartsError
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Access
from off_platform_tests.automation.listeners import Listener, listening
from off_platform_tests.interruptions import Kills, forks, run_and_kill
from off_platform_tests.waiting import PATIENCE_SECONDS

# They look at runs of Dagster.
pytestmark = pytest.mark.slow

HEADER = "barcode,product_name,fat_g\n"
NUTELLA, OREO, COLA = "3017620422003", "7622210449283", "5449000000996"
FILES = {
    "good.csv": f"{HEADER}{NUTELLA},Nutella,30.9\n{OREO},Oreo,20.5\n",
    "some.csv": f'{HEADER}{NUTELLA},Nutella,"30,9"\n{COLA},Cola,0\n',
    "page.csv": "<!DOCTYPE html><p>Sorry</p>",
    "newer.csv": f"gtin,product_name,fat_g\n0{NUTELLA},Nutella 2,31\n",
}
GONE = "gone.csv@00000000"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TABLES = ("products_accepted", "products_quarantined", "import_findings")
ASSETS = ("import_file", *TABLES, "import_report")
CHECK = dg.AssetKey("products_accepted")


@dataclass
class Desk:
    """A lake and an instance; `keys` are those of the files in its folder, by name."""

    root: Path
    instance: dg.DagsterInstance
    settings: Settings
    keys: dict[str, str]

    @cached_property
    def defs(self) -> dg.Definitions:
        """The definitions, loaded once as by a code server."""
        return definitions(of=self.settings)

    @property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.settings.lake)

    @property
    def files(self) -> dict[str, str]:
        """What a run is asked for."""
        return {key: str(self.root / name) for name, key in self.keys.items()}

    def together(
        self, files: Mapping[str, str], *, again: bool = False
    ) -> dg.ExecuteInProcessResult:
        """Imports files in one run."""
        return self._run(BATCH, None, batch_config(files, again=again))

    def alone(self, key: str, place: str) -> dg.ExecuteInProcessResult:
        """Imports a file in a run of its own."""
        return self._run("imports", key, import_config(place))

    def _run(self, job: str, key: str | None, config: dict[str, Any]) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=key,
            run_config={**config, **QUIET},
            raise_on_error=False,
        )

    def rows(self) -> dict[str, Any]:
        """What the lake's tables hold, but for times."""
        with duckdb.connect(self.root / "lake" / "off_platform.duckdb", read_only=True) as lake:
            of = {name: f"FROM {name} ORDER BY ALL" for name in TABLES}
            of["imports"] = "SELECT * EXCLUDE (imported_at) FROM imports ORDER BY ALL"
            of["products"] = "SELECT * EXCLUDE (imported_at) FROM products_imported ORDER BY ALL"
            return {name: lake.execute(query).fetchall() for name, query in of.items()}

    def checks(self, key: str) -> dict[str, tuple[Any, ...]]:
        """The newest result of each check of an import, as Dagster stores it."""
        found = {}
        for spec in assets.validated_import.check_specs:
            history = self.instance.event_log_storage.get_asset_check_execution_history(
                spec.key, 100
            )
            of = [each for each in history if each.partition == key and each.evaluation]
            evaluation = of[0].evaluation
            assert evaluation
            metadata = {name: value.value for name, value in evaluation.metadata.items()}
            found[spec.name] = (evaluation.passed, evaluation.severity, metadata)
            assert evaluation.target_materialization_data
        return found

    def made(self, asset: str) -> Counter[str | None]:
        """How often each import of an asset was materialized."""
        records = self.instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
        return Counter(each.partition_key for each in records)


def desk_in(root: Path, instance: dg.DagsterInstance, alerts: str = "") -> Desk:
    keys = {}
    for name, text in FILES.items():
        (root / name).write_text(text)
        keys[name] = key_of(root / name)
    instance.add_dynamic_partitions("imports", [*keys.values(), GONE])
    settings = Settings(
        _env_file=None, lake=str(root / "lake"), import_folders=str(root), alerts=alerts
    )
    return Desk(root, instance, settings, keys)


@pytest.fixture(scope="module")
def webhook() -> Iterator[Listener]:
    with listening() as server:
        yield server


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, webhook: Listener) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("batch")
    with dg.DagsterInstance.ephemeral(tempdir=str(root)) as instance:
        yield desk_in(root, instance, webhook.url)


@pytest.fixture(scope="module")
def run(desk: Desk) -> dg.ExecuteInProcessResult:
    """All files in one run, one of which does not exist; to be looked at only."""
    return desk.together({GONE: str(desk.root / "gone.csv"), **desk.files})


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The same files in a lake of their own, each in a run of its own."""
    root = tmp_path_factory.mktemp("apart")
    with dg.DagsterInstance.ephemeral(tempdir=str(root)) as instance:
        made = desk_in(root, instance)
        for key, place in made.files.items():
            made.alone(key, place)
        yield made


def test_tables_and_files_are_those_of_runs_of_one_file(
    desk: Desk, run: dg.ExecuteInProcessResult, apart: Desk
) -> None:
    assert run
    assert desk.rows() == apart.rows()
    for key in apart.keys.values():
        kept, alone = (each.lake.root.below(f"imports/{key}") for each in (desk, apart))
        assert kept.names() == alone.names()
        assert kept.read("findings.csv") == alone.read("findings.csv")


def test_each_check_is_on_its_partition_as_after_a_run_of_one_file(
    desk: Desk, run: dg.ExecuteInProcessResult, apart: Desk
) -> None:
    assert run
    for name, key in desk.keys.items():
        assert desk.checks(key) == apart.checks(key), name
    failed = {name: passed for name, (passed, *_) in desk.checks(desk.keys["page.csv"]).items()}
    assert [name for name, passed in failed.items() if not passed] == ["readable"]


def test_each_import_is_materialized_on_its_partition_and_no_other(
    desk: Desk, run: dg.ExecuteInProcessResult, apart: Desk
) -> None:
    assert run
    for asset in ASSETS:
        assert desk.made(asset) == dict.fromkeys(desk.keys.values(), 1)
    for asset in ASSETS:
        for key in desk.keys.values():
            assert shown(desk, asset, key).keys() == shown(apart, asset, key).keys()
    report = shown(desk, "import_report", desk.keys["some.csv"])
    assert report["verdict"] == shown(apart, "import_report", desk.keys["some.csv"])["verdict"]
    good = desk.keys["good.csv"]
    versions = [
        tags_of(each, "import_file", good)["dagster/data_version"] for each in (desk, apart)
    ]
    assert versions[0] == versions[1]


def newest(desk: Desk, asset: str, key: str) -> dg.AssetMaterialization:
    of = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[key])
    (record,) = desk.instance.fetch_materializations(of, limit=1).records
    assert record.asset_materialization
    return record.asset_materialization


def shown(desk: Desk, asset: str, key: str) -> dict[str, Any]:
    return {name: value.value for name, value in newest(desk, asset, key).metadata.items()}


def tags_of(desk: Desk, asset: str, key: str) -> Mapping[str, str]:
    return newest(desk, asset, key).tags or {}


def test_a_file_that_cannot_be_imported_fails_the_run_after_the_others_and_is_tried_again(
    desk: Desk, run: dg.ExecuteInProcessResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not run.success
    (failure,) = [event for event in run.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    assert error
    assert error.cause
    assert "1 file could not be imported: gone.csv@00000000: " in error.cause.message
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    have = desk.instance.get_materialized_partitions(dg.AssetKey("import_report"))
    assert due_again(desk.instance, have) == {str(desk.root / "gone.csv"): 1}
    events = desk.instance.fetch_observations(dg.AssetKey("import_file"), limit=10).records
    (seen,) = [each.event_log_entry.asset_observation for each in events]
    assert seen
    assert seen.partition == GONE
    assert "gone.csv" in str(seen.metadata["not_imported"].value)


def tick(desk: Desk, result: dg.ExecuteInProcessResult) -> None:
    name = "alert_on_checks" if result.success else "alert_on_failure"
    sensor = next(each for each in alert_sensors(desk.settings, running=True) if each.name == name)
    wanted = "PIPELINE_SUCCESS" if result.success else "PIPELINE_FAILURE"
    event = next(each for each in result.all_events if each.event_type_value == wanted)
    context = dg.build_run_status_sensor_context(
        sensor_name=name,
        dagster_event=event,
        dagster_instance=desk.instance,
        dagster_run=result.dagster_run,
    )
    context.log.setLevel(logging.CRITICAL)
    assert sensor(context) is None


def test_each_import_with_findings_has_a_message_of_its_own(
    desk: Desk, run: dg.ExecuteInProcessResult, webhook: Listener
) -> None:
    for _ in range(2):
        tick(desk, run)
    messages = {body["title"]: body["text"] for body in webhook.bodies}
    assert len(webhook.bodies) == len(messages)
    some, page = desk.keys["some.csv"], desk.keys["page.csv"]
    assert messages.keys() == {
        f"1 check failed: imports, {some}",
        f"1 check failed: imports, {page}",
        f"Failed: imports, {GONE}",
    }
    assert "line 2 (fat_g): '30,9'" in messages[f"1 check failed: imports, {some}"]
    assert f"imports/{page}/report.html" in messages[f"1 check failed: imports, {page}"]
    assert "gone.csv" in messages[f"Failed: imports, {GONE}"]


def test_an_import_with_a_report_is_left_out_unless_it_is_asked_for_again(
    tmp_path: Path,
) -> None:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        desk = desk_in(tmp_path, instance)
        first, second, *_ = desk.files.items()
        assert desk.alone(*first).success
        assert desk.together(dict([first, second])).success
        assert desk.made("import_report") == {first[0]: 1, second[0]: 1}
        assert desk.together(dict([first, second]), again=True).success
        assert desk.made("import_report") == {first[0]: 2, second[0]: 2}


def test_an_import_that_another_run_makes_is_tried_last_and_not_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        desk = desk_in(tmp_path, instance)
        busy, other, *_ = desk.files.items()
        lake = desk.lake
        waits: list[float] = []

        def other_run_ends(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 2:
                made = dg.AssetMaterialization("import_report", partition=busy[0])
                instance.report_runless_asset_event(made)

        monkeypatch.setattr(time, "sleep", other_run_ends)
        with lake.locked(PRODUCTS_ACCEPTED.name, (IMPORT, busy[0])):
            assert desk.together(dict([busy, other])).success
        assert len(waits) == 2
        assert not lake.has(PRODUCTS_ACCEPTED.name, (IMPORT, busy[0]))
        assert lake.has(PRODUCTS_ACCEPTED.name, (IMPORT, other[0]))
        with lake.locked(PRODUCTS_ACCEPTED.name, (IMPORT, busy[0])):
            result = desk.together(dict([busy, other]), again=True)
        assert not result.success
        assert desk.made("import_report") == {busy[0]: 1, other[0]: 2}


def test_a_cause_outside_the_files_stops_the_run_after_a_few(tmp_path: Path) -> None:
    with listening() as server, dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        desk = desk_in(tmp_path, instance, server.url)
        missing = {f"{number}.csv@00000000": str(tmp_path / f"{number}.csv") for number in range(9)}
        result = desk.together(missing)
        assert not result.success
        tick(desk, result)
    titles = [body["title"] for body in server.bodies]
    assert titles == [
        *(f"Failed: imports, {key}" for key in [*missing][:5]),
        "Failed: imports, 0.csv@00000000, 1.csv@00000000, 2.csv@00000000 and 6 more",
    ]
    assert "5 files in a row" in server.bodies[-1]["text"]


class Losing(Here):
    """A fleet on which every process ends that reads one of the imports."""

    def __init__(self, key: str) -> None:
        """Takes the import."""
        super().__init__()
        self.key = key

    def map(self, work: Callable[[Any], Any], parts: Iterable[Any]) -> Generator[Any]:
        """See `Fleet.map`."""
        lost = []
        for part in parts:
            if self.key in part:
                lost.append(part)
            else:
                yield work(part)
        if lost:
            raise LostPartsError(lost, "killed")


def test_a_file_that_ends_its_process_does_not_take_those_beside_it_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        desk = desk_in(tmp_path, instance)
        bad = desk.keys["some.csv"]
        with monkeypatch.context() as patched:
            patched.setattr(batch, "fleet_from", lambda _: Losing(bad))
            result = desk.together(desk.files)
        assert not result.success
        others = dict.fromkeys(set(desk.keys.values()) - {bad}, 1)
        assert desk.made("import_report") == others
        (seen,) = (
            each.event_log_entry.asset_observation
            for each in instance.fetch_observations(dg.AssetKey("import_file"), limit=10).records
        )
        assert seen
        assert seen.partition == bad
        assert "were lost" in str(seen.metadata["not_imported"].value)
        assert desk.together(desk.files).success
        assert desk.made("import_report") == {**others, bad: 1}


def test_a_damaged_original_is_not_imported_and_those_beside_it_are(
    desk: Desk, run: dg.ExecuteInProcessResult
) -> None:
    assert run
    good, bad, newer = (desk.keys[name] for name in ("good.csv", "some.csv", "newer.csv"))
    (kept,) = (desk.root / "lake" / "imports" / bad / "original").iterdir()
    before = kept.read_bytes()
    kept.write_bytes(before + b"x")
    try:
        site = Site(desk.settings.lake, Access(), "512MB", 2, "")
        found = {each.key: each for each in import_at(site, [good, bad, newer])}
    finally:
        kept.write_bytes(before)
    failed = found.pop(bad)
    assert isinstance(failed, NotImported)
    assert "is incomplete in the lake" in failed.reason
    assert found.keys() == {good, newer}
    for key, together in found.items():
        (alone,) = import_at(site, [key])
        assert isinstance(together, Imported)
        assert isinstance(alone, Imported)
        times = {"seconds": 0}
        assert {**together.report, **times} == {**alone.report, **times}
        assert together.tables == alone.tables
        assert together.findings == alone.findings


MANY = 6
ROWS = 300


def write_many(root: Path) -> dict[str, str]:
    """Files with other products each, of which some records break a rule."""
    files = {}
    for number in range(MANY):
        path = root / f"{number:02d}.csv"
        lines = (
            f"P{number}-{row},Name {row},{'lots' if row % 50 == 0 else 1}" for row in range(ROWS)
        )
        path.write_text("product_id,product_name,fat_g\n" + "\n".join(lines) + "\n")
        files[key_of(path)] = str(path)
    return files


def import_many(root: Path) -> None:
    """What a process does: one run of all files."""
    os.chdir(root)
    settings = Settings(_env_file=None, lake=str(root / "lake"), import_folders=str(root))
    files = {key_of(path): str(path) for path in sorted(root.glob("*.csv"))}
    with opened_home(settings) as instance:
        config = {BATCH_STEP: {"files": files}}
        result = run_job(definitions(of=settings), instance, BATCH, config=config)
        assert result.success


def import_all(context: ForkServerContext, root: Path) -> float:
    begun = time.monotonic()
    assert not run_and_kill(context, import_many, PATIENCE_SECONDS, root)
    return time.monotonic() - begun


def reports(root: Path) -> Counter[str]:
    """How often each import has a report, as Dagster's own file says."""
    with sqlite3.connect(root / "var/dagster/storage/history/runs/index.db") as log:
        found = log.execute(
            "SELECT partition FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION' "
            "AND asset_key = '[\"import_report\"]'"
        ).fetchall()
    return Counter(key for (key,) in found)


def contents(root: Path) -> dict[str, Any]:
    with duckdb.connect(root / "lake" / "off_platform.duckdb", read_only=True) as lake:
        of = {name: f"SELECT count(*), sum(hash(t)) FROM {name} AS t" for name in TABLES}
        of["products"] = "SELECT count(*), count(DISTINCT product) FROM products_imported"
        found: dict[str, Any] = {name: lake.execute(query).fetchall() for name, query in of.items()}
    kept = root / "lake" / "imports"
    found["files"] = sorted(path.relative_to(kept).as_posix() for path in kept.rglob("*.*"))
    return found


def test_a_killed_run_is_resumed_with_the_files_that_have_no_report(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for root in (whole, killed):
        root.mkdir()
        files = write_many(root)
    context = forks()
    kills = Kills(3, import_all(context, whole), random.Random(5))
    for _ in kills.rounds():
        kills.try_one(context, import_many, killed)
        if len(reports(killed) if (killed / "var").exists() else ()) == MANY:
            shutil.rmtree(killed / "lake")
            shutil.rmtree(killed / "var")
    import_all(context, killed)
    assert reports(killed) == dict.fromkeys(files, 1)
    assert contents(killed) == contents(whole)
    assert contents(whole)["products_accepted"][0][0] == MANY * (ROWS - ROWS // 50)

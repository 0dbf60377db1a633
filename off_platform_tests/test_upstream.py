"""What the design leans on in DuckDB, pyarrow, Pandera and Dagster, so that an upgrade shows.

Each test says what would follow. What the packages promise anyway is not tested here, and what
`storage` leans on in obstore is in `storage/test_upstream_stores.py`.
"""

import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pandera.pandas as pa_pandera
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


def test_duckdbs_results_have_only_these_ways_out() -> None:
    """Arrow comes from `sql`: from `execute` it is copied once more, which a warning says."""
    connection = duckdb.connect()
    result = connection.execute("SELECT 1 AS one")
    for gone in ("arrow", "pl", "fetch_arrow_table"):
        assert not hasattr(result, gone)
    with pytest.warns(UserWarning, match="extra copy"):
        result.to_arrow_table()
    assert connection.sql("SELECT 1 AS one").to_arrow_table().to_pylist() == [{"one": 1}]
    assert connection.sql("SELECT 1").to_arrow_reader(10).read_all().num_rows == 1


@pytest.mark.slow
def test_duckdb_writes_the_same_parquet_for_the_same_rows_in_order(tmp_path: Path) -> None:
    """A set or table that is made again has the same bytes."""
    query = "SELECT range AS n, md5(range::VARCHAR) AS t FROM range(300000) ORDER BY t"
    written = []
    for number, threads in enumerate((1, 2, 2)):
        path = tmp_path / f"{number}.parquet"
        with duckdb.connect(config={"threads": threads}) as connection:
            connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        written.append(path.read_bytes())
    assert written[0] == written[1] == written[2]


OPEN = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"


def test_duckdb_locks_other_processes_out_while_one_writes(tmp_path: Path) -> None:
    """`off_platform.duckdb` is therefore made aside and replaced, never written in place."""
    path = tmp_path / "some.duckdb"
    command = [sys.executable, "-c", OPEN, str(path)]
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE t (a INT)")
        refused = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert refused.returncode != 0
    assert "lock" in refused.stderr
    assert subprocess.run(command, check=False).returncode == 0  # noqa: S603


def test_duckdb_samples_before_it_filters() -> None:
    """Samples are taken of a subquery."""
    few = "SELECT * FROM range(100000) AS t(i) WHERE i < 20"
    connection = duckdb.connect()
    assert len(connection.execute(f"{few} USING SAMPLE 10 ROWS").fetchall()) < 10
    of_all = connection.execute(f"SELECT * FROM ({few}) USING SAMPLE 10 ROWS").fetchall()
    assert len(of_all) == 10


def test_duckdbs_view_shows_columns_that_its_file_got_later(tmp_path: Path) -> None:
    """`Lake.refresh_views` makes views anew only when a table comes or goes."""
    path = tmp_path / "part.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS a) TO '{path}'")
        connection.execute(f"CREATE VIEW v AS SELECT * FROM read_parquet('{path}')")
        connection.execute(f"COPY (SELECT 'x' AS a, 2 AS b) TO '{path}'")
        assert connection.execute("FROM v").fetchall() == [("x", 2)]


def test_pyarrows_binary_slice_without_an_end_is_broken() -> None:
    """The index gives an end; it may be left out once this fails."""
    lines = pa.array([b"data/1.jpg", b"data/22.jpg"])
    with pytest.raises(pa.ArrowInvalid, match="Negative buffer resize"):
        pc.binary_slice(lines, 5)
    assert pc.binary_slice(lines, 5, 99).to_pylist() == [b"1.jpg", b"22.jpg"]


def failures_of(schema: pa_pandera.DataFrameSchema, frame: pd.DataFrame) -> Any:
    """All that the schema finds wrong."""
    with pytest.raises(pa_pandera.errors.SchemaErrors) as refused:
        schema.validate(frame, lazy=True)
    return refused.value


def test_pandera_names_a_built_in_check_by_its_error() -> None:
    """Rules are found again by it; a name alone is not shown."""
    checks = [
        pa_pandera.Check.in_range(0, 100, error="in_percent", name="other"),
        pa_pandera.Check.le(50, name="half"),
        pa_pandera.Check(lambda column: column > 0, name="own"),
    ]
    schema = pa_pandera.DataFrameSchema({"a": pa_pandera.Column(float, checks)})
    found = failures_of(schema, pd.DataFrame({"a": [1.0, 200.0, -1.0]})).failure_cases
    assert found[["check", "failure_case", "index"]].to_numpy().tolist() == [
        ["in_percent", 200.0, 1],
        ["in_percent", -1.0, 2],
        ["less_than_or_equal_to(50)", 200.0, 1],
        ["own", -1.0, 2],
    ]


def test_panderas_lazy_validation_finds_everything() -> None:
    column = pa_pandera.Column(float, pa_pandera.Check.ge(0, error="positive"))
    schema = pa_pandera.DataFrameSchema({"a": column, "b": column})
    frame = pd.DataFrame({"a": [-1.0, -2.0], "b": [1.0, -3.0]})
    assert failures_of(schema, frame).failure_cases["failure_case"].tolist() == [-1, -2, -3]
    with pytest.raises(pa_pandera.errors.SchemaError):
        schema.validate(frame)


def test_pandera_reports_a_check_that_raises_as_a_failure_of_the_data() -> None:
    """`pandera_checks.py` raises it again, because it is our fault."""
    broken = pa_pandera.Check(lambda _: 1 / 0, name="broken")
    schema = pa_pandera.DataFrameSchema({"a": pa_pandera.Column(float, broken)})
    found = failures_of(schema, pd.DataFrame({"a": [1.0]}))
    assert dict(found.error_counts) == {"CHECK_ERROR": 1}


def test_pandera_takes_a_comparison_with_nothing_for_false() -> None:
    """Rules over two columns are written so that a missing value breaks none of them."""
    checks = [
        pa_pandera.Check(lambda frame: frame["sugars"] <= frame["all"], name="plain"),
        pa_pandera.Check(lambda frame: ~(frame["sugars"] > frame["all"]), name="turned round"),
    ]
    columns = {name: pa_pandera.Column(float, nullable=True) for name in ("sugars", "all")}
    schema = pa_pandera.DataFrameSchema(columns, checks=checks)
    frame = pd.DataFrame({"sugars": [1.0, None], "all": [None, 2.0]})
    assert set(failures_of(schema, frame).failure_cases["check"]) == {"plain"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("end_offset", "month"), [(0, "2026-10-01"), (1, "2026-11-01")])
def test_dagsters_monthly_schedule_asks_for_this_month_with_an_end_offset(
    end_offset: int, month: str
) -> None:
    """Upstream keeps only the current list."""
    months = dg.MonthlyPartitionsDefinition("2026-01-01", end_offset=end_offset)

    @dg.asset(partitions_def=months)
    def monthly() -> None:
        """Nothing."""

    job = dg.define_asset_job("monthly_job", [monthly], partitions_def=months)
    schedule = dg.build_schedule_from_partitioned_job(job, day_of_month=2)
    definitions = dg.Definitions([monthly], jobs=[job], schedules=[schedule])
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance,
            scheduled_execution_time=datetime(2026, 11, 2, tzinfo=UTC),
            repository_def=definitions.get_repository_def(),
        )
        found = definitions.resolve_schedule_def(schedule.name).evaluate_tick(context)
    assert [request.partition_key for request in found.run_requests or []] == [month]


@pytest.mark.parametrize(
    ("blocking", "severity", "succeeds"),
    [
        (True, dg.AssetCheckSeverity.ERROR, False),
        (True, dg.AssetCheckSeverity.WARN, True),
        (False, dg.AssetCheckSeverity.ERROR, True),
    ],
)
def test_dagster_fails_a_run_only_for_a_blocking_error(
    blocking: bool,  # noqa: FBT001 - a parameter of the test
    severity: dg.AssetCheckSeverity,
    succeeds: bool,  # noqa: FBT001 - the same
) -> None:
    """All other findings need alerts of our own."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("rule", asset="table", blocking=blocking)])
    def table() -> dg.MaterializeResult:  # type: ignore[type-arg]
        result = dg.AssetCheckResult(check_name="rule", passed=False, severity=severity)
        return dg.MaterializeResult(check_results=[result])

    @dg.asset(deps=[table])
    def downstream() -> None:
        """Nothing."""

    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([table, downstream], instance=instance, raise_on_error=False)
        assert done.success is succeeds
        made = {event.asset_key for event in done.get_asset_materialization_events()}
        assert (dg.AssetKey("downstream") in made) is succeeds
        assert dg.AssetKey("table") in made


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")
def test_dagsters_checks_with_partitions_say_which_partition_they_looked_at() -> None:
    """After a good file the bad one before it can still be seen; other checks say no partition."""
    files = dg.DynamicPartitionsDefinition(name="files")
    specs = [
        dg.AssetCheckSpec("rule", asset="table", partitions_def=files),
        dg.AssetCheckSpec("other", asset="table"),
    ]

    @dg.multi_asset(specs=[dg.AssetSpec("table")], partitions_def=files, check_specs=specs)
    def table(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        good = context.partition_key == "good.csv"
        results = [
            dg.AssetCheckResult(asset_key="table", check_name=name, passed=good)
            for name in ("rule", "other")
        ]
        return dg.MaterializeResult(asset_key="table", check_results=results)

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("files", ["bad.csv", "good.csv"])
        for partition in ("bad.csv", "good.csv"):
            done = dg.materialize([table], partition_key=partition, instance=instance)
            evaluations = done.get_asset_check_evaluations()
            named = {each.check_name: each.partition for each in evaluations}
            assert named == {"rule": partition, "other": None}
        key = dg.AssetCheckKey(dg.AssetKey("table"), "rule")
        history = instance.event_log_storage.get_asset_check_execution_history(key, 10)
        statuses = {each.partition: each.status.value for each in history}
        assert statuses == {"bad.csv": "FAILED", "good.csv": "SUCCEEDED"}


def test_dagster_still_calls_checks_with_partitions_a_preview() -> None:
    """`asset_checks.check_specs` silences that; it need not once this fails."""
    partitions = dg.StaticPartitionsDefinition(["one"])
    with pytest.warns(dg.PreviewWarning, match="partitions_def on an AssetCheckSpec"):
        dg.AssetCheckSpec("rule", asset="table", partitions_def=partitions)


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_dagsters_eager_assets_follow_new_versions_and_not_repeated_ones() -> None:
    """A key list that is looked at daily starts a copy only when it has a new ETag."""
    etag = "first"

    @dg.multi_observable_source_asset(specs=[dg.AssetSpec("keys")])
    def keys() -> dg.ObserveResult:
        return dg.ObserveResult(asset_key="keys", data_version=dg.DataVersion(etag))

    @dg.asset(deps=["keys"], automation_condition=dg.AutomationCondition.eager())
    def copy() -> None:
        """Nothing."""

    definitions = dg.Definitions([keys, copy])
    observe = definitions.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:

        def look() -> None:
            run = observe.execute_in_process(
                instance=instance, asset_selection=[dg.AssetKey("keys")]
            )
            assert run.success

        look()
        dg.materialize([copy], instance=instance)
        state = dg.evaluate_automation_conditions(definitions, instance)
        look()
        state = dg.evaluate_automation_conditions(definitions, instance, cursor=state.cursor)
        assert state.total_requested == 0
        etag = "second"
        look()
        state = dg.evaluate_automation_conditions(definitions, instance, cursor=state.cursor)
        assert state.total_requested == 1


def test_dagster_still_calls_observing_by_specs_beta() -> None:
    """`images/assets.py` silences that; it need not once this fails."""
    with pytest.warns(dg.BetaWarning, match="multi_observable_source_asset"):

        @dg.multi_observable_source_asset(specs=[dg.AssetSpec("keys")])
        def keys() -> None:
            """Nothing."""


def test_both_ways_to_start_dagster_load_the_same_code_location() -> None:
    """`dg dev` reads pyproject.toml and ignores workspace.yaml, the web server reads only that."""
    workspace = ROOT / "workspace.yaml"
    if not workspace.exists():
        pytest.skip("there is no workspace.yaml yet")
    (found,) = yaml.safe_load(workspace.read_text(encoding="utf-8"))["load_from"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    settings = project["tool"]["dg"]["project"]
    assert found["python_module"] == {
        "module_name": settings["code_location_target_module"],
        "location_name": settings["code_location_name"],
    }

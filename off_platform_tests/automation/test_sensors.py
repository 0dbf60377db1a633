"""The inbox's sensor: runs asked for, partitions added, the cursor kept."""

from collections.abc import Sequence

import dagster as dg
import pytest

from off_platform.arrivals import (
    BATCH,
    MOST_FILES,
    SMALL_BYTES,
    Arrival,
    Arrivals,
    batch_config,
    files_of,
)
from off_platform.automation import unfinished
from off_platform.automation.sensors import FILES, inbox_sensor
from off_platform.automation.unfinished import ATTEMPT
from off_platform.imports.assets import import_batch


def evaluated(
    looked: Arrivals, taken_in: str | None = None, runs: Sequence[dg.DagsterRun] = ()
) -> dg.SensorResult:
    with dg.DagsterInstance.ephemeral() as instance:
        for run in runs:
            instance.run_storage.add_run(run)
        if taken_in:
            made = dg.AssetMaterialization("import_report", partition=taken_in)
            instance.report_runless_asset_event(made)
        context = dg.build_sensor_context(instance=instance, cursor="before")
        result = inbox_sensor(lambda _, __: looked, import_batch.to_job(), running=True)(context)
        # Dagster refuses a tick that sets its cursor in two ways.
        assert context.cursor == "before"
    assert isinstance(result, dg.SensorResult)
    return result


@pytest.mark.parametrize(
    ("waiting", "reason"), [(0, "Nothing is new."), (3, "3 are not complete yet.")]
)
def test_nothing_new_requests_no_run_and_is_remembered(waiting: int, reason: str) -> None:
    result = evaluated(Arrivals([], waiting, "after"))
    assert (result.run_requests, result.cursor) == ([], "after")
    assert result.skip_reason
    assert result.skip_reason.skip_message == reason


def test_an_arrival_becomes_a_partition_and_a_run() -> None:
    result = evaluated(Arrivals([Arrival("x.csv@01234567", "/in/x.csv", "abc")], 0, "after"))
    (request,) = result.run_requests or ()
    assert (request.run_key, request.partition_key) == ("x.csv@01234567/abc", "x.csv@01234567")
    assert request.run_config == {"ops": {"import_file": {"config": {"path": "/in/x.csv"}}}}
    (added,) = result.dynamic_partitions_requests or ()
    assert added.partition_keys == ["x.csv@01234567"]
    assert result.cursor == "after"


def test_an_earlier_import_needs_no_run() -> None:
    arrived = [Arrival(key, f"/in/{key}", "abc") for key in ("x.csv@01234567", "y.csv@01234567")]
    result = evaluated(Arrivals(arrived, 0, "after"), taken_in="x.csv@01234567")
    assert [request.partition_key for request in result.run_requests or ()] == ["y.csv@01234567"]
    result = evaluated(Arrivals(arrived[:1], 0, "after"), taken_in="x.csv@01234567")
    assert (result.run_requests, result.cursor) == ([], "after")


def arrivals(count: int, size: int = 1) -> list[Arrival]:
    names = [f"{number:03d}.csv" for number in range(count)]
    return [Arrival(f"{name}@01234567", f"/in/{name}", "abc", size) for name in names]


def asked(result: dg.SensorResult) -> list[tuple[str | None, list[str]]]:
    """The jobs of the runs that are asked for, each with its files."""
    return [
        (run.job_name, [*files_of(run.run_config, run.partition_key).values()])
        for run in result.run_requests or ()
    ]


def test_files_that_arrive_together_share_a_run_that_names_them() -> None:
    arrived = arrivals(5)
    result = evaluated(Arrivals(arrived, 0, "after"))
    assert asked(result) == [(BATCH, [each.place for each in arrived])]
    (request,) = result.run_requests or ()
    assert request.partition_key is None
    assert request.tags[FILES] == (
        "000.csv@01234567, 001.csv@01234567, 002.csv@01234567 and 2 more"
    )
    (added,) = result.dynamic_partitions_requests or ()
    assert added.partition_keys == [each.key for each in arrived]


def test_a_run_has_a_bounded_number_of_files_and_the_last_one_alone_is_run_as_ever() -> None:
    arrived = arrivals(2 * MOST_FILES + 1)
    runs = asked(evaluated(Arrivals(arrived, 0, "after")))
    assert [(job, len(files)) for job, files in runs] == [
        (BATCH, MOST_FILES),
        (BATCH, MOST_FILES),
        ("imports", 1),
    ]
    assert [place for _, files in runs for place in files] == [each.place for each in arrived]
    keys = {run.run_key for run in evaluated(Arrivals(arrived, 0, "after")).run_requests or ()}
    assert len(keys) == len(runs)


def test_large_files_have_runs_of_their_own() -> None:
    small, large = arrivals(2), Arrival("l.csv@01234567", "/in/l.csv", "abc", SMALL_BYTES + 1)
    runs = asked(evaluated(Arrivals([small[0], large, small[1]], 0, "after")))
    assert runs == [
        ("imports", [large.place]),
        (BATCH, [each.place for each in small]),
    ]


@pytest.mark.parametrize(("attempt", "sizes"), [(1, [10, 10, 5]), (2, [1] * 25)])
def test_files_whose_run_died_are_tried_with_fewer_others_and_then_alone(
    attempt: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them may have ended the process, and would again."""
    monkeypatch.setattr(unfinished, "FIRST_WAIT_SECONDS", 0)
    arrived = arrivals(25)
    files = {each.key: each.place for each in arrived}
    died = dg.DagsterRun(
        BATCH,
        run_config=batch_config(files),
        status=dg.DagsterRunStatus.FAILURE,
        tags={ATTEMPT: str(attempt)},
    )
    result = evaluated(Arrivals(arrived, 0, "after"), runs=[died])
    assert [len(places) for _, places in asked(result)] == sizes
    assert {run.tags[ATTEMPT] for run in result.run_requests or ()} == {str(attempt + 1)}

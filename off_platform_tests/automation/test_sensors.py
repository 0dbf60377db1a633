"""The inbox's sensor: runs asked for, partitions added, the cursor kept."""

import dagster as dg
import pytest

from off_platform.arrivals import Arrival, Arrivals
from off_platform.automation.sensors import inbox_sensor


def evaluated(looked: Arrivals, taken_in: str | None = None) -> dg.SensorResult:
    with dg.DagsterInstance.ephemeral() as instance:
        if taken_in:
            made = dg.AssetMaterialization("import_report", partition=taken_in)
            instance.report_runless_asset_event(made)
        context = dg.build_sensor_context(instance=instance, cursor="before")
        result = inbox_sensor(lambda _, __: looked, running=True)(context)
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

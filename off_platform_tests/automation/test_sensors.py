"""The sensors as the daemon evaluates them: runs asked for, partitions added, the cursor kept."""

import dagster as dg
import pytest

from off_platform.automation.sensors import Arrived, Looked, inbox_sensor
from off_platform.definitions import definitions
from off_platform.settings import Settings


def evaluated(looked: Looked) -> dg.SensorExecutionData:
    defs = definitions(of=Settings(_env_file=None))
    repository = defs.get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, cursor="before", repository_def=repository
        )
        return inbox_sensor(lambda _: looked, running=True).evaluate_tick(context)


@pytest.mark.parametrize(("waiting", "told"), [(0, "Nothing is new."), (3, "3 wait to be whole.")])
def test_nothing_new_asks_for_no_run_and_is_remembered(waiting: int, told: str) -> None:
    data = evaluated(Looked([], waiting, "after"))
    assert (data.run_requests, data.cursor, data.skip_message) == ([], "after", told)


def test_what_arrived_becomes_a_partition_and_a_run() -> None:
    data = evaluated(Looked([Arrived("x.csv@01234567", "/in/x.csv")], 0, "after"))
    (request,) = data.run_requests or ()
    assert (request.run_key, request.partition_key) == ("x.csv@01234567", "x.csv@01234567")
    assert request.run_config == {"ops": {"import_file": {"config": {"path": "/in/x.csv"}}}}
    assert data.dynamic_partitions_requests
    assert data.dynamic_partitions_requests[0].partition_keys == ["x.csv@01234567"]
    assert data.cursor == "after"

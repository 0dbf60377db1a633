"""A sensor that fails is an alert, once; that it works again, too."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.error import SerializableErrorInfo

from off_platform.automation.tick_sensor import tick_sensor
from off_platform.settings import Settings
from off_platform_tests.automation.listeners import Listener, listening


class Desk:
    """A platform with one sensor, whose ticks end as asked."""

    def __init__(self, instance: dg.DagsterInstance, webhook: Listener) -> None:
        """Adds the sensor."""
        self.instance, self.webhook, self.time = instance, webhook, 1000.0
        origin = InProcessCodeLocationOrigin(
            loadable_target_origin=LoadableTargetOrigin(executable_path="python"),
            location_name="here",
        )
        self.state = InstigatorState(
            RemoteInstigatorOrigin(
                repository_origin=RemoteRepositoryOrigin(
                    code_location_origin=origin, repository_name="all"
                ),
                instigator_name="inbox_sensor",
            ),
            InstigatorType.SENSOR,
            InstigatorStatus.RUNNING,
            SensorInstigatorData(min_interval=15),
        )
        instance.add_instigator_state(self.state)

    def ticked(self, status: TickStatus, error: str = "", cls_name: str = "OSError") -> None:
        """A tick of the sensor ended; the alerts' sensor looks."""
        self.time += 15
        of = self.state
        info = SerializableErrorInfo(f"{cls_name}: {error}", [], cls_name) if error else None
        self.instance.create_tick(
            TickData(
                of.instigator_origin_id, "inbox_sensor", InstigatorType.SENSOR, status, self.time,
                error=info, selector_id=of.selector_id, end_timestamp=self.time,
            )
        )  # fmt: skip
        settings = Settings(_env_file=None, alerts=self.webhook.url)
        sensor = tick_sensor(settings, status=dg.DefaultSensorStatus.RUNNING)
        sensor(dg.build_sensor_context(self.instance))

    @property
    def sent(self) -> list[str]:
        """The titles that were sent."""
        return [body["title"] for body in self.webhook.bodies]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with (
        listening() as webhook,
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
    ):
        yield Desk(instance, webhook)


def test_a_failing_sensor_is_reported_once_and_so_is_its_recovery(desk: Desk) -> None:
    desk.ticked(TickStatus.SKIPPED)
    assert desk.sent == []
    for _ in range(3):
        desk.ticked(TickStatus.FAILURE, "No such file or directory: '/mnt/inbox'")
    assert desk.sent == ["Fails: inbox_sensor"]
    assert "No such file or directory: '/mnt/inbox'" in desk.webhook.bodies[0]["text"]
    for _ in range(2):
        desk.ticked(TickStatus.SKIPPED)
    assert desk.sent == ["Fails: inbox_sensor", "Works again: inbox_sensor"]
    desk.ticked(TickStatus.FAILURE, "No such file or directory: '/mnt/inbox'")
    assert desk.sent[2:] == ["Fails: inbox_sensor"]


def test_a_running_tick_is_not_counted(desk: Desk) -> None:
    desk.ticked(TickStatus.FAILURE, "gone")
    desk.ticked(TickStatus.STARTED)
    assert desk.sent == ["Fails: inbox_sensor"]


def test_an_unsent_alert_does_not_cause_another(desk: Desk) -> None:
    desk.ticked(TickStatus.FAILURE, "not sent by slack", "NotSentError")
    assert desk.sent == []


UNAVAILABLE = "RPC that terminated with: status = StatusCode.UNAVAILABLE"


@pytest.mark.parametrize(
    ("cls_name", "error"),
    [
        ("_InactiveRpcError", UNAVAILABLE),
        ("DagsterCodeLocationLoadError", f"Failure loading off_platform: {UNAVAILABLE}"),
    ],
)
def test_a_restarting_code_server_does_not_alert_for_each_sensor(
    desk: Desk, cls_name: str, error: str
) -> None:
    desk.ticked(TickStatus.SKIPPED)
    desk.ticked(TickStatus.FAILURE, error, cls_name)
    desk.ticked(TickStatus.SKIPPED)
    assert not desk.sent
    # Nor does it hide a sensor that fails.
    desk.ticked(TickStatus.FAILURE, "The inbox is gone.")
    desk.ticked(TickStatus.FAILURE, error, cls_name)
    desk.ticked(TickStatus.FAILURE, "The inbox is gone.")
    assert desk.sent == ["Fails: inbox_sensor"]


def test_a_look_that_takes_too_long_is_an_alert(desk: Desk) -> None:
    """An inbox on a share that hangs: Dagster ends the look after a minute."""
    late = "RPC that terminated with: status = StatusCode.DEADLINE_EXCEEDED"
    desk.ticked(TickStatus.FAILURE, late, "_InactiveRpcError")
    assert desk.sent == ["Fails: inbox_sensor"]

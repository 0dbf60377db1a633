"""Alerts on failing sensors and schedules: one when it begins, one when it is over.

Dagster only records a failed tick, so an inbox that is not mounted would silently stop all imports.
Alerts that cannot be sent are left to `alert_delivery.py`, which keeps them.
"""

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType

from off_platform.automation.alert_delivery import deliver
from off_platform.automation.alerts import tick_message
from off_platform.automation.runs import first_cause, own_sentence
from off_platform.automation.sending import NotSentError, PerhapsSentError
from off_platform.settings import Settings

if TYPE_CHECKING:
    from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick

SECONDS = 30
# The newest may still be evaluated.
_LOOKED_AT = 3
_STATE = "off_platform/ticks"
_OWN = {NotSentError.__name__, PerhapsSentError.__name__}
# The code server was unavailable, as during a restart. This sensor runs in it, so it is back.
_AWAY = {"DagsterCodeLocationLoadError", "_InactiveRpcError"}
_UNAVAILABLE = "UNAVAILABLE"


def tick_sensor(settings: Settings, *, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor of sensors and schedules that fail."""

    @dg.sensor(
        name="alert_on_ticks",
        minimum_interval_seconds=SECONDS,
        default_status=status,
        description="Reports failing sensors and schedules, and their recovery.",
    )
    def on_ticks(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        changed = [
            name
            for kind in (InstigatorType.SENSOR, InstigatorType.SCHEDULE)
            for state in context.instance.all_instigator_state(instigator_type=kind)
            if state.is_running and (name := _report(settings, context.instance, state))
        ]
        return dg.SkipReason(", ".join(changed) or "No sensor or schedule has changed.")

    return on_ticks


def _report(
    settings: Settings, instance: dg.DagsterInstance, state: "InstigatorState"
) -> str | None:
    """Reports a change of one of them; returns its name if there was one."""
    tick = _newest(instance, state)
    if tick is None:
        return None
    key = f"{_STATE}/{state.selector_id}"
    # Even: it works; odd: it fails. Stored once the alert is sent or waiting.
    number = int(instance.run_storage.get_cursor_values({key}).get(key, 0))
    is_failing = tick.is_failure
    if is_failing == bool(number % 2):
        return None
    why = own_sentence(first_cause(tick.error)) if tick.error and is_failing else None
    if is_failing and why is None:
        why = "no reason is recorded"
    message = tick_message(state.instigator_name, number + 1, why, ui=settings.alert_ui)
    try:
        deliver(settings, instance, message)
    finally:
        instance.run_storage.set_cursor_values({key: str(number + 1)})
    return state.instigator_name


def _newest(instance: dg.DagsterInstance, state: "InstigatorState") -> "InstigatorTick | None":
    """The newest completed tick that counts.

    A tick that could not send an alert, or did not reach its code server, does not count.
    """
    origin = state.instigator_origin_id
    for tick in instance.get_ticks(origin, state.selector_id, limit=_LOOKED_AT):
        if tick.status.value == "STARTED":
            continue
        if tick.error is None or not _is_of_others(first_cause(tick.error)):
            return tick
    return None


def _is_of_others(cause: Any) -> bool:
    is_away = cause.cls_name in _AWAY and _UNAVAILABLE in cause.message
    return cause.cls_name in _OWN or is_away

"""Alerts on runs and on assets that are late: sensors that read what Dagster knows.

What a message says is `alerts.py`, where it goes `alert_senders.py`. Open-source Dagster has no
alerts on asset checks; the runs' own check evaluations are read instead.
"""

import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from off_platform.automation.alert_senders import NotSentError, senders_from
from off_platform.automation.alerts import Failed, Message, RunEnded, late_message, message_of
from off_platform.automation.lateness import late_assets
from off_platform.settings import Settings

SECONDS = 15
LATE_SECONDS = 15 * 60
RETRY_NUMBER = "dagster/retry_number"
_STATE = "off_platform/alert/"
_HOUR = 3600
MOST_REASON = 500
_CLASS = re.compile(r"^[\w.]*Error: ")
_EXAMPLE = re.compile(r"^- `(.*)`$", re.MULTILINE)


def alert_sensors(settings: Settings, *, running: bool) -> list[dg.SensorDefinition]:
    """One sensor on runs that succeeded, one on those that failed, one on assets that are late."""
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED

    def tell(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        if int(context.dagster_run.tags.get(RETRY_NUMBER, "0")) > 0:
            return dg.SkipReason("A run that was tried again is told once.")
        message = message_of(
            _ended(context), warning_share=settings.alert_warning_share, ui=settings.alert_ui
        )
        if message is None:
            return dg.SkipReason("There is nothing to tell.")
        return _send(settings, context.instance, message, context.log.info)

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="alert_on_checks",
        minimum_interval_seconds=SECONDS,
        default_status=status,
        description="Tells of failed checks of error level, and of warnings that are many, in "
        "runs that succeeded.",
    )
    def on_success(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        return tell(context)

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.FAILURE,
        name="alert_on_failure",
        minimum_interval_seconds=SECONDS,
        default_status=status,
        description="Tells of runs that failed, and why.",
    )
    def on_failure(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        return tell(context)

    @dg.sensor(
        name="alert_on_late",
        minimum_interval_seconds=LATE_SECONDS,
        default_status=status,
        description="Tells of assets that are older than their freshness policy allows.",
    )
    def on_late(context: dg.SensorEvaluationContext) -> dg.SkipReason | None:
        repository = context.repository_def
        late = late_assets(repository, context.instance, datetime.now(UTC)) if repository else {}
        if not late:
            return dg.SkipReason("Nothing is late.")
        message = late_message(late, ui=settings.alert_ui)
        return _send(settings, context.instance, message, context.log.info)

    return [on_success, on_failure, on_late]


def _ended(context: dg.RunStatusSensorContext) -> RunEnded:
    run = context.dagster_run
    evaluations = [
        entry.dagster_event.asset_check_evaluation_data
        for entry in context.instance.all_logs(
            run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )
        if entry.dagster_event
    ]
    is_failed = run.status == dg.DagsterRunStatus.FAILURE
    checks = [_failed(each) for each in evaluations if not each.passed]
    return RunEnded(
        _named(run),
        run.run_id,
        run.tags.get("dagster/partition"),
        _why(context, checks) if is_failed else None,
        checks,
    )


def _named(run: dg.DagsterRun) -> str:
    """The run's job; where somebody, or a condition, picked assets, Dagster's own is hidden."""
    picked = sorted(key.to_user_string() for key in run.asset_selection or ())
    return ", ".join(picked) if picked and run.job_name.startswith("__") else run.job_name


def _failed(evaluation: dg.AssetCheckEvaluation) -> Failed:
    metadata = evaluation.metadata
    share = metadata.get("share")
    examples = _EXAMPLE.findall(str(metadata["examples"].value)) if "examples" in metadata else ()
    return Failed(
        evaluation.asset_key.to_user_string(),
        evaluation.check_name,
        evaluation.severity == dg.AssetCheckSeverity.ERROR,
        evaluation.description or "It did not pass.",
        float(str(share.value)) if share is not None else None,
        examples,
    )


def _why(context: dg.RunStatusSensorContext, checks: Sequence[Failed]) -> str:
    """The first failed step's own sentence; a blocking check has said what is wrong itself."""
    for entry in context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
    ):
        event = entry.dagster_event
        error = event.step_failure_data.error if event else None
        if event is None or error is None:
            continue
        while error.cause:
            error = error.cause
        if error.cls_name == "DagsterAssetCheckFailedError" and checks:
            return f"the step {event.step_key} was stopped by a check."
        first = next(iter(error.message.strip().splitlines()), "")
        return f"{event.step_key}: {_CLASS.sub('', first)[:MOST_REASON]}"
    return "it did not get to its first step; see its log."


def _send(
    settings: Settings, instance: dg.DagsterInstance, message: Message, say: Any
) -> dg.SkipReason | None:
    """Sends to all; raises when one could not, so that the tick fails and is seen.

    A sender that has had the same message within the set time is left out; its time begins only
    once the message went out. The next tick tries those again that failed.
    """
    senders = senders_from(settings)
    if not senders:
        say(f"No alert sender is set. {message.title}\n{message.text}")
        return dg.SkipReason(f"No alert sender is set. {message.title}")
    problems, sent = [], 0
    keys = {sender.name: f"{_STATE}{sender.name}/{message.same_as}" for sender in senders}
    before = instance.run_storage.get_cursor_values(set(keys.values()))
    for sender in senders:
        last = float(before.get(keys[sender.name], 0))
        if time.time() - last < settings.alert_repeat_hours * _HOUR:
            continue
        try:
            sender.send(message)
        except NotSentError as error:
            problems.append(str(error))
        else:
            instance.run_storage.set_cursor_values({keys[sender.name]: str(time.time())})
            sent += 1
    if problems:
        raise NotSentError(" ".join(_distinct(problems)))
    return None if sent else dg.SkipReason(f"Told before: {message.title}")


def _distinct(problems: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(problems))

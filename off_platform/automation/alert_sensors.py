"""Alerts on runs and on assets that are late: sensors that read Dagster's records.

`alerts.py` writes the messages, `alert_delivery.py` sends them. Open-source Dagster has
no alerts on asset checks; the runs' own check evaluations are read instead.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from off_platform.arrivals import (
    BATCH,
    IMPORT,
    NOT_IMPORTED,
    FilesNotImportedError,
    files_of,
)
from off_platform.automation.alert_delivery import deliver, deliver_all, deliver_waiting
from off_platform.automation.alert_senders import demand_known
from off_platform.automation.alerts import (
    Failed,
    Message,
    RunEnded,
    late_message,
    message_of,
    open_message,
)
from off_platform.automation.jobs import weekly
from off_platform.automation.lateness import late_assets
from off_platform.automation.runs import first_cause, own_sentence
from off_platform.automation.schedules import WEEKLY_SCHEDULE
from off_platform.automation.tick_sensor import tick_sensor
from off_platform.previews import SUMMARY, VERDICT
from off_platform.settings import Settings
from off_platform.words import few

SECONDS = 15
LATE_SECONDS = 15 * 60
WILL_RETRY = "dagster/will_retry"
SCHEDULED = "dagster/schedule_name"
MOST_REASON = 500
_EXAMPLE = re.compile(r"^- `(.*)`$", re.MULTILINE)


def alert_sensors(settings: Settings, *, running: bool) -> list[dg.SensorDefinition]:
    """On runs that succeeded or failed, assets that are late, sensors that fail; unsent alerts.

    Raises:
        off_platform.settings.WrongSettingError: no alert could be sent to a configured receiver.
    """
    demand_known(settings)
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="alert_on_late",
        minimum_interval_seconds=LATE_SECONDS,
        default_status=status,
        description="Reports assets that are older than their freshness policy allows.",
    )
    def on_late(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        repository = context.repository_def
        late = late_assets(repository, context.instance, datetime.now(UTC)) if repository else {}
        if not late:
            return dg.SkipReason("Nothing is late.")
        message = late_message(late, ui=settings.alert_ui)
        why_not = deliver(settings, context.instance, message)
        return dg.SkipReason(why_not or f"Reported: {message.title}")

    @dg.sensor(
        name="unsent_alerts",
        minimum_interval_seconds=SECONDS,
        default_status=status,
        description="Retries alerts that could not be sent.",
    )
    def unsent(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason(deliver_waiting(settings, context.instance))

    return [
        _on_runs(
            "alert_on_checks",
            "Reports failed checks of error level, and frequent warnings, in runs that succeeded.",
            dg.DagsterRunStatus.SUCCESS,
            settings,
            status,
        ),
        _on_runs(
            "alert_on_failure",
            "Reports failed runs and their causes.",
            dg.DagsterRunStatus.FAILURE,
            settings,
            status,
        ),
        on_late,
        unsent,
        tick_sensor(settings, status=status),
    ]


def _on_runs(
    name: str,
    description: str,
    of: dg.DagsterRunStatus,
    settings: Settings,
    status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """The sensor that reports runs which ended in a status."""

    # A skip reason would end the tick after this run, even if more runs have ended.
    @dg.run_status_sensor(
        run_status=of,
        name=name,
        minimum_interval_seconds=SECONDS,
        default_status=status,
        description=description,
    )
    def report(context: dg.RunStatusSensorContext) -> None:
        share, ui = settings.alert_warning_share, settings.alert_ui
        run = context.dagster_run
        if run.job_name == weekly.name and run.status == dg.DagsterRunStatus.SUCCESS:
            made = [_open_message(context, ui)]
        else:
            made = [message_of(each, warning_share=share, ui=ui) for each in _ended(context)]
        messages = [message for message in made if message]
        for why_not in deliver_all(settings, context.instance, messages):
            context.log.info(why_not)

    return report


def _open_message(context: dg.RunStatusSensorContext, ui: str) -> Message | None:
    """What the weekly run found to be open; None if nothing is, or if somebody started the run."""
    run = context.dagster_run
    if run.tags.get(SCHEDULED) != WEEKLY_SCHEDULE:
        return None
    for entry in context.instance.all_logs(
        run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    ):
        event = entry.dagster_event
        metadata = event.step_materialization_data.materialization.metadata if event else {}
        if SUMMARY in metadata and (lines := str(metadata[SUMMARY].value)):
            return open_message(str(metadata[VERDICT].value), lines, run.run_id, ui=ui)
    return None


def _ended(context: dg.RunStatusSensorContext) -> list[RunEnded]:
    """The run; of a run of several imports, each import."""
    run = context.dagster_run
    evaluations = [
        entry.dagster_event.asset_check_evaluation_data
        for entry in context.instance.all_logs(
            run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )
        if entry.dagster_event
    ]
    # An attempt that is retried has not decided the outcome of the run. Its failed checks are
    # reported nevertheless, as the retry may start after them.
    is_failed = run.status == dg.DagsterRunStatus.FAILURE and run.tags.get(WILL_RETRY) != "true"
    if run.job_name == BATCH:
        return _imports_ended(context, evaluations, is_failed=is_failed)
    checks = [_failed(each) for each in evaluations if not each.passed]
    return [
        RunEnded(
            _named(run),
            run.run_id,
            run.tags.get("dagster/partition"),
            _why(context, checks) if is_failed else None,
            checks,
        )
    ]


def _imports_ended(
    context: dg.RunStatusSensorContext,
    evaluations: Sequence[dg.AssetCheckEvaluation],
    *,
    is_failed: bool,
) -> list[RunEnded]:
    """The imports of a run, each as if it had a run of its own, and what became of the others."""
    run = context.dagster_run
    checks: dict[str | None, list[Failed]] = {}
    for each in evaluations:
        if not each.passed:
            checks.setdefault(each.partition, []).append(_failed(each))
    reasons = _not_imported(context) if is_failed else {}
    ended = [
        RunEnded(IMPORT, run.run_id, key, reasons.get(key or ""), checks.get(key, []))
        for key in dict.fromkeys([*checks, *reasons])
    ]
    why = _why(context, []) if is_failed else None
    if why and not _is_reported(context):
        names = few([*files_of(run.run_config, None)])
        ended.append(RunEnded(IMPORT, run.run_id, names, why, []))
    return ended


def _not_imported(context: dg.RunStatusSensorContext) -> dict[str, str]:
    """Why imports of a run failed, by partition."""
    observations = [
        entry.dagster_event.asset_observation_data.asset_observation
        for entry in context.instance.all_logs(
            context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION
        )
        if entry.dagster_event
    ]
    return {
        each.partition: str(each.metadata[NOT_IMPORTED].value)
        for each in observations
        if each.partition and NOT_IMPORTED in each.metadata
    }


def _is_reported(context: dg.RunStatusSensorContext) -> bool:
    """Whether a run failed only for imports that are reported themselves."""
    return any(
        first_cause(error).cls_name == FilesNotImportedError.__name__
        for _, error in _step_errors(context)
    )


def _named(run: dg.DagsterRun) -> str:
    """The run's job; Dagster's internal job for selected assets is not shown."""
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
    """The message of the first failed step; a blocking check has already reported the problem."""
    for step, error in _step_errors(context):
        cause = first_cause(error)
        if cause.cls_name == "DagsterAssetCheckFailedError" and checks:
            return f"the step {step} was stopped by a check."
        return f"{step}: {own_sentence(cause)[:MOST_REASON]}"
    return "it failed before its first step; see its log."


def _step_errors(context: dg.RunStatusSensorContext) -> Iterator[tuple[str | None, Any]]:
    """The failed steps of a run, with their errors."""
    for entry in context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
    ):
        event = entry.dagster_event
        error = event.step_failure_data.error if event else None
        if event and error:
            yield event.step_key, error

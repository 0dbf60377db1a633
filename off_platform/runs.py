"""Dagster's jobs run in this process: quietly, kept for the UI, and failures told as sentences."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off_platform.settings import SANDBOX, Settings

if TYPE_CHECKING:
    import dagster as dg

DAGSTER_HOME = SANDBOX / "dagster"
ELSEWHERE = Path("var/dagster")
_QUIET_INSTANCE = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}
# Where Dagster's state lies is said by its home there.
_PLACES = ("storage", "local_artifact_storage", "compute_logs")
# Dagster and DuckDB keep Ctrl-C to themselves.
_INTERRUPTED = ("DagsterExecutionInterrupted", "Query interrupted")
_CLASS = re.compile(r"^[\w.]*Error: ")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def home_of(settings: Settings) -> Path:
    """Where Dagster's state lies: where `dagster.yaml` is, else below var; the sandbox's apart."""
    if not settings.sandbox and Path("dagster.yaml").exists():
        return Path.cwd()
    home = DAGSTER_HOME if settings.sandbox else ELSEWHERE
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(_settings_apart())
    return home


def _settings_apart() -> str:
    """What `dagster.yaml` says, where there is one, without the places."""
    import yaml  # noqa: PLC0415 - Dagster brings it

    path = Path("dagster.yaml")
    said = yaml.safe_load(path.read_text()) if path.exists() else _QUIET_INSTANCE
    return str(yaml.safe_dump({name: each for name, each in said.items() if name not in _PLACES}))


def run_job(
    defs: "dg.Definitions",
    instance: "dg.DagsterInstance",
    job: str,
    partition: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> "dg.ExecuteInProcessResult":
    """Runs a job to its end, whatever becomes of it.

    Args:
        defs: which have it.
        instance: where the run is kept.
        job: its name.
        partition: of its assets.
        config: of its assets, by name.

    Raises:
        KeyboardInterrupt: somebody pressed Ctrl-C.
    """
    ops = {name: {"config": dict(of_asset)} for name, of_asset in (config or {}).items()}
    result = defs.resolve_job_def(job).execute_in_process(
        run_config={**_QUIET, "ops": ops},
        instance=instance,
        partition_key=partition,
        raise_on_error=False,
    )
    if any(word in sentence for sentence in failures(result) for word in _INTERRUPTED):
        raise KeyboardInterrupt
    return result


def failures(result: "dg.ExecuteInProcessResult") -> list[str]:
    """Why steps failed: the error's own sentence, without its class and traceback."""
    errors = [
        event.step_failure_data.error
        for event in result.filter_events(lambda event: event.is_step_failure)
    ]
    return [own_sentence(first_cause(error)) for error in errors if error]


def first_cause(error: Any) -> Any:
    """What an error began with, below what Dagster wrapped around it; it publishes no class."""
    while error.cause:
        error = error.cause
    return error


def own_sentence(error: Any) -> str:
    """The first line that an error says, without its class."""
    first = next(iter(error.message.strip().splitlines()), "")
    return _CLASS.sub("", first)

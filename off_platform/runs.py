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
_YAML = "telemetry:\n  enabled: false\nnux:\n  enabled: false\nfreshness:\n  enabled: true\n"
# Dagster and DuckDB keep Ctrl-C to themselves.
_INTERRUPTED = ("DagsterExecutionInterrupted", "Query interrupted")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def home_of(settings: Settings) -> Path:
    """Where Dagster's state lies: where `dagster.yaml` is, else below var; the sandbox's apart."""
    if not settings.sandbox and Path("dagster.yaml").exists():
        return Path.cwd()
    home = DAGSTER_HOME if settings.sandbox else ELSEWHERE
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(_YAML)
    return home


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
    told = []
    for event in result.filter_events(lambda event: event.is_step_failure):
        error = event.step_failure_data.error
        while error is not None and error.cause:
            error = error.cause
        if error is not None:
            first = next(iter(error.message.strip().splitlines()), "")
            told.append(re.sub(r"^[\w.]*Error: ", "", first))
    return told

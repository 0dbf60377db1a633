"""Runs Dagster's jobs in this process: quietly, stored for the UI, with failures as sentences."""

import builtins
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from off_platform.automation.verdicts import report_verdict
from off_platform.automation.workers import working
from off_platform.settings import SANDBOX, Settings
from off_platform.storage.locks import locked
from off_platform.storage.system_errors import full_disk, written_in_a_sentence
from off_platform.working_folder.shipped import shipped

DAGSTER_HOME = SANDBOX / "dagster"
ELSEWHERE = Path("var/dagster")
# As pyproject.toml and workspace.yaml name it.
CODE_LOCATION = "off_platform"
# There, Dagster's home determines where its state is stored.
_PLACES = ("storage", "local_artifact_storage", "compute_logs")
_STORAGE = {"module": "off_platform.automation.state_storage", "class": "LockedSqliteStorage"}
# Dagster and DuckDB convert Ctrl-C to errors of their own.
_INTERRUPTED = ("DagsterExecutionInterrupted", "Query interrupted")
# Errors that end a run on purpose, and those that Ctrl-C becomes.
_VERDICTS = {"DagsterAssetCheckFailedError", "Failure", "DagsterExecutionInterruptedError"}
_CLASS = re.compile(r"^[\w.]*Error: ")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class UnforeseenRunError(RuntimeError):
    """A step failed with an unexpected error; the message is its traceback."""


def home_of(settings: Settings) -> Path:
    """Dagster's home: the folder of `dagster.yaml`, or below var; the sandbox's is separate."""
    if not settings.sandbox and Path("dagster.yaml").exists():
        return Path.cwd()
    home = DAGSTER_HOME if settings.sandbox else ELSEWHERE
    home.mkdir(parents=True, exist_ok=True)
    with locked(home, wait=True):
        # Concurrent readers see a complete file.
        (home / "dagster.yaml.part").write_text(_settings_apart(home))
        (home / "dagster.yaml.part").replace(home / "dagster.yaml")
    return home


def prepared_home(settings: Settings) -> Path:
    """Creates Dagster's home before several processes open it.

    On Postgres, processes that create its tables concurrently break it; SQLite files are locked.
    """
    with opened_home(settings) as instance:
        _watch_for_failures(instance)
        return home_of(settings)


def _watch_for_failures(instance: dg.DagsterInstance) -> None:
    """Makes Dagster's daemon retry the runs that fail from now on.

    Otherwise the daemon sets these cursors when it first starts, with a warning for each, and skips
    earlier failures.
    """
    marks = {
        f"EVENT_LOG_CONSUMER_CURSOR-{name}" for name in ("PIPELINE_FAILURE", "PIPELINE_SUCCESS")
    }
    missing = marks - instance.daemon_cursor_storage.get_cursor_values(marks).keys()
    newest = str(instance.event_log_storage.get_maximum_record_id() or 0)
    if missing:
        instance.daemon_cursor_storage.set_cursor_values(dict.fromkeys(missing, newest))


def of_an_operator(settings: Settings) -> Settings:
    """The settings of a run from the command line, which may read any file that its user can."""
    return settings.model_copy(update={"import_folders": "/"})


@contextmanager
def opened_home(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's home, for runs in this process.

    Their output goes to the terminal and is not captured: Dagster captures with two child processes
    per stream, which print tracebacks at Ctrl-C.
    """
    uncaptured = {"module": "dagster._core.storage.noop_compute_log_manager"}
    uncaptured["class"] = "NoOpComputeLogManager"
    ref = InstanceRef.from_dir(str(home_of(settings)), overrides={"compute_logs": uncaptured})
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


def _settings_apart(home: Path) -> str:
    """The content of `dagster.yaml`, here or of the package, with storage below the home."""
    here = Path("dagster.yaml")
    said = yaml.safe_load((here if here.exists() else shipped(here.name)).read_text())
    of = {name: each for name, each in said.items() if name not in _PLACES}
    config = {"base_dir": str((home / "storage").absolute())}
    of["storage"] = {"custom": {**_STORAGE, "config": config}}
    return str(yaml.safe_dump(of))


def run_job(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    partition: str | None = None,
    config: Mapping[str, Any] | None = None,
    seen: Callable[[dg.EventLogEntry], object] | None = None,
) -> dg.ExecuteInProcessResult:
    """Runs a job to its end, whatever the outcome.

    Args:
        defs: with the job.
        instance: where the run is stored.
        job: its name.
        partition: of its assets.
        config: of its assets, by name.
        seen: called with each event as it is stored, to show progress.

    Raises:
        KeyboardInterrupt: on Ctrl-C.
        UnforeseenRunError: a step failed with an unexpected error.
    """
    ops = {name: {"config": dict(of_asset)} for name, of_asset in (config or {}).items()}
    run_id = str(uuid4())
    repository = defs.get_repository_def().name
    instance.add_event_listener(run_id, partial(_name_location, instance, repository))
    if seen:
        instance.add_event_listener(run_id, seen)
    with working(instance, run_id, ends_itself=True):
        resolved = defs.resolve_job_def(job)
        result = resolved.execute_in_process(
            run_config={**_QUIET, "ops": ops},
            instance=instance,
            partition_key=partition,
            raise_on_error=False,
            run_id=run_id,
            tags={
                # The UI's job pages need these.
                ".dagster/repository": f"{repository}@{CODE_LOCATION}",
                "dagster/code_location": CODE_LOCATION,
                # The daemon would retry it with its own rights and settings.
                "dagster/max_retries": "0",
            },
        )
    if any(word in sentence for sentence in failures(result) for word in _INTERRUPTED):
        raise KeyboardInterrupt
    report_verdict(instance, resolved, result)
    for error in _errors(result):
        if not _is_foreseen(first_cause(error)):
            raise UnforeseenRunError(first_cause(error).to_string())
    return result


def _name_location(instance: dg.DagsterInstance, repository: str, entry: dg.EventLogEntry) -> None:
    """Sets the code location of a starting run: the UI's timeline omits runs without one.

    A run executed in this process has no origin, and Dagster has no public way to set one.
    """
    event = entry.dagster_event
    if event is None or event.event_type_value != "PIPELINE_START":
        return
    if run := instance.get_run_by_id(entry.run_id):
        location = RegisteredCodeLocationOrigin(CODE_LOCATION)
        origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, repository), run.job_name)
        instance.run_storage.replace_job_origin(run, origin)


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why steps failed: the error's message, without its class and traceback."""
    return [own_sentence(first_cause(error)) for error in _errors(result)]


def _errors(result: dg.ExecuteInProcessResult) -> list[Any]:
    errors = [
        event.step_failure_data.error
        for event in result.filter_events(lambda event: event.is_step_failure)
    ]
    return [error for error in errors if error]


def _is_foreseen(error: Any) -> bool:
    """Whether an error is ours, the system's, or a failure that Dagster raises on purpose.

    Dagster stores an error as text that begins with its class, qualified by its module unless it is
    a builtin.
    """
    name = error.message.split(":", 1)[0].strip()
    # Of obstore only what the lake's bucket answers is left: sources are retried and reported.
    if name.startswith(("off_platform.", "obstore.")) or full_disk(error.message):
        return True
    own = getattr(builtins, name, None)
    is_of_system = isinstance(own, type) and issubclass(own, OSError)
    return is_of_system or name.rpartition(".")[2] in _VERDICTS


def first_cause(error: Any) -> Any:
    """The original error, inside Dagster's wrappers, whose class Dagster does not publish."""
    while error.cause:
        error = error.cause
    return error


def own_sentence(error: Any) -> str:
    """The first line of an error's message, without its class."""
    first = next(iter(error.message.strip().splitlines()), "")
    return written_in_a_sentence(_CLASS.sub("", first))

"""Whether the worker of a run is there, asked of real processes."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.launcher import WorkerStatus
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon

from off_platform.automation import run_launcher, workers
from off_platform.automation.run_launcher import WatchfulRunLauncher
from off_platform.automation.workers import (
    Worker,
    heartbeat,
    is_alive,
    this_process,
    worker_of,
    working,
)

PROJECT = Path(__file__).resolve().parents[2]
WORKER = """
import json, sys
from dataclasses import asdict
from off_platform.automation.workers import this_process
print(json.dumps(asdict(this_process())), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def process() -> "Iterator[tuple[subprocess.Popen[str], Worker]]":
    """A process that waits, and what it says of itself."""
    with subprocess.Popen(  # noqa: S603 - this Python
        [sys.executable, "-W", "ignore", "-c", WORKER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT,
    ) as started:  # fmt: skip
        assert started.stdout is not None
        yield started, Worker(**json.loads(started.stdout.readline()))
        started.kill()


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[WatchfulRunLauncher]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        found = WatchfulRunLauncher()
        found.register_instance(instance)
        yield found


def has_sign(launcher: WatchfulRunLauncher, worker: Worker, beat: int = 0) -> dg.DagsterRun:
    run = dg.DagsterRun("imports", status=dg.DagsterRunStatus.STARTED)
    sign = json.dumps({"worker": asdict(worker), "beat": beat})
    launcher._instance.run_storage.set_cursor_values({f"off_platform/worker/{run.run_id}": sign})
    return run


def status(launcher: WatchfulRunLauncher, run: dg.DagsterRun) -> WorkerStatus:
    return launcher.check_run_worker_health(run).status


@pytest.mark.slow
def test_a_process_is_known_paused_and_gone(
    launcher: WatchfulRunLauncher, process: "tuple[subprocess.Popen[str], Worker]"
) -> None:
    started, worker = process
    assert worker.pid == started.pid
    run = has_sign(launcher, worker)
    assert status(launcher, run) == WorkerStatus.RUNNING
    os.kill(worker.pid, signal.SIGSTOP)
    assert status(launcher, run) == WorkerStatus.RUNNING
    os.kill(worker.pid, signal.SIGKILL)
    # Not waited for: a process that ended is gone though its parent has not asked for it.
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    assert status(launcher, run) == WorkerStatus.FAILED


def test_another_process_with_the_same_id_is_not_taken_for_the_worker(
    launcher: WatchfulRunLauncher,
) -> None:
    here = this_process()
    assert is_alive(here)
    later = Worker(here.boot, here.space, here.pid, here.started + 1)
    assert status(launcher, has_sign(launcher, later)) == WorkerStatus.FAILED


def test_heartbeats_from_elsewhere_are_awaited(
    launcher: WatchfulRunLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Worker("another boot", "another container", 1, 1)
    assert is_alive(elsewhere) is None
    run = has_sign(launcher, elsewhere)
    assert status(launcher, run) == WorkerStatus.RUNNING
    monkeypatch.setattr(run_launcher, "SILENT_SECONDS", 0)
    assert status(launcher, run) == WorkerStatus.FAILED


def test_a_new_heartbeat_starts_the_wait_again(launcher: WatchfulRunLauncher) -> None:
    elsewhere = Worker("another boot", "another container", 1, 1)
    run = has_sign(launcher, elsewhere)
    status(launcher, run)
    first = launcher._signs[run.run_id]
    sign = json.dumps({"worker": asdict(elsewhere), "beat": 1})
    launcher._instance.run_storage.set_cursor_values({f"off_platform/worker/{run.run_id}": sign})
    assert status(launcher, run) == WorkerStatus.RUNNING
    assert launcher._signs[run.run_id] != first


def test_a_run_is_known_while_it_works(launcher: WatchfulRunLauncher) -> None:
    instance = launcher._instance
    assert heartbeat(instance, "run") == ""
    with working(instance, "run"):
        assert worker_of(heartbeat(instance, "run")) == this_process()


@pytest.fixture
def ended(launcher: WatchfulRunLauncher, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterRun:
    """A run that ended, seen at each of many beats."""
    monkeypatch.setattr(workers, "BEAT_SECONDS", 0.01)
    run = dg.DagsterRun("imports", status=dg.DagsterRunStatus.FAILURE)
    launcher._instance.run_storage.add_run(run)
    return run


def beats(launcher: WatchfulRunLauncher, run: dg.DagsterRun, number: int) -> None:
    """Waits until there were `number` heartbeats; an interruption ends it."""
    while json.loads(heartbeat(launcher._instance, run.run_id))["beat"] < number:
        threading.Event().wait(0.01)


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN])
def interrupts(request: pytest.FixtureRequest) -> Iterator[None]:
    """SIGINT as in a terminal, and as in the background of a script, where it is ignored."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_a_run_that_others_ended_is_interrupted(
    launcher: WatchfulRunLauncher, ended: dg.DagsterRun
) -> None:
    with pytest.raises(KeyboardInterrupt), working(launcher._instance, ended.run_id):
        beats(launcher, ended, 1000)


def test_where_interrupts_are_ignored_they_stay_so(launcher: WatchfulRunLauncher) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with working(launcher._instance, "run"):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_run_that_ended_itself_is_not_interrupted(
    launcher: WatchfulRunLauncher, ended: dg.DagsterRun
) -> None:
    with working(launcher._instance, ended.run_id, ends_itself=True):
        beats(launcher, ended, 5)


@pytest.mark.parametrize("path", ["dagster.yaml", "deploy/dagster.yaml"])
def test_each_set_up_checks_its_workers(path: str) -> None:
    of = yaml.safe_load((PROJECT / path).read_text())
    assert of["run_launcher"] == {
        "module": WatchfulRunLauncher.__module__,
        "class": WatchfulRunLauncher.__name__,
    }
    assert of["run_monitoring"]["enabled"]
    assert WatchfulRunLauncher().supports_check_run_worker_health


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Error loading repository location")
@pytest.mark.parametrize("path", ["dagster.yaml", "deploy/dagster.yaml"])
def test_a_queued_run_waits_for_a_code_server_that_is_away(tmp_path: Path, path: str) -> None:
    of = yaml.safe_load((PROJECT / path).read_text())
    kept = {name: of[name] for name in ("run_coordinator", "run_retries", "run_launcher")}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(kept))
    nowhere = GrpcServerTarget(host="127.0.0.1", port=1, socket=None, location_name="off_platform")
    location = RegisteredCodeLocationOrigin("off_platform")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "imports")
    queued = dg.DagsterRun("imports", status=dg.DagsterRunStatus.QUEUED, remote_job_origin=origin)
    with (
        dg.DagsterInstance.from_config(str(tmp_path)) as instance,
        WorkspaceProcessContext(instance, nowhere) as workspace,
    ):
        instance.run_storage.add_run(queued)
        instance.report_dagster_event(dg.DagsterEvent.job_enqueue(queued), queued.run_id)
        daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
        list(daemon.run_iteration(workspace))
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.QUEUED
        tried = instance.all_logs(queued.run_id, of_type=dg.DagsterEventType.RUN_STARTING)
        assert len(tried) == 1

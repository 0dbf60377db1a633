"""The process of a run: its identity, and a heartbeat while it works.

Both are in the instance's key-value store, under the run's id: tags would be copied by a retry.
`run_launcher.py` reads them.
"""

import json
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import dagster as dg

from off_platform.automation.verdicts import with_verdict

BEAT_SECONDS = 10.0
_KEY = "off_platform/worker"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ENDED = ("Z", "X")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """The identity of a process, unique across reboots and containers.

    Attributes:
        boot: boot id of its machine; empty if the system has none.
        space: its namespace of process ids, one per container.
        pid: its process id there.
        started: when it was started, in ticks since the boot.
    """

    boot: str
    space: str
    pid: int
    started: int


def this_process() -> Worker:
    """The current process."""
    pid = os.getpid()
    found = _state_and_start(pid)
    return Worker(*_place(), pid, found[1] if found else 0)


def is_alive(worker: Worker) -> bool | None:
    """Whether a process exists, paused or not; None when that cannot be determined from here.

    That is so for a process of another machine or container, of an earlier boot of this one, and
    on systems without `/proc`.
    """
    if not worker.boot or (worker.boot, worker.space) != _place():
        return None
    found = _state_and_start(worker.pid)
    return found is not None and found[0] not in _ENDED and found[1] == worker.started


def _place() -> tuple[str, str]:
    try:
        return _BOOT.read_text().strip(), str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "", ""


def _state_and_start(pid: int) -> tuple[str, int] | None:
    """State and start of a process of this place (proc(5): fields 3 and 22); None without one."""
    try:
        # The name before may hold spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[19])


def heartbeat(instance: dg.DagsterInstance, run_id: str) -> str:
    """The last heartbeat of a run's worker; empty if there is none."""
    key = f"{_KEY}/{run_id}"
    return instance.run_storage.get_cursor_values({key}).get(key, "")


def worker_of(sign: str) -> Worker | None:
    """The worker that wrote a heartbeat."""
    return Worker(**json.loads(sign)["worker"]) if sign else None


@contextmanager
def working(
    instance: dg.DagsterInstance, run_id: str, *, ends_itself: bool = False
) -> Iterator[None]:
    """Writes heartbeats for a run while the `with` block lasts.

    A run that others have ended is interrupted here, as by Ctrl-C: it may have been restarted
    elsewhere.

    Args:
        instance: where the run is stored.
        run_id: of the run.
        ends_itself: whether the run ends within the block; then it is not interrupted, as it may
            have ended by itself.
    """
    over, lost = threading.Event(), threading.Event()
    _give_sign(instance, run_id, 0)
    thread = threading.Thread(
        target=_beat,
        args=(instance, run_id, over, lost),
        kwargs={"ends_itself": ends_itself},
        name="heartbeat",
        daemon=True,
    )
    thread.start()
    try:
        with _interrupted_when(lost):
            yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _interrupted_when(lost: threading.Event) -> Iterator[None]:
    """Enables SIGINT where it is ignored, as in background jobs of a script, once a run is lost.

    Ctrl-C in such a terminal still has no effect.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        yield
        return

    def heed(number: int, frame: FrameType | None) -> None:
        if lost.is_set():
            signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, heed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _give_sign(instance: dg.DagsterInstance, run_id: str, number: int) -> None:
    sign = json.dumps({"worker": asdict(this_process()), "beat": number})
    instance.run_storage.set_cursor_values({f"{_KEY}/{run_id}": sign})


def _beat(
    instance: dg.DagsterInstance,
    run_id: str,
    over: threading.Event,
    lost: threading.Event,
    *,
    ends_itself: bool,
) -> None:
    number, was_canceling = 0, False
    while not over.wait(BEAT_SECONDS):
        number += 1
        try:
            _give_sign(instance, run_id, number)
            run = instance.get_run_by_id(run_id)
        except Exception:  # noqa: BLE001 - the database may be away for a while; the run continues
            _log.warning("No heartbeat could be written for the run %s.", run_id, exc_info=True)
            continue
        if ends_itself or run is None or over.is_set():
            continue
        is_canceling = run.status == dg.DagsterRunStatus.CANCELING
        # The code server interrupts a canceled run; if it is gone, nothing does.
        if run.is_finished or (is_canceling and was_canceling):
            lost.set()
            os.kill(os.getpid(), signal.SIGINT)
            return
        was_canceling = is_canceling


class _Watched(dg.Executor):
    """An executor that writes heartbeats while another one executes, and in the end the verdict."""

    def __init__(self, inner: dg.Executor) -> None:
        self._inner = inner

    @property
    def retries(self) -> Any:
        return self._inner.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._inner.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        with working(plan_context.instance, plan_context.run_id):
            steps = self._inner.execute(plan_context, execution_plan)
            yield from with_verdict(steps, plan_context)


def _create(init: dg.InitExecutorContext) -> dg.Executor:
    create = dg.in_process_executor.executor_creation_fn
    if create is None:
        raise RuntimeError("Dagster's in-process executor has no creation function.")
    return _Watched(create(init))


# Dagster's in-process executor, with heartbeats of its process and the verdict of the run.
watched_in_process = dg.ExecutorDefinition(
    name=dg.in_process_executor.name,
    config_schema=dg.in_process_executor.config_schema,  # type: ignore[arg-type]
    executor_creation_fn=_create,
    description=dg.in_process_executor.description,
)

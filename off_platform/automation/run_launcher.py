"""Dagster's default run launcher, which also checks whether the worker of a run is alive.

Without the check, a run whose process died with its machine stays STARTED forever. Configured in
`dagster.yaml`; Dagster's run monitoring calls it, ends such runs and retries them.
"""

import time

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import ConfigurableClassData, deserialize_value

from off_platform.automation.workers import BEAT_SECONDS, heartbeat, is_alive, worker_of

# Much longer than a heartbeat: a busy machine is late, and a database may be briefly unavailable.
SILENT_SECONDS = 4.5 * BEAT_SECONDS
CODE_SERVER_SECONDS = 5


class WatchfulRunLauncher(DefaultRunLauncher):
    """Launches runs as Dagster's default launcher does, and checks their workers.

    A worker of the same boot and container is looked up in the process table, so a paused one is
    not taken for dead. For any other, heartbeats are expected; if they stop, its code server is
    asked for the process.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        """See Dagster's own."""
        super().__init__(inst_data)
        # Run -> its last heartbeat, and when it was first seen here: clocks of machines differ.
        self._signs: dict[str, tuple[str, float]] = {}

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Makes run monitoring call the check."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the worker of a started run is alive."""
        sign = heartbeat(self._instance, run.run_id)
        worker = worker_of(sign)
        alive = is_alive(worker) if worker else None
        if alive is None:
            alive = self._was_heard(run.run_id, sign) or self._is_at_code_server(run.run_id)
        if alive:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._signs.pop(run.run_id, None)
        which = f"The process {worker.pid}" if worker else "The process"
        return CheckRunHealthResult(WorkerStatus.FAILED, f"{which} of the run is gone")

    def _was_heard(self, run_id: str, sign: str) -> bool:
        """Whether there was a recent heartbeat; true at the first call."""
        now = time.monotonic()
        if self._signs.get(run_id, (None, 0.0))[0] != sign:
            self._signs[run_id] = (sign, now)
        return now - self._signs[run_id][1] < SILENT_SECONDS

    def _is_at_code_server(self, run_id: str) -> bool:
        """Whether the code server that started the worker still has its process."""
        client = self._get_grpc_client_for_termination(run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return False
        try:
            answer = client.can_cancel_execution(
                CanCancelExecutionRequest(run_id=run_id), timeout=CODE_SERVER_SECONDS
            )
        except DagsterUserCodeUnreachableError:
            return False
        return deserialize_value(answer, CanCancelExecutionResult).can_cancel

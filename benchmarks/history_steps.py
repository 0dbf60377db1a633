"""Looks of the inbox sensor in a home: `python -m benchmarks.history_steps HOME NUMBER`.

Prints the seconds and CPU seconds of each look, as JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

import dagster as dg

from benchmarks.history_home import CURSOR
from off_platform.definitions import defs


def looks(number: int) -> list[tuple[float, float]]:
    """Seconds and CPU seconds of each look, all with the same cursor."""
    repository = defs.get_repository_def()
    sensor = repository.get_sensor_def("inbox_sensor")
    cursor = Path(CURSOR).read_text()
    taken = []
    with dg.DagsterInstance.get() as instance:
        for _ in range(number):
            context = dg.build_sensor_context(instance, cursor, repository_def=repository)
            started, used = time.perf_counter(), time.process_time()
            found = sensor.evaluate_tick(context)
            taken.append((time.perf_counter() - started, time.process_time() - used))
            if found.run_requests:
                raise ValueError(f"{len(found.run_requests)} imports were requested again.")
    return taken


if __name__ == "__main__":
    # Its settings name folders relative to it.
    os.chdir(sys.argv[1])
    print(json.dumps(looks(int(sys.argv[2]))))

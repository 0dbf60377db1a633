"""What `inbox.py` measures: `python -m benchmarks.inbox_runs STEP HOME ...`, each in a process.

A process executes a run as Dagster's own launcher would have it executed.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from off_platform.arrivals import import_config
from off_platform.automation.runs import opened_home, run_job
from off_platform.cli.imports_run import add_partition
from off_platform.definitions import definitions
from off_platform.settings import Settings


def requests() -> None:
    """Looks into the inbox as often as something new is found; prints the files with the runs."""
    repository = definitions(of=Settings()).get_repository_def()
    sensor, cursor, runs = repository.get_sensor_def("inbox_sensor"), None, []
    with opened_home(Settings()) as instance:
        # At the first look no file is known to be complete.
        for look in range(sys.maxsize):
            context = dg.build_sensor_context(
                instance, cursor=cursor, definitions=definitions(of=Settings())
            )
            found = sensor(context)
            cursor = found.cursor
            for added in found.dynamic_partitions_requests or ():
                instance.add_dynamic_partitions(added.partitions_def_name, added.partition_keys)
            asked = found.run_requests or ()
            runs += [_written(each.job_name, each.partition_key, each.run_config) for each in asked]
            if look and not asked:
                break
    sys.stdout.write(json.dumps(runs))


def requests_alone() -> None:
    """The same with a run for each file."""
    from off_platform.imports.intake.originals import key_of  # noqa: PLC0415 - only this step

    runs = []
    with opened_home(Settings()) as instance:
        for path in sorted(Path("inbox").iterdir()):
            key = key_of(path)
            add_partition(instance, key)
            runs.append(_written("imports", key, import_config(str(path.absolute()))))
    sys.stdout.write(json.dumps(runs))


def _written(job: str | None, partition: str | None, config: Any) -> str:
    """A request as a file, as its files may be more than a command line takes."""
    path = Path(f"request-{len([*Path().glob('request-*')])}.json").absolute()
    ops = {name: each["config"] for name, each in config["ops"].items()}
    path.write_text(json.dumps({"job": job, "partition": partition, "config": ops}))
    return str(path)


def execute(request: str) -> None:
    """A run."""
    asked = json.loads(Path(request).read_text())
    with opened_home(Settings()) as instance:
        of = definitions(of=Settings())
        result = run_job(of, instance, asked["job"], asked["partition"], asked["config"])
    if not result.success:
        raise ValueError(f"the run of {request} failed")


def alerts() -> None:
    """The sensors of alerts on all runs that succeeded, until no alert waits."""
    repository = definitions(of=Settings()).get_repository_def()
    with opened_home(Settings()) as instance:
        on_checks = repository.get_sensor_def("alert_on_checks")
        for run in instance.get_runs():
            (ended,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_SUCCESS)
            context = dg.build_run_status_sensor_context(
                "alert_on_checks", ended.get_dagster_event(), instance, run
            )
            on_checks(context)
        unsent, said = repository.get_sensor_def("unsent_alerts"), ""
        while not said.startswith("No alert waits"):
            said = str(unsent(dg.build_sensor_context(instance)).skip_message)


STEPS: dict[str, Callable[..., None]] = {
    step.__name__: step for step in (requests, requests_alone, execute, alerts)
}

if __name__ == "__main__":
    os.chdir(sys.argv[2])
    STEPS[sys.argv[1]](*sys.argv[3:])

"""One import by hand: its partition added, Dagster's job `imports` run for it, in this process.

Runs are Dagster's own and are kept, so that the UI shows them afterwards.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.desk import DONE, INCOMPLETE, WRONG
from off_platform.first_run import QUIET, home_of
from off_platform.settings import Settings

if TYPE_CHECKING:
    import dagster as dg


class ImportFailedError(OSError):
    """The run ended before there was a verdict; the message says why."""


@dataclass(frozen=True)
class ImportDone:
    """What became of an import.

    Attributes:
        key: its partition.
        sentence: the verdict.
        report: where the page for the producer lies.
        failed_checks: name and sentence of each check of error level that failed.
        code: the command's exit code.
    """

    key: str
    sentence: str
    report: str
    failed_checks: list[tuple[str, str]]
    code: int


def import_one(settings: Settings, path: Path) -> ImportDone:
    """Takes a file or folder in.

    Raises:
        ImportFailedError: something else than the file is wrong, such as a full disk.
    """
    import dagster as dg  # noqa: PLC0415 - 1.6 s, which other commands need not wait for

    from off_platform.definitions import definitions  # noqa: PLC0415 - brings Dagster
    from off_platform.imports.taking_in import key_of  # noqa: PLC0415 - with it
    from off_platform.partitions import IMPORTS  # noqa: PLC0415 - the same

    defs, key = definitions(of=settings), key_of(path)
    with dg.DagsterInstance.from_config(str(home_of(settings))) as instance:
        instance.add_dynamic_partitions(str(IMPORTS.name), [key])
        file = {"config": {"path": str(path.absolute())}}
        result = defs.resolve_job_def("imports").execute_in_process(
            run_config={**QUIET, "ops": {"import_file": file}},
            instance=instance,
            partition_key=key,
            raise_on_error=False,
        )
    return _done(key, result)


def _done(key: str, result: "dg.ExecuteInProcessResult") -> ImportDone:
    from off_platform.first_run import failures  # noqa: PLC0415 - with Dagster

    told = {
        made.asset_key.to_user_string(): made.metadata
        for event in result.get_asset_materialization_events()
        if (made := event.step_materialization_data.materialization)
    }.get("import_report")
    if told is None:
        raise ImportFailedError("; ".join(failures(result)) or f"The run of {key} failed.")
    failed = [
        (evaluation.check_name, evaluation.description or "")
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed and evaluation.severity.name == "ERROR"
    ]
    refused = any(name in {"readable", "header"} for name, _ in failed)
    code = WRONG if refused else INCOMPLETE if told["quarantined"].value else DONE
    return ImportDone(key, str(told["verdict"].value), str(told["report"].value), failed, code)

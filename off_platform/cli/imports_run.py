"""One import from the command line: adds its partition and runs Dagster's job `imports`.

The runs are Dagster runs in this process, which the UI shows afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy.exc import IntegrityError

from off_platform.automation.runs import failures, of_an_operator, opened_home, run_job
from off_platform.cli.context import DONE, INCOMPLETE, WRONG
from off_platform.definitions import definitions
from off_platform.imports.intake.originals import key_of
from off_platform.partitions import IMPORT_FILES
from off_platform.settings import Settings


class ImportFailedError(OSError):
    """The run ended without a verdict; the message says why."""


@dataclass(frozen=True)
class ImportDone:
    """The outcome of an import.

    Attributes:
        key: its partition.
        sentence: the verdict.
        report: path of the producer's report.
        settled: older imports of which it settled or superseded records, each with its open
            records.
        failed_checks: name and message of each check of error level that failed.
        code: the command's exit code.
    """

    key: str
    sentence: str
    report: str
    settled: list[str]
    failed_checks: list[tuple[str, str]]
    code: int


def import_one(settings: Settings, path: Path) -> ImportDone:
    """Imports a file or folder.

    Raises:
        ImportFailedError: a failure not caused by the file, such as a full disk.
    """
    with opened_home(settings) as instance:
        return _done(*run_import(definitions(of=of_an_operator(settings)), instance, path))


def run_import(
    defs: dg.Definitions, instance: dg.DagsterInstance, path: Path
) -> tuple[str, dg.ExecuteInProcessResult]:
    """Adds the partition of a file or folder and runs the job; returns partition and result.

    Raises:
        OSError: the file does not exist or cannot be read.
    """
    key = key_of(path)
    add_partition(instance, key)
    config = {"import_file": {"path": str(path.absolute())}}
    return key, run_job(defs, instance, "imports", key, config)


def add_partition(instance: dg.DagsterInstance, key: str) -> None:
    """Adds a partition; another process may add the same one, which Dagster does not expect."""
    try:
        instance.add_dynamic_partitions(str(IMPORT_FILES.name), [key])
    except IntegrityError:
        if not instance.has_dynamic_partition(str(IMPORT_FILES.name), key):
            raise


def verdict_of(result: dg.ExecuteInProcessResult) -> str:
    """The verdict in a sentence, or why there is none."""
    metadata = _report_metadata(result)
    return str(metadata["verdict"].value) if metadata else "; ".join(failures(result))


def _report_metadata(result: dg.ExecuteInProcessResult) -> Mapping[str, dg.MetadataValue[Any]]:
    return {
        made.asset_key.to_user_string(): made.metadata
        for event in result.get_asset_materialization_events()
        if (made := event.step_materialization_data.materialization)
    }.get("import_report", {})


def _settled(result: dg.ExecuteInProcessResult) -> list[str]:
    seen = (event.asset_observation_data for event in result.get_asset_observation_events())
    return [
        f"{each.asset_observation.partition}: {each.asset_observation.metadata['still_open'].value}"
        for each in seen
    ]


def _done(key: str, result: dg.ExecuteInProcessResult) -> ImportDone:
    metadata = _report_metadata(result)
    if not metadata:
        raise ImportFailedError("; ".join(failures(result)) or f"The run of {key} failed.")
    failed = [
        (evaluation.check_name, evaluation.description or "")
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed and evaluation.severity.name == "ERROR"
    ]
    refused = any(name in {"readable", "header"} for name, _ in failed)
    incomplete = metadata["quarantined"].value or metadata["findings_error"].value
    code = WRONG if refused else INCOMPLETE if incomplete else DONE
    return ImportDone(
        key,
        str(metadata["verdict"].value),
        str(metadata["report"].value),
        _settled(result),
        failed,
        code,
    )

"""Imports from the command line: adds their partitions, and runs Dagster's job for one or several.

The runs are Dagster runs in this process, which the UI shows afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy.exc import IntegrityError

from off_platform.arrivals import BATCH, BATCH_STEP, MOST_FILES, NOT_IMPORTED, TRACEBACK
from off_platform.automation.runs import (
    UnforeseenRunError,
    failures,
    of_an_operator,
    opened_home,
    run_job,
)
from off_platform.cli.context import DONE, INCOMPLETE, WRONG
from off_platform.definitions import definitions
from off_platform.imports.intake.originals import key_of
from off_platform.partitions import IMPORT_FILES
from off_platform.settings import Settings
from off_platform.storage.progress import Display, Tally


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


def import_all(
    settings: Settings, paths: Sequence[Path], display: Display
) -> Iterator[tuple[Path, ImportDone]]:
    """Imports files and folders in runs of up to 100.

    Args:
        settings: of the lake and Dagster's home.
        paths: in any order; one that is there twice is imported once.
        display: where the number of those that are done is shown.

    Yields:
        The paths in their order, each with its outcome; those that failed are left out.

    Raises:
        ImportFailedError: some failed, not caused by the file; the others were yielded.
        UnforeseenRunError: the same for an unexpected error.
        OSError: a path cannot be read; nothing is imported.
    """
    if len(paths) == 1:
        yield paths[0], import_one(settings, paths[0])
        return
    keys = [(path, key_of(path)) for path in paths]
    defs = definitions(of=of_an_operator(settings))
    tally = Tally(total=len({key for _, key in keys}), unit="imports")
    failed: dict[str, tuple[str, str]] = {}
    with opened_home(settings) as instance:
        for start in range(0, len(keys), MOST_FILES):
            some = keys[start : start + MOST_FILES]
            for _, key in some:
                add_partition(instance, key)
            done, not_done = _run_batch(defs, instance, some, partial(_count, tally, display))
            failed |= not_done
            yield from ((path, done[key]) for path, key in some if key in done)
    _demand_all(failed)


def _count(tally: Tally, display: Display, entry: dg.EventLogEntry) -> None:
    """Counts an import when its report is stored, which is last."""
    made = entry.asset_materialization
    if made and made.asset_key == dg.AssetKey("import_report"):
        tally.done += 1
        display.show(tally)


def _run_batch(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    files: Iterable[tuple[Path, str]],
    seen: Callable[[dg.EventLogEntry], object],
) -> tuple[dict[str, ImportDone], dict[str, tuple[str, str]]]:
    """Runs the job of several imports; the outcomes, and why others have none, with a traceback."""
    config = {"files": {key: str(path.absolute()) for path, key in files}, "again": True}
    result = run_job(defs, instance, BATCH, config={BATCH_STEP: config}, seen=seen)
    done, failed = {}, {}
    said = _Said()
    for event in result.all_events:
        if event.is_asset_observation:
            observed = event.asset_observation_data.asset_observation
            if NOT_IMPORTED in observed.metadata:
                why = (observed.metadata.get(each) for each in (NOT_IMPORTED, TRACEBACK))
                reason, traceback = (str(each.value) if each else "" for each in why)
                failed[str(observed.partition)] = (reason, traceback)
        said.add(event)
        if said.report and event.partition:
            done[event.partition] = said.done(event.partition)
            said = _Said()
    for _, key in files:
        if key not in done and key not in failed:
            failed[key] = ("; ".join(failures(result)) or "The run ended.", "")
    return done, failed


def _demand_all(failed: Mapping[str, tuple[str, str]]) -> None:
    for key, (_, traceback) in failed.items():
        if traceback:
            raise UnforeseenRunError(f"{key}: {traceback}")
    if failed:
        raise ImportFailedError("; ".join(f"{key}: {why}" for key, (why, _) in failed.items()))


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
    said = _said(result)
    return str(said.report["verdict"].value) if said.report else "; ".join(failures(result))


@dataclass
class _Said:
    """What a run reported of an import: metadata of its report, failed checks, observations."""

    report: Mapping[str, dg.MetadataValue[Any]] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    def add(self, event: dg.DagsterEvent) -> None:
        """Takes an event of the run."""
        if event.is_step_materialization:
            made = event.step_materialization_data.materialization
            if made.asset_key == dg.AssetKey("import_report"):
                self.report = made.metadata
        elif event.is_asset_observation:
            seen = event.asset_observation_data.asset_observation
            if still_open := seen.metadata.get("still_open"):
                self.settled.append(f"{seen.partition}: {still_open.value}")
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
                self.failed.append((check.check_name, check.description or ""))

    def done(self, key: str) -> ImportDone:
        """The outcome of an import, as its run reported it."""
        refused = any(name in {"readable", "header"} for name, _ in self.failed)
        incomplete = self.report["quarantined"].value or self.report["findings_error"].value
        return ImportDone(
            key,
            str(self.report["verdict"].value),
            str(self.report["report"].value),
            self.settled,
            self.failed,
            WRONG if refused else INCOMPLETE if incomplete else DONE,
        )


def _said(result: dg.ExecuteInProcessResult) -> _Said:
    said = _Said()
    for event in result.all_events:
        said.add(event)
    return said


def _done(key: str, result: dg.ExecuteInProcessResult) -> ImportDone:
    said = _said(result)
    if not said.report:
        raise ImportFailedError("; ".join(failures(result)) or f"The run of {key} failed.")
    return said.done(key)

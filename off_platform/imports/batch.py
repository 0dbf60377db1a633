"""Many imports in one run: each with its own partition, checks and report.

A run of Dagster's over a range of partitions reports them all at its end, with one outcome, and its
checks without their partition. So each import is reported here when it is done: a run that is
killed resumes with those that have no report, and one that fails does not stop the others. The op
itself is in `assets.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.events import AssetMaterializationPlannedData

from off_platform.arrivals import (
    BATCH,
    BATCH_STEP,
    NOT_IMPORTED,
    TRACEBACK,
    BatchStoppedError,
    FilesNotImportedError,
)
from off_platform.asset_checks import check_results
from off_platform.imports import previews
from off_platform.imports.importing import (
    Imported,
    NotImported,
    Site,
    import_at,
    newest_products,
    store_at,
)
from off_platform.imports.specification.tables import (
    PRODUCTS_ACCEPTED,
    PRODUCTS_IMPORTED,
    PRODUCTS_QUARANTINED,
    STAGED,
)
from off_platform.resources import LakeResource
from off_platform.settings import Settings
from off_platform.storage.fleet import LostPartsError, fleet_from
from off_platform.storage.progress import LogDisplay, Tally
from off_platform.words import counted, few

FILE, REPORT = "import_file", "import_report"
# So many failures in a row have another cause than the files, such as a full disk.
MOST_IN_A_ROW = 5
# Files of one part of the work; what is the same for all files of a part is done once.
MOST_OF_PART = 10


class Batch:
    """The imports of one run.

    Attributes:
        stored: imports whose originals are in the lake.
        busy: those that other runs are importing.
        failed: those that could not be imported.
    """

    def __init__(
        self, context: dg.OpExecutionContext, settings: Settings, lake: LakeResource
    ) -> None:
        """Takes what the op has."""
        self._context, self._settings = context, settings
        self._site = Site(lake.url, lake.access, lake.memory, lake.threads, context.run.run_id)
        self._fleet = fleet_from(settings)
        self._tally, self._display = Tally(unit="files"), LogDisplay(context.log.info)
        self.stored: dict[str, int] = {}
        self.busy: dict[str, NotImported] = {}
        self.failed: dict[str, NotImported] = {}
        self._in_a_row, self._is_stopped = 0, False

    def without_report(self, files: Mapping[str, str]) -> dict[str, str]:
        """The files whose imports have no report."""
        have = self._context.instance.get_materialized_partitions(dg.AssetKey(REPORT))
        return {key: place for key, place in files.items() if key not in have}

    def no_longer_busy(self, *, again: bool) -> list[str]:
        """The busy imports, to try again; those that another run has finished are left out."""
        busy, self.busy = dict.fromkeys(self.busy, ""), {}
        return [*(busy if again else self.without_report(busy))]

    def store(self, files: Mapping[str, str]) -> Iterator[Any]:
        """Stores the originals."""
        lake, _ = self._site.open()
        self._tally.total = len(files)
        for key, place in files.items():
            taken = store_at(self._site, self._settings, (key, place))
            if isinstance(taken, NotImported):
                self._fails(taken)
                if self._is_stopped:
                    return
                continue
            self._in_a_row = 0
            self.stored[key] = taken.source.bytes if taken.source else 0
            version = {DATA_VERSION_TAG: previews.version_of(taken)}
            yield _made(FILE, key, previews.facts_of_import(taken, lake), version)

    def validate(self, keys: Iterable[str]) -> Iterator[Any]:
        """Validates stored imports, wherever the fleet is, and reports each."""
        left = [*keys]
        if not left:
            return
        # Every place gets something to do.
        of_part = min(MOST_OF_PART, -(-len(left) // self._fleet.places))
        while left and not self._is_stopped:
            parts = [left[start : start + of_part] for start in range(0, len(left), of_part)]
            left = []
            try:
                yield from self._validate(parts)
            except LostPartsError as lost:
                if of_part == 1:
                    why = str(lost)
                    self.failed |= {key: NotImported(key, why) for (key,) in lost.parts}
                else:
                    # One file may end every process that reads it; the others are imported.
                    left, of_part = [key for part in lost.parts for key in part], 1

    def _validate(self, parts: Iterable[list[str]]) -> Iterator[Any]:
        with closing(self._fleet.map(partial(import_at, self._site), parts)) as results:
            for result in results:
                for done in result:
                    if isinstance(done, NotImported):
                        self._fails(done)
                        continue
                    self._in_a_row = 0
                    yield from _events(done, self._context.instance)
                    self._tally.add("imported", self.stored[done.key])
                    self._display.show(self._tally)
                if self._is_stopped:
                    return

    def _fails(self, one: NotImported) -> None:
        if one.is_busy:
            self.busy[one.key] = one
            return
        self._in_a_row += 1
        self._is_stopped = self._is_stopped or self._in_a_row >= MOST_IN_A_ROW
        self.failed[one.key] = one
        self._context.log.error(f"{one.key}: {one.reason}\n{one.details}".rstrip())

    def newest_products(self) -> Iterator[Any]:
        """Updates the newest record of each product."""
        metadata, found = newest_products(*self._site.open())
        yield _made(PRODUCTS_IMPORTED.name, None, metadata)
        target = _target(self._context.instance, PRODUCTS_IMPORTED.name, None)
        for result in check_results(PRODUCTS_IMPORTED, PRODUCTS_IMPORTED.name, found):
            yield _evaluation(result, None, target)

    def report_failures(self) -> Iterator[Any]:
        """Reports the imports that failed, each on its partition."""
        self.failed |= self.busy
        for key, one in self.failed.items():
            for asset in (FILE, *(table.name for table, _ in STAGED), REPORT):
                # Else the partition would be missing in the UI, and not failed.
                planned = dg.DagsterEvent.build_asset_materialization_planned_event(
                    BATCH, BATCH_STEP, AssetMaterializationPlannedData(dg.AssetKey(asset), key)
                )
                self._context.instance.report_dagster_event(planned, self._context.run.run_id)
            why = {NOT_IMPORTED: one.reason, **({TRACEBACK: one.details} if one.details else {})}
            yield dg.AssetObservation(FILE, partition=key, metadata=why)

    def demand_all(self, files: Mapping[str, str]) -> None:
        """Fails the run if not all files were imported."""
        said = few([f"{key}: {one.reason}" for key, one in self.failed.items()])
        if self._is_stopped:
            raise BatchStoppedError(
                f"{MOST_IN_A_ROW} files in a row could not be imported, so the run stopped with "
                f"{self._tally.done:,} of {counted(len(files), 'file')} imported ({said}). The "
                "others are tried again automatically."
            )
        if self.failed:
            count = counted(len(self.failed), "file")
            raise FilesNotImportedError(f"{count} could not be imported: {said}")


def _events(done: Imported, instance: dg.DagsterInstance) -> Iterator[Any]:
    """What the assets of a single import report; the report is last, as it completes the import."""
    for table, _ in reversed(STAGED):
        yield _made(table.name, done.key, done.tables[table.name])
    target = _target(instance, PRODUCTS_ACCEPTED.name, done.key)
    for result in check_results(PRODUCTS_ACCEPTED, PRODUCTS_ACCEPTED.name, done.findings):
        yield _evaluation(result, done.key, target)
    for older, metadata in done.older:
        yield dg.AssetObservation(PRODUCTS_QUARANTINED.name, partition=older, metadata=metadata)
    yield _made(REPORT, done.key, done.report)


def _made(
    asset: str, key: str | None, metadata: Mapping[str, Any], tags: Mapping[str, str] | None = None
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(asset, partition=key, metadata=metadata, tags=tags)


def _target(
    instance: dg.DagsterInstance, asset: str, key: str | None
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """The materialization that checks are about, which the UI shows with them."""
    of = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[key] if key else None)
    records = instance.fetch_materializations(of, limit=1).records
    if not records:
        return None
    return AssetCheckEvaluationTargetMaterializationData(
        storage_id=records[0].storage_id, run_id=records[0].run_id, timestamp=records[0].timestamp
    )


def _evaluation(
    result: dg.AssetCheckResult,
    key: str | None,
    target: AssetCheckEvaluationTargetMaterializationData | None,
) -> dg.AssetCheckEvaluation:
    """A check's result on the partition of its import; it never stops the other imports."""
    if result.asset_key is None or result.check_name is None:
        raise ValueError(f"{result} has no check")
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        target_materialization_data=target,
        severity=result.severity,
        description=result.description,
        blocking=False,
        partition=key,
    )

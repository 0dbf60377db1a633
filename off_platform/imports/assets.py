"""The assets of the imports wing, in the order of the flow; one partition per import.

The last two are made of the newest records of all imports. The op at the end makes the same assets
for several imports in one run.

What their steps do is in `import_step.py`, tables and checks are in `specification/tables.py` and
`checks.py`.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from off_platform.arrivals import BATCH, BATCH_STEP, IMPORT
from off_platform.asset_checks import column_metadata
from off_platform.imports.export.options import DESCRIBED, ExportOptions, NutrientColumns
from off_platform.imports.specification.tables import (
    IMPORTS,
    PRODUCTS_COMPARED,
    PRODUCTS_EXPORT,
    PRODUCTS_IMPORTED,
    STAGED,
)
from off_platform.partitions import IMPORT_FILES, RUNS
from off_platform.resources import LakeResource
from off_platform.settings import Settings
from off_platform.storage.progress import LogDisplay
from off_platform.table_assets import (
    OWNERS,
    Evaluated,
    SettingsParam,
    TableAsset,
    checks_selected,
    partition_of,
    step_of,
    table_asset,
)

if TYPE_CHECKING:
    from off_platform.imports.import_step import ImportStep

GROUP = "imports"
# Group, and the job that runs them.
OF_IMPORT, OF_EXPORT = (GROUP, IMPORT), (GROUP, "export")
TAGS = {RUNS: IMPORT}
# Producers send their products a few times a year.
EXPECTED = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=180), warn_window=timedelta(days=100)
)
# Before each further try of files that other runs are importing.
BUSY_SECONDS = (2, 5, 15, 30)


class ImportConfig(dg.Config):
    """The file to import."""

    path: str | None = Field(
        default=None,
        description="The file or folder: a path or URL in the inbox, or a path below one of "
        "OFF_PLATFORM_IMPORT_FOLDERS. By default, the copy in the lake is checked again.",
    )


def _step(
    context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource
) -> "ImportStep":
    from off_platform.imports.import_step import ImportStep

    into, display = lake.open(), LogDisplay(context.log.info)
    return ImportStep(into, partial(lake.query, into), settings, partition_of(context), display)


def _stored(context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource) -> Evaluated:
    """The findings on the assets of the checks that are executed alone."""
    yield from _step(context, settings, lake).stored(checks_selected(context))


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"file"},
    tags=TAGS,
    partitions_def=IMPORT_FILES,
    description="The original file, stored unchanged in the lake, and its facts.",
    metadata=column_metadata(IMPORTS),
)
def import_file(
    context: dg.AssetExecutionContext,
    config: ImportConfig,
    settings: SettingsParam,
    lake: LakeResource,
) -> dg.MaterializeResult:
    """Stores the file in the lake, unless it is already there."""
    return _step(context, settings, lake).store(config.path)


REPORT = dg.AssetSpec(
    "import_report",
    deps=["import_file"],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"html"},
    tags=TAGS,
    description="A page for the producer, the findings as CSV and XLSX, and a corrected copy.",
)


@step_of(
    "validated_import",
    [
        *(table_asset(table, *OF_IMPORT, ["import_file"]) for table, _ in STAGED),
        TableAsset(REPORT),
    ],
    _stored,
    IMPORT_FILES,
)
def validated_import(
    context: dg.AssetExecutionContext, settings: SettingsParam, lake: LakeResource
) -> Iterator[dg.MaterializeResult]:
    """Checks every record: whether it is accepted, why not, and how to fix it.

    One step, so that a file stopped by a blocking check also has a report.
    """
    for made in _step(context, settings, lake).validate():
        if isinstance(made, dg.AssetObservation):
            context.log_event(made)
        else:
            yield made


@step_of(
    "products_imported",
    [
        table_asset(
            PRODUCTS_IMPORTED,
            *OF_IMPORT,
            [
                dg.AssetDep("products_accepted"),
                dg.AssetDep("key_index", partition_mapping=dg.LastPartitionMapping()),
            ],
            freshness_policy=EXPECTED,
        )
    ],
    _stored,
)
def products_imported(
    context: dg.AssetExecutionContext, settings: SettingsParam, lake: LakeResource
) -> dg.MaterializeResult:
    """Takes the record of the newest import of each product, and counts its photos."""
    return _step(context, settings, lake).newest()


@step_of(
    "products_compared",
    [table_asset(PRODUCTS_COMPARED, *OF_EXPORT, ["products_imported"])],
    _stored,
)
def products_compared(
    context: dg.AssetExecutionContext, settings: SettingsParam, lake: LakeResource
) -> dg.MaterializeResult:
    """Compares each record with the configured dump; without one, only says so."""
    return _step(context, settings, lake).compare()


class ExportConfig(dg.Config):
    """How records are exported."""

    nutrients: NutrientColumns = Field(ExportOptions.nutrients, description=DESCRIBED["nutrients"])
    language: str = Field(ExportOptions.language, description=DESCRIBED["language"])
    rows: int = Field(ExportOptions.rows, ge=1, description=DESCRIBED["rows"])
    only_import: str | None = Field(None, description=DESCRIBED["only_import"])


@step_of(
    "products_export",
    [table_asset(PRODUCTS_EXPORT, *OF_EXPORT, ["products_imported"], kinds=("duckdb", "csv"))],
    _stored,
)
def products_export(
    context: dg.AssetExecutionContext,
    config: ExportConfig,
    settings: SettingsParam,
    lake: LakeResource,
) -> dg.MaterializeResult:
    """Writes the newest accepted records as files for Open Food Facts, and reads them back."""
    return _step(context, settings, lake).export(ExportOptions(**config.model_dump()))


class BatchConfig(dg.Config):
    """The files to import."""

    files: dict[str, str] = Field(
        description="Import, `name@first 8 digits of its SHA-256` -> the file or folder: a path or "
        "URL in the inbox, or a path below one of OFF_PLATFORM_IMPORT_FOLDERS."
    )
    again: bool = Field(
        default=False, description="Whether files that have a report are imported again."
    )


@dg.op(
    name=BATCH_STEP,
    out=dg.Out(dg.Nothing),
    description="Imports files, each as the job `imports` does, then updates products_imported.",
)
def import_files(
    context: dg.OpExecutionContext,
    config: BatchConfig,
    settings: SettingsParam,
    lake: LakeResource,
) -> Iterator[Any]:
    """Imports files; one that cannot be imported does not stop the others."""
    from off_platform.imports.batch import Batch

    batch = Batch(context, settings, lake)
    files = config.files if config.again else batch.without_report(config.files)
    context.log.info("%d of %d files have no report yet.", len(files), len(config.files))
    yield from batch.store(files)
    yield from batch.validate(batch.stored)
    for seconds in BUSY_SECONDS:
        if batch.busy:
            time.sleep(seconds)
            yield from batch.validate(batch.no_longer_busy(again=config.again))
    yield from batch.report_failures()
    yield from batch.newest_products()
    batch.demand_all(files)


import_batch = dg.GraphDefinition(
    BATCH,
    node_defs=[import_files],
    description="Import several files in one run, each with its own checks and report, and update "
    "the newest record of each product.",
)

"""The assets of the imports wing, in the order of the flow; one partition per import.

The op at the end makes the same assets for several imports in one run. What is made of the newest
records of all imports, `products_compared` and `products_export`, is in `export_assets.py`.

The work is in `intake/`, `validation.py`, `outputs/` and `products_imported.py`, tables and checks
are in `specification/tables.py` and `checks.py`.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import dagster as dg
from pydantic import Field

from off_platform.arrivals import BATCH, BATCH_STEP
from off_platform.checks_alone import Evaluated, alone_or_made
from off_platform.imports.specification.tables import (
    IMPORTS,
    PRODUCTS_ACCEPTED,
    PRODUCTS_IMPORTED,
    PRODUCTS_QUARANTINED,
    STAGED,
)
from off_platform.partitions import IMPORT_FILES, RUNS
from off_platform.quality import Table
from off_platform.resources import LakeResource
from off_platform.settings import Settings
from off_platform.storage.progress import LogDisplay

GROUP = "imports"
OWNERS = ["team:data"]
TAGS = {RUNS: "imports"}
SettingsParam = dg.ResourceParam[Settings]
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


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"file"},
    tags=TAGS,
    partitions_def=IMPORT_FILES,
    description="The original file, stored unchanged in the lake, and its facts.",
    metadata=IMPORTS.metadata(),
)
def import_file(
    context: dg.AssetExecutionContext,
    config: ImportConfig,
    settings: SettingsParam,
    lake: LakeResource,
) -> dg.MaterializeResult:
    """Stores the file in the lake, unless it is already there."""
    from off_platform.imports import previews
    from off_platform.imports.importing import store_import

    into, key = lake.open(), context.partition_key
    taken = store_import(into, partial(lake.query, into), settings, key, config.path)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(previews.version_of(taken)),
        metadata=previews.facts_of_import(taken, into),
    )


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        deps=["import_file"],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"duckdb", "parquet"},
        tags=TAGS,
        description=table.description,
        metadata=table.metadata(),
    )


def _stored_import(context: dg.AssetExecutionContext, lake: LakeResource) -> Evaluated:
    from off_platform.imports.importing import stored_findings

    into = lake.open()
    found = stored_findings(into, partial(lake.query, into), context.partition_key)
    yield PRODUCTS_ACCEPTED, PRODUCTS_ACCEPTED.name, found


@dg.multi_asset(
    name="validated_import",
    specs=[
        *(_spec(table) for table, _ in STAGED),
        dg.AssetSpec(
            "import_report",
            deps=["import_file"],
            group_name=GROUP,
            owners=OWNERS,
            kinds={"html"},
            tags=TAGS,
            description="A page for the producer, the findings as CSV and XLSX, and a corrected "
            "copy.",
        ),
    ],
    partitions_def=IMPORT_FILES,
    check_specs=PRODUCTS_ACCEPTED.check_specs(PRODUCTS_ACCEPTED.name, IMPORT_FILES),
    can_subset=True,
)
@alone_or_made(_stored_import)
def validated_import(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> Iterator[dg.MaterializeResult]:
    """Checks every record: whether it is accepted, why not, and how to fix it.

    One step, so that a file stopped by a blocking check also has a report.
    """
    from off_platform.imports.importing import import_stored

    into, key = lake.open(), context.partition_key
    display = LogDisplay(context.log.info)
    done = import_stored(into, partial(lake.query, into), key, display)
    yield dg.MaterializeResult(asset_key="import_report", metadata=done.report)
    for table, _ in reversed(STAGED):
        findings = (
            table.check_results(table.name, done.findings) if table is PRODUCTS_ACCEPTED else []
        )
        yield dg.MaterializeResult(
            asset_key=table.name, metadata=done.tables[table.name], check_results=findings
        )
    for older, metadata in done.older:
        context.log_event(
            dg.AssetObservation(PRODUCTS_QUARANTINED.name, partition=older, metadata=metadata)
        )


def _stored_products(lake: LakeResource) -> Evaluated:
    from off_platform.imports.checks import of_imported

    into = lake.open()
    with lake.query(into) as connection:
        found = of_imported(connection, into.rows_of(PRODUCTS_IMPORTED.name))
        yield PRODUCTS_IMPORTED, PRODUCTS_IMPORTED.name, found


@dg.multi_asset(
    name="products_imported",
    specs=[
        dg.AssetSpec(
            "products_imported",
            group_name=GROUP,
            owners=OWNERS,
            kinds={"duckdb", "parquet"},
            tags=TAGS,
            deps=[
                dg.AssetDep("products_accepted"),
                dg.AssetDep("key_index", partition_mapping=dg.LastPartitionMapping()),
            ],
            freshness_policy=EXPECTED,
            description=PRODUCTS_IMPORTED.description,
            metadata=PRODUCTS_IMPORTED.metadata(),
        )
    ],
    check_specs=PRODUCTS_IMPORTED.check_specs("products_imported"),
    can_subset=True,
)
@alone_or_made(_stored_products)
def products_imported(
    context: dg.AssetExecutionContext,  # noqa: ARG001 - Dagster passes it
    lake: LakeResource,
) -> dg.MaterializeResult:
    """Takes the record of the newest import of each product, and counts its photos."""
    from off_platform.imports.importing import newest_products

    into = lake.open()
    metadata, found = newest_products(into, partial(lake.query, into))
    return dg.MaterializeResult(
        metadata=metadata, check_results=PRODUCTS_IMPORTED.check_results("products_imported", found)
    )


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

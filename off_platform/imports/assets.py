"""The assets of the imports wing, in the order of the flow; one partition per import.

The work is in `intake/`, `validation.py`, `outputs/` and `products_imported.py`, tables and checks
are in `specification/tables.py` and `checks.py`.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
from pydantic import Field

from off_platform.imports.intake.allowed import demand_allowed
from off_platform.imports.specification.tables import (
    ACCEPTED,
    FINDINGS,
    IMPORT,
    IMPORT_FINDINGS,
    IMPORTS,
    PRODUCTS_ACCEPTED,
    PRODUCTS_IMPORTED,
    PRODUCTS_QUARANTINED,
    QUARANTINED,
)
from off_platform.partitions import IMPORT_FILES, RUNS
from off_platform.previews import table_preview
from off_platform.quality import Table
from off_platform.resources import LakeResource, inbox_source
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
STAGED = (
    (PRODUCTS_ACCEPTED, ACCEPTED),
    (PRODUCTS_QUARANTINED, QUARANTINED),
    (IMPORT_FINDINGS, FINDINGS),
)


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
    from off_platform.imports.intake.inbox import fetched
    from off_platform.imports.intake.originals import record, store_original

    into, key, sha256 = lake.open(), context.partition_key, ""
    if config.path:
        demand_allowed(config.path, settings.inbox, settings.import_folders)
        with fetched(config.path, inbox_source(settings)) as path:
            sha256 = store_original(into, path, key)
    with lake.query(into) as connection:
        taken = record(into, key, connection, sha256=sha256)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(taken.source.sha256 if taken.source else key),
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
)
def validated_import(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> Iterator[dg.MaterializeResult]:
    """Checks every record: whether it is accepted, why not, and how to fix it.

    One step, so that a file stopped by a blocking check also has a report.
    """
    from off_platform.imports import checks, previews
    from off_platform.imports.intake.originals import not_kept, original
    from off_platform.imports.outputs import files as output_files
    from off_platform.imports.validation import validate_import

    into, key = lake.open(), context.partition_key
    partition = (IMPORT, key)
    with (
        original(into, key) as (path, sha256),
        into.locked(PRODUCTS_ACCEPTED.name, partition),
        into.root.scratch() as made,
    ):
        verdict = validate_import(
            path,
            made,
            display=LogDisplay(context.log.info),
            others=not_kept(into, key),
            sha256=sha256,
        )
        names, notes = output_files.write_files(into, key, path, made, verdict)
        for table, file in STAGED:
            into.replace(table.name, partition, table.arrow, (made / file).replace)
    with lake.query(into) as connection:
        rows = {table.name: into.rows_of(table.name, partition) for table, _ in STAGED}
        yield dg.MaterializeResult(
            asset_key="import_report",
            metadata=previews.report(
                connection, rows[IMPORT_FINDINGS.name], verdict, into, key, (names, notes)
            ),
        )
        for table, _ in reversed(STAGED):
            findings = (
                table.check_results(
                    table.name,
                    checks.of_accepted(
                        connection, rows[table.name], rows[IMPORT_FINDINGS.name], verdict
                    ),
                )
                if table is PRODUCTS_ACCEPTED
                else []
            )
            yield previews.staged(into, table, connection, partition, findings)
        for older, metadata in previews.of_older(connection, into, key):
            context.log_event(
                dg.AssetObservation(PRODUCTS_QUARANTINED.name, partition=older, metadata=metadata)
            )


@dg.asset(
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
    check_specs=PRODUCTS_IMPORTED.check_specs("products_imported"),
)
def products_imported(lake: LakeResource) -> dg.MaterializeResult:
    """Takes the record of the newest import of each product, and counts its photos."""
    from off_platform.imports import checks, previews
    from off_platform.imports.products_imported import make_products_imported

    into = lake.open()
    with lake.query(into) as connection:
        number = make_products_imported(into, connection)
        rows = into.rows_of(PRODUCTS_IMPORTED.name)
        found = checks.of_imported(connection, rows)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": number,
                "imports": len(into.partitions(PRODUCTS_ACCEPTED.name)),
                **previews.open_in_quarantine(connection, into),
                "preview": table_preview(connection, f"FROM {rows}"),
                "path": dg.MetadataValue.path(into.address(PRODUCTS_IMPORTED.name)),
            },
            check_results=PRODUCTS_IMPORTED.check_results("products_imported", found),
        )

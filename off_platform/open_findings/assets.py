"""The asset `open_findings`: what is open over all wings, summed up once a week.

What is open is read in `state.py`. The alert is sent by `automation/alert_sensors.py`.
"""

from datetime import UTC, datetime

import dagster as dg

from off_platform.checks_alone import Evaluated, alone_or_made
from off_platform.open_findings.schemas import OPEN_FINDINGS
from off_platform.partitions import RUNS
from off_platform.previews import SUMMARY, VERDICT, table_preview
from off_platform.resources import LakeResource
from off_platform.settings import Settings

OWNERS = ["team:data"]
SettingsParam = dg.ResourceParam[Settings]


def _stored(lake: LakeResource) -> Evaluated:
    from off_platform.open_findings.table import findings_of, stored_items

    yield OPEN_FINDINGS, OPEN_FINDINGS.name, findings_of(stored_items(lake.open()))


@dg.multi_asset(
    name=OPEN_FINDINGS.name,
    specs=[
        dg.AssetSpec(
            OPEN_FINDINGS.name,
            group_name="open",
            owners=OWNERS,
            kinds={"duckdb", "parquet"},
            tags={RUNS: "weekly"},
            deps=[
                *("import_file", "products_quarantined", "products_imported"),
                *("bucket_sync", "key_changes", "image_set", "bin_image_set"),
            ],
            description=OPEN_FINDINGS.description,
            metadata=OPEN_FINDINGS.metadata(),
        )
    ],
    check_specs=OPEN_FINDINGS.check_specs(OPEN_FINDINGS.name),
    can_subset=True,
)
@alone_or_made(_stored)
def open_findings(
    context: dg.AssetExecutionContext,  # noqa: ARG001 - Dagster passes it
    settings: SettingsParam,
    lake: LakeResource,
) -> dg.MaterializeResult:
    """Looks through the lake and lists what is open."""
    from off_platform.automation.ticks import month_due
    from off_platform.open_findings import shown, state
    from off_platform.open_findings.table import findings_of, write_table

    now, into = datetime.now(UTC), lake.open()
    with lake.query(into) as connection:
        is_due = month_due(settings.monthly_cron, now) is not None
        this_month = f"{now:%Y-%m-01}"
        found = state.open_findings(into, connection, this_month=this_month, is_due=is_due)
        write_table(into, found)
        rows = into.rows_of(OPEN_FINDINGS.name)
        return dg.MaterializeResult(
            metadata={
                VERDICT: state.sentence(found),
                SUMMARY: shown.summary(found),
                "chart": shown.chart(found, now),
                "preview": table_preview(connection, f"FROM {rows}"),
                "dagster/row_count": len(found),
                "path": dg.MetadataValue.path(into.address(OPEN_FINDINGS.name)),
            },
            check_results=OPEN_FINDINGS.check_results(OPEN_FINDINGS.name, findings_of(found)),
        )

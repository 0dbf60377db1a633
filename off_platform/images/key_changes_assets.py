"""The assets `key_changes` and `months`: a month compared with the last, and described in words.

The work is in `key_changes.py`, `months.py` and `story.py`.
"""

from collections.abc import Iterator

import dagster as dg

from off_platform.checks_alone import alone_or_made
from off_platform.images.assets import GROUP, MONTHLY, OWNERS, SettingsParam, stored
from off_platform.images.schemas import KEY_CHANGES, MONTH_FIGURES
from off_platform.partitions import MONTHS
from off_platform.previews import table_preview
from off_platform.resources import LakeResource
from off_platform.storage.lake_layout import MONTH

# Each with what it is made of. Both are made in the step that needs all of these; Dagster 1.13 also
# refuses a backfill of assets of one step whose dependencies differ: `!=` on two equal subsets of
# months is true if only one of them has counted its partitions.
_TABLES = (
    (KEY_CHANGES, ["key_index", "photos"]),
    (MONTH_FIGURES, ["key_index", "photos", KEY_CHANGES.name]),
)


@dg.multi_asset(
    name="key_changes",
    group_name=GROUP,
    partitions_def=MONTHS,
    specs=[
        dg.AssetSpec(
            table.name,
            deps=deps,
            owners=OWNERS,
            kinds={"duckdb", "parquet"},
            tags=MONTHLY,
            automation_condition=dg.AutomationCondition.eager(),
            description=table.description,
            metadata=table.metadata(),
        )
        for table, deps in _TABLES
    ],
    check_specs=[
        *KEY_CHANGES.check_specs("key_changes", MONTHS),
        *MONTH_FIGURES.check_specs("months", MONTHS),
    ],
    can_subset=True,
)
@alone_or_made(stored)
def key_changes(
    context: dg.AssetExecutionContext,
    settings: SettingsParam,  # noqa: ARG001 - for checks that run alone
    lake: LakeResource,
) -> Iterator[dg.MaterializeResult]:
    """Compares the month's key index with the previous one, and describes the month in words."""
    from off_platform.images import checks, previews, story, story_charts
    from off_platform.images.monthly import compare_month
    from off_platform.images.months import all_months, by_country, file_month, months_to_file

    month, into = context.partition_key, lake.open()
    with lake.query(into) as connection:
        facts = compare_month(into, month, connection)
        for each in (*months_to_file(into, month), month):
            file_month(into, each, connection)
        changes = into.rows_of(KEY_CHANGES.name, (MONTH, month))
        until = all_months(into, connection, month)
        countries, since = by_country(into, month, connection), facts["since"]
        text = story.month_story(until[-1], until[-2] if until[1:] else None, countries)
        yield dg.MaterializeResult(
            asset_key="key_changes",
            metadata={
                "story": dg.MetadataValue.md(text),
                "countries": story_charts.countries_chart(countries),
                "ocr_coverage": story_charts.coverage_chart(until),
                "since": since or "This is the first snapshot; there is none to compare with.",
                "added": facts["added"],
                "removed": facts["removed"],
                "chart": previews.changes_chart(connection, changes),
                "preview": table_preview(
                    connection, f"FROM {changes} ORDER BY objects DESC, barcode"
                ),
                "dagster/partition_row_count": checks.count(connection, changes),
            },
            check_results=KEY_CHANGES.check_results(
                "key_changes", checks.of_changes(connection, changes, facts)
            ),
        )
        rows = into.rows_of(MONTH_FIGURES.name, (MONTH, month))
        yield dg.MaterializeResult(
            asset_key="months",
            metadata={
                "chart": story_charts.months_chart(until),
                "preview": dg.MetadataValue.md(story.months_table(until)),
                "dagster/partition_row_count": 1,
                "path": dg.MetadataValue.path(into.address(MONTH_FIGURES.name, (MONTH, month))),
            },
            check_results=MONTH_FIGURES.check_results(
                "months", checks.of_months(connection, rows, until)
            ),
        )

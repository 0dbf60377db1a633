"""The assets of the images wing, in the order of the data flow.

The assets are thin: the work is in `monthly.py`, tables and checks are in `schemas.py`.
`key_changes` and `months` are in `key_changes_assets.py`, `products` and `product_photos` in
`products_assets.py`, and the last asset, `image_set`, is in `image_set_assets.py`.
"""

import warnings
from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from off_platform.checks_alone import Evaluated, alone_or_made
from off_platform.images.keys import KEY_LIST
from off_platform.images.schemas import (
    KEY_INDEX,
    KEY_INDEX_ODDITIES,
    PHOTOS,
    SNAPSHOTS,
)
from off_platform.partitions import MONTHS, RUNS
from off_platform.previews import VERDICT, table_preview
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.storage.lake_layout import MONTH
from off_platform.storage.progress import LogDisplay

# The only ways to observe an asset with an owner and to link the code; both are covered by
# `test_upstream.py`, so users need no warning.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

GROUP = "images"
OWNERS = ["team:data"]
MONTHLY = {RUNS: "monthly"}
SettingsParam = dg.ResourceParam[Settings]


# After the daily observation of the key list.
RETRY_CRON = "0 5 * * *"
NEW_LIST = dg.AutomationCondition.any_deps_updated().since_last_handled()
# When the month is over its list is gone, so a failed run is retried without waiting for anybody.
FAILED = dg.AutomationCondition.execution_failed() & dg.AutomationCondition.cron_tick_passed(
    RETRY_CRON
)
# A month with a snapshot keeps it, even if the list upstream is newer.
NO_SNAPSHOT = (
    dg.AutomationCondition.in_latest_time_window()
    & dg.AutomationCondition.missing()
    & ~dg.AutomationCondition.in_progress()
    & (
        NEW_LIST.with_label("new key list")
        | FAILED.with_label("failed, and tried again once a day")
    )
).with_label("no snapshot yet, and a new key list or a failed run")


class SyncConfig(dg.Config):
    """Options of a sync."""

    replace: bool = Field(
        default=False,
        description="Replace this month's snapshot when the key list upstream is newer.",
    )


@dg.multi_observable_source_asset(
    name="data_keys",
    specs=[
        dg.AssetSpec(
            "data_keys",
            group_name=GROUP,
            owners=OWNERS,
            kinds={"s3"},
            description="The bucket's key list: the keys of its objects. Only the current list "
            "exists.",
            metadata={
                "key": KEY_LIST,
                "dagster/column_schema": dg.TableSchema(
                    columns=[dg.TableColumn("key", "string", "Key of an object; one per line.")]
                ),
            },
        )
    ],
)
def data_keys(context: dg.AssetExecutionContext, images_bucket: BucketResource) -> dg.ObserveResult:
    """Observes the key list upstream; a new ETag is a new data version."""
    from off_platform.storage.download import LOOKS, look_patiently

    source = images_bucket.open()
    seen = look_patiently(source, KEY_LIST, LOOKS, context.log.info)
    return dg.ObserveResult(
        asset_key="data_keys",
        data_version=dg.DataVersion(seen.etag or ""),
        metadata={
            "etag": seen.etag or "",
            "bytes": seen.bytes,
            "last_modified": dg.MetadataValue.timestamp(seen.last_modified),
            "url": dg.MetadataValue.url(source.public_url(KEY_LIST)),
        },
    )


def stored(context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource) -> Evaluated:
    """The findings on the assets of the checks that are executed alone, in what is stored."""
    from off_platform.images import stored_findings

    into = lake.open()
    assets = {key.asset_key.to_user_string() for key in context.selected_asset_check_keys}
    month = context.partition_key if context.has_partition_key else ""
    with lake.query(into) as connection:
        yield from stored_findings.of_assets(into, connection, settings, assets, month)


@dg.multi_asset(
    name="bucket_sync",
    specs=[
        dg.AssetSpec(
            "bucket_sync",
            group_name=GROUP,
            owners=OWNERS,
            kinds={"s3", "parquet"},
            tags=MONTHLY,
            deps=[data_keys],
            automation_condition=NO_SNAPSHOT,
            description=SNAPSHOTS.description,
            metadata=SNAPSHOTS.metadata(),
        )
    ],
    partitions_def=MONTHS,
    check_specs=SNAPSHOTS.check_specs("bucket_sync", MONTHS),
    can_subset=True,
)
@alone_or_made(stored)
def bucket_sync(
    context: dg.AssetExecutionContext,
    config: SyncConfig,
    settings: SettingsParam,
    lake: LakeResource,
    images_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Copies the month's key list into the lake, once."""
    from off_platform.images import stored_findings
    from off_platform.images.monthly import SyncRequest, bounds_from, sync_month

    month, into = context.partition_key, lake.open()
    with lake.query(into) as connection:
        synced = sync_month(
            into,
            images_bucket.open(),
            SyncRequest(month, config.replace),
            connection,
            bounds_from(settings, into),
            context.log.info,
            LogDisplay(context.log.info),
        )
        context.log.info(synced.sentence)
        rows = into.rows_of(SNAPSHOTS.name, (MONTH, month))
        preview = table_preview(connection, f"FROM {rows}")
        findings = stored_findings.of_snapshot(into, month, connection, settings)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(synced.snapshot.md5),
        metadata={
            VERDICT: synced.sentence,
            "missed": findings["no_month_missing"].note,
            "preview": preview,
            "copied": synced.copied,
            "keys": synced.snapshot.keys,
            "bytes": synced.snapshot.bytes,
            "etag": synced.snapshot.etag,
            "md5": synced.snapshot.md5,
            "last_modified": dg.MetadataValue.timestamp(synced.snapshot.last_modified),
            "copied_at": dg.MetadataValue.timestamp(synced.snapshot.copied_at),
            "path": dg.MetadataValue.path(into.root.address(synced.snapshot.file)),
            "dagster/partition_row_count": 1,
        },
        check_results=SNAPSHOTS.check_results("bucket_sync", findings),
    )


@dg.multi_asset(
    name="key_index",
    group_name=GROUP,
    partitions_def=MONTHS,
    specs=[
        dg.AssetSpec(
            table.name,
            deps=[bucket_sync],
            owners=OWNERS,
            kinds={"duckdb", "parquet"},
            tags=MONTHLY,
            automation_condition=dg.AutomationCondition.eager(),
            description=table.description,
            metadata=table.metadata(),
        )
        for table in (KEY_INDEX, KEY_INDEX_ODDITIES, PHOTOS)
    ],
    check_specs=[
        *KEY_INDEX.check_specs("key_index", MONTHS),
        *KEY_INDEX_ODDITIES.check_specs("key_index_oddities", MONTHS),
        *PHOTOS.check_specs("photos", MONTHS),
    ],
    can_subset=True,
)
@alone_or_made(stored)
def key_index(
    context: dg.AssetExecutionContext,
    settings: SettingsParam,
    lake: LakeResource,
    images_bucket: BucketResource,
) -> Iterator[dg.MaterializeResult]:
    """Parses every line of the month's key list."""
    from off_platform.images import checks, previews, stored_findings
    from off_platform.images.monthly import bounds_from, index_month
    from off_platform.images.snapshots import snapshot_of

    month, into = context.partition_key, lake.open()
    bounds, display = bounds_from(settings, into), LogDisplay(context.log.info)
    with lake.query(into) as connection:
        facts = index_month(into, month, connection, bounds.unpacked_most, display)
        index = into.rows_of(KEY_INDEX.name, (MONTH, month))
        oddities = into.rows_of(KEY_INDEX_ODDITIES.name, (MONTH, month))
        snapshot = snapshot_of(into, month, connection)
        found = {
            table.name: findings
            for table, findings in stored_findings.of_month(
                into, month, connection, settings, facts
            )
        }
        yield dg.MaterializeResult(
            asset_key="key_index",
            data_version=dg.DataVersion(snapshot.md5 if snapshot else ""),
            metadata={
                "dagster/partition_row_count": facts.rows,
                **{f"objects_{kind}": count for kind, count in facts.by_kind.items()},
                "preview": previews.index_preview(connection, index, images_bucket.open()),
                "path": dg.MetadataValue.path(into.address(KEY_INDEX.name, (MONTH, month))),
            },
            check_results=KEY_INDEX.check_results("key_index", found[KEY_INDEX.name]),
        )
        yield dg.MaterializeResult(
            asset_key="key_index_oddities",
            metadata={
                "dagster/partition_row_count": facts.oddities.total(),
                "preview": table_preview(connection, f"FROM {oddities}"),
            },
            check_results=KEY_INDEX_ODDITIES.check_results(
                "key_index_oddities", found[KEY_INDEX_ODDITIES.name]
            ),
        )
        photos = into.rows_of(PHOTOS.name, (MONTH, month))
        yield dg.MaterializeResult(
            asset_key="photos",
            metadata={
                "dagster/partition_row_count": checks.count(connection, photos),
                "preview": table_preview(connection, f"FROM {photos}"),
                "path": dg.MetadataValue.path(into.address(PHOTOS.name, (MONTH, month))),
            },
            check_results=PHOTOS.check_results("photos", found[PHOTOS.name]),
        )

"""The assets of the images wing's tables, in the order of the data flow.

What their steps do is in `table_step.py`, the tables are in `schemas.py`. The last asset of the
wing, `image_set`, is in `image_set_assets.py`.
"""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from off_platform.images.keys import KEY_LIST
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.images.schemas import (
    KEY_CHANGES,
    KEY_INDEX,
    KEY_INDEX_ODDITIES,
    MONTH_FIGURES,
    PHOTOS,
    SNAPSHOTS,
)
from off_platform.partitions import MONTHS
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.table_assets import (
    OWNERS,
    Evaluated,
    SettingsParam,
    checks_selected,
    opened,
    step_of,
    table_asset,
)

if TYPE_CHECKING:
    from off_platform.images.table_step import TableStep

# The only ways to observe an asset with an owner and to link the code; both are covered by
# `test_upstream.py`, so users need no warning.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

GROUP = "images"
# Group, and the job that runs them.
OF_MONTH = (GROUP, "monthly")

EAGER = dg.AutomationCondition.eager()
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


def _step(
    context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource
) -> "AbstractContextManager[TableStep]":
    from off_platform.images.table_step import TableStep

    return opened(TableStep, context, settings, lake)


def _stored(context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource) -> Evaluated:
    """The findings on the assets of the checks that are executed alone."""
    with _step(context, settings, lake) as step:
        yield from step.stored(checks_selected(context))


@step_of(
    "bucket_sync",
    [
        table_asset(
            SNAPSHOTS,
            *OF_MONTH,
            ["data_keys"],
            name="bucket_sync",
            kinds=("s3", "parquet"),
            automation_condition=NO_SNAPSHOT,
        )
    ],
    _stored,
    MONTHS,
)
def bucket_sync(
    context: dg.AssetExecutionContext,
    config: SyncConfig,
    settings: SettingsParam,
    lake: LakeResource,
    images_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Copies the month's key list into the lake, once."""
    with _step(context, settings, lake) as step:
        return step.sync(images_bucket.open(), replace=config.replace)


@step_of(
    "key_index",
    [
        table_asset(table, *OF_MONTH, ["bucket_sync"], automation_condition=EAGER)
        for table in (KEY_INDEX, KEY_INDEX_ODDITIES, PHOTOS)
    ],
    _stored,
    MONTHS,
)
def key_index(
    context: dg.AssetExecutionContext,
    settings: SettingsParam,
    lake: LakeResource,
    images_bucket: BucketResource,
) -> Iterator[dg.MaterializeResult]:
    """Parses every line of the month's key list."""
    with _step(context, settings, lake) as step:
        yield from step.index(images_bucket.open())


# Each with what it is made of. Both are made in the step that needs all of these; Dagster 1.13 also
# refuses a backfill of assets of one step whose dependencies differ: `!=` on two equal subsets of
# months is true if only one of them has counted its partitions.
_COMPARED = (
    (KEY_CHANGES, ["key_index", "photos"]),
    (MONTH_FIGURES, ["key_index", "photos", KEY_CHANGES.name]),
)


@step_of(
    "key_changes",
    [table_asset(table, *OF_MONTH, deps, automation_condition=EAGER) for table, deps in _COMPARED],
    _stored,
    MONTHS,
)
def key_changes(
    context: dg.AssetExecutionContext, settings: SettingsParam, lake: LakeResource
) -> Iterator[dg.MaterializeResult]:
    """Compares the month's key index with the previous one, and describes the month in words."""
    with _step(context, settings, lake) as step:
        yield from step.compare()


@step_of(
    "products", [table_asset(table, *OF_MONTH) for table in (PRODUCTS, PRODUCT_PHOTOS)], _stored
)
def products(
    context: dg.AssetExecutionContext, settings: SettingsParam, lake: LakeResource
) -> Iterator[dg.MaterializeResult]:
    """Reads the configured dump; without one, the filters over products fail with a message."""
    with _step(context, settings, lake) as step:
        yield from step.read_dump()

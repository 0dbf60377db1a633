"""The assets of the bins wing's tables, in the order of the data flow.

What their steps do is in `table_step.py`, the tables are in `schemas.py`. The last asset of the
wing, `bin_image_set`, is in `image_set_assets.py`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import dagster as dg

from off_platform.bins.object_schemas import BIN_METADATA, BIN_OBJECTS, BIN_ODDITIES
from off_platform.bins.schemas import BIN_ITEMS, BIN_SPLITS, BIN_VISITS, BINS, ITEMS
from off_platform.quality import Table
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.table_assets import Evaluated, SettingsParam, opened, step_of, table_asset

if TYPE_CHECKING:
    from off_platform.bins.table_step import TableStep

GROUP = "bins"


def _table_asset(
    table: Table, deps: list[str]
) -> Callable[[Callable[..., dg.MaterializeResult]], dg.AssetsDefinition]:
    """Decorates what makes a table.

    It is not partitioned: the bucket no longer changes, so all months would be equal.
    """

    def stored(
        context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource
    ) -> Evaluated:
        with _step(context, settings, lake) as step:
            yield table, table.name, step.stored(table)

    return step_of(table.name, [table_asset(table, GROUP, "monthly", deps)], stored)


def _step(
    context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource
) -> "AbstractContextManager[TableStep]":
    from off_platform.bins.table_step import TableStep

    return opened(TableStep, context, settings, lake)


@_table_asset(BIN_OBJECTS, [])
def bin_objects(
    context: dg.AssetExecutionContext,
    settings: SettingsParam,
    lake: LakeResource,
    bins_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Lists the bucket; if nothing changed, the table is kept."""
    with _step(context, settings, lake) as step:
        return step.list_objects(bins_bucket.open())


@_table_asset(BIN_METADATA, ["bin_objects"])
def bin_metadata(
    context: dg.AssetExecutionContext,
    settings: SettingsParam,
    lake: LakeResource,
    bins_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Fetches new and changed metadata."""
    with _step(context, settings, lake) as step:
        return step.collect_metadata(bins_bucket.open())


def _made_of_tables(table: Table, deps: list[str]) -> dg.AssetsDefinition:
    """The asset of a table that is built from other tables of the lake."""

    @_table_asset(table, deps)
    def made(
        context: dg.AssetExecutionContext, settings: SettingsParam, lake: LakeResource
    ) -> dg.MaterializeResult:
        with _step(context, settings, lake) as step:
            return step.make(table)

    return made


bin_oddities = _made_of_tables(BIN_ODDITIES, ["bin_objects", "bin_metadata"])
bin_items = _made_of_tables(BIN_ITEMS, ["bin_metadata"])
bins = _made_of_tables(BINS, ["bin_objects", "bin_metadata", "bin_items"])
items = _made_of_tables(ITEMS, ["bin_items"])
bin_visits = _made_of_tables(BIN_VISITS, ["bins", "bin_items"])
bin_splits = _made_of_tables(BIN_SPLITS, ["bins"])

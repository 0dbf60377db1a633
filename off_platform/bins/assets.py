"""The assets of the bins wing, in the order of the data flow.

The work is in `listing.py`, `collect.py` and `table_results.py`, tables and checks are in
`schemas.py` and `checks.py`. The last asset, `bin_image_set`, is in `image_set_assets.py`.
"""

from collections.abc import Callable

import dagster as dg

from off_platform.bins.schemas import (
    BIN_ITEMS,
    BIN_METADATA,
    BIN_OBJECTS,
    BIN_ODDITIES,
    BIN_SPLITS,
    BIN_VISITS,
    BINS,
    ITEMS,
)
from off_platform.checks_alone import Evaluated, alone_or_made
from off_platform.partitions import RUNS
from off_platform.quality import Table
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.storage.progress import LogDisplay

GROUP = "bins"
OWNERS = ["team:data"]
# Not partitioned: the bucket no longer changes, so all months would be equal.
MONTHLY = {RUNS: "monthly"}
SettingsParam = dg.ResourceParam[Settings]


def _table_asset(table: Table, deps: list[str]) -> Callable[..., dg.AssetsDefinition]:
    """Decorates what makes a table; its checks can also be evaluated alone."""

    def evaluate(settings: Settings, lake: LakeResource) -> Evaluated:
        return _stored(table, settings, lake)

    def decorate(make: Callable[..., dg.MaterializeResult]) -> dg.AssetsDefinition:
        spec = dg.AssetSpec(
            table.name,
            group_name=GROUP,
            owners=OWNERS,
            kinds={"duckdb", "parquet"},
            tags=MONTHLY,
            deps=deps,
            description=table.description,
            metadata=table.metadata(),
        )
        return dg.multi_asset(
            name=table.name,
            specs=[spec],
            check_specs=table.check_specs(table.name),
            can_subset=True,
        )(alone_or_made(evaluate)(make))

    return decorate


def _stored(table: Table, settings: Settings, lake: LakeResource) -> Evaluated:
    from off_platform.bins.table_results import stored_findings

    into = lake.open()
    with lake.query(into) as connection:
        yield table, table.name, stored_findings(table, into, connection, settings)


@_table_asset(BIN_OBJECTS, [])
def bin_objects(
    context: dg.AssetExecutionContext,
    settings: SettingsParam,
    lake: LakeResource,
    bins_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Lists the bucket; if nothing changed, the table is kept."""
    from off_platform.bins.listing import list_objects
    from off_platform.bins.table_results import stored_findings, table_result
    from off_platform.storage.transfer import limits_from

    into = lake.open()
    with lake.query(into) as connection:
        listed = list_objects(
            into,
            bins_bucket.open(),
            connection,
            limits_from(settings),
            LogDisplay(context.log.info),
        )
        context.log.info(listed.sentence)
        found = stored_findings(BIN_OBJECTS, into, connection, settings)
        return table_result(into, connection, BIN_OBJECTS, found, {"what": listed.sentence})


@_table_asset(BIN_METADATA, ["bin_objects"])
def bin_metadata(
    context: dg.AssetExecutionContext,
    settings: SettingsParam,
    lake: LakeResource,
    bins_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Fetches new and changed metadata."""
    from off_platform.bins.collect import collect_metadata
    from off_platform.bins.table_results import stored_findings, table_result
    from off_platform.storage.transfer import limits_from

    into = lake.open()
    with lake.query(into) as connection:
        collected = collect_metadata(
            into,
            bins_bucket.open(),
            connection,
            limits_from(settings),
            LogDisplay(context.log.info),
        )
        what = collected.tally.sentence() if collected.changed else "Nothing has changed."
        found = stored_findings(BIN_METADATA, into, connection, settings)
        return table_result(into, connection, BIN_METADATA, found, {"this_run": what})


def _made_of_tables(table: Table, deps: list[str]) -> dg.AssetsDefinition:
    """The asset of a table that is built from other tables of the lake."""

    @_table_asset(table, deps)
    def made(
        context: dg.AssetExecutionContext,  # noqa: ARG001 - Dagster passes it
        settings: SettingsParam,
        lake: LakeResource,
    ) -> dg.MaterializeResult:
        return _made(table, settings, lake)

    return made


def _made(table: Table, settings: Settings, lake: LakeResource) -> dg.MaterializeResult:
    from off_platform.bins.table_results import made_of_tables

    into = lake.open()
    with lake.query(into) as connection:
        return made_of_tables(table, into, connection, settings)


bin_oddities = _made_of_tables(BIN_ODDITIES, ["bin_objects", "bin_metadata"])
bin_items = _made_of_tables(BIN_ITEMS, ["bin_metadata"])
bins = _made_of_tables(BINS, ["bin_objects", "bin_metadata", "bin_items"])
items = _made_of_tables(ITEMS, ["bin_items"])
bin_visits = _made_of_tables(BIN_VISITS, ["bins", "bin_items"])
bin_splits = _made_of_tables(BIN_SPLITS, ["bins"])

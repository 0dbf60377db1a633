"""The assets of the bins wing, top-down in the order the data flows.

Each is thin: what it does is in `listing.py`, `collect.py` and `tables.py`, what its table and
checks are in `schemas.py` and `checks.py`. The last, `bin_image_set`, is in `image_set_assets.py`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from off_platform.bins.published_lists import measure_leak, read_list
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
from off_platform.bins.splits import shares_from
from off_platform.partitions import RUNS
from off_platform.previews import table_preview
from off_platform.quality import Finding, Table
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.storage.progress import LogDisplay

if TYPE_CHECKING:
    import duckdb

    from off_platform.storage.lake import Lake

GROUP = "bins"
OWNERS = ["team:data"]
# Not partitioned: the bucket does not change any more, and a month would be a copy of the other.
MONTHLY = {RUNS: "monthly"}
SettingsParam = dg.ResourceParam[Settings]


def _table_asset(table: Table, deps: list[str]) -> Callable[..., dg.AssetsDefinition]:
    return dg.asset(
        name=table.name,
        group_name=GROUP,
        owners=OWNERS,
        kinds={"duckdb", "parquet"},
        tags=MONTHLY,
        deps=deps,
        description=table.description,
        metadata=table.metadata(),
        check_specs=table.check_specs(table.name),
    )


@_table_asset(BIN_OBJECTS, [])
def bin_objects(
    context: dg.AssetExecutionContext,
    settings: SettingsParam,
    lake: LakeResource,
    bins_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Lists the bucket; if nothing changed, only the listing is repeated."""
    from off_platform.bins import checks
    from off_platform.bins.listing import list_objects
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
        found = checks.of_objects(into, connection)
        return _result(into, connection, BIN_OBJECTS, found, {"what": listed.sentence})


@_table_asset(BIN_METADATA, ["bin_objects"])
def bin_metadata(
    context: dg.AssetExecutionContext,
    settings: SettingsParam,
    lake: LakeResource,
    bins_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Fetches new and changed metadata."""
    from off_platform.bins import checks
    from off_platform.bins.collect import collect_metadata
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
        found = checks.of_metadata(into, connection)
        return _result(into, connection, BIN_METADATA, found, {"this_run": what})


@_table_asset(BIN_ODDITIES, ["bin_objects", "bin_metadata"])
def bin_oddities(lake: LakeResource) -> dg.MaterializeResult:
    """Lists every object that is odd or unusable."""
    from off_platform.bins import checks, tables

    into = lake.open()
    with lake.query(into) as connection:
        tables.make_oddities(into, connection)
        return _result(into, connection, BIN_ODDITIES, checks.of_oddities(into, connection))


@_table_asset(BIN_ITEMS, ["bin_metadata"])
def bin_items(lake: LakeResource) -> dg.MaterializeResult:
    """Reads the inventories."""
    from off_platform.bins import checks, tables

    into = lake.open()
    with lake.query(into) as connection:
        tables.make_bin_items(into, connection)
        found = checks.of_table(into, connection, BIN_ITEMS)
        return _result(into, connection, BIN_ITEMS, found)


@_table_asset(BINS, ["bin_objects", "bin_metadata", "bin_items"])
def bins(lake: LakeResource) -> dg.MaterializeResult:
    """Counts the items of each bin, and finds its photo and its visit."""
    from off_platform.bins import checks, previews, tables

    into = lake.open()
    with lake.query(into) as connection:
        tables.make_bins(into, connection)
        chart = previews.bins_chart(connection, into.rows_of(BINS.name))
        found = checks.of_bins(into, connection)
        return _result(into, connection, BINS, found, {"chart": chart})


@_table_asset(ITEMS, ["bin_items"])
def items(lake: LakeResource) -> dg.MaterializeResult:
    """Sums up the items by ASIN."""
    from off_platform.bins import checks, previews, tables

    into = lake.open()
    with lake.query(into) as connection:
        tables.make_items(into, connection)
        chart = previews.items_chart(connection, into.rows_of(ITEMS.name))
        found = checks.of_table(into, connection, ITEMS)
        return _result(into, connection, ITEMS, found, {"chart": chart})


@_table_asset(BIN_VISITS, ["bins", "bin_items"])
def bin_visits(lake: LakeResource) -> dg.MaterializeResult:
    """Finds photos of the same bin, taken moments apart."""
    from off_platform.bins import checks, previews, tables

    into = lake.open()
    with lake.query(into) as connection:
        tables.make_visits(into, connection)
        chart = previews.visits_chart(connection, into.rows_of(BIN_VISITS.name))
        found = checks.of_visits(into, connection)
        return _result(into, connection, BIN_VISITS, found, {"chart": chart})


@_table_asset(BIN_SPLITS, ["bins"])
def bin_splits(settings: SettingsParam, lake: LakeResource) -> dg.MaterializeResult:
    """Assigns whole visits to train, validation and test."""
    from off_platform.bins import checks, tables
    from off_platform.bins.declared_pairs import declared_choices

    into, shares = lake.open(), shares_from(settings)
    with lake.query(into) as connection:
        tables.make_splits(into, connection, shares)
        declared = declared_choices(settings.image_sets)
        found = checks.of_splits(into, connection, shares, declared)
        more: dict[str, Any] = {"shares": dg.MetadataValue.json(dict(shares))}
        if settings.bins_published_list:
            ids = read_list(settings.bins_published_list)
            more["published_list"] = measure_leak(connection, into.rows_of(BINS.name), ids).sentence
        return _result(into, connection, BIN_SPLITS, found, more)


def _result(
    lake: "Lake",
    connection: "duckdb.DuckDBPyConnection",
    table: Table,
    findings: Mapping[str, Finding],
    more: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult:
    """The result of every table's asset: rows, preview, path, checks."""
    rows = lake.rows_of(table.name)
    ((number,),) = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()
    return dg.MaterializeResult(
        metadata={
            **(more or {}),
            "dagster/row_count": int(number),
            "preview": table_preview(connection, f"FROM {rows}"),
            "path": dg.MetadataValue.path(lake.address(table.name)),
        },
        check_results=table.check_results(table.name, findings),
    )

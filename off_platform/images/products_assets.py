"""The assets `products` and `product_photos`, from the configured dump.

The work is in `products.py`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from off_platform.checks_alone import alone_or_made
from off_platform.images.assets import GROUP, MONTHLY, OWNERS, SettingsParam, stored
from off_platform.images.schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.previews import table_preview
from off_platform.resources import LakeResource
from off_platform.storage.progress import LogDisplay

_TABLES = (PRODUCTS, PRODUCT_PHOTOS)


@dg.multi_asset(
    name="products",
    group_name=GROUP,
    specs=[
        dg.AssetSpec(
            table.name,
            owners=OWNERS,
            kinds={"duckdb", "parquet"},
            tags=MONTHLY,
            description=table.description,
            metadata=table.metadata(),
        )
        for table in _TABLES
    ],
    check_specs=[check for table in _TABLES for check in table.check_specs(table.name)],
    can_subset=True,
)
@alone_or_made(stored)
def products(
    context: dg.AssetExecutionContext, settings: SettingsParam, lake: LakeResource
) -> Iterator[dg.MaterializeResult]:
    """Reads the configured dump; without one, the filters over products fail with a message."""
    from off_platform.images import checks, previews
    from off_platform.images.products import make_products
    from off_platform.images.stored_findings import NO_DUMP

    into, dump = lake.open(), settings.products_dump
    if dump is None:
        context.log.info(NO_DUMP)
        for table in _TABLES:
            nothing = checks.nothing_to_check(table, NO_DUMP)
            yield dg.MaterializeResult(
                asset_key=table.name,
                metadata={"what": NO_DUMP},
                check_results=table.check_results(table.name, nothing),
            )
        return
    with lake.query(into) as connection:
        facts = make_products(into, dump, settings, connection, LogDisplay(context.log.info))
        rows, photos = (into.rows_of(table.name) for table in _TABLES)
        of_products = checks.of_products(connection, rows, facts, datetime.now(UTC))
        yield dg.MaterializeResult(
            asset_key=PRODUCTS.name,
            metadata={
                "dump": dump,
                "dagster/row_count": checks.count(connection, rows),
                "lacks": ", ".join(facts.lacking) or "nothing",
                "rows_left_out": facts.rejected,
                "facets": previews.facets_preview(connection, rows, photos),
                "preview": table_preview(connection, f"FROM {rows}"),
            },
            check_results=PRODUCTS.check_results(PRODUCTS.name, of_products),
        )
        of_photos = checks.of_product_photos(connection, photos, rows)
        yield dg.MaterializeResult(
            asset_key=PRODUCT_PHOTOS.name,
            metadata={
                "dump": dump,
                "dagster/row_count": checks.count(connection, photos),
                "preview": table_preview(connection, f"FROM {photos}"),
            },
            check_results=PRODUCT_PHOTOS.check_results(PRODUCT_PHOTOS.name, of_photos),
        )

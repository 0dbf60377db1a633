"""The assets `products_compared` and `products_export`: the newest accepted records, handed on.

The work is in `comparison/` and `export/`, the tables are in `specification/tables.py`.
"""

from functools import partial

import dagster as dg
from pydantic import Field

from off_platform.checks_alone import Evaluated, alone_or_made
from off_platform.imports.assets import GROUP, OWNERS, SettingsParam
from off_platform.imports.export.options import DESCRIBED, ExportOptions, NutrientColumns
from off_platform.imports.specification.tables import PRODUCTS_COMPARED, PRODUCTS_EXPORT
from off_platform.partitions import RUNS
from off_platform.quality import Table
from off_platform.resources import LakeResource
from off_platform.settings import Settings
from off_platform.storage.progress import LogDisplay


def _spec(table: Table, kind: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        deps=["products_imported"],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"duckdb", kind},
        tags={RUNS: "export"},
        description=table.description,
        metadata=table.metadata(),
    )


def _stored_comparison(settings: Settings, lake: LakeResource) -> Evaluated:
    from off_platform.imports.comparison.making import stored_findings

    into = lake.open()
    found = stored_findings(into, partial(lake.query, into), settings)
    yield PRODUCTS_COMPARED, PRODUCTS_COMPARED.name, found


@dg.multi_asset(
    name="products_compared",
    specs=[_spec(PRODUCTS_COMPARED, "parquet")],
    check_specs=PRODUCTS_COMPARED.check_specs("products_compared"),
    can_subset=True,
)
@alone_or_made(_stored_comparison)
def products_compared(
    context: dg.AssetExecutionContext, settings: SettingsParam, lake: LakeResource
) -> dg.MaterializeResult:
    """Compares each record with the configured dump; without one, only says so."""
    from off_platform.imports.comparison.making import make_products_compared

    into, display = lake.open(), LogDisplay(context.log.info)
    metadata, found = make_products_compared(into, partial(lake.query, into), settings, display)
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=PRODUCTS_COMPARED.check_results("products_compared", found),
    )


class ExportConfig(dg.Config):
    """How records are exported."""

    nutrients: NutrientColumns = Field(ExportOptions.nutrients, description=DESCRIBED["nutrients"])
    language: str = Field(ExportOptions.language, description=DESCRIBED["language"])
    rows: int = Field(ExportOptions.rows, ge=1, description=DESCRIBED["rows"])
    only_import: str | None = Field(None, description=DESCRIBED["only_import"])


def _stored_export(lake: LakeResource) -> Evaluated:
    from off_platform.imports.export.making import stored_findings

    into = lake.open()
    found = stored_findings(into, partial(lake.query, into))
    yield PRODUCTS_EXPORT, PRODUCTS_EXPORT.name, found


@dg.multi_asset(
    name="products_export",
    specs=[_spec(PRODUCTS_EXPORT, "csv")],
    check_specs=PRODUCTS_EXPORT.check_specs("products_export"),
    can_subset=True,
)
@alone_or_made(_stored_export)
def products_export(
    context: dg.AssetExecutionContext,  # noqa: ARG001 - Dagster passes it
    config: ExportConfig,
    lake: LakeResource,
) -> dg.MaterializeResult:
    """Writes the newest accepted records as files for Open Food Facts, and reads them back."""
    from off_platform.imports.export.making import export_to_lake

    into, options = lake.open(), ExportOptions(**config.model_dump())
    metadata, found, _ = export_to_lake(into, partial(lake.query, into), options)
    return dg.MaterializeResult(
        metadata=metadata, check_results=PRODUCTS_EXPORT.check_results("products_export", found)
    )

"""The code location: puts everything together, decides nothing."""

import dagster as dg

from off_platform.automation.jobs import jobs
from off_platform.bins import assets as bins
from off_platform.bins.image_set_assets import bin_image_set_asset
from off_platform.images import assets as images
from off_platform.images.image_set_assets import image_set_asset
from off_platform.imports import assets as imports
from off_platform.resources import resources
from off_platform.settings import Settings, settings


def definitions(*, of: Settings) -> dg.Definitions:
    """All definitions, as the settings have them.

    Raises:
        off_platform.image_sets.declared.WrongDeclarationError: the image sets are declared wrongly.
    """
    assets = [
        images.data_keys,
        images.bucket_sync,
        images.key_index,
        images.key_changes,
        images.products,
        image_set_asset(of),
        bins.bin_objects,
        bins.bin_metadata,
        bins.bin_oddities,
        bins.bin_items,
        bins.bins,
        bins.items,
        bins.bin_visits,
        bins.bin_splits,
        bin_image_set_asset(of),
        imports.import_file,
        imports.validated_import,
        imports.products_imported,
    ]
    return dg.Definitions(
        assets=dg.with_source_code_references(assets),
        jobs=jobs,
        resources=resources(of),
        executor=dg.in_process_executor,
    )


defs = definitions(of=settings())

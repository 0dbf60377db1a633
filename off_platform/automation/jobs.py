"""The unattended jobs, selected by tags; no wing is imported here."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from off_platform.arrivals import IMPORT
from off_platform.automation.workers import watched_in_process
from off_platform.image_sets.declaration.declared import declared_sets
from off_platform.partitions import IMPORT_FILES, MONTHS, RUNS, image_sets


def _job(
    name: str,
    description: str,
    selection: dg.AssetSelection | None = None,
    config: dg.PartitionedConfig[Any] | None = None,
) -> Any:
    """A job of the assets tagged with its name, or of a selection.

    Its steps share one process: they are short, and a new process takes seconds to start. Dagster
    does not publish the class of such jobs.
    """
    return dg.define_asset_job(
        name,
        selection=selection or dg.AssetSelection.tag(RUNS, name),
        executor_def=watched_in_process,
        description=description,
        config=config,
    )


def _partitioned(partitions: dg.PartitionsDefinition[Any]) -> dg.PartitionedConfig[Any]:
    """Partitions without options."""
    return dg.PartitionedConfig(partitions, run_config_for_partition_key_fn=lambda _: {})


monthly = _job(
    "monthly",
    "Once a month: observe, copy, index and compare the key list; read the products dump, if one "
    "is set; list the bins, fetch new ones and build their tables.",
    dg.AssetSelection.tag(RUNS, "monthly") | dg.AssetSelection.assets("data_keys"),
)
check_months = _job(
    "check_months",
    "Evaluate the checks of a month again, over its snapshot and tables in the lake; nothing is "
    "copied or indexed.",
    dg.AssetSelection.checks_for_assets(
        *("bucket_sync", "key_index", "key_index_oddities", "photos", "key_changes", "months")
    ),
    # Dagster gives a job of checks alone no partitions of its own.
    _partitioned(MONTHS),
)
# Not `products`: a job may not be named like an asset.
products_dump = _job(
    "products_dump",
    "Read the configured products dump, between two monthly runs.",
    dg.AssetSelection.assets("products", "product_photos"),
)
imports = _job(
    IMPORT,
    "Import one file: store it, check every record, write the report, and update the newest "
    "record of each product.",
)
weekly = _job(
    "weekly",
    "Once a week: list what is open over all imports, months and image sets, and report it.",
)
export = _job(
    "export",
    "Compare the newest accepted records with the products dump, if one is set, and export them "
    "for Open Food Facts, as files with their pictures.",
)
check_imports = _job(
    "check_imports",
    "Evaluate the checks of an import again, over its tables in the lake; nothing is imported.",
    dg.AssetSelection.checks_for_assets("products_accepted"),
    _partitioned(IMPORT_FILES),
)
observe_key_list = _job(
    "observe_key_list",
    "Observe the key list upstream: a new ETag is a new version.",
    dg.AssetSelection.assets("data_keys"),
)


def jobs(declared: Path) -> list[Any]:
    """All jobs.

    Args:
        declared: the file that declares the image sets; it pre-fills their launchpads.

    Raises:
        off_platform.image_sets.declaration.declared.WrongDeclarationError: the file is invalid.
    """
    return [
        monthly,
        check_months,
        products_dump,
        _job(
            "image_sets",
            "Build or refresh an image set: choose, fetch, verify.",
            config=_as_declared(declared, "images", "image_set"),
        ),
        _job(
            "bin_image_sets",
            "Build or refresh an image set of bins: choose, fetch, verify, label.",
            config=_as_declared(declared, "bins", "bin_image_set"),
        ),
        *(
            _job(
                f"check_{asset}s",
                "Evaluate the checks of an image set again, over its manifest and files in the "
                "lake; nothing is fetched.",
                dg.AssetSelection.checks_for_assets(asset),
                _partitioned(image_sets(declared, wing)),
            )
            for wing, asset in (("images", "image_set"), ("bins", "bin_image_set"))
        ),
        imports,
        check_imports,
        weekly,
        export,
        observe_key_list,
    ]


def _as_declared(declared: Path, wing: str, asset: str) -> dg.PartitionedConfig[Any]:
    """A set's declared options, for its launchpad."""
    sets = declared_sets(declared, wing)
    return dg.PartitionedConfig(
        image_sets(declared, wing),
        run_config_for_partition_key_fn=lambda name: {
            "ops": {asset: {"config": _options(sets[name])}}
        },
    )


def _options(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Options as the asset's config has them: days as text, `all` as a missing number."""
    options = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in declared.items()
        if name != "description"
    }
    return {**options, "n": None, "all": True} if options.get("n") == "all" else options

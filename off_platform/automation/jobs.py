"""The jobs that run without anybody watching, selected by tags; no wing is imported here."""

from typing import Any

import dagster as dg

RUNS = "off_platform/runs"


def _job(name: str, description: str, selection: dg.AssetSelection | None = None) -> Any:
    """A job of the assets that are tagged with its name, or of those selected.

    Its steps share one process: they are short, and each new process costs seconds to start. The
    class of such jobs is not published by Dagster.
    """
    return dg.define_asset_job(
        name,
        selection=selection or dg.AssetSelection.tag(RUNS, name),
        executor_def=dg.in_process_executor,
        description=description,
    )


monthly = _job(
    "monthly",
    "Once a month: copy the key list, index it, compare it; list the bins, fetch what is new, make "
    "their tables.",
)
# Not `products`: a job may not be named like an asset.
products_dump = _job("products_dump", "Read the products dump that the settings name.")
image_sets = _job("image_sets", "Make or refresh an image set: choose, fetch, verify.")
bin_image_sets = _job(
    "bin_image_sets", "Make or refresh an image set of bins: choose, fetch, verify, label."
)
imports = _job(
    "imports",
    "Take in one import: keep it, look at every record, write the report, and bring the newest "
    "record of each product up to date.",
)
observe_key_list = _job(
    "observe_key_list",
    "Look at the key list upstream: a new ETag is a new version.",
    dg.AssetSelection.assets("data_keys"),
)

jobs = [monthly, products_dump, image_sets, bin_image_sets, imports, observe_key_list]

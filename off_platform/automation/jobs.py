"""The jobs that run without anybody watching, selected by tags; no wing is imported here."""

import dagster as dg

RUNS = "off_platform/runs"

# One process for a whole flow: its steps are short, and each new process costs seconds to start.
monthly = dg.define_asset_job(
    "monthly",
    selection=dg.AssetSelection.tag(RUNS, "monthly"),
    executor_def=dg.in_process_executor,
    description="The first of the month: copy the key list, index it, compare it; list the bins, "
    "fetch what is new, make their tables.",
)

# Not `products`: a job may not be named like an asset.
products_dump = dg.define_asset_job(
    "products_dump",
    selection=dg.AssetSelection.tag(RUNS, "products_dump"),
    executor_def=dg.in_process_executor,
    description="Read the products dump that the settings name.",
)

image_sets = dg.define_asset_job(
    "image_sets",
    selection=dg.AssetSelection.tag(RUNS, "image_sets"),
    executor_def=dg.in_process_executor,
    description="Make or refresh an image set: choose, fetch, verify.",
)

bin_image_sets = dg.define_asset_job(
    "bin_image_sets",
    selection=dg.AssetSelection.tag(RUNS, "bin_image_sets"),
    executor_def=dg.in_process_executor,
    description="Make or refresh an image set of bins: choose, fetch, verify, label.",
)

imports = dg.define_asset_job(
    "imports",
    selection=dg.AssetSelection.tag(RUNS, "imports"),
    executor_def=dg.in_process_executor,
    description="Take in one import: keep it, look at every record, write the report, and bring "
    "the newest record of each product up to date.",
)

observe_key_list = dg.define_asset_job(
    "observe_key_list",
    selection=dg.AssetSelection.assets("data_keys"),
    executor_def=dg.in_process_executor,
    description="Look at the key list upstream: a new ETag is a new version.",
)

jobs = [monthly, products_dump, image_sets, bin_image_sets, imports, observe_key_list]

"""The jobs that run without anybody watching, selected by tags; no wing is imported here."""

import dagster as dg

# One process for the whole flow: its steps are short, and each new one costs seconds to start.
monthly = dg.define_asset_job(
    "monthly",
    selection=dg.AssetSelection.tag("off_platform/runs", "monthly"),
    executor_def=dg.in_process_executor,
    description="The first of the month: copy the key list, index it, compare it.",
)

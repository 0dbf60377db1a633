"""The asset `open_findings`: what is open over all wings, summed up once a week.

What its step does is in `table_step.py`. The alert is sent by `automation/alert_sensors.py`.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import dagster as dg

from off_platform.open_findings.schemas import OPEN_FINDINGS
from off_platform.resources import LakeResource
from off_platform.settings import Settings
from off_platform.table_assets import Evaluated, SettingsParam, opened, step_of, table_asset

if TYPE_CHECKING:
    from off_platform.open_findings.table_step import TableStep


def _step(
    context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource
) -> "AbstractContextManager[TableStep]":
    from off_platform.open_findings.table_step import TableStep

    return opened(TableStep, context, settings, lake)


def _stored(context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource) -> Evaluated:
    with _step(context, settings, lake) as step:
        yield OPEN_FINDINGS, OPEN_FINDINGS.name, step.stored()


@step_of(
    OPEN_FINDINGS.name,
    [
        table_asset(
            OPEN_FINDINGS,
            "open",
            "weekly",
            [
                *("import_file", "products_quarantined", "products_imported"),
                *("bucket_sync", "key_changes", "image_set", "bin_image_set"),
            ],
        )
    ],
    _stored,
)
def open_findings(
    context: dg.AssetExecutionContext, settings: SettingsParam, lake: LakeResource
) -> dg.MaterializeResult:
    """Looks through the lake and lists what is open."""
    with _step(context, settings, lake) as step:
        return step.make()

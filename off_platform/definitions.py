"""The code location: combines the parts, contains no logic."""

from collections.abc import Callable, Collection

import dagster as dg

from off_platform.arrivals import Arrivals
from off_platform.automation.alert_sensors import alert_sensors
from off_platform.automation.history_job import forget_graph, history_schedule
from off_platform.automation.jobs import jobs
from off_platform.automation.lateness import with_monthly_freshness
from off_platform.automation.schedules import schedules
from off_platform.automation.sensors import inbox_sensor, key_list_sensor
from off_platform.automation.workers import watched_in_process
from off_platform.bins import assets as bins
from off_platform.bins.image_set_assets import bin_image_set_asset
from off_platform.images import assets as images
from off_platform.images.image_set_assets import image_set_asset
from off_platform.imports import assets as imports
from off_platform.imports.specification.views import DERIVED
from off_platform.open_findings.assets import open_findings
from off_platform.resources import LakeResource, inbox_source, resources
from off_platform.settings import Settings, settings
from off_platform.table_assets import with_links_to_code


class LakeWithViews(LakeResource):
    """The lake with the views that wings declare over several tables."""

    derived = DERIVED


def definitions(*, of: Settings) -> dg.Definitions:
    """All definitions, for the current settings.

    Raises:
        off_platform.image_sets.declaration.declared.WrongDeclarationError: a declaration of an
            image set is invalid.
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
        open_findings,
        imports.products_compared,
        imports.products_export,
    ]
    made = resources(of, LakeWithViews)
    # With resources, as Dagster would copy the sensor of a job without, and warn of its `owners`.
    import_batch = imports.import_batch.to_job(resource_defs=made)
    forget_history = forget_graph.to_job(resource_defs=made)
    return dg.Definitions(
        assets=with_links_to_code(with_monthly_freshness(assets)),
        jobs=[*jobs(of.image_sets), import_batch, forget_history],
        schedules=[
            *schedules(
                monthly_cron=of.monthly_cron, weekly_cron=of.weekly_cron, running=of.unattended
            ),
            history_schedule(forget_history, running=of.unattended),
        ],
        sensors=[
            key_list_sensor(running=of.unattended),
            *alert_sensors(of, running=of.unattended),
            *([_inbox_sensor(of, import_batch)] if of.inbox else []),
        ],
        resources=made,
        executor=watched_in_process,
    )


def _inbox_sensor(of: Settings, import_batch: dg.JobDefinition) -> dg.SensorDefinition:
    return inbox_sensor(_inbox(of), import_batch, running=of.unattended)


def _inbox(of: Settings) -> Callable[[str | None, Collection[str]], Arrivals]:
    """Looks into the configured inbox."""
    from off_platform.imports.intake.inbox import look

    def look_into(cursor: str | None, again: Collection[str]) -> Arrivals:
        return look(inbox_source(of), cursor, again)

    return look_into


defs = definitions(of=settings())

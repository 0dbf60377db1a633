"""The asset `image_set`, with one partition per declared set, and its launchpad options.

The work is in `image_set.py`; the manifest and its rules are in `image_sets/manifest.py`.
"""

from dataclasses import replace

import dagster as dg

from off_platform.checks_alone import Evaluated, alone_or_made
from off_platform.image_sets.declaration.declared import declared_choice
from off_platform.image_sets.declaration.launchpad import with_options
from off_platform.image_sets.manifest import manifest_table
from off_platform.images.assets import GROUP, OWNERS, SettingsParam
from off_platform.images.choice import WING, Choice, MonthOptions
from off_platform.images.labels import LABELS, PRODUCT_LABELS
from off_platform.images.lineage import image_set as image_set_lineage
from off_platform.images.schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.partitions import RUNS, image_sets
from off_platform.quality import Table
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.storage.lake_layout import IMAGE_SETS
from off_platform.storage.progress import LogDisplay


@with_options(Choice, MonthOptions)
class ImageSetConfig(dg.Config):
    """Options of an image set; by default those declared in `image_sets.toml`."""


def image_set_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset `image_set` with one partition per declared set of the settings.

    Raises:
        off_platform.image_sets.declaration.declared.WrongDeclarationError: the declarations are
            invalid.
    """
    table = _manifest()
    sets = image_sets(settings.image_sets, WING)
    spec = dg.AssetSpec(
        "image_set",
        group_name=GROUP,
        owners=OWNERS,
        kinds={"s3", "parquet"},
        tags={RUNS: "image_sets"},
        deps=[
            *(
                dg.AssetDep(table, partition_mapping=dg.LastPartitionMapping())
                for table in ("key_index", "photos")
            ),
            PRODUCTS.name,
            PRODUCT_PHOTOS.name,
        ],
        description="A chosen, fetched and verified set of photos, OCR results or both, with its "
        "manifest, data card, gallery and contact sheet.",
        metadata=table.metadata(),
    )
    return dg.multi_asset(
        name="image_set",
        specs=[spec],
        partitions_def=sets,
        check_specs=table.check_specs("image_set", sets),
        can_subset=True,
    )(image_set)


def _stored_set(
    context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource
) -> Evaluated:
    from off_platform.image_sets.set_results import choice_of, set_findings

    into, name = lake.open(), context.partition_key
    folder = into.root.below(f"{IMAGE_SETS}/{name}")
    declared, _ = declared_choice(settings.image_sets, WING, Choice, name)
    with lake.query(into) as connection:
        choice = choice_of(folder, declared, connection)
        table = _manifest(choice.missing_share_most)
        yield table, "image_set", set_findings(table, folder, choice, connection)


@alone_or_made(_stored_set)
def image_set(
    context: dg.AssetExecutionContext,
    config: ImageSetConfig,
    settings: SettingsParam,
    lake: LakeResource,
    images_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Builds the set, resumes it, or fetches new and changed objects."""
    from off_platform.image_sets.planning.started import observer
    from off_platform.image_sets.set_results import set_result
    from off_platform.images.image_set import make_image_set, request_from

    into, name = lake.open(), context.partition_key
    choice, description = declared_choice(settings.image_sets, WING, Choice, name)
    request = request_from(settings, name, choice, description, config.model_dump())
    request = replace(request, when_planned=observer(context, settings, images_bucket.url))
    folder = into.root.below(f"{IMAGE_SETS}/{name}")
    display = LogDisplay(context.log.info)
    with lake.query(into) as connection:
        made = make_image_set(into, images_bucket.open(), request, folder, connection, display)
        into.refresh_views()
        table = _manifest(request.choice.missing_share_most)
        return set_result("image_set", table, made, request.choice, connection)


def _manifest(missing_share_most: float = 0) -> Table:
    of_photos = tuple(name for name in LABELS if name not in PRODUCT_LABELS)
    made_of = image_set_lineage(PRODUCT_LABELS, of_photos)
    return replace(manifest_table(missing_share_most), made_of=made_of)

"""The asset `image_set`, with one partition per declared set, and its launchpad options.

What its step does is in `set_step.py`; the manifest and its rules are in `image_sets/manifest.py`.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import dagster as dg

from off_platform.image_sets.declaration.launchpad import with_options
from off_platform.images.assets import GROUP
from off_platform.images.choice import WING, Choice, MonthOptions
from off_platform.images.labels import set_manifest
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.partitions import image_sets
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.table_assets import Evaluated, SettingsParam, opened, step_of, table_asset

if TYPE_CHECKING:
    from off_platform.images.set_step import ImageSetStep


@with_options(Choice, MonthOptions)
class ImageSetConfig(dg.Config):
    """Options of an image set; by default those declared in `image_sets.toml`."""


def image_set_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset `image_set` with one partition per declared set of the settings.

    Raises:
        off_platform.image_sets.declaration.declared.WrongDeclarationError: the declarations are
            invalid.
    """
    asset = table_asset(
        set_manifest(),
        GROUP,
        "image_sets",
        [
            *(
                dg.AssetDep(table, partition_mapping=dg.LastPartitionMapping())
                for table in ("key_index", "photos")
            ),
            PRODUCTS.name,
            PRODUCT_PHOTOS.name,
        ],
        name="image_set",
        kinds=("s3", "parquet"),
        description="A chosen, fetched and verified set of photos, OCR results or both, with its "
        "manifest, data card, gallery and contact sheet.",
    )
    sets = image_sets(settings.image_sets, WING)
    return step_of("image_set", [asset], _stored, sets)(image_set)


def _step(
    context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource
) -> "AbstractContextManager[ImageSetStep]":
    from off_platform.images.set_step import ImageSetStep

    return opened(ImageSetStep, context, settings, lake)


def _stored(context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource) -> Evaluated:
    with _step(context, settings, lake) as step:
        yield from step.stored()


def image_set(
    context: dg.AssetExecutionContext,
    config: ImageSetConfig,
    settings: SettingsParam,
    lake: LakeResource,
    images_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Builds the set, resumes it, or fetches new and changed objects."""
    with _step(context, settings, lake) as step:
        return step.build(context, images_bucket, config.model_dump())

"""The asset `bin_image_set`, with one partition per declared set, and its launchpad options.

What its step does is in `set_step.py`; the manifest and its rules are in `image_sets/manifest.py`.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import dagster as dg

from off_platform.bins.assets import GROUP
from off_platform.bins.choice import WING, BinChoice
from off_platform.bins.labels import set_manifest
from off_platform.image_sets.declaration.launchpad import with_options
from off_platform.image_sets.declaration.options import RunOptions
from off_platform.partitions import image_sets
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.table_assets import Evaluated, SettingsParam, opened, step_of, table_asset

if TYPE_CHECKING:
    from off_platform.bins.set_step import BinImageSetStep


@with_options(BinChoice, RunOptions)
class BinImageSetConfig(dg.Config):
    """Options of an image set; by default those declared in `image_sets.toml`."""


def bin_image_set_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset `bin_image_set` with one partition per declared set of the settings.

    Raises:
        off_platform.image_sets.declaration.declared.WrongDeclarationError: the declarations are
            invalid.
    """
    asset = table_asset(
        set_manifest(),
        GROUP,
        "bin_image_sets",
        ["bins", "bin_items", "bin_splits"],
        name="bin_image_set",
        kinds=("s3", "parquet"),
        description="A chosen, fetched and verified set of bin photos with their metadata, labels "
        "in the formats of ABID and Udacity, manifest, data card, gallery and contact sheet.",
    )
    sets = image_sets(settings.image_sets, WING)
    return step_of("bin_image_set", [asset], _stored, sets)(bin_image_set)


def _step(
    context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource
) -> "AbstractContextManager[BinImageSetStep]":
    from off_platform.bins.set_step import BinImageSetStep

    return opened(BinImageSetStep, context, settings, lake)


def _stored(context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource) -> Evaluated:
    with _step(context, settings, lake) as step:
        yield from step.stored()


def bin_image_set(
    context: dg.AssetExecutionContext,
    config: BinImageSetConfig,
    settings: SettingsParam,
    lake: LakeResource,
    bins_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Builds the set, resumes it, or fetches new and changed objects."""
    with _step(context, settings, lake) as step:
        return step.build(context, bins_bucket, config.model_dump())

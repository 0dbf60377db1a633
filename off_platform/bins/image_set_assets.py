"""The asset `bin_image_set`, with one partition per declared set, and its launchpad options.

The work is in `image_set.py`; the manifest and its rules are in `image_sets/manifest.py`.
"""

from dataclasses import replace

import dagster as dg

from off_platform.bins.assets import GROUP, OWNERS, SettingsParam
from off_platform.bins.choice import WING, BinChoice
from off_platform.bins.labels import MADE_OF_ITEMS, OF_BINS
from off_platform.bins.lineage import image_set as image_set_lineage
from off_platform.bins.schemas import NEIGHBOURS_DIFFER
from off_platform.checks_alone import Evaluated, alone_or_made
from off_platform.image_sets.declaration.declared import declared_choice
from off_platform.image_sets.declaration.launchpad import with_options
from off_platform.image_sets.declaration.options import RunOptions
from off_platform.image_sets.manifest import manifest_table
from off_platform.partitions import RUNS, image_sets
from off_platform.quality import Table
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.storage.lake_layout import BIN_IMAGE_SETS
from off_platform.storage.progress import LogDisplay


@with_options(BinChoice, RunOptions)
class BinImageSetConfig(dg.Config):
    """Options of an image set; by default those declared in `image_sets.toml`."""


def bin_image_set_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset `bin_image_set` with one partition per declared set of the settings.

    Raises:
        off_platform.image_sets.declaration.declared.WrongDeclarationError: the declarations are
            invalid.
    """
    table, sets = _manifest(), image_sets(settings.image_sets, WING)
    spec = dg.AssetSpec(
        "bin_image_set",
        group_name=GROUP,
        owners=OWNERS,
        kinds={"s3", "parquet"},
        tags={RUNS: "bin_image_sets"},
        deps=["bins", "bin_items", "bin_splits"],
        description="A chosen, fetched and verified set of bin photos with their metadata, labels "
        "in the formats of ABID and Udacity, manifest, data card, gallery and contact sheet.",
        metadata=table.metadata(),
    )
    return dg.multi_asset(
        name="bin_image_set",
        specs=[spec],
        partitions_def=sets,
        check_specs=table.check_specs("bin_image_set", sets),
        can_subset=True,
    )(bin_image_set)


def _stored_set(
    context: dg.AssetExecutionContext, settings: Settings, lake: LakeResource
) -> Evaluated:
    from off_platform.bins.similar_photos import compare_neighbours, sets_at_hand
    from off_platform.image_sets.set_results import choice_of, set_findings

    into, name = lake.open(), context.partition_key
    folder = into.root.below(f"{BIN_IMAGE_SETS}/{name}")
    declared, _ = declared_choice(settings.image_sets, WING, BinChoice, name)
    with lake.query(into) as connection:
        choice = choice_of(folder, declared, connection)
        table = _manifest(choice.missing_share_most)
        found = set_findings(table, folder, choice, connection)
        at_hand = sets_at_hand(into, settings, name)
        neighbours = compare_neighbours(into, connection, name, at_hand)
        yield table, "bin_image_set", {**found, NEIGHBOURS_DIFFER.id: neighbours}


@alone_or_made(_stored_set)
def bin_image_set(
    context: dg.AssetExecutionContext,
    config: BinImageSetConfig,
    settings: SettingsParam,
    lake: LakeResource,
    bins_bucket: BucketResource,
) -> dg.MaterializeResult:
    """Builds the set, resumes it, or fetches new and changed objects."""
    from off_platform.bins.image_set import make_bin_image_set, request_from
    from off_platform.bins.similar_photos import compare_neighbours, sets_at_hand
    from off_platform.image_sets.planning.started import observer
    from off_platform.image_sets.set_results import set_result

    into, name = lake.open(), context.partition_key
    choice, description = declared_choice(settings.image_sets, WING, BinChoice, name)
    request = request_from(settings, name, choice, description, config.model_dump())
    request = replace(request, when_planned=observer(context, settings, bins_bucket.url))
    folder = into.root.below(f"{BIN_IMAGE_SETS}/{name}")
    display = LogDisplay(context.log.info)
    with lake.query(into) as connection:
        made = make_bin_image_set(into, bins_bucket.open(), request, folder, connection, display)
        into.refresh_views()
        at_hand = sets_at_hand(into, settings, name)
        found = {NEIGHBOURS_DIFFER.id: compare_neighbours(into, connection, name, at_hand)}
        table = _manifest(request.choice.missing_share_most)
        return set_result("bin_image_set", table, made, request.choice, connection, found)


def _manifest(missing_share_most: float = 0) -> Table:
    table = manifest_table(missing_share_most)
    return replace(
        table,
        rules=(*table.rules, NEIGHBOURS_DIFFER),
        made_of=image_set_lineage(OF_BINS, MADE_OF_ITEMS),
    )

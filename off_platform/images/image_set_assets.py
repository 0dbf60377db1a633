"""The asset `image_set`, with one partition per declared set, and its launchpad options.

What it does is in `image_set.py`; the manifest and its rules are `image_sets/manifest.py`.
"""

import dagster as dg
from pydantic import Field

from off_platform.image_sets.declared import declared_choice
from off_platform.image_sets.manifest import manifest_table
from off_platform.images.assets import GROUP, OWNERS, SettingsParam, products
from off_platform.images.choice import WING
from off_platform.partitions import RUNS, image_sets
from off_platform.resources import BucketResource, LakeResource
from off_platform.settings import Settings
from off_platform.storage.progress import LogDisplay


def _described(option: str) -> str:
    from off_platform.images.choice import Choice

    return f"{Choice.model_fields[option].description} Left out: as declared."


class ImageSetConfig(dg.Config):
    """Options of an image set; by default those declared in `image_sets.toml`."""

    kind: str | None = Field(default=None, description=_described("kind"))
    n: int | None = Field(default=None, description=_described("n"))
    all: bool = Field(default=False, description="Take all samples and ignore n.")
    seed: int | None = Field(default=None, description=_described("seed"))
    per_product: int | None = Field(default=None, description=_described("per_product"))
    barcode_prefixes: list[str] | None = Field(
        default=None, description=_described("barcode_prefixes")
    )
    image_ids: list[int] | None = Field(default=None, description=_described("image_ids"))
    last_editors: list[str] | None = Field(default=None, description=_described("last_editors"))
    edited_from: str | None = Field(default=None, description=_described("edited_from"))
    edited_until: str | None = Field(default=None, description=_described("edited_until"))
    countries: list[str] | None = Field(default=None, description=_described("countries"))
    categories: list[str] | None = Field(default=None, description=_described("categories"))
    languages: list[str] | None = Field(default=None, description=_described("languages"))
    keep_formats: bool | None = Field(default=None, description=_described("keep_formats"))
    layout: str | None = Field(
        default=None, description="shards or files. Left out: as the settings have it."
    )
    month: str | None = Field(
        default=None,
        description="Month of the key index to choose from, such as 2026-11-01. "
        "Left out: the newest.",
    )


def image_set_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset `image_set` with one partition per declared set of the settings.

    Raises:
        off_platform.image_sets.declared.WrongDeclarationError: the declaring file is wrong.
    """
    table = manifest_table(settings.missing_share_most)
    sets = image_sets(settings.image_sets, WING)

    @dg.asset(
        group_name=GROUP,
        owners=OWNERS,
        kinds={"s3", "parquet"},
        tags={RUNS: "image_sets"},
        partitions_def=sets,
        deps=[dg.AssetDep("key_index", partition_mapping=dg.LastPartitionMapping()), products],
        description="A chosen, fetched and verified set of photos, OCR results or both, with its "
        "manifest, data card, gallery and contact sheet.",
        metadata=table.metadata(),
        check_specs=table.check_specs("image_set", sets),
    )
    def image_set(
        context: dg.AssetExecutionContext,
        config: ImageSetConfig,
        settings: SettingsParam,
        lake: LakeResource,
        images_bucket: BucketResource,
    ) -> dg.MaterializeResult:
        """Builds the set, resumes it, or fetches new and changed objects."""
        from off_platform.image_sets.built_set import set_metadata
        from off_platform.image_sets.manifest import check_manifest
        from off_platform.images.choice import Choice
        from off_platform.images.image_set import make_image_set, request_from
        from off_platform.storage.lake_layout import IMAGE_SETS, MANIFEST

        into, name = lake.open(), context.partition_key
        choice, description = declared_choice(settings.image_sets, WING, Choice, name)
        request = request_from(settings, name, choice, description, config.model_dump())
        folder = into.root.below(f"{IMAGE_SETS}/{name}")
        with lake.query(into) as connection:
            made = make_image_set(
                into, images_bucket.open(), request, folder, connection,
                LogDisplay(context.log.info),
            )  # fmt: skip
            into.refresh_views()
            findings = check_manifest(
                connection,
                table,
                folder.address(MANIFEST),
                samples=request.choice.n,
                decoded_share=request.how.decoded_share,
            )
            return dg.MaterializeResult(
                metadata=set_metadata(made),
                check_results=table.check_results("image_set", findings),
            )

    return image_set

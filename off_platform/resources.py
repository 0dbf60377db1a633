"""Dagster resources: thin wrappers of storage/, shown in the UI with their settings."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import dagster as dg
from pydantic import Field, PrivateAttr, SecretStr, create_model

from off_platform.settings import Settings
from off_platform.storage.derived_views import DerivedView
from off_platform.storage.objects import Access, Source

if TYPE_CHECKING:
    import duckdb

    from off_platform.storage.lake import Lake


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The lake, and DuckDB over it."""

    # The views over several tables; `definitions.py` adds those of the wings.
    derived: ClassVar[Mapping[str, DerivedView]] = {}

    url: str = Field(description="A folder or s3://bucket/prefix.")
    region: str = Field(description="Region of a lake on S3.")
    endpoint: str | None = Field(default=None, description="Another S3 endpoint.")
    memory: str = Field(description="Memory limit of DuckDB.")
    threads: int = Field(description="Threads of DuckDB.")
    # Of the run that uses it.
    _run: str = PrivateAttr(default="")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Updates the views once per run, as a killed run may have left them outdated."""
        self._run = context.run.run_id if context.run else ""
        if (problem := self.open().views_problem()) and context.log:
            context.log.warning("The views could not be compared with the tables: %s", problem)

    def open(self) -> "Lake":
        """The lake; on S3, requests are signed with the standard AWS chain."""
        from off_platform.storage.lake import Lake

        return Lake(self.url, self.access, self.derived, self._run)

    @property
    def access(self) -> Access:
        """How a lake on S3 is reached."""
        return Access(self.region, self.endpoint, signed=True, retries=5)

    @contextmanager
    def query(self, lake: "Lake") -> Iterator["duckdb.DuckDBPyConnection"]:
        """DuckDB in memory with limits; it reads the lake and spills to its scratch folder."""
        from dagster_duckdb import DuckDBResource

        with (
            lake.root.scratch() as spill,
            DuckDBResource(database=":memory:").get_connection() as connection,
        ):
            lake.prepare(connection, self.memory, self.threads, spill)
            yield connection


class BucketResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A public bucket, or its replacement."""

    url: str = Field(description="s3://bucket, a folder, or an address.")
    region: str = Field(description="Region of the bucket.")
    endpoint: str | None = Field(default=None, description="Another S3 endpoint.")
    signed: bool = Field(default=False, description="Whether requests are signed.")
    request_seconds: float = Field(default=60, description="Timeout of a request.")

    def open(self) -> Source:
        """The bucket; connected at first use."""
        access = Access(self.region, self.endpoint, self.signed, self.request_seconds)
        return Source(self.url, access)


def resources(settings: Settings, lake: type[LakeResource]) -> dict[str, object]:
    """All resources, for the current settings; `lake` has the views of the wings."""
    return {
        "settings": settings_resource(settings),
        "lake": lake(
            url=settings.lake,
            region=settings.lake_region,
            endpoint=settings.lake_endpoint,
            memory=settings.duckdb_memory,
            threads=settings.threads,
        ),
        "images_bucket": _bucket(settings, settings.images_bucket, settings.images_region),
        "bins_bucket": _bucket(settings, settings.bins_bucket, settings.bins_region),
    }


class SettingsResource(dg.ConfigurableResource[Settings]):
    """The settings in force, which assets get as `Settings`; see `settings_resource`."""

    of: ClassVar[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> Settings:  # noqa: ARG002
        """The settings, with their secrets."""
        return self.of


def settings_resource(settings: Settings) -> SettingsResource:
    """The settings as a resource whose page in the UI has each one, with its value and meaning.

    Secrets are not among its values, as Dagster stores and shows them; the settings it gives to
    assets have them.
    """
    values = {name: _shown(value) for name, value in settings}
    fields: dict[str, Any] = {
        name: (type(value), Field(description=Settings.model_fields[name].description))
        for name, value in values.items()
    }
    namespace = {"__module__": __name__, "of": settings}
    kept: type[SettingsResource] = type("SettingsResource", (SettingsResource,), namespace)
    shown: Any = create_model(
        "SettingsResource", __base__=kept, __doc__=_in_force(settings), **fields
    )
    resource: SettingsResource = shown(**values)
    return resource


def _shown(value: object) -> str | float:
    """A setting's value, without what may be a secret."""
    if isinstance(value, SecretStr):
        return "set, not shown" if value.get_secret_value() else "not set"
    if isinstance(value, bool | int | float):
        return value
    # The query of a URL may be a signature.
    return str(value).split("?", 1)[0] if value is not None else "not set"


def _in_force(settings: Settings) -> str:
    """Settings that differ from their default, for the UI; secrets are masked by their type."""
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    changed = [
        f"- `OFF_PLATFORM_{name.upper()}` = `{_shown(value)}`"
        for name, value in settings
        if value != defaults[name]
    ]
    return "\n".join(
        ["Settings that differ from their default:", *changed] if changed else ["All defaults."]
    )


def inbox_source(settings: Settings) -> Source:
    """The configured inbox; on S3, requests are signed with the standard AWS chain."""
    access = Access(settings.lake_region, settings.lake_endpoint, signed=True, retries=5)
    return Source(settings.inbox or "", access)


def _bucket(settings: Settings, url: str, region: str) -> BucketResource:
    return BucketResource(
        url=url,
        region=region,
        endpoint=settings.sources_endpoint,
        signed=settings.sources_access == "signed",
        request_seconds=settings.request_seconds,
    )

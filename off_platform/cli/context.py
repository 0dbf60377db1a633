"""Shared by all commands: consoles, exit codes, and the configured lake and buckets."""

from typing import TYPE_CHECKING

from rich.console import Console

from off_platform.storage.objects import Access, Source

if TYPE_CHECKING:
    from off_platform.settings import Settings
    from off_platform.storage.lake import Lake

DONE, INCOMPLETE, WRONG, OUT_OF_REACH, UNFORESEEN = 0, 1, 2, 3, 4

out = Console(emoji=False)
err = Console(stderr=True, emoji=False)


def settings() -> "Settings":
    """The settings; imported here because `--help` needs none and pydantic-settings takes 0.1 s."""
    from off_platform.settings import settings as read

    return read()


def the_lake(of: "Settings") -> "Lake":
    """The configured lake."""
    from off_platform.imports.specification.views import DERIVED
    from off_platform.storage.lake import Lake

    access = Access(of.lake_region, of.lake_endpoint, signed=True, retries=5)
    return Lake(of.lake, access, DERIVED)


def images_bucket(of: "Settings") -> Source:
    """The configured images bucket."""
    return _bucket(of, of.images_bucket, of.images_region)


def bins_bucket(of: "Settings") -> Source:
    """The configured bins bucket."""
    return _bucket(of, of.bins_bucket, of.bins_region)


def _bucket(of: "Settings", url: str, region: str) -> Source:
    signed = of.sources_access == "signed"
    return Source(url, Access(region, of.sources_endpoint, signed, of.request_seconds))

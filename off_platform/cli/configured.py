"""The lake and the buckets that the settings name."""

from off_platform.imports.specification.views import DERIVED
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Access, Source


def the_lake(of: Settings) -> Lake:
    """The configured lake."""
    access = Access(of.lake_region, of.lake_endpoint, signed=True, retries=5)
    return Lake(of.lake, access, DERIVED)


def images_bucket(of: Settings) -> Source:
    """The configured images bucket."""
    return _bucket(of, of.images_bucket, of.images_region)


def bins_bucket(of: Settings) -> Source:
    """The configured bins bucket."""
    return _bucket(of, of.bins_bucket, of.bins_region)


def _bucket(of: Settings, url: str, region: str) -> Source:
    signed = of.sources_access == "signed"
    return Source(url, Access(region, of.sources_endpoint, signed, of.request_seconds))

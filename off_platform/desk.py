"""What every command shares: where it speaks, its exit codes, the lake and buckets that are set."""

from rich.console import Console

from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Access, Source

DONE, INCOMPLETE, WRONG, OUT_OF_REACH = 0, 1, 2, 3

out = Console(emoji=False)
err = Console(stderr=True, emoji=False)


def the_lake(of: Settings) -> Lake:
    """The lake that is set."""
    return Lake(of.lake, Access(of.lake_region, of.lake_endpoint, signed=True, retries=5))


def images_bucket(of: Settings) -> Source:
    """The images bucket that is set."""
    return _bucket(of, of.images_bucket, of.images_region)


def bins_bucket(of: Settings) -> Source:
    """The bins bucket that is set."""
    return _bucket(of, of.bins_bucket, of.bins_region)


def _bucket(of: Settings, url: str, region: str) -> Source:
    signed = of.sources_access == "signed"
    return Source(url, Access(region, of.sources_endpoint, signed, of.request_seconds))

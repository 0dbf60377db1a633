"""Files that Open Food Facts publishes, by a setting: a path, or an address to fetch them from."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from off_platform.settings import PREFIX, Settings
from off_platform.storage.download import download
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Access, is_local, local_folder, open_store
from off_platform.storage.progress import Display
from off_platform.storage.unchanged import unchanged

Setting = Literal["products_dump", "categories_taxonomy"]
_NAMES: dict[Setting, str] = {
    "products_dump": "dump of products",
    "categories_taxonomy": "taxonomy of categories",
}


def access_of(settings: Settings) -> tuple[Access, int]:
    """How URLs are accessed, and the maximum number of attempts, for `at_hand`."""
    access = Access(
        settings.images_region,
        settings.sources_endpoint,
        settings.sources_access == "signed",
        settings.request_seconds,
    )
    return access, settings.attempts


class NoFileError(FileNotFoundError):
    """The configured file does not exist; the message is one sentence."""


@contextmanager
def at_hand(
    lake: Lake,
    location: str,
    setting: Setting,
    access: Access,
    attempts: int,
    display: Display | None = None,
) -> Iterator[Path]:
    """The file as a local one, downloaded first if necessary.

    Args:
        lake: whose scratch folder holds a download.
        location: path or URL.
        setting: that names it, for messages.
        access: how a URL is accessed.
        attempts: maximum number of attempts to fetch it.
        display: shows the progress of a download.

    Raises:
        NoFileError: the path does not exist.
        off_platform.storage.download.DownloadError: the URL cannot be fetched.
        off_platform.storage.unchanged.ChangedFileError: somebody changed the file meanwhile.
    """
    if is_local(location):
        path = local_folder(location)
        if not path.is_file():
            raise NoFileError(
                f"There is no {_NAMES[setting]} at {path}; check {PREFIX}{setting.upper()}."
            )
        with unchanged(path):
            yield path
        return
    parts = urlsplit(location)
    folder, _, name = parts.path.strip("/").rpartition("/")
    store = open_store(f"{parts.scheme}://{parts.netloc}/{folder}", access)
    with lake.root.scratch() as scratch:
        download(store, name, scratch / "file", attempts, display)
        yield scratch / "file"

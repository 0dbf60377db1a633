"""What only a lake in a bucket needs; loading it takes as long as choosing the photos of a set.

The lake itself is `lake.py`.
"""

from functools import cache
from urllib.parse import urlsplit

import duckdb

from off_platform.storage.bucket_files import BucketFiles
from off_platform.storage.bucket_folder import BucketFolder
from off_platform.storage.objects import Access, open_store
from off_platform.storage.uploads import abort_dead_uploads


def folder_of(url: str, access: Access, run: str = "") -> BucketFolder:
    """The prefix of a bucket as a folder; what killed runs left there is removed once it is used.

    `run` is the id of the Dagster run that uses it.

    Raises:
        off_platform.storage.objects.UnusableLocationError: the URL cannot be opened.
    """
    store = open_store(url, access)
    return BucketFolder(store, url, sweep=lambda: _sweep(url, access), access=access, run=run)


def let_read(connection: duckdb.DuckDBPyConnection, url: str, access: Access) -> None:
    """Through obstore: DuckDB's own extension would have to be fetched from its makers."""
    bucket = urlsplit(url).netloc
    store = open_store(f"s3://{bucket}", access)
    connection.register_filesystem(BucketFiles(store, bucket))


@cache
def _sweep(url: str, access: Access) -> None:
    """Aborts dead uploads of a lake, once a process."""
    # Others than those who sign can put nothing into a bucket.
    if url.startswith("s3://") and access.signed:
        parts = urlsplit(url)
        abort_dead_uploads(parts.netloc, parts.path.strip("/"), access)

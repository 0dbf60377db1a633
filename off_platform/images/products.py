"""The tables `products` and `product_photos`: reads the configured dump, and writes both.

`reading.py` recognises and reads a dump.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from off_platform.dumps.facts import FACTS
from off_platform.dumps.published_files import access_of, at_hand
from off_platform.dumps.reading import (
    facts_of,
    photos_query,
    products_query,
    read_dump,
    rejected_query,
)
from off_platform.images.schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.progress import Display

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class ProductsFacts:
    """Facts about the import.

    Attributes:
        rows: of `products`.
        rejected: rows skipped.
        reasons: why, in sentences.
        lacking: columns of `products` that the dump cannot fill.
        photos: rows of `product_photos`.
    """

    rows: int
    rejected: int
    reasons: tuple[str, ...]
    lacking: frozenset[str]
    photos: int = 0


def make_products(
    lake: Lake,
    location: str,
    settings: Settings,
    connection: "duckdb.DuckDBPyConnection",
    display: Display | None = None,
) -> ProductsFacts:
    """Replaces both tables with the content of a dump.

    Args:
        lake: where the tables are stored.
        location: path or URL of the dump.
        settings: how URLs are accessed.
        connection: DuckDB that can read the lake.
        display: shows the progress of a download.

    Raises:
        off_platform.dumps.published_files.NoFileError: the path does not exist.
        off_platform.storage.download.DownloadError: the URL cannot be fetched.
        off_platform.dumps.formats.UnknownDumpError: it is not a dump of Open Food Facts.
    """
    how = (*access_of(settings), display)
    with at_hand(lake, location, "products_dump", *how) as path:
        read_dump(connection, path)
        query = photos_query()
        photos = lake.replace_from_query(
            PRODUCT_PHOTOS.name, None, PRODUCT_PHOTOS.arrow, connection, query
        )
        query = f"""SELECT * REPLACE (last_modified AT TIME ZONE 'UTC' AS last_modified)
            FROM ({products_query()}) ORDER BY code"""
        rows = lake.replace_from_query(PRODUCTS.name, None, PRODUCTS.arrow, connection, query)
        rejected = connection.execute(rejected_query()).fetchall()
        lacking = frozenset(FACTS) - facts_of(path)
    reasons = tuple(f"{count:,} rows: {reason}" for reason, count in rejected)
    return ProductsFacts(rows, sum(count for _, count in rejected), reasons, lacking, photos)

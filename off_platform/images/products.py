"""The tables `products` and `product_photos`: reads the configured dump, and writes both.

`reading.py` recognises and reads a dump. What only the dump shows, the rows left out and the facts
that it lacks, is written into the file of `products`.
"""

import json
from dataclasses import asdict, dataclass
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
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.settings import Settings
from off_platform.storage.engine import facts_in
from off_platform.storage.lake import Lake
from off_platform.storage.progress import Display

if TYPE_CHECKING:
    import duckdb

# The key in the metadata of the Parquet file of `products`.
OF_DUMP = "off_platform"


@dataclass(frozen=True)
class DumpFacts:
    """What the tables do not show of their dump.

    Attributes:
        rejected: rows skipped.
        reasons: why, in sentences.
        lacking: columns of `products` that the dump cannot fill, sorted.
    """

    rejected: int
    reasons: tuple[str, ...]
    lacking: tuple[str, ...] = ()

    @property
    def in_file(self) -> dict[str, str]:
        """As metadata of a Parquet file."""
        return {OF_DUMP: json.dumps(asdict(self), sort_keys=True)}


def make_products(
    lake: Lake,
    location: str,
    settings: Settings,
    connection: "duckdb.DuckDBPyConnection",
    display: Display | None = None,
) -> DumpFacts:
    """Replaces both tables with the content of a dump.

    Args:
        lake: where the tables are stored.
        location: path or URL of the dump.
        settings: how URLs are accessed.
        connection: DuckDB that can read the lake.
        display: shows the progress of a download.

    Returns:
        What the tables do not show of the dump; `products` keeps it in its file.

    Raises:
        off_platform.dumps.published_files.NoFileError: the path does not exist.
        off_platform.storage.download.DownloadError: the URL cannot be fetched.
        off_platform.dumps.formats.UnknownDumpError: it is not a dump of Open Food Facts.
    """
    how = (*access_of(settings), display)
    with at_hand(lake, location, "products_dump", *how) as path:
        read_dump(connection, path)
        rejected = connection.execute(rejected_query()).fetchall()
        reasons = tuple(f"{count:,} rows: {reason}" for reason, count in rejected)
        lacking = tuple(sorted(set(FACTS) - facts_of(path)))
        facts = DumpFacts(sum(count for _, count in rejected), reasons, lacking)
        lake.replace_from_query(
            PRODUCT_PHOTOS.name, None, PRODUCT_PHOTOS.arrow, connection, photos_query()
        )
        query = f"""SELECT * REPLACE (last_modified AT TIME ZONE 'UTC' AS last_modified)
            FROM ({products_query()}) ORDER BY code"""
        lake.replace_from_query(
            PRODUCTS.name, None, PRODUCTS.arrow, connection, query, facts.in_file
        )
    return facts


def stored_facts(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> DumpFacts | None:
    """What `products` keeps of its dump; None if an earlier version made it, which kept nothing.

    Raises:
        off_platform.storage.lake.NoSuchTableError: there is no such table.
    """
    found = facts_in(connection, lake.address(PRODUCTS.name), OF_DUMP)
    if found is None:
        return None
    facts = json.loads(found)
    return DumpFacts(facts["rejected"], tuple(facts["reasons"]), tuple(facts["lacking"]))

"""`bin_objects`: the listing of the bucket, and when it was last made.

A listing has size, ETag and time of each object, so no object is requested for them. `collect.py`
fetches the objects.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from off_platform.bins.keys import ID_SQL, IMAGES, METADATA, PART_SQL, SPACE_SQL
from off_platform.bins.object_schemas import BIN_OBJECTS
from off_platform.storage.lake import Lake
from off_platform.storage.listing import Span, spans, write_listing
from off_platform.storage.objects import Source, is_local
from off_platform.storage.progress import Display
from off_platform.storage.sql import as_pattern, literal
from off_platform.storage.transfer import Limits

if TYPE_CHECKING:
    import duckdb

# The time of the last listing: of one that found nothing new, the table says nothing.
LISTED = "listed/bin_objects"


class EmptyBucketError(LookupError):
    """The bucket lists nothing of the dataset; the message is one sentence."""


@dataclass(frozen=True)
class Listed:
    """What the bucket lists.

    Attributes:
        objects: how many.
        metadata: how many of them are a bin's metadata.
        images: how many a bin's photo.
        added: not there at the listing before, or other than then.
        gone: there at the listing before.
        sentence: the same for people.
    """

    objects: int
    metadata: int
    images: int
    added: int
    gone: int
    sentence: str


def list_objects(
    lake: Lake,
    source: Source,
    connection: "duckdb.DuckDBPyConnection",
    limits: Limits,
    display: Display | None = None,
    gone_share_most: float = 1.0,
) -> Listed:
    """Makes `bin_objects` anew.

    Args:
        lake: where the table goes.
        source: the bucket.
        connection: DuckDB that can read the lake.
        limits: bounds.
        display: where progress is shown.
        gone_share_most: the largest share of the known objects that may be gone.

    Raises:
        off_platform.storage.listing.ListingError: the bucket cannot be listed; nothing is changed.
        EmptyBucketError: the dataset is missing, or too much of it; nothing is changed.
    """
    prefixes = (METADATA, IMAGES)
    parts = (
        [Span(prefix) for prefix in prefixes]
        if is_local(source.url)
        else [span for prefix in prefixes for span in spans(prefix)]
    )
    with lake.root.scratch() as scratch:
        write_listing(
            source.store,
            parts,
            scratch,
            concurrency=limits.concurrency,
            attempts=limits.attempts,
            display=display,
        )
        listed = _objects_query(f"read_parquet({literal(f'{as_pattern(str(scratch))}/*.parquet')})")
        if not _counts(connection, f"SELECT count(id) FROM ({listed})")[0]:
            raise EmptyBucketError(
                f"{source.url} has no bins below {METADATA} and {IMAGES}; nothing was changed."
            )
        added, gone = _compared(lake, connection, listed)
        _demand_same_bucket(lake, source, connection, gone, gone_share_most)
        if added or gone or not lake.has(BIN_OBJECTS.name):
            lake.replace_from_query(
                BIN_OBJECTS.name, None, BIN_OBJECTS.arrow, connection, f"{listed} ORDER BY key"
            )
    lake.root.write(LISTED, datetime.now(UTC).isoformat(timespec="seconds").encode())
    return _listed(lake, connection, added, gone)


def last_listed(lake: Lake) -> str:
    """When the bucket was last listed, for messages; "at an unknown time" if not recorded."""
    try:
        listed = datetime.fromisoformat(lake.root.read(LISTED).decode())
    except (FileNotFoundError, ValueError):
        return "at an unknown time"
    return f"on {listed:%Y-%m-%d at %H:%M} UTC"


def _demand_same_bucket(
    lake: Lake,
    source: Source,
    connection: "duckdb.DuckDBPyConnection",
    gone: int,
    share_most: float,
) -> None:
    if not gone:
        return
    known = int(_counts(connection, f"SELECT count(*) FROM {lake.rows_of(BIN_OBJECTS.name)}")[0])
    if gone > share_most * known:
        raise EmptyBucketError(
            f"{gone:,} of the {known:,} objects that the lake knows are not in {source.url}; "
            "nothing was changed: check the bucket's URL, or use another lake for this bucket."
        )


def _objects_query(listing: str) -> str:
    return f"""
        SELECT key, part, CASE WHEN id_space IS NOT NULL THEN id END AS id, id_space, bytes, etag,
            last_modified
        FROM (SELECT *, {SPACE_SQL} AS id_space FROM (
            SELECT *, {PART_SQL} AS part, {ID_SQL} AS id FROM {listing}))"""


def _compared(lake: Lake, connection: "duckdb.DuckDBPyConnection", listed: str) -> tuple[int, int]:
    """Numbers of new or changed objects, and of removed ones, since the previous listing."""
    if not lake.has(BIN_OBJECTS.name):
        return int(_counts(connection, f"SELECT count(*) FROM ({listed})")[0]), 0
    added, gone = _counts(
        connection,
        f"""
        SELECT count(*) FILTER (n.key IS NOT NULL AND (b.key IS NULL
                OR (n.etag, n.bytes) IS DISTINCT FROM (b.etag, b.bytes))),
            count(*) FILTER (n.key IS NULL)
        FROM ({listed}) AS n FULL JOIN {lake.rows_of(BIN_OBJECTS.name)} AS b USING (key)""",
    )
    return int(added), int(gone)


def _listed(lake: Lake, connection: "duckdb.DuckDBPyConnection", added: int, gone: int) -> Listed:
    objects, metadata, images = _counts(
        connection,
        f"""
        SELECT count(*), count(id) FILTER (part = 'metadata'), count(id) FILTER (part = 'image')
        FROM {lake.rows_of(BIN_OBJECTS.name)}""",
    )
    what = f"{metadata:,} metadata and {images:,} photos are listed"
    change = (
        f"{added:,} objects are new or changed, {gone:,} gone"
        if added or gone
        else "nothing has changed since the previous listing"
    )
    return Listed(objects, metadata, images, added, gone, f"{what}; {change}.")


def _counts(connection: "duckdb.DuckDBPyConnection", query: str) -> Any:
    return connection.execute(query).fetchall()[0]

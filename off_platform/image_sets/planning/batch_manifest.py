"""The CSV manifest of S3 Batch Operations: bucket and key, encoded as in a URL, no header.

A job of S3 copies these objects to another bucket as they are, up to 5 GB each. Nothing verifies
or describes them, and they stay loose: it is for whoever wants the photos rather than a set.
"""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from off_platform.image_sets.declaration.declared import UnusableChoiceError
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb


def write_batch_manifest(
    connection: "duckdb.DuckDBPyConnection", objects: str, url: str, to: Path
) -> None:
    """Writes the manifest, in the order of the plan.

    Args:
        connection: DuckDB that can read the objects.
        objects: SQL of them, with the column key.
        url: of the source.
        to: the file to write.

    Raises:
        UnusableChoiceError: the source is not a bucket.
        OSError: the file cannot be written.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3":
        raise UnusableChoiceError(
            f"S3 Batch Operations copies from a bucket, but the source is {url}: give --s3-batch "
            "only for an s3:// source."
        )
    prefix = quote(f"{parts.path.strip('/')}/".lstrip("/"))
    key = f"{literal(prefix)} || replace(url_encode(key), '%2F', '/')"
    # Neither part has a comma or quote, so that no value needs quoting.
    line = f"SELECT {literal(parts.netloc)} || ',' || {key} AS line FROM ({objects})"
    with to.open("wb") as file:
        for batch in connection.sql(line).to_arrow_reader(BATCH_ROWS):
            file.write("".join(f"{line}\n" for line in batch.column(0).to_pylist()).encode())


BATCH_ROWS = 100_000

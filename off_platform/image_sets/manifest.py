"""The manifest of an image set: its columns, its rules, and what is found when they are checked.

How the rows come about is `build.py`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from off_platform.quality import SHAPE, Column, Finding, Rule, Table, frames, validate
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

# Objects other than photos describe the sample's photo.
TEXT_KINDS = ("ocr", "metadata")
STATUSES = ("fetched", "missing", "refused", "corrupt", "failed")
BATCH_ROWS = 50_000

COLUMNS = (
    Column("position", "int64", "Order of the object in the set, from 0.", least=0, rule=SHAPE),
    Column("image_set", "string", "Name of the set."),
    Column("sample", "string", "The stem that the objects of one sample share."),
    Column("key", "string", "Key in the bucket."),
    Column("barcode", "string", "The product, in normal form.", nullable=True),
    Column("image_id", "int32", "The image's number within its product.", nullable=True),
    Column("kind", "string", "Kind of object."),
    Column(
        "status",
        "string",
        "What became of it: fetched, missing, refused, corrupt or failed.",
        rule="every_object_accounted_for",
        one_of=STATUSES,
    ),
    Column(
        "reason",
        "string",
        "Why it was not fetched, or why it is a copy from an earlier run, in a sentence.",
        nullable=True,
    ),
    Column("bytes", "int64", "Size of the object, in bytes.", nullable=True),
    Column("md5", "string", "MD5 of the object's bytes.", nullable=True),
    Column("etag", "string", "Its ETag in the bucket.", nullable=True),
    Column("last_modified", "timestamp", "When the bucket says it was written.", nullable=True),
    Column("width", "int32", "Width of a photo as stored, in pixels.", nullable=True),
    Column("height", "int32", "Height of a photo as stored, in pixels.", nullable=True),
    Column("shown_width", "int32", "Width once turned upright, in pixels.", nullable=True),
    Column("shown_height", "int32", "Height once turned upright, in pixels.", nullable=True),
    Column("orientation", "int32", "EXIF orientation of a photo, 1 to 8.", nullable=True),
    Column("format", "string", "Format of a photo: JPEG; PNG, WebP or GIF if kept.", nullable=True),
    Column("decoded", "bool", "Whether the photo was decoded in full."),
    Column("ocr_status", "string", "text, no text, empty or error.", nullable=True),
    Column("path", "string", "The shard or file, from the set's folder.", nullable=True),
    Column("offset", "int64", "Byte in the shard where its data starts.", nullable=True),
    Column("stored_bytes", "int64", "Size as stored; OCR in shards is unpacked.", nullable=True),
    Column("url", "string", "Where the object can be looked at."),
    Column("licence", "string", "Licence of the object."),
    Column("attribution", "string", "Whom to name."),
)

NOT_IN_OLDER_ONES = frozenset({"shown_width", "shown_height", "orientation", "format"})
"""Columns that manifests of earlier versions lack; their sets can still be refreshed."""


def manifest_table(missing_share_most: float) -> Table:
    """The manifest with its rules.

    Args:
        missing_share_most: share of missing objects that is tolerated.
    """
    return Table(
        "manifest",
        "A row an object of an image set, with what became of it.",
        COLUMNS,
        (
            Rule(SHAPE, "The manifest has its columns, with their types.", blocking=True),
            Rule("exactly_n_chosen", "The number of chosen samples is the one requested."),
            Rule("every_object_accounted_for", "Each object of the choice has one row that says "
                 "what became of it."),
            Rule("few_missing", "No more than the set share is missing or refused upstream.",
                 tolerated=missing_share_most),
            Rule("none_corrupt", "Every fetched object is complete.", tolerated=missing_share_most),
            Rule("none_failed", "No object failed for a temporary reason."),
            Rule("md5_recorded", "The MD5 of every fetched object is recorded."),
            Rule("md5_matches_etag", "Where the ETag is an MD5, it matches the fetched bytes."),
            Rule("photo_sizes_read", "Width and height of every fetched photo were read from "
                 "its header."),
            Rule("sample_decoded", "The stated share of photos was decoded in full."),
            Rule("paths_unique", "Every object has its own path."),
            Rule("photos_unique", "No two photos of a set have the same bytes.", "warning"),
            Rule("ocr_succeeded", "Cloud Vision succeeded for the OCR results.", "warning",
                 tolerated=0.02),
        ),
    )  # fmt: skip


def check_manifest(
    connection: "duckdb.DuckDBPyConnection",
    table: Table,
    path: str,
    *,
    samples: int | None,
    decoded_share: float,
) -> dict[str, Finding]:
    """What was found for each rule.

    Args:
        connection: DuckDB that can read the manifest.
        table: from `manifest_table`.
        path: of the manifest, a Parquet file.
        samples: number of samples asked for; None for all there are.
        decoded_share: share of photos that should be decoded in full.
    """
    rows = f"read_parquet({literal(path)})"
    findings = validate(table, _batches(connection, rows))
    for rule, (of, broken) in _QUERIES.items():
        findings[rule] = _counted(connection, rows, of, broken)
    findings["exactly_n_chosen"] = _chosen(connection, rows, samples)
    findings["sample_decoded"] = _decoded(connection, rows, decoded_share)
    return findings


_PHOTO = f"status = 'fetched' AND kind NOT IN {TEXT_KINDS}"
# rule -> which rows it is about, which of them break it
_QUERIES = {
    "few_missing": ("true", "status IN ('missing', 'refused')"),
    "none_corrupt": ("status IN ('fetched', 'corrupt')", "status = 'corrupt'"),
    # A copy from an earlier run has the reason why there is no current one.
    "none_failed": ("true", "status = 'failed' OR (status = 'fetched' AND reason IS NOT NULL)"),
    "md5_recorded": (
        "status = 'fetched'",
        "md5 IS NULL OR NOT regexp_full_match(md5, '[0-9a-f]{32}')",
    ),
    # Under SSE-KMS and SSE-C an ETag of 32 digits is not an MD5: then not one of them is.
    "md5_matches_etag": (
        r"""status = 'fetched' AND regexp_full_match(etag, '"?[0-9a-f]{32}"?')""",
        "trim(etag, '\"') <> md5 AND bool_or(trim(etag, '\"') = md5) OVER ()",
    ),
    "photo_sizes_read": (_PHOTO, "NOT coalesce(width > 0 AND height > 0, false)"),
    "paths_unique": (
        "status = 'fetched'",
        'path IS NULL OR count(*) OVER (PARTITION BY path, "offset") > 1',
    ),
    "photos_unique": (_PHOTO, "count(*) OVER (PARTITION BY md5) > 1"),
    "ocr_succeeded": ("status = 'fetched' AND kind = 'ocr'", "ocr_status = 'error'"),
}


def _batches(connection: "duckdb.DuckDBPyConnection", rows: str) -> Iterator["pd.DataFrame"]:
    yield from frames(connection.sql(f"FROM {rows} ORDER BY position").to_arrow_reader(BATCH_ROWS))


def _counted(connection: "duckdb.DuckDBPyConnection", rows: str, of: str, broken: str) -> Finding:
    looked_at = f"SELECT key, reason, ({broken}) AS broken FROM {rows} WHERE {of}"
    ((number, failed, examples),) = connection.execute(f"""
        SELECT count(*), coalesce(count_if(broken), 0), list(key || coalesce(': ' || reason, ''))
            FILTER (broken)[:5] FROM ({looked_at})""").fetchall()
    finding = Finding(of=number)
    finding.add(failed, examples or [])
    return finding


def _chosen(connection: "duckdb.DuckDBPyConnection", rows: str, samples: int | None) -> Finding:
    ((found, objects, keys),) = connection.execute(
        f"SELECT count(DISTINCT sample), count(*), count(DISTINCT key) FROM {rows}"
    ).fetchall()
    wanted = found if samples is None else samples
    finding = Finding(broken=abs(wanted - found) + objects - keys, of=wanted)
    if found < wanted:
        finding.note = f"{wanted:,} samples were requested, but there are only {found:,}."
    return finding


def _decoded(connection: "duckdb.DuckDBPyConnection", rows: str, share: float) -> Finding:
    ((photos, decoded),) = connection.execute(
        f"SELECT count(*), count(*) FILTER (decoded) FROM {rows} WHERE {_PHOTO}"
    ).fetchall()
    # The photos are taken at even steps, some of which meet missing ones.
    short = max(int(photos * share * 0.5) - decoded, 0)
    note = f"{decoded:,} of {photos:,} photos were decoded in full."
    return Finding(broken=short, of=photos, note=note)

"""Checks each rule of `manifest.py` over all rows of a manifest."""

from collections.abc import Iterator, Mapping

import duckdb
import pandas as pd

from off_platform.image_sets.division.split_checks import split_findings
from off_platform.image_sets.manifest import COLUMNS, TEXT_KINDS
from off_platform.pandera_checks import frames, validate
from off_platform.quality import Finding, Table
from off_platform.storage.sql import identifier, literal

BATCH_ROWS = 50_000


def check_manifest(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    path: str,
    *,
    samples: int | None,
    decoded_share: float,
    shares: Mapping[str, float] | None = None,
) -> dict[str, Finding]:
    """Checks a manifest; returns the finding of each rule.

    Args:
        connection: DuckDB that can read the manifest.
        table: from `manifest_table`.
        path: of the manifest, a Parquet file.
        samples: number of samples requested; None for all.
        decoded_share: share of photos that should be decoded in full.
        shares: of the splits, by name; empty if the set is not split.
    """
    rows = f"read_parquet({literal(path)})"
    findings = validate(table, _batches(connection, rows))
    for rule, (of, broken) in _QUERIES.items():
        findings[rule] = _counted(connection, rows, of, broken)
    findings["exactly_n_chosen"] = _chosen(connection, rows, samples)
    findings["sample_decoded"] = _decoded(connection, rows, decoded_share)
    return findings | split_findings(connection, rows, shares or {})


_PHOTO = f"status = 'fetched' AND kind NOT IN {TEXT_KINDS}"
# rule -> which rows it applies to, which of them break it
_QUERIES = {
    "few_missing": ("true", "status IN ('missing', 'refused')"),
    "none_corrupt": ("status IN ('fetched', 'corrupt')", "status = 'corrupt'"),
    # A copy from an earlier run has a reason why there is no current one.
    "none_failed": ("true", "status = 'failed' OR (status = 'fetched' AND reason IS NOT NULL)"),
    "md5_recorded": (
        "status = 'fetched'",
        "md5 IS NULL OR NOT regexp_full_match(md5, '[0-9a-f]{32}')",
    ),
    # Under SSE-KMS and SSE-C an ETag of 32 digits is not an MD5; then none of them is.
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


def _batches(connection: duckdb.DuckDBPyConnection, rows: str) -> Iterator[pd.DataFrame]:
    names = ", ".join(identifier(column.name) for column in COLUMNS)
    query = f"SELECT {names} FROM {rows} ORDER BY position"
    yield from frames(connection.sql(query).to_arrow_reader(BATCH_ROWS))


def _counted(connection: duckdb.DuckDBPyConnection, rows: str, of: str, broken: str) -> Finding:
    looked_at = f"SELECT key, reason, ({broken}) AS broken FROM {rows} WHERE {of}"
    ((number, failed, examples),) = connection.execute(f"""
        SELECT count(*), coalesce(count_if(broken), 0), list(key || coalesce(': ' || reason, ''))
            FILTER (broken)[:5] FROM ({looked_at})""").fetchall()
    finding = Finding(of=number)
    finding.add(failed, examples or [])
    return finding


def _chosen(connection: duckdb.DuckDBPyConnection, rows: str, samples: int | None) -> Finding:
    ((found, objects, keys),) = connection.execute(
        f"SELECT count(DISTINCT sample), count(*), count(DISTINCT key) FROM {rows}"
    ).fetchall()
    wanted = found if samples is None else samples
    finding = Finding(broken=abs(wanted - found) + objects - keys, of=wanted)
    if found < wanted:
        finding.note = f"{wanted:,} samples were requested, but there are only {found:,}."
    return finding


def _decoded(connection: duckdb.DuckDBPyConnection, rows: str, share: float) -> Finding:
    ((photos, decoded),) = connection.execute(
        f"SELECT count(*), count(*) FILTER (decoded) FROM {rows} WHERE {_PHOTO}"
    ).fetchall()
    # The photos are chosen at regular intervals, and some of these are missing.
    short = max(int(photos * share * 0.5) - decoded, 0)
    note = f"{decoded:,} of {photos:,} photos were decoded in full."
    return Finding(broken=short, of=photos, note=note)

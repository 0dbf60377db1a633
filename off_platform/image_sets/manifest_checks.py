"""Checks each rule of `manifest.py` over all rows of a manifest.

Memory does not grow with the manifest: what rows must not share is counted by 64-bit hashes, some
million at a time, and only rows whose hash occurs twice are compared with each other.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from off_platform.image_sets.division.split_checks import split_findings
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.quality import MOST_EXAMPLES, Finding, Table
from off_platform.storage.fetch import md5_hex
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal
from off_platform.storage.threads import in_order
from off_platform.table_bounds import bounds_kept

if TYPE_CHECKING:
    import duckdb

# Objects whose bytes are read again; in a bucket each is a request.
READ_AGAIN = 200
READ_AT_ONCE = 16
# Rows whose hashes are held at once: some 150 MB.
HASHED_ROWS = 2_000_000


def check_manifest(
    connection: "duckdb.DuckDBPyConnection",
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
    rows = f"read_parquet({file_literal(path)})"
    findings = bounds_kept(connection, table, rows) | _counted(connection, rows)
    for rule, (of, value, also) in _UNIQUE.items():
        findings[rule] = _unique(connection, rows, of, value, also)
    findings["exactly_n_chosen"] = _chosen(connection, rows, samples)
    findings["sample_decoded"] = _decoded(connection, rows, decoded_share)
    return findings | split_findings(connection, rows, shares or {})


def read_again(connection: "duckdb.DuckDBPyConnection", folder: Folder) -> Finding:
    """Reads some objects of a set again and compares their bytes with the MD5 in the manifest.

    At most `READ_AGAIN`, spread over the set: a shard in which rows name other places than those of
    their objects has no row that is right by chance. Objects that are not stored as they were
    fetched have no MD5 to compare, and rows of Parquet files are written together with their bytes.

    Args:
        connection: DuckDB that can read the manifest.
        folder: the set's.
    """
    rows = connection.execute(f"""
        SELECT key, path, coalesce("offset", 0), bytes, md5
        FROM read_parquet({file_literal(folder.address(MANIFEST))})
        WHERE path IS NOT NULL AND path NOT LIKE '%.parquet' AND stored_bytes = bytes
            AND processing IS NULL
        ORDER BY hash(position), position LIMIT {READ_AGAIN}""").fetchall()

    def problem(row: tuple[str, str, int, int, str]) -> str | None:
        key, path, offset, size, md5 = row
        try:
            data = folder.read(path, offset, size)
        except FileNotFoundError:
            return f"{key}: {path} is missing"
        return None if md5_hex(data) == md5 else f"{key}: other bytes are stored at {path}"

    wrong = [found for found in in_order(problem, rows, READ_AT_ONCE) if found]
    finding = Finding(of=len(rows))
    finding.add(len(wrong), wrong[:MOST_EXAMPLES])
    return finding


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
        "trim(etag, '\"') <> md5 AND some_etag_is_md5",
    ),
    "photo_sizes_read": (_PHOTO, "NOT coalesce(width > 0 AND height > 0, false)"),
    "ocr_succeeded": ("status = 'fetched' AND kind = 'ocr'", "ocr_status = 'error'"),
}
# rule -> which rows it applies to, what no two of them share, which of them break it anyway
_UNIQUE = {
    "paths_unique": ("status = 'fetched'", '(path, "offset")', "path IS NULL"),
    "photos_unique": (_PHOTO, "md5", "false"),
}
_EXAMPLE = "key || coalesce(': ' || reason, '')"


def _counted(connection: "duckdb.DuckDBPyConnection", rows: str) -> dict[str, Finding]:
    """The findings of the rules on single rows, in one scan."""
    of_etag = _QUERIES["md5_matches_etag"][0]
    figures = ", ".join(
        f"count_if({of}), count_if(({of}) AND ({broken})), {_examples(f'({of}) AND ({broken})')}"
        for of, broken in _QUERIES.values()
    )
    (found,) = connection.execute(f"""
        WITH etags AS (SELECT coalesce(bool_or(trim(etag, '"') = md5), false) AS some_etag_is_md5
            FROM {rows} WHERE {of_etag})
        SELECT {figures} FROM {rows}, etags""").fetchall()
    findings = {}
    for place, rule in enumerate(_QUERIES):
        number, failed, examples = found[3 * place : 3 * place + 3]
        findings[rule] = Finding(of=number or 0)
        findings[rule].add(failed or 0, examples or [])
    return findings


def _examples(broken: str) -> str:
    """SQL for the first rows that break a rule."""
    return f"arg_min({_EXAMPLE}, position, {MOST_EXAMPLES}) FILTER ({broken})"


def _unique(
    connection: "duckdb.DuckDBPyConnection", rows: str, of: str, value: str, also: str
) -> Finding:
    """The finding of a rule that no two rows share a value."""
    _hash_distinct(connection, rows, of, value)
    # Rows of which another has the same hash are compared themselves.
    again = f"""SELECT *, count(*) OVER (PARTITION BY {value}) > 1 AS shared
        FROM (SELECT key, reason, position, path, "offset", md5 FROM {rows}
            WHERE ({of}) AND hash({value}) IN (FROM repeated_hashes))"""
    alone = f"""SELECT key, reason, position, path, "offset", md5, true AS shared FROM {rows}
        WHERE ({of}) AND ({also}) AND hash({value}) NOT IN (FROM repeated_hashes)"""
    ((broken, examples),) = connection.execute(f"""
        SELECT count(*), {_examples("true")}
        FROM (FROM ({again}) WHERE shared OR ({also}) UNION ALL FROM ({alone}))""").fetchall()
    ((number,),) = connection.execute(f"SELECT count(*) FROM {rows} WHERE {of}").fetchall()
    connection.execute("DROP TABLE repeated_hashes")
    finding = Finding(of=number)
    finding.add(broken, examples or [])
    return finding


def _hash_distinct(connection: "duckdb.DuckDBPyConnection", rows: str, of: str, value: str) -> int:
    """Counts the different hashes of a value; those of several rows go to `repeated_hashes`."""
    ((number,),) = connection.execute(f"SELECT count(*) FROM {rows} WHERE {of}").fetchall()
    passes = -(-number // HASHED_ROWS)
    connection.execute("CREATE OR REPLACE TEMP TABLE repeated_hashes (hashed UBIGINT)")
    found = 0
    for place in range(passes):
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE counted_hashes AS
            SELECT hashed, count(*) > 1 AS repeated
            FROM (SELECT hash({value}) AS hashed FROM {rows} WHERE {of})
            WHERE hashed % {passes} = {place} GROUP BY hashed""")
        connection.execute(
            "INSERT INTO repeated_hashes SELECT hashed FROM counted_hashes WHERE repeated"
        )
        found += connection.execute("SELECT count(*) FROM counted_hashes").fetchall()[0][0]
    connection.execute("DROP TABLE IF EXISTS counted_hashes")
    return int(found)


def _chosen(connection: "duckdb.DuckDBPyConnection", rows: str, samples: int | None) -> Finding:
    ((objects, keys),) = connection.execute(f"SELECT count(*), count(key) FROM {rows}").fetchall()
    found = _distinct(connection, rows, "sample", samples)
    different = _distinct(connection, rows, "key", keys)
    wanted = found if samples is None else samples
    finding = Finding(broken=abs(wanted - found) + objects - different, of=wanted)
    if found < wanted:
        finding.note = f"{wanted:,} samples were requested, but there are only {found:,}."
    return finding


def _distinct(
    connection: "duckdb.DuckDBPyConnection", rows: str, column: str, expected: int | None
) -> int:
    """The number of different values; two of them may have the same hash, so others are counted."""
    found = _hash_distinct(connection, rows, f"{column} IS NOT NULL", column)
    if found == expected:
        return found
    return int(connection.execute(f"SELECT count(DISTINCT {column}) FROM {rows}").fetchall()[0][0])


def _decoded(connection: "duckdb.DuckDBPyConnection", rows: str, share: float) -> Finding:
    ((photos, decoded),) = connection.execute(
        f"SELECT count(*), count(*) FILTER (decoded) FROM {rows} WHERE {_PHOTO}"
    ).fetchall()
    # The photos are chosen at regular intervals, and some of these are missing.
    short = max(int(photos * share * 0.5) - decoded, 0)
    note = f"{decoded:,} of {photos:,} photos were decoded in full."
    return Finding(broken=short, of=photos, note=note)

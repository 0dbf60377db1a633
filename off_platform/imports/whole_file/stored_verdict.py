"""The verdict of an import, from its tables: what its checks need of it, without its file."""

from collections import Counter
from typing import TYPE_CHECKING

from off_platform.imports.readers.batches import Found, SourceFile
from off_platform.imports.specification.rules import BY_ID, CHECKS
from off_platform.imports.specification.tables import (
    IMPORT,
    IMPORT_FINDINGS,
    IMPORTS,
    PRODUCTS_ACCEPTED,
    PRODUCTS_QUARANTINED,
)
from off_platform.imports.whole_file.verdict import Verdict
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

_REFUSING = {check.id for check in CHECKS if check.blocking}


def stored_verdict(connection: "duckdb.DuckDBPyConnection", lake: Lake, key: str) -> Verdict:
    """The verdict of a validated import, without its duration.

    Args:
        connection: DuckDB that can read the lake.
        lake: in which its tables are.
        key: of the import.

    Raises:
        off_platform.storage.lake.NoSuchTableError: it was not validated.
    """
    accepted, quarantined, findings, facts = (
        lake.rows_of(table.name, (IMPORT, key))
        for table in (PRODUCTS_ACCEPTED, PRODUCTS_QUARANTINED, IMPORT_FINDINGS, IMPORTS)
    )
    ((records, rejected),) = connection.execute(
        f"SELECT (SELECT count(*) FROM {accepted}), (SELECT count(*) FROM {quarantined})"
    ).fetchall()
    counts = dict(
        connection.execute(f"SELECT rule, count(*) FROM {findings} GROUP BY rule").fetchall()
    )
    ((name, form, size),) = connection.execute(
        f"SELECT name, format, bytes FROM {facts}"
    ).fetchall()
    source = SourceFile(name, form, size or 0, "") if form else None
    verdict = Verdict(source, None, records, rejected, Counter(counts))
    if not verdict.records:
        verdict.refused = _refused(connection, findings)
    return verdict


def _refused(connection: "duckdb.DuckDBPyConnection", findings: str) -> Found | None:
    """The finding for which the whole file was refused."""
    found = connection.execute(
        f"SELECT rule, message FROM {findings} WHERE level = 'error' ORDER BY row NULLS FIRST"
    ).fetchall()
    for rule, message in found:
        if BY_ID[rule].check in _REFUSING:
            return Found.of_file(rule, message)
    return None

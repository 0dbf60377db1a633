"""Writes and reads the table `open_findings`, and evaluates its rules."""

from collections.abc import Sequence
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.open_findings.schemas import OPEN_FINDINGS, RULE_OF
from off_platform.open_findings.state import OpenItem
from off_platform.quality import SHAPE, Finding
from off_platform.storage.lake import Lake


def write_table(lake: Lake, found: Sequence[OpenItem]) -> None:
    """Replaces the table."""
    schema = OPEN_FINDINGS.arrow
    rows = pa.Table.from_pylist([asdict(item) for item in found], schema)
    lake.replace(OPEN_FINDINGS.name, None, schema, lambda path: pq.write_table(rows, path))


def stored_items(lake: Lake) -> list[OpenItem]:
    """The items of the table, in its order.

    Raises:
        off_platform.storage.lake.NoSuchTableError: it is not in the lake.
    """
    with lake.connect() as connection:
        rows = connection.sql(f"FROM {lake.rows_of(OPEN_FINDINGS.name)}").to_arrow_table()
    return [OpenItem(**each) for each in rows.to_pylist()]


def findings_of(found: Sequence[OpenItem]) -> dict[str, Finding]:
    """The findings of its rules, by rule: one for each kind of item, with a few examples."""
    findings = {SHAPE: Finding(of=len(found))}
    for kind, rule in RULE_OF.items():
        items = [item for item in found if item.kind == kind]
        findings[rule] = Finding(note=f"{len(items):,} open." if items else "None is open.")
        findings[rule].add(len(items), (f"{item.name}: {item.what}" for item in items))
    return findings

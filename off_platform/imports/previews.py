"""Metadata of the imports wing's assets, for the UI."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from off_platform.imports.intake.originals import StoredImport, of_import
from off_platform.imports.outputs.files import REPORT
from off_platform.imports.outputs.report import (
    Group,
    file_of,
    groups_of,
    is_folder,
    sentence,
    what_first,
)
from off_platform.imports.readers.cell_addresses import place
from off_platform.imports.specification.rules import LEVELS
from off_platform.imports.specification.tables import (
    OPEN,
    PRODUCTS_QUARANTINED,
    SETTLED,
    SUPERSEDED,
)
from off_platform.imports.still_open import (
    MOST_SHOWN,
    State,
    settled_by,
    states,
    still_open,
)
from off_platform.imports.whole_file.verdict import Verdict
from off_platform.previews import markdown_table, table_preview
from off_platform.quality import Table
from off_platform.storage.lake import Lake
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb

COLUMNS_SHOWN = 30


def facts_of_import(taken: StoredImport, lake: Lake) -> dict[str, Any]:
    """The facts about an import, for the metadata of `import_file`."""
    shown: dict[str, Any] = {
        "name": dg.MetadataValue.text(taken.name),
        "imported_at": dg.MetadataValue.timestamp(taken.imported_at),
        "path": dg.MetadataValue.path(of_import(lake, taken.key).address()),
    }
    if taken.source is None:
        return {**shown, "refused": dg.MetadataValue.text(taken.refused)}
    source = taken.source
    facts = {
        "format": source.format,
        "encoding": source.encoding,
        "delimiter": source.delimiter,
        "sheet": source.sheet,
        "sha256": source.sha256,
        "bytes": source.bytes,
        "columns": len(source.header) or None,
        "header": ", ".join(source.header[:COLUMNS_SHOWN]) or None,
    }
    return {**shown, **{name: value for name, value in facts.items() if value is not None}}


def report(
    connection: "duckdb.DuckDBPyConnection",
    findings: str,
    verdict: Verdict,
    lake: Lake,
    key: str,
    written: tuple[list[str], list[str]],
) -> dict[str, Any]:
    """The verdict, its findings by rule, and the paths of the files."""
    groups, (names, notes) = groups_of(connection, findings, 1), written
    folder = of_import(lake, key)
    return {
        "verdict": sentence(verdict),
        "records": verdict.records,
        "accepted": verdict.accepted,
        "quarantined": verdict.quarantined,
        **{f"findings_{level}": verdict.count(level) for level in LEVELS},
        "what_to_do_first": dg.MetadataValue.md(_first(what_first(groups))),
        "findings_by_rule": dg.MetadataValue.md(_by_rule(groups, verdict)),
        "report": dg.MetadataValue.path(folder.address(REPORT)),
        "files": ", ".join(names),
        **({"corrected_copy_notes": " ".join(notes)} if notes else {}),
        "seconds": verdict.seconds,
    }


def staged(
    lake: Lake,
    table: Table,
    connection: "duckdb.DuckDBPyConnection",
    partition: tuple[str, str],
    results: list[dg.AssetCheckResult],
) -> "dg.MaterializeResult[Any]":
    """The result of a table of an import."""
    rows = lake.rows_of(table.name, partition)
    ((number,),) = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()
    shown = (
        quarantined(connection, lake, partition[1])
        if table is PRODUCTS_QUARANTINED
        else {"preview": table_preview(connection, f"FROM {rows}")}
    )
    return dg.MaterializeResult(
        asset_key=table.name,
        metadata={
            "dagster/partition_row_count": int(number),
            **shown,
            "path": dg.MetadataValue.path(lake.address(table.name, partition)),
        },
        check_results=results,
    )


def quarantined(connection: "duckdb.DuckDBPyConnection", lake: Lake, key: str) -> dict[str, Any]:
    """An import's open records in quarantine, and the records of older imports that it settled."""
    rows = lake.view_of(PRODUCTS_QUARANTINED.name)
    of_import = f'SELECT * EXCLUDE ("import") FROM {rows} WHERE "import" = {literal(key)}'
    own = [state for state in states(connection, rows) if state.key == key]
    older = settled_by(connection, rows, key)
    return {
        "preview": table_preview(connection, of_import),
        "still_open": own[0].sentence if own else "No records in quarantine.",
        "settles": dg.MetadataValue.md(_states(older) if older else "No older import's records."),
    }


def of_older(
    connection: "duckdb.DuckDBPyConnection", lake: Lake, key: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Older imports of which an import settled records, with their open records."""
    older = settled_by(connection, lake.view_of(PRODUCTS_QUARANTINED.name), key)
    for state in older[:MOST_SHOWN]:
        yield state.key, {"still_open": state.sentence}


def open_in_quarantine(connection: "duckdb.DuckDBPyConnection", lake: Lake) -> dict[str, Any]:
    """Open records in quarantine of all imports."""
    if not lake.partitions(PRODUCTS_QUARANTINED.name):
        return {}
    found = still_open(connection, lake.view_of(PRODUCTS_QUARANTINED.name))
    table = dg.MetadataValue.md(_states(found)) if found else "Nothing."
    return {"open_in_quarantine": sum(state.open for state in found), "still_open": table}


def _states(found: list[State]) -> str:
    rows = [(state.key, state.open, state.settled, state.superseded) for state in found]
    return markdown_table(("import", OPEN, SETTLED, SUPERSEDED), rows[:MOST_SHOWN])


def _first(groups: list[Group]) -> str:
    if not groups:
        return "No action needed."
    return "\n".join(f"1. {group.rule.fix} ({group.counted})" for group in groups)


def _by_rule(groups: list[Group], verdict: Verdict) -> str:
    if not groups:
        return "No findings."
    rows = []
    for group in groups:
        first = group.examples[0]
        file = (file_of(first, verdict),) if is_folder(verdict) else ()
        rows.append(
            (
                group.rule.level,
                group.rule.id,
                group.findings,
                *file,
                place(first),
                first["column"],
                first["value"],
                first["proposal"],
            )
        )
    file = ("file",) if is_folder(verdict) else ()
    names = ("level", "rule", "findings", *file, "first place", "column", "value", "proposal")
    return markdown_table(names, rows)

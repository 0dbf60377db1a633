"""Metadata of the imports wing's assets, for the UI."""

from collections.abc import Iterable
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
from off_platform.previews import PREVIEW_ROWS, REPORT_AT, VERDICT, markdown_table, table_preview
from off_platform.quality import Table
from off_platform.storage.lake import Lake
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb

COLUMNS_SHOWN = 30
_FIRST_QUARANTINED = "first_quarantined"


def version_of(taken: StoredImport) -> str:
    """The data version of `import_file`."""
    return taken.source.sha256 if taken.source else taken.key


def facts_of_import(taken: StoredImport, lake: Lake) -> dict[str, Any]:
    """The facts about an import, for the metadata of `import_file`."""
    shown: dict[str, Any] = {
        "name": dg.MetadataValue.text(taken.name),
        "imported_at": dg.MetadataValue.timestamp(taken.imported_at),
        "path": path(of_import(lake, taken.key).address()),
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
        VERDICT: sentence(verdict),
        "records": verdict.records,
        "accepted": verdict.accepted,
        "quarantined": verdict.quarantined,
        **{f"findings_{level}": verdict.count(level) for level in LEVELS},
        "what_to_do_first": dg.MetadataValue.md(_first(what_first(groups))),
        "findings_by_rule": dg.MetadataValue.md(_by_rule(groups, verdict)),
        REPORT_AT: path(folder.address(REPORT)),
        "files": ", ".join(names),
        **({"corrected_copy_notes": " ".join(notes)} if notes else {}),
        "seconds": verdict.seconds,
    }


def of_table(
    connection: "duckdb.DuckDBPyConnection",
    lake: Lake,
    table: Table,
    partition: tuple[str, str],
    rows: int,
) -> dict[str, Any]:
    """The metadata of a table of an import: rows, a preview and its path.

    Args:
        connection: DuckDB that can read the lake, on which `first_quarantined` was called.
        lake: with the table.
        table: one of an import.
        partition: of the import.
        rows: their number.
    """
    shown = f"FROM {lake.rows_of(table.name, partition)}"
    if table is PRODUCTS_QUARANTINED:
        where = f'"import" = {literal(partition[1])} ORDER BY row'
        shown = f'SELECT * EXCLUDE ("import") FROM {_FIRST_QUARANTINED} WHERE {where}'
    return {
        "dagster/partition_row_count": rows,
        "preview": table_preview(connection, shown),
        "path": path(lake.address(table.name, partition)),
    }


def first_quarantined(
    connection: "duckdb.DuckDBPyConnection", lake: Lake, keys: Iterable[str]
) -> None:
    """Reads the first quarantined records of imports, with their status, for `of_table`.

    The status of a record depends on all imports, so they are read once for several.
    """
    view = lake.view_of(PRODUCTS_QUARANTINED.name)
    of = ", ".join(map(literal, keys))
    connection.execute(f"""
        CREATE OR REPLACE TABLE {_FIRST_QUARANTINED} AS
        SELECT * FROM {view} WHERE "import" IN ({of})
        QUALIFY row_number() OVER (PARTITION BY "import" ORDER BY row) <= {PREVIEW_ROWS}""")


def path(address: str) -> dg.MetadataValue[Any]:
    """A path or URL that the UI shows with a button to copy it."""
    return dg.MetadataValue.path(address)


def states_of(connection: "duckdb.DuckDBPyConnection", lake: Lake) -> list[State]:
    """The quarantined records of each import by status, for `quarantined` and `of_older`."""
    return states(connection, lake.view_of(PRODUCTS_QUARANTINED.name))


def quarantined(found: list[State], key: str) -> dict[str, Any]:
    """An import's open records in quarantine, and the records of older imports that it settled."""
    own = [state for state in found if state.key == key]
    older = settled_by(found, key)
    return {
        "still_open": own[0].sentence if own else "No records in quarantine.",
        "settles": dg.MetadataValue.md(_states(older) if older else "No older import's records."),
    }


def of_older(found: list[State], key: str) -> list[tuple[str, dict[str, Any]]]:
    """Older imports of which an import settled records, with their open records."""
    older = settled_by(found, key)
    return [(state.key, {"still_open": state.sentence}) for state in older[:MOST_SHOWN]]


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

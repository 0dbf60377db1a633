"""What the imports wing's assets show of themselves in the UI."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from off_platform.imports.beside import REPORT
from off_platform.imports.cell_addresses import place
from off_platform.imports.report import Group, file_of, groups_of, is_folder, sentence, what_first
from off_platform.imports.rules import LEVELS
from off_platform.imports.taking_in import TakenIn, of_import
from off_platform.imports.validation import Verdict
from off_platform.previews import markdown_table
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

COLUMNS_SHOWN = 30


def taken_in(taken: TakenIn, lake: Lake) -> dict[str, Any]:
    """What an import is, for the metadata of `import_file`."""
    shown: dict[str, Any] = {
        "name": dg.MetadataValue.text(taken.name),
        "imported_at": dg.MetadataValue.timestamp(taken.imported_at),
        "lies_at": dg.MetadataValue.path(of_import(lake, taken.key).address()),
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
    beside: tuple[list[str], list[str]],
) -> dict[str, Any]:
    """The verdict, its findings by rule, and where the files lie."""
    groups, (names, notes) = groups_of(connection, findings, 1), beside
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
        **({"about_the_corrected_copy": " ".join(notes)} if notes else {}),
        "seconds": verdict.seconds,
    }


def _first(groups: list[Group]) -> str:
    if not groups:
        return "Nothing has to be mended."
    return "\n".join(f"1. {group.rule.mend} ({group.counted})" for group in groups)


def _by_rule(groups: list[Group], verdict: Verdict) -> str:
    if not groups:
        return "There are none."
    rows = []
    for group in groups:
        first = group.examples[0]
        file = (file_of(first, verdict),) if is_folder(verdict) else ()
        rows.append(
            (group.rule.level, group.rule.id, group.findings, *file, place(first), first["column"],
             first["value"], first["proposal"])
        )  # fmt: skip
    file = ("file",) if is_folder(verdict) else ()
    names = ("level", "rule", "findings", *file, "first place", "column", "value", "proposal")
    return markdown_table(names, rows)

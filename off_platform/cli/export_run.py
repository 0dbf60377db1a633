"""The command `off-platform export`: writes an export, and prints what it has."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rich.markup import escape

from off_platform.cli.configured import the_lake
from off_platform.cli.context import DONE, INCOMPLETE, out
from off_platform.imports.export.files import Exported
from off_platform.imports.export.making import EXPORT, export_to_folder, export_to_lake
from off_platform.imports.export.options import ExportOptions
from off_platform.imports.specification.tables import PRODUCTS_EXPORT
from off_platform.quality import Finding
from off_platform.settings import Settings
from off_platform.words import counted


def run_export(settings: Settings, options: ExportOptions, to: Path | None) -> int:
    """Exports the lake's records, prints what was written, and returns the exit code.

    Args:
        settings: which lake.
        options: see there.
        to: the folder to write; None for the lake.
    """
    lake = the_lake(settings)
    connect = partial(lake.connect, settings.duckdb_memory, settings.threads)
    with out.status("exporting ..."):
        if to is None:
            _, findings, made = export_to_lake(lake, connect, options)
        else:
            made, findings = export_to_folder(lake, connect, options, to)
    where = lake.root.address(EXPORT) if to is None else str(to)
    for line in sentences(made, options):
        out.print(escape(line), highlight=False, soft_wrap=True)
    out.print(f"Written: {escape(where)}", highlight=False, soft_wrap=True)
    return _print_checks(findings)


def sentences(made: Exported, options: ExportOptions) -> list[str]:
    """What was exported, and what could not be, in sentences."""
    files, pictures = counted(len(made.files), "file"), counted(made.pictures.copied, "picture")
    said = [f"Exported {counted(made.records, 'record')} in {files}, with {pictures}."]
    if made.assumed:
        said.append(f"Language assumed ({options.language}): {counted(made.assumed, 'record')}.")
    if made.cleaned:
        said.append(f"Control characters removed from texts: {counted(made.cleaned, 'record')}.")
    for field, count in made.left_out.items():
        said.append(f"Left out, as the format has no column for it: {field} ({count:,}).")
    return said


def _print_checks(findings: Mapping[str, Finding]) -> int:
    code = DONE
    for rule in PRODUCTS_EXPORT.rules:
        found = findings[rule.id]
        if found.passed(rule):
            continue
        colour = "red" if rule.level == "error" else "yellow"
        why = found.note or f"This does not hold for {found.broken:,} of {found.of:,}."
        out.print(f"[{colour}]{rule.level}[/] {escape(f'{rule.sentence} {why}')}", highlight=False)
        if rule.level == "error" or rule.id == "all_exported":
            code = INCOMPLETE
    return code

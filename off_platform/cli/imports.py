"""`off-platform validate`, `import` and `export`: their arguments and options.

The work is in `validate_run.py`, `imports_run.py` and `export_run.py`.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from off_platform.cli.context import DONE, out, settings
from off_platform.cli.written_files import demand_apart, demand_ending
from off_platform.words import visible

Form = Literal["text", "json", "github"]


def validate(
    path: Annotated[Path, typer.Argument(help="A CSV, TSV, JSON or XLSX file, or a folder.")],
    report: Annotated[
        Path | None, typer.Option(help="Write the producer's report to this file (.html).")
    ] = None,
    corrected: Annotated[
        Path | None,
        typer.Option(help="Write a corrected copy, with every certain proposal, to this file."),
    ] = None,
    findings: Annotated[
        Path | None, typer.Option(help="Write all findings to this file (.csv or .xlsx).")
    ] = None,
    form: Annotated[
        Form,
        typer.Option("--format", help="Output for people, for programs or for GitHub checks."),
    ] = "text",
) -> None:
    """Check a product import without importing it.

    PATH is a CSV, TSV, JSON or .xlsx file, or a folder of files about the same products, with
    their pictures in images/.

    Exit codes: 0 all records are accepted, 1 some are not or the file itself breaks a rule, 2 the
    file cannot be read as an import; for the others see `off-platform --help`.
    """
    _demand_import(path)
    demand_apart(path, report, corrected, findings)
    demand_ending(report, ".html", ".htm")
    demand_ending(findings, ".csv", ".xlsx")
    if path.is_file():
        # The copy has the format of the file, so its name must have the same extension.
        demand_ending(corrected, path.suffix.lower())
    from off_platform.cli.validate_run import validate_path

    raise typer.Exit(validate_path(path, form, report, corrected, findings))


def import_(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files or folders to import.")
    ],
) -> None:
    """Import product files: store each file, check it, write its report, tables and findings.

    PATH... are files or folders as in `validate`. Each becomes a partition, named after the file
    and the first 8 digits of its SHA-256, and is run by Dagster's job `imports`. A file that is
    given twice is checked twice, but imported once. Exit codes: 0 all records are accepted, 1 some
    are not or a file itself breaks a rule, 2 a file cannot be read as an import; for the others
    see `off-platform --help`.
    """
    for path in paths:
        _demand_import(path)
    from off_platform.cli.imports_run import import_one

    of, code = settings(), DONE
    for path in paths:
        with out.status(f"{path.name} ..."):
            done = import_one(of, path)
        name, said = (escape(visible(text)) for text in (path.name, done.sentence))
        out.print(f"[bold]{name}[/]  {said}", highlight=False)
        out.print(f"  partition  {done.key}", highlight=False)
        out.print(f"  report     {escape(done.report)}", highlight=False, soft_wrap=True)
        for each in done.settled:
            out.print(f"  settles    {escape(each)}", highlight=False, soft_wrap=True)
        for name, why in done.failed_checks:
            out.print(f"  [red]failed[/]     {name}: {escape(why)}", highlight=False)
        code = max(code, done.code)
    raise typer.Exit(code)


def export(
    to: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Write the files to this folder; by default to exports/products in the lake.",
        ),
    ] = None,
    nutrients: Annotated[
        Literal["input_sets", "values"],
        typer.Option(
            help="Columns of nutrients: `input_sets` as Open Food Facts has them since 2026, "
            "`values` (fat_value, fat_unit) as before."
        ),
    ] = "input_sets",
    language: Annotated[
        str, typer.Option(help="Language of records that name none, such as fr.")
    ] = "en",
    rows: Annotated[int, typer.Option(help="Maximum number of records in a file.", min=1)] = 10_000,
    only_import: Annotated[
        str | None,
        typer.Option(
            "--import", metavar="NAME@12345678", help="Export the records of this import alone."
        ),
    ] = None,
) -> None:
    """Export the newest accepted records as files that Open Food Facts imports.

    Writes products-00001.tsv, ..., the pictures in images/, and export.json, which counts what the
    format cannot express. Every file is read back and compared with the records. docs/export.md
    says how to hand the files in; nothing is sent.

    Exit codes: 0 every record is exported, 1 some are not or a check failed, 2 nothing has been
    imported or an option is invalid; for the others see `off-platform --help`.
    """
    from off_platform.cli.export_run import run_export
    from off_platform.imports.export.files import ExportOptions

    options = ExportOptions(nutrients, language, rows, only_import)
    raise typer.Exit(run_export(settings(), options, to))


def _demand_import(path: Path) -> None:
    """A pipe or a device could be endless."""
    if not path.exists():
        raise typer.BadParameter(f"the file or folder {path} does not exist")
    if not path.is_file() and not path.is_dir():
        raise typer.BadParameter(f"{path} is neither a regular file nor a folder")

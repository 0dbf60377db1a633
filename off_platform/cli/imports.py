"""`off-platform validate`, `import`, `compare` and `export`: their arguments and options.

The work is in `validate_run.py`, `imports_run.py`, `compare_run.py` and `export_run.py`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from off_platform.cli.context import DONE, complain, out, settings
from off_platform.cli.given_paths import demand_paths, endings_of_copy
from off_platform.cli.written_files import demand_apart, demand_ending, folder
from off_platform.imports.export.options import DESCRIBED, ExportOptions, NutrientColumns
from off_platform.words import escaped, visible

if TYPE_CHECKING:
    from off_platform.cli.imports_run import ImportDone

Form = Literal["text", "json", "github"]
Name = Annotated[
    str | None,
    typer.Option(
        help="Name of the file that comes from standard input or a URL, for findings and imports.",
        metavar="NAME",
    ),
]


def validate(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Files, folders, URLs, or - for standard input."),
    ],
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
    name: Name = None,
) -> None:
    """Check product imports without importing them.

    PATH... are CSV, TSV, JSON or .xlsx files, also compressed (.gz, or a .zip of one file), or
    folders of files about the same products, with their pictures in images/. A path can also be an
    http or https URL of a file of up to 2 GB, or - for standard input.

    With several paths, --format json prints one object with a verdict for each; its JSON Schema is
    printed by `off-platform docs validate.schema`. Exit codes, of several paths the highest: 0 all
    records are accepted, 1 some are not or the file itself breaks a rule, 2 the file cannot be read
    as an import, or a URL is refused, 3 a server cannot be reached, or the file changed while it
    was read; for the others see `off-platform --help`.
    """
    demand_paths(paths, name)
    _demand_single(paths, report, corrected, findings)
    for path in map(Path, paths):
        demand_apart(path, report, corrected, findings)
        if path.is_file():
            demand_ending(corrected, *endings_of_copy(path))
    demand_ending(report, ".html", ".htm")
    demand_ending(findings, ".csv", ".xlsx")
    from off_platform.cli.given import local_files
    from off_platform.cli.validate_run import Outputs, validate_all

    with local_files(paths, name) as given:
        raise typer.Exit(validate_all(given, form, Outputs(report, corrected, findings)))


def import_(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Files, folders, URLs, or - for standard input."),
    ],
    name: Name = None,
) -> None:
    """Import product files: store each file, check it, write its report, tables and findings.

    PATH... are files, folders, URLs or - as in `validate`, and stored unchanged. Each becomes a
    partition, named after the file and the first 8 digits of its SHA-256, and is run by Dagster's
    job `imports`. Several are imported in one run of the job `import_batch`, up to 100 at once; one
    that cannot be imported does not stop the others. Exit codes: 0 all records are accepted, 1 some
    are not or a file itself breaks a rule, 2 a file cannot be read as an import, or a URL is
    refused, 3 a server cannot be reached; for the others see `off-platform --help`.
    """
    demand_paths(paths, name)
    from off_platform.cli.given import Given, local_files
    from off_platform.cli.imports_run import import_all
    from off_platform.cli.progress_bar import terminal_display

    code = DONE
    with local_files(paths, name) as given, terminal_display("Importing") as display:
        local = [each.path for each in given if isinstance(each, Given)]
        for each in given:
            if not isinstance(each, Given):
                code = max(code, each.code)
                complain(each.message)
        for path, done in import_all(settings(), local, display) if local else ():
            _show(path, done)
            code = max(code, done.code)
    raise typer.Exit(code)


def _show(path: Path, done: "ImportDone") -> None:
    """Prints the outcome of an import."""
    name, said = escape(escaped(path.name)), escape(visible(done.sentence))
    out.print(f"[bold]{name}[/]  {said}", highlight=False)
    out.print(f"  partition  {done.key}", highlight=False)
    out.print(f"  report     {escape(done.report)}", highlight=False, soft_wrap=True)
    for each in done.settled:
        out.print(f"  settles    {escape(each)}", highlight=False, soft_wrap=True)
    for check, why in done.failed_checks:
        out.print(f"  [red]failed[/]     {check}: {escape(why)}", highlight=False)


def compare(
    path: Annotated[Path, typer.Argument(exists=True, help="A file or folder as in `validate`.")],
    dump: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A products dump of Open Food Facts (CSV, JSONL or Parquet); by default that of "
            "OFF_PLATFORM_PRODUCTS_DUMP, if it is a file.",
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write every difference to this file (.csv).")
    ] = None,
) -> None:
    """Show what an import would change in Open Food Facts, field by field, before it is handed in.

    The accepted records of PATH are compared with a dump: new products, the same, values that are
    added, values that differ. A column that contradicts most of what is known is reported with the
    likely reason, such as a wrong unit or a shifted column.

    Exit codes: 0 no column contradicts, 1 one does, 2 the file cannot be read as an import or the
    dump is not one; for the others see `off-platform --help`.
    """
    demand_paths([str(path)], None)
    demand_apart(path, to)
    demand_ending(to, ".csv")
    from off_platform.cli.compare_run import compare_path

    raise typer.Exit(compare_path(path, dump, settings().products_dump, to))


def export(
    to: Annotated[
        Path | None,
        typer.Option(
            "--out",
            parser=folder,
            metavar="FOLDER",
            help="Write the files to this folder; by default to exports/products in the lake.",
        ),
    ] = None,
    nutrients: Annotated[
        NutrientColumns, typer.Option(help=DESCRIBED["nutrients"])
    ] = ExportOptions.nutrients,
    language: Annotated[str, typer.Option(help=DESCRIBED["language"])] = ExportOptions.language,
    rows: Annotated[int, typer.Option(help=DESCRIBED["rows"], min=1)] = ExportOptions.rows,
    only_import: Annotated[
        str | None,
        typer.Option("--import", metavar="NAME@12345678", help=DESCRIBED["only_import"]),
    ] = None,
) -> None:
    """Export the newest accepted records as files that Open Food Facts imports.

    Writes products-00001.tsv, ..., the pictures in images/, and export.json, which counts what the
    format cannot express. Every file is read back and compared with the records. `off-platform docs
    export` says how to hand the files in; nothing is sent.

    Exit codes: 0 every record is exported, 1 some are not or a check failed, 2 nothing has been
    imported or an option is invalid; for the others see `off-platform --help`.
    """
    from off_platform.cli.export_run import run_export

    options = ExportOptions(nutrients, language, rows, only_import)
    raise typer.Exit(run_export(settings(), options, to))


def _demand_single(paths: list[str], *written: Path | None) -> None:
    if len(paths) > 1 and any(written):
        raise typer.BadParameter(
            "--report, --corrected and --findings are about one path; run validate for each"
        )

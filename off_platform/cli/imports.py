"""`off-platform validate` and `off-platform import`: product imports from the command line."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from off_platform.cli.context import DONE, INCOMPLETE, WRONG, err, out, temporary_folder
from off_platform.settings import settings
from off_platform.storage.progress import terminal_display
from off_platform.words import duration, quoted, visible

if TYPE_CHECKING:
    from off_platform.imports.outputs.report import Group
    from off_platform.imports.whole_file.verdict import Verdict

COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}
MOST_VALUE = 40
# Of a rule, for programs; the files beside have all.
MOST_EXAMPLES = 50


def validate(
    path: Annotated[Path, typer.Argument(help="A CSV, TSV, JSON or XLSX file, or a folder.")],
    report: Annotated[
        Path | None, typer.Option(help="Write the producer's report to this file (.html).")
    ] = None,
    corrected: Annotated[
        Path | None,
        typer.Option(help="Write a copy with all certain proposals applied to this file."),
    ] = None,
    findings: Annotated[
        Path | None, typer.Option(help="Write all findings to this file (.csv or .xlsx).")
    ] = None,
    form: Annotated[
        Literal["text", "json", "github"],
        typer.Option("--format", help="Output for people, for programs or for GitHub checks."),
    ] = "text",
) -> None:
    """Check a product import without importing it.

    PATH is a CSV, TSV, JSON or .xlsx file, or a folder of files about the same products, with
    their pictures in images/.

    Exit codes: 0 all records are accepted, 1 some are not or the file itself breaks a rule, 2 the
    file cannot be read as an import; for the others see `off-platform --help`.
    """
    from off_platform.imports.outputs.report import outcome_of
    from off_platform.imports.validation import validate_import

    _demand_import(path)
    _demand_apart(path, report, corrected, findings)
    _demand_ending(report, ".html", ".htm")
    _demand_ending(findings, ".csv", ".xlsx")
    if path.is_file():
        # The copy has the form of the file; under another name programs would take it for another.
        _demand_ending(corrected, path.suffix.lower())
    with temporary_folder() as into:
        with terminal_display("validating") as display:
            verdict = validate_import(path, into, display=display)
        groups = _groups(into)
        _print_verdict(form, path, verdict, groups)
        if report:
            _write_report(into, verdict, report)
        if corrected:
            _write_corrected(path, into, verdict, corrected)
        if findings:
            _write_findings(into, verdict, findings)
    raise typer.Exit({"refused": WRONG, "some": INCOMPLETE, "accepted": DONE}[outcome_of(verdict)])


def import_(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files or folders to import.")
    ],
) -> None:
    """Import files of products: keep each file, check it, write its report, tables and findings.

    PATH... are files or folders as in `validate`. Each becomes a partition, named after the file
    and the first 8 digits of its SHA-256, and a run of Dagster's job imports; the same file twice
    is checked twice and imported once. Exit codes: 0 all records are accepted, 1 some are not or a
    file itself breaks a rule, 2 a file cannot be read as an import; for the others see
    `off-platform --help`.
    """
    from off_platform.cli.imports_run import import_one

    for path in paths:
        _demand_import(path)
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


def _demand_import(path: Path) -> None:
    """A pipe or a device could be read without end."""
    if not path.exists():
        raise typer.BadParameter(f"the file or folder {path} does not exist")
    if not path.is_file() and not path.is_dir():
        raise typer.BadParameter(f"{path} is neither a regular file nor a folder")


def _demand_apart(path: Path, *written: Path | None) -> None:
    """Output must overwrite neither the producer's file nor anything that is not a file."""
    places = [to for to in written if to is not None]
    for to in places:
        folder = to.absolute().parent
        if not folder.is_dir() or (to.exists() and not to.is_file()):
            raise typer.BadParameter(f"{to} cannot be written: name a file in a folder that exists")
        if not os.access(folder, os.W_OK):
            raise typer.BadParameter(f"{to} cannot be written: the folder {folder} is read-only")
        is_inside = path.is_dir() and to.resolve().is_relative_to(path.resolve())
        if is_inside or (to.exists() and to.samefile(path)):
            raise typer.BadParameter(f"{to} is part of the import itself; name another file")
    if len({to.absolute() for to in places}) < len(places):
        raise typer.BadParameter("the same file is named twice; each output needs its own")


def _demand_ending(to: Path | None, *endings: str) -> None:
    if to is not None and to.suffix.lower() not in endings:
        raise typer.BadParameter(f"{to} must end in {' or '.join(endings)}")


def _groups(into: Path) -> "list[Group]":
    from off_platform.imports.outputs.report import groups_of
    from off_platform.imports.whole_file.staging import connected, findings_in

    with connected(into) as connection:
        return groups_of(connection, findings_in(into), MOST_EXAMPLES)


def _print_verdict(form: str, path: Path, verdict: "Verdict", groups: "list[Group]") -> None:
    from off_platform.imports.outputs import verdict_forms

    if form == "json":
        typer.echo(verdict_forms.as_json(verdict, groups))
    elif form == "github":
        for line in verdict_forms.as_github(path.as_posix(), verdict, groups):
            typer.echo(line)
    else:
        _print_for_people(path, verdict, groups)


def _print_for_people(path: Path, verdict: "Verdict", groups: "list[Group]") -> None:
    from off_platform.imports.outputs.report import outcome_of, sentence, what_first

    colour = {"accepted": "green", "some": "yellow", "refused": "red"}[outcome_of(verdict)]
    said = escape(visible(sentence(verdict)))
    name = escape(visible(path.name))
    out.print(f"[bold]{name}[/]  [{colour}]{said}[/]", highlight=False)
    if groups:
        out.print(_as_table(groups, verdict))
    for number, group in enumerate(what_first(groups), 1):
        if number == 1:
            out.print("[bold]What to do first[/]")
        out.print(f"  {number}. {escape(group.rule.fix)} ({group.counted})", highlight=False)
    out.print(f"Took {duration(verdict.seconds)}.", style="dim", highlight=False)


def _as_table(groups: "list[Group]", verdict: "Verdict") -> Table:
    table = Table("level", "rule", "findings", "for example", show_edge=False)
    for group in groups:
        colour = COLOURS[group.rule.level]
        table.add_row(
            f"[{colour}]{group.rule.level}[/]",
            group.rule.id,
            f"{group.findings:,}",
            escape(visible(_example(group, verdict))),
        )
    return table


def _example(group: "Group", verdict: "Verdict") -> str:
    from off_platform.imports.outputs.report import file_of
    from off_platform.imports.readers.cell_addresses import where

    first = group.examples[0]
    file = file_of(first, verdict)
    named = ", ".join(part for part in (file, where(first)) if part)
    at = f"{named}: " if named else ""
    if first["value"] is None:
        return at + str(first["message"])
    texts = (first["value"], first["proposal"])
    return at + " -> ".join(quoted(text, MOST_VALUE) for text in texts if text is not None)


def _write_report(into: Path, verdict: "Verdict", to: Path) -> None:
    from off_platform.imports.outputs.report import write_report

    made = into / "report.html"
    write_report(into, verdict, made)
    _put(made, to, "the report")


def _write_corrected(path: Path, into: Path, verdict: "Verdict", to: Path) -> None:
    from off_platform.imports.outputs.corrected.copy import NoCopyError, write_corrected

    made = into / "corrected"
    try:
        copy = write_corrected(path, into, verdict, made)
    except NoCopyError as error:
        err.print(escape(str(error)), highlight=False)
        return
    _put(made, to, f"the corrected copy, cells corrected: {copy.corrected:,}")
    for note in copy.notes():
        err.print(escape(visible(note)), highlight=False)


def _write_findings(into: Path, verdict: "Verdict", to: Path) -> None:
    from off_platform.imports.outputs.findings_files import write_findings_csv
    from off_platform.imports.outputs.findings_sheet import write_findings_xlsx

    made, there = into / f"findings{to.suffix}", verdict.counts.total()
    if to.suffix == ".csv":
        write_findings_csv(into, made)
        written = there
    else:
        written = write_findings_xlsx(into, made)
    left_out = f"the first {written:,} of {there:,} findings; use .csv for all"
    _put(made, to, "all findings" if written == there else left_out)


def _put(made: Path, to: Path, what: str) -> None:
    """Written in one step, so that no incomplete file is ever seen."""
    part = to.with_name(f".{to.name}.part")
    try:
        shutil.copyfile(made, part)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    err.print(f"Written: {to} ({what})", highlight=False, soft_wrap=True, markup=False)

"""The command `off-platform validate`: prints the verdict and writes the requested files."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.markup import escape
from rich.table import Table

from off_platform.cli.context import DONE, INCOMPLETE, WRONG, err, out
from off_platform.cli.progress_bar import terminal_display
from off_platform.imports.outputs import verdict_forms
from off_platform.imports.outputs.corrected.copy import NoCopyError, write_corrected
from off_platform.imports.outputs.findings_files import write_findings_csv
from off_platform.imports.outputs.findings_sheet import write_findings_xlsx
from off_platform.imports.outputs.report import (
    Group,
    file_of,
    groups_of,
    outcome_of,
    sentence,
    what_first,
    write_report,
)
from off_platform.imports.readers.cell_addresses import where
from off_platform.imports.validation import validate_import
from off_platform.imports.whole_file.staging import connected, findings_in
from off_platform.imports.whole_file.verdict import Verdict
from off_platform.storage.folders import LocalFolder
from off_platform.words import duration, quoted, visible

COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}
MOST_VALUE = 40
# Examples per rule, for programs; the files have all findings.
MOST_EXAMPLES = 50


def validate_path(
    path: Path, form: str, report: Path | None, corrected: Path | None, findings: Path | None
) -> int:
    """Validates a file or folder, prints the verdict and returns the exit code.

    Args:
        path: the file or folder.
        form: `text`, `json` or `github`.
        report: where to write the producer's report, if requested.
        corrected: where to write the corrected copy, if requested.
        findings: where to write all findings, if requested; CSV or XLSX by its extension.
    """
    with _temporary_folder() as into:
        with terminal_display("validating") as display:
            verdict = validate_import(path, into, display=display)
        with connected(into) as connection:
            groups = groups_of(connection, findings_in(into), MOST_EXAMPLES)
        _print_verdict(form, path, verdict, groups)
        if report:
            _write_report(into, verdict, report)
        if corrected:
            _write_corrected(path, into, verdict, corrected)
        if findings:
            _write_findings(into, verdict, findings)
    return {"refused": WRONG, "some": INCOMPLETE, "accepted": DONE}[outcome_of(verdict)]


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder for one command below the system's temporary one; those of killed runs are removed.

    Raises:
        PermissionError: the folder belongs to another user, who could read and change its files.
    """
    own = Path(tempfile.gettempdir()) / f"off-platform-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    about = own.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise PermissionError(
            f"{own} belongs to another user or is writable by others; remove it, or set "
            "TMPDIR to another temporary folder."
        )
    with LocalFolder(own, own).scratch() as folder:
        yield folder


def _print_verdict(form: str, path: Path, verdict: Verdict, groups: list[Group]) -> None:
    if form == "json":
        typer.echo(verdict_forms.as_json(verdict, groups))
    elif form == "github":
        for line in verdict_forms.as_github(path.as_posix(), verdict, groups):
            typer.echo(line)
    else:
        _print_for_people(path, verdict, groups)


def _print_for_people(path: Path, verdict: Verdict, groups: list[Group]) -> None:
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


def _as_table(groups: list[Group], verdict: Verdict) -> Table:
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


def _example(group: Group, verdict: Verdict) -> str:
    first = group.examples[0]
    file = file_of(first, verdict)
    named = ", ".join(part for part in (file, where(first)) if part)
    at = f"{named}: " if named else ""
    if first["value"] is None:
        return at + str(first["message"])
    texts = (first["value"], first["proposal"])
    return at + " -> ".join(quoted(text, MOST_VALUE) for text in texts if text is not None)


def _write_report(into: Path, verdict: Verdict, to: Path) -> None:
    made = into / "report.html"
    write_report(into, verdict, made)
    _put(made, to, "the report")


def _write_corrected(path: Path, into: Path, verdict: Verdict, to: Path) -> None:
    made = into / "corrected"
    try:
        copy = write_corrected(path, into, verdict, made)
    except NoCopyError as error:
        err.print(escape(str(error)), highlight=False)
        return
    _put(made, to, f"the corrected copy, cells corrected: {copy.corrected:,}")
    for note in copy.notes():
        err.print(escape(visible(note)), highlight=False)


def _write_findings(into: Path, verdict: Verdict, to: Path) -> None:
    made, there = into / f"findings{to.suffix}", verdict.counts.total()
    if to.suffix == ".csv":
        write_findings_csv(into, made)
        written = there
    else:
        written = write_findings_xlsx(into, made)
    left_out = f"the first {written:,} of {there:,} findings; use .csv for all"
    _put(made, to, "all findings" if written == there else left_out)


def _put(made: Path, to: Path, what: str) -> None:
    """Writes the file atomically."""
    part = to.with_name(f".{to.name}.part")
    try:
        shutil.copyfile(made, part)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    err.print(f"Written: {to} ({what})", highlight=False, soft_wrap=True, markup=False)

"""The command `off-platform validate`: prints the verdict and writes the requested files."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.markup import escape
from rich.table import Table

from off_platform.cli.context import DONE, INCOMPLETE, OUT_OF_REACH, WRONG, complain, err, out
from off_platform.cli.given import Given, NotReceived
from off_platform.cli.progress_bar import terminal_display
from off_platform.cli.temporary import temporary_folder
from off_platform.cli.written_files import replaced
from off_platform.imports.outputs import verdict_forms
from off_platform.imports.outputs.corrected.copy import (
    Copy,
    NoCopyError,
    ending_of,
    write_corrected,
)
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
from off_platform.imports.outputs.verdict_models import ImportVerdict, as_json
from off_platform.imports.readers.cell_addresses import where
from off_platform.imports.validation import validate_import
from off_platform.imports.whole_file.staging import connected, findings_in
from off_platform.imports.whole_file.verdict import Verdict
from off_platform.storage.unchanged import ChangedFileError, unchanged
from off_platform.words import duration, escaped, quoted, visible

CODES = {"refused": WRONG, "some": INCOMPLETE, "accepted": DONE}
COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}
MOST_VALUE = 40
CORRECTED = "corrected"
# Examples per rule, for programs; the files have all findings.
MOST_EXAMPLES = 50


@dataclass(frozen=True)
class Outputs:
    """The files to write about one import; None for those that are not requested.

    Attributes:
        report: the producer's report.
        corrected: the corrected copy.
        findings: all findings; CSV or XLSX by its extension.
    """

    report: Path | None = None
    corrected: Path | None = None
    findings: Path | None = None


def validate_all(given: Sequence[Given | NotReceived], form: str, outputs: Outputs) -> int:
    """Validates files and folders, prints the verdicts and returns the highest exit code.

    Args:
        given: at least one.
        form: `text`, `json` or `github`.
        outputs: what to write, of a single one.
    """
    codes: list[int] = []
    described: list[ImportVerdict] = []
    for each in given:
        found = each if isinstance(each, NotReceived) else _validated(each, form, outputs)
        if isinstance(found, NotReceived):
            described.append(verdict_forms.not_received(found.shown, found.message))
            codes.append(found.code)
            _print_not_received(form, found)
        else:
            described.append(found)
            codes.append(CODES[found.verdict])
    if form == "json":
        typer.echo(as_json(described))
    return max(codes)


def _validated(given: Given, form: str, outputs: Outputs) -> ImportVerdict | NotReceived:
    """The verdict, printed and with its files written; or that the file changed meanwhile."""
    with temporary_folder() as into:
        try:
            with unchanged(given.path):
                with terminal_display("validating") as display:
                    verdict = validate_import(given.path, into, display=display)
                # It reads the file again.
                copy = _corrected(given.path, into, verdict, outputs.corrected)
        except ChangedFileError as error:
            return NotReceived(given.shown, str(error), OUT_OF_REACH)
        with connected(into) as connection:
            groups = groups_of(connection, findings_in(into), MOST_EXAMPLES)
        if form != "json":
            _print_verdict(form, given, verdict, groups)
        if outputs.report:
            _write_report(into, verdict, outputs.report)
        if outputs.corrected:
            _write_corrected(into, copy, outputs.corrected)
        if outputs.findings:
            _write_findings(into, verdict, outputs.findings)
        return verdict_forms.described(given.shown, verdict, groups)


def _print_not_received(form: str, of: NotReceived) -> None:
    if form == "github":
        typer.echo(verdict_forms.error_of_github(of.message))
    complain(of.message)


def _print_verdict(form: str, given: Given, verdict: Verdict, groups: list[Group]) -> None:
    if form == "github":
        for line in verdict_forms.as_github(given.shown, verdict, groups):
            typer.echo(line)
    else:
        _print_for_people(given.path, verdict, groups)


def _print_for_people(path: Path, verdict: Verdict, groups: list[Group]) -> None:
    colour = {"accepted": "green", "some": "yellow", "refused": "red"}[outcome_of(verdict)]
    said = escape(visible(sentence(verdict)))
    name = escape(escaped(path.name))
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
        # In a folder, the message names the file, too.
        return at + str(first["message"]).removeprefix(f"{file}: ")
    texts = (first["value"], first["proposal"])
    return at + " -> ".join(quoted(text, MOST_VALUE) for text in texts if text is not None)


def _write_report(into: Path, verdict: Verdict, to: Path) -> None:
    made = into / "report.html"
    write_report(into, verdict, made)
    _put(made, to, "the report")


def _corrected(path: Path, into: Path, verdict: Verdict, to: Path | None) -> Copy | NoCopyError:
    """The corrected copy, made in the folder of the validation if it is asked for; or why not."""
    if to is None:
        return NoCopyError("No corrected copy is asked for.")
    try:
        _demand_ending_of_copy(path, to, ending_of(verdict))
        return write_corrected(path, into, verdict, into / CORRECTED)
    except NoCopyError as error:
        return error


def _write_corrected(into: Path, copy: Copy | NoCopyError, to: Path) -> None:
    if isinstance(copy, NoCopyError):
        err.print(escape(str(copy)), highlight=False)
        return
    _put(into / CORRECTED, to, f"the corrected copy, cells corrected: {copy.corrected:,}")
    for note in copy.notes():
        err.print(escape(visible(note)), highlight=False)


def _demand_ending_of_copy(path: Path, to: Path, ending: str) -> None:
    """What is in an archive or comes from elsewhere is known only now."""
    if to.suffix.lower() not in {ending, *map(str.lower, path.suffixes)}:
        raise NoCopyError(f"There is no corrected copy, as {to} must end in {ending}.")


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
    with replaced(to) as part:
        shutil.copyfile(made, part)
    err.print(f"Written: {to} ({what})", highlight=False, soft_wrap=True, markup=False)

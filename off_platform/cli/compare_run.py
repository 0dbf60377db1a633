"""The command `off-platform compare`: what the records of a file would change."""

from pathlib import Path

import duckdb
import typer
from rich.markup import escape
from rich.table import Table

from off_platform.cli.context import DONE, INCOMPLETE, WRONG, err, out
from off_platform.cli.progress_bar import terminal_display
from off_platform.cli.temporary import temporary_folder
from off_platform.cli.written_files import replaced
from off_platform.imports.comparison.compared import ADDS, DIFFERS, SAME, table_query
from off_platform.imports.comparison.making import Comparison, compare_with
from off_platform.imports.outputs.findings_files import MOST_ROWS, write_csv
from off_platform.imports.outputs.report import outcome_of, sentence
from off_platform.imports.specification.tables import ACCEPTED
from off_platform.imports.validation import validate_import
from off_platform.imports.whole_file.staging import connected
from off_platform.storage.sql import file_literal, literal
from off_platform.storage.unchanged import unchanged
from off_platform.words import escaped, quoted, visible

MOST_SHOWN = 20


def compare_path(path: Path, dump: Path | None, configured: str | None, to: Path | None) -> int:
    """Validates a file or folder, compares what is accepted, and returns the exit code.

    Args:
        path: the file or folder.
        dump: a products dump.
        configured: the location of the settings' dump, used without another.
        to: a CSV file for all differences, if requested.

    Raises:
        typer.BadParameter: there is no dump.
        off_platform.dumps.formats.UnknownDumpError: it is not a dump of Open Food Facts.
        off_platform.storage.unchanged.ChangedFileError: one of both was changed meanwhile.
    """
    of = _dump(dump, configured)
    with temporary_folder() as into:
        with unchanged(path), terminal_display("validating") as display:
            verdict = validate_import(path, into, display=display)
        out.print(f"[bold]{escape(escaped(path.name))}[/]  {escape(visible(sentence(verdict)))}")
        if outcome_of(verdict) == "refused":
            return WRONG
        accepted = f"read_parquet({file_literal(into / ACCEPTED)})"
        records = f'(SELECT *, {literal(path.name)} AS "import" FROM {accepted})'
        with connected(into) as connection:
            with unchanged(of), out.status(f"comparing with {of.name} ..."):
                made = compare_with(connection, records, of)
            _print(connection, made)
            if to:
                _write(connection, made, to)
    return INCOMPLETE if made.contradictions else DONE


def _dump(dump: Path | None, configured: str | None) -> Path:
    of = dump or (Path(configured) if configured and "://" not in configured else None)
    if of is None:
        raise typer.BadParameter("name a products dump with --dump FILE")
    if not of.is_file():
        raise typer.BadParameter(f"the dump {of} does not exist, or is not a file")
    return of


def _print(connection: duckdb.DuckDBPyConnection, made: Comparison) -> None:
    out.print(f"Products: {made.sentence}.", highlight=False)
    if made.unread:
        out.print(f"[yellow]warning[/] {escape(made.of_unread)}", highlight=False)
    if made.fields:
        out.print(_by_field(made))
    differences = f"SELECT product, field, value, known FROM ({table_query()})"
    query = f"{differences} WHERE outcome = '{DIFFERS}' LIMIT {MOST_SHOWN}"
    for product, field, value, known in connection.execute(query).fetchall():
        line = f"  {product} {field}: {quoted(known)} -> {quoted(value)}"
        out.print(escape(visible(line)), highlight=False)
    for each in made.contradictions:
        out.print(f"[yellow]warning[/] {escape(visible(each.sentence))}", highlight=False)


def _by_field(made: Comparison) -> Table:
    table = Table("field", SAME, ADDS, DIFFERS, show_edge=False)
    for field, of in made.fields.items():
        table.add_row(field, *(f"{of[outcome]:,}" for outcome in (SAME, ADDS, DIFFERS)))
    return table


def _write(connection: duckdb.DuckDBPyConnection, made: Comparison, to: Path) -> None:
    """Every difference, put in place as a whole."""
    rows = connection.sql(table_query(made.reasons))
    with replaced(to) as part:
        write_csv(rows.columns, rows.to_arrow_reader(MOST_ROWS), part)
    err.print(f"Written: {to} (all differences)", highlight=False, soft_wrap=True, markup=False)

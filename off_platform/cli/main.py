"""`off-platform`: the platform's functions on the command line.

Only `run` and `import` use Dagster; the other commands call the same functions without it.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import click
import typer
from rich.markup import escape

from off_platform.barcodes.text import check_digit_holds, kind_of, normal_form
from off_platform.cli.context import (
    DONE,
    INCOMPLETE,
    OUT_OF_REACH,
    UNFORESEEN,
    WRONG,
    err,
    images_bucket,
    out,
    settings,
    the_lake,
)
from off_platform.cli.image_sets import bins, images
from off_platform.cli.imports import import_, validate
from off_platform.cli.progress_bar import terminal_display
from off_platform.images import keys as image_keys
from off_platform.storage.damaged_file import DamagedFileError
from off_platform.storage.sql import literal
from off_platform.words import duration

if TYPE_CHECKING:
    from off_platform.images.key_index import KeyIndexFacts
    from off_platform.storage.lake import Lake

INTERRUPTED = 130
STOPPED = "Stopped. Run the same command again to resume."

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Open Food Facts images and Amazon's bin photos as tables and image sets.",
    epilog="Exit codes: 0 done; 1 done, but something is missing or a check failed; 2 an option, "
    "setting or file is invalid, or a file of the lake is damaged; 3 a bucket or disk is not "
    "reachable; 4 an unexpected error, whose traceback file is named in the message; 130 stopped "
    "by Ctrl-C. "
    "Settings are environment variables or lines of .env: OFF_PLATFORM_LAKE, "
    "OFF_PLATFORM_IMAGES_BUCKET, OFF_PLATFORM_BINS_BUCKET and the others of docs/settings.md.",
)
app.command()(images)
app.command()(bins)
app.command()(validate)
app.command("import")(import_)


@app.command()
def run(
    image_set: Annotated[
        str, typer.Option("--set", help="Name of the declared image set to build.")
    ] = "tryout",
) -> None:
    """Run the whole platform once: the month, the products, one image set; then print a summary.

    With OFF_PLATFORM_SANDBOX=1 it works on small generated copies of the buckets, offline.
    """
    from off_platform.cli import first_run

    of = settings()
    first_run.demand_set(of, image_set)
    if of.sandbox:
        out.print(f"  [green]done[/]  the sandbox, in {_ready('sandbox')}")
    report = first_run.run_once(of, image_set, out)
    first_run.print_summary(report, of, the_lake(of), out)
    raise typer.Exit(INCOMPLETE if report.broken else DONE)


@app.command()
def ui() -> None:
    """Open Dagster's UI at localhost:3000, with the daemon; Ctrl-C ends both.

    With OFF_PLATFORM_SANDBOX=1 it opens on small generated copies of the buckets, offline.
    """
    from off_platform.cli.ui import serve

    if settings().sandbox:
        _ready("sandbox")
    serve(settings())


@app.command()
def sandbox() -> None:
    """Create the sandbox: small generated copies of the buckets, in var/sandbox."""
    path = _ready("sandbox")
    _ready("home")
    out.print(f"The sandbox is in {path}; use it with OFF_PLATFORM_SANDBOX=1.")


@app.command()
def home() -> None:
    """Create Dagster's home and its tables, before processes that use them start concurrently."""
    out.print(f"Dagster's home is ready: {_ready('home').absolute()}")


def _ready(what: Literal["sandbox", "home"]) -> Path:
    """The sandbox, or Dagster's home, made."""
    if what == "home":
        from off_platform.automation.runs import prepared_home

        return prepared_home(settings())
    from off_platform.sandbox.make import make_sandbox
    from off_platform.settings import SANDBOX

    with out.status("the sandbox: photos drawn, OCR written, a key list made ..."):
        make_sandbox(SANDBOX)
    return SANDBOX


@app.command()
def keys(
    barcodes: Annotated[list[str], typer.Argument(help="Barcodes as printed on the package.")],
    layout: Annotated[
        Literal["current", "document"],
        typer.Option(
            help="`document`: codes shorter than 13 digits are not split, as in older keys."
        ),
    ] = "current",
) -> None:
    """Show where a product's photos are stored: directory, keys, URLs (newest key index).

    Without an index, the keys of image 1 are shown as an example.
    """
    source, lake = images_bucket(settings()), the_lake(settings())
    for barcode in barcodes:
        directory = image_keys.directory(barcode, layout)
        note = "" if check_digit_holds(barcode) else ", wrong check digit"
        out.print(f"[bold]{barcode}[/]  {kind_of(barcode)}{note}", highlight=False)
        out.print(f"  directory  {directory}", highlight=False)
        for key in _known_keys(lake, barcode, directory):
            line = f"  {key}\n    {source.public_url(key)}"
            out.print(escape(line), highlight=False, soft_wrap=True)


def _known_keys(lake: "Lake", barcode: str, directory: str) -> list[str]:
    examples = [f"{directory}1{suffix}" for suffix in image_keys.SUFFIXES.values()]
    months = lake.partitions("key_index")
    if not months:
        return examples
    rows = lake.rows_of("key_index", ("month", months[-1]))
    with lake.connect() as connection:
        found = connection.execute(
            f"SELECT key FROM {rows} WHERE barcode = {literal(normal_form(barcode))} "
            "ORDER BY image_id, kind = 'ocr', kind DESC"
        ).fetchall()
    if not found:
        err.print(f"  The key index of {months[-1][:7]} has no photo of it; image 1 is an example.")
    return [key for (key,) in found] or examples


@app.command()
def index(
    key_list: Annotated[Path, typer.Argument(help="Key list in the bucket's format (gzip).")],
    to: Annotated[
        Path, typer.Argument(metavar="OUT.parquet", help="Path of the key index to write.")
    ],
) -> None:
    """Parse a key list into a key index; lines that are not keys go to a second file.

    The key list is the bucket's data/data_keys.gz, as downloaded. Exit codes: 1 when more lines
    are not keys than OFF_PLATFORM_ODDITIES_SHARE_MOST allows, 2 when no line is a key; for the
    others see `off-platform --help`.
    """
    from off_platform.images.key_index import write_key_index
    from off_platform.images.key_list import RefusedKeyListError
    from off_platform.images.monthly import MOST_UNPACKED

    _demand_place_for_index(key_list, to)
    odd = to.with_suffix(".oddities.parquet")
    made, made_odd = (path.with_name(path.name + ".part") for path in (to, odd))
    started = datetime.now(UTC)
    try:
        with terminal_display("indexing") as display:
            facts = write_key_index(key_list, made, made_odd, MOST_UNPACKED, display)
        if not facts.rows:
            raise RefusedKeyListError(_no_key(key_list, facts))
        made_odd.replace(odd)
        made.replace(to)
    finally:
        made.unlink(missing_ok=True)
        made_odd.unlink(missing_ok=True)
    took = duration((datetime.now(UTC) - started).total_seconds())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in facts.by_kind.items())
    out.print(f"{facts.rows:,} keys ({kinds}) in {to}, in {took}.", highlight=False)
    for reason, count in facts.oddities.most_common():
        out.print(f"  not keys: {count:,}, {escape(reason)}", highlight=False)
    if facts.oddities:
        out.print(f"  These lines are in {odd}.", highlight=False, soft_wrap=True)
    if not facts.sorted_and_unique:
        err.print(
            "The key list is not sorted, or repeats lines; the index keeps the order of the list."
        )
    share = facts.oddities.total() / facts.lines
    if share > settings().oddities_share_most:
        most = settings().oddities_share_most
        err.print(
            f"{share:.2%} of the lines are not keys; at most {most:.2%} are allowed.",
            highlight=False,
        )
        raise typer.Exit(INCOMPLETE)


def _no_key(key_list: Path, facts: "KeyIndexFacts") -> str:
    """The message for a list without keys."""
    if not facts.lines:
        return f"The key list {key_list} is empty."
    reason, count = facts.oddities.most_common(1)[0]
    return f"No line of {key_list} is a key ({facts.lines:,} lines): {count:,}, {reason}."


def _demand_place_for_index(key_list: Path, to: Path) -> None:
    """Refuses swapped arguments, which would overwrite the key list."""
    if not key_list.exists() or key_list.is_dir():
        raise typer.BadParameter(f"the file {key_list} does not exist")
    if to.suffix != ".parquet" or to.is_dir():
        raise typer.BadParameter(f"the index {to} must be a file that ends in .parquet")
    if not to.parent.is_dir():
        raise typer.BadParameter(f"the folder {to.parent} does not exist")
    if to.exists() and key_list.exists() and to.samefile(key_list):
        raise typer.BadParameter(f"{to} is the key list itself")


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    """Reports expected errors as one sentence and an exit code, never a traceback."""
    try:
        with _foreseen_as_messages():
            yield
    except Exception as error:  # noqa: BLE001 - reported with its traceback, in a file
        from off_platform.cli.crash_report import reported

        if damaged := _damage_behind(error):
            _stop(str(damaged), WRONG)
        _stop(reported(error), UNFORESEEN)


def _damage_behind(error: Exception) -> DamagedFileError | None:
    """The damaged file of the lake that caused a library's error; None for any other error."""
    if not type(error).__module__.startswith(("duckdb", "_duckdb", "pyarrow")):
        return None
    try:
        return the_lake(settings()).damage_behind(error)
    except Exception:  # noqa: BLE001 - the lake cannot be looked at; the first error is reported
        return None


@contextmanager
def _foreseen_as_messages() -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        _stop(STOPPED, INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except RuntimeError as error:
        # DuckDB's message for a Ctrl-C during a query.
        if "Query interrupted" not in str(error):
            raise
        _stop(STOPPED, INTERRUPTED)
    except OSError as error:
        _stop(_of_disk(error), OUT_OF_REACH)
    except (ValueError, LookupError) as error:
        if not type(error).__module__.startswith("off_platform"):
            raise
        _stop(str(error), WRONG)


def _of_disk(error: OSError) -> str:
    """The message of an error; for errors of the system, with the file name."""
    if error.errno is None:
        return str(error)
    about = f": {error.filename}" if error.filename else ""
    hint = " Free some space and run again." if error.errno == errno.ENOSPC else ""
    return f"{error.strerror}{about}.{hint}"


def _stop(sentence: str, code: int) -> None:
    err.print(f"[red]off-platform:[/] {escape(sentence)}", highlight=False, soft_wrap=True)
    sys.exit(code)


def main() -> None:
    """The command line; see `off-platform --help`."""
    with _errors_as_messages():
        code = app(standalone_mode=False)
        # Typer turns Ctrl-C into this code without a message (typer/core.py, _main).
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code)

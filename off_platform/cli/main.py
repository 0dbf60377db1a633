"""`off-platform`: the platform's functions on the command line.

Only `run` and `import` use Dagster; the other commands call the same functions without it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import click
import typer

from off_platform.cli.context import (
    DONE,
    INCOMPLETE,
    OUT_OF_REACH,
    UNFORESEEN,
    WRONG,
    complain,
    out,
    settings,
)
from off_platform.cli.docs import docs
from off_platform.cli.evaluate import evaluate
from off_platform.cli.image_sets import bins, images
from off_platform.cli.imports import compare, export, import_, validate
from off_platform.cli.init import init
from off_platform.cli.plan import plan
from off_platform.cli.publish import publish
from off_platform.cli.room import with_room
from off_platform.cli.set_names import complete_images
from off_platform.cli.set_options import SetCommand
from off_platform.cli.signals import stoppable
from off_platform.cli.status import status
from off_platform.cli.written_files import folder as folder_to_write
from off_platform.storage.system_errors import full_disk, in_a_sentence

INTERRUPTED = 130
STOPPED = "Stopped. Run the same command again to resume."

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Open Food Facts images, Amazon's bin photos and product imports as checked tables, and "
    "image sets of the photos.",
    epilog="Exit codes: 0 done; 1 done, but something is missing or a check failed; 2 an option, "
    "setting or file is invalid, or a file in the lake is damaged; 3 a bucket or disk cannot be "
    "reached, or a file changed while it was read; 4 an unexpected error, whose traceback file "
    "is named in the message; 130 stopped by Ctrl-C, SIGTERM or SIGHUP. "
    "Settings are environment variables or lines of .env: OFF_PLATFORM_LAKE, "
    "OFF_PLATFORM_IMAGES_BUCKET, OFF_PLATFORM_BINS_BUCKET and the others in `off-platform docs "
    "settings`.",
)
app.command(cls=SetCommand)(images)
app.command(cls=SetCommand)(bins)
app.command(cls=SetCommand)(plan)
app.command()(evaluate)
app.command()(publish)
app.command()(init)
app.command()(status)
app.command()(validate)
app.command("import")(import_)
app.command()(compare)
app.command()(export)
app.command()(docs)


def _show_version(*, asked: bool) -> None:
    if asked:
        out.print(f"off-platform {version('off-platform')}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    *,
    shows_version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """The options of `off-platform` itself."""


@app.command()
def run(
    image_set: Annotated[
        str,
        typer.Option(
            "--set",
            help="Name of the declared image set to build.",
            autocompletion=complete_images,
        ),
    ] = "tryout",
) -> None:
    """Run the whole platform once (monthly job, products, one image set), and print a summary.

    With OFF_PLATFORM_SANDBOX=1 it works on small generated copies of the buckets, offline.
    """
    from off_platform.cli import first_run

    of = settings()
    first_run.demand_set(of, image_set)
    if of.sandbox:
        out.print(f"  [green]done[/]  the sandbox, in {_ready('sandbox')}")
    report = first_run.run_once(of, image_set, out)
    first_run.print_summary(report, of, out)
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
def sandbox(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Create another one in this folder.",
            parser=folder_to_write,
            metavar="FOLDER",
        ),
    ] = None,
    products: Annotated[
        int | None, typer.Option(help="Number of its products; by default 60.", min=12, max=100_000)
    ] = None,
    bins: Annotated[
        int | None, typer.Option(help="Number of its bins; by default 120.", min=40, max=99_999)
    ] = None,
) -> None:
    """Create the sandbox: small generated copies of the buckets, in var/sandbox.

    A sandbox in another FOLDER is used by setting OFF_PLATFORM_IMAGES_BUCKET and
    OFF_PLATFORM_BINS_BUCKET to its folders openfoodfacts-images and aft-vbi-pds.
    """
    sizes = {name: size for name, size in (("products", products), ("bins", bins)) if size}
    if folder is not None:
        out.print(f"The sandbox is in {_ready('sandbox', folder, **sizes)}.")
        return
    if sizes:
        raise typer.BadParameter("--products and --bins need --out: name a folder")
    path = _ready("sandbox")
    _ready("home")
    out.print(f"The sandbox is in {path}; use it with OFF_PLATFORM_SANDBOX=1.")


@app.command()
def home() -> None:
    """Create Dagster's home and its tables, before processes that use them start concurrently."""
    out.print(f"Dagster's home is ready: {_ready('home').absolute()}")


def _ready(what: Literal["sandbox", "home"], folder: Path | None = None, **sizes: int) -> Path:
    """The sandbox, by default at its own place, or Dagster's home, made."""
    if what == "home":
        from off_platform.automation.runs import prepared_home

        return prepared_home(settings())
    from off_platform.sandbox.make import make_sandbox
    from off_platform.settings import SANDBOX

    with out.status("sandbox: generating photos, OCR results and a key list ..."):
        make_sandbox(folder or SANDBOX, **sizes)
    return folder or SANDBOX


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
    from off_platform.cli.key_lists import show_keys

    show_keys(settings(), barcodes, layout)


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
    from off_platform.cli.key_lists import make_index

    raise typer.Exit(make_index(settings(), key_list, to))


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    """Reports expected errors as one sentence and an exit code, never a traceback."""
    try:
        with _foreseen_as_messages():
            yield
    except Exception as error:  # noqa: BLE001 - reported with its traceback, in a file
        if full := full_disk(str(error)):
            _stop(full, OUT_OF_REACH)
        from off_platform.cli.crash_report import damage_behind, reported, unreachable_behind

        if damaged := damage_behind(error):
            _stop(str(damaged), WRONG)
        if unreachable := unreachable_behind(error):
            _stop(unreachable, OUT_OF_REACH)
        _stop(reported(error), UNFORESEEN)


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
        _stop(in_a_sentence(error), OUT_OF_REACH)
    except (ValueError, LookupError) as error:
        if not type(error).__module__.startswith("off_platform"):
            raise
        _stop(str(error), WRONG)


def _stop(sentence: str, code: int) -> None:
    complain(with_room(sentence))
    sys.exit(code)


def main() -> None:
    """The command line; see `off-platform --help`."""
    with _errors_as_messages(), stoppable():
        code = app(standalone_mode=False)
        # Typer turns Ctrl-C into this code without a message (typer/core.py, _main).
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code)

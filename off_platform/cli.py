"""`off-platform`: the platform's functions at one's desk.

Only `run` goes through Dagster; the other commands call the same functions without it.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from off_platform.barcodes import check_digit_holds, kind_of, normal_form
from off_platform.images import keys as image_keys
from off_platform.settings import SANDBOX, Settings, settings
from off_platform.storage.lake import IMAGE_SETS, Lake, literal
from off_platform.storage.objects import Access, Source
from off_platform.storage.progress import duration, shown_at_the_desk, size

if TYPE_CHECKING:
    from off_platform.images.image_set import Made

DONE, INCOMPLETE, WRONG, OUT_OF_REACH = 0, 1, 2, 3

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Open Food Facts images as tables and image sets.",
    epilog="Exit codes: 0 done; 1 done, but something is missing or a check failed; 2 an option, "
    "setting or file is wrong; 3 a bucket or disk is out of reach. Settings are environment "
    "variables or lines of .env: OFF_PLATFORM_LAKE, OFF_PLATFORM_IMAGES_BUCKET and the others of "
    ".env.example.",
)
out = Console(emoji=False)
err = Console(stderr=True, emoji=False)


@app.command()
def run(
    image_set: Annotated[
        str, typer.Option("--set", help="The declared image set to make.")
    ] = "tryout",
) -> None:
    """Run the whole platform once: the month, the products, one image set; then say what was made.

    With OFF_PLATFORM_SANDBOX=1 it works on small generated copies of the buckets, offline.
    """
    from off_platform import first_run  # noqa: PLC0415 - brings Dagster, 1.6 s

    of = settings()
    if of.sandbox:
        with out.status("the sandbox: photos drawn, OCR written, a key list made ..."):
            first_run.make_sandbox_ready()
        out.print(f"  [green]done[/]  the sandbox, in {SANDBOX}")
    report = first_run.run_once(of, image_set, out)
    first_run.tell(report, of, _lake(of), out)
    raise typer.Exit(INCOMPLETE if report.broken else DONE)


@app.command()
def sandbox() -> None:
    """Make the sandbox: small generated copies of the buckets, in var/sandbox."""
    from off_platform import first_run  # noqa: PLC0415 - only here

    first_run.make_sandbox_ready()
    out.print(f"The sandbox is in {SANDBOX}; use it with OFF_PLATFORM_SANDBOX=1.")


@app.command()
def keys(
    barcodes: Annotated[list[str], typer.Argument(help="Digits, as on the package.")],
    layout: Annotated[
        Literal["current", "document"],
        typer.Option(help="`document`: codes of fewer than 13 digits unsplit, as once was."),
    ] = "current",
) -> None:
    """Show where a product's photos lie: directory, keys and URLs; ids from the newest key index.

    Without an index, image 1 stands for all.
    """
    source, lake = _images(settings()), _lake(settings())
    for barcode in barcodes:
        directory = image_keys.directory(barcode, layout)
        note = "" if check_digit_holds(barcode) else ", check digit does not hold"
        out.print(f"[bold]{barcode}[/]  {kind_of(barcode)}{note}", highlight=False)
        out.print(f"  directory  {directory}", highlight=False)
        for key in _known_keys(lake, barcode, directory):
            line = f"  {key}\n    {source.public_url(key)}"
            out.print(escape(line), highlight=False, soft_wrap=True)


def _known_keys(lake: Lake, barcode: str, directory: str) -> list[str]:
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
        err.print(
            f"  The key index of {months[-1][:7]} names no photo of it; image 1 stands for all."
        )
    return [key for (key,) in found] or examples


@app.command()
def index(
    key_list: Annotated[Path, typer.Argument(help="A key list, as the bucket writes it (gzip).")],
    to: Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The key index to write.")],
) -> None:
    """Parse a key list into a key index; lines that are no keys go beside it, none is dropped."""
    from off_platform.images.key_index import write_key_index  # noqa: PLC0415 - only here

    odd = to.with_suffix(".oddities.parquet")
    made, made_odd = (path.with_name(path.name + ".part") for path in (to, odd))
    started = datetime.now(UTC)
    try:
        with shown_at_the_desk("indexing") as display:
            facts = write_key_index(
                key_list, made, made_odd, settings().key_list_bytes_most, display
            )
        made_odd.replace(odd)
        made.replace(to)
    finally:
        made.unlink(missing_ok=True)
        made_odd.unlink(missing_ok=True)
    took = duration((datetime.now(UTC) - started).total_seconds())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in facts.by_kind.items())
    out.print(f"{facts.rows:,} keys ({kinds}) in {to}, in {took}.", highlight=False)
    for reason, count in facts.oddities.most_common():
        out.print(f"  no keys: {count:,}, {escape(reason)}", highlight=False)
    if facts.oddities:
        out.print(f"  They are in {odd}.", highlight=False, soft_wrap=True)
    if not facts.sorted_and_unique:
        err.print("The key list is not sorted, or repeats lines; the index is in the list's order.")


@app.command()
def images(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    image_set: Annotated[
        str | None, typer.Argument(metavar="[SET]", help="A set of image_sets.toml.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Folder for the set; the lake's by default.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="raw, 400, ocr, raw+ocr or 400+ocr.")] = None,
    n: Annotated[str | None, typer.Option(help="Number of photos, or `all`.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, other photos.")] = None,
    per_product: Annotated[int | None, typer.Option(help="At most so many a product.")] = None,
    barcode_prefixes: Annotated[
        list[str] | None, typer.Option("--barcode-prefix", help="Barcodes that start so.")
    ] = None,
    image_ids: Annotated[
        list[int] | None, typer.Option("--image-id", help="Only these image ids.")
    ] = None,
    last_editors: Annotated[
        list[str] | None,
        typer.Option("--last-editor", help="Products last edited by one of these."),
    ] = None,
    edited_from: Annotated[
        str | None, typer.Option(help="Last edited on this day or later, 2026-01-31.")
    ] = None,
    edited_until: Annotated[
        str | None, typer.Option(help="Last edited on this day or earlier.")
    ] = None,
    countries: Annotated[
        list[str] | None, typer.Option("--country", help="Sold in one of these, en:france.")
    ] = None,
    categories: Annotated[
        list[str] | None, typer.Option("--category", help="Of one of these, en:spreads.")
    ] = None,
    languages: Annotated[
        list[str] | None, typer.Option("--language", help="With one of these on it, fr.")
    ] = None,
    layout: Annotated[
        Literal["shards", "files"] | None, typer.Option(help="WebDataset shards, or loose files.")
    ] = None,
    month: Annotated[
        str | None, typer.Option(help="Choose from the key index of 2026-11-01; else the newest.")
    ] = None,
) -> None:
    """Make an image set: choose, fetch, verify, document. Run again to go on, or to refresh it.

    A declared SET can be varied by options. The filters by editor, day, country, category and
    language need the table products. Options that may be given more than once widen the choice.
    """
    varied = {**locals(), "n": int(n) if n and n.isdigit() else n}
    made = _make_images(settings(), image_set, to, varied)
    _tell_made(made)
    unhad = made.contents.by_status.total() - made.contents.by_status["fetched"]
    raise typer.Exit(INCOMPLETE if unhad else DONE)


def _make_images(
    of: Settings, image_set: str | None, to: Path | None, varied: dict[str, Any]
) -> "Made":
    from off_platform.image_sets import building  # noqa: PLC0415 - only here
    from off_platform.images import choice as choices  # noqa: PLC0415 - brings pydantic
    from off_platform.images import image_set as sets  # noqa: PLC0415 - brings jinja, Pillow
    from off_platform.storage.folders import LocalFolder  # noqa: PLC0415 - with it

    if image_set is None and to is None:
        raise choices.UnusableChoiceError("Name a declared SET, or give --out for one of your own.")
    choice, description = (
        sets.declared_choice(of.image_sets, image_set)
        if image_set
        else (choices.Choice(), "An image set made at one's desk.")
    )
    if varied["n"] == "all":
        varied |= {"n": None, "all": True}
    name = image_set or sets.name_from(to)
    request = sets.request_from(of, name, choice, description, varied)
    lake, source = _lake(of), _images(of)
    # Nothing of ours but the set stays behind in a folder of the user's.
    scratch = to / building.BUILDING / "scratch" if to else None
    folder = LocalFolder(to, scratch) if to else lake.root.below(f"{IMAGE_SETS}/{name}")
    with lake.connect(of.duckdb_memory, of.threads) as connection:
        if not lake.partitions("key_index"):
            _index_this_month(of, lake, source, connection)
        with shown_at_the_desk(name) as display:
            made = sets.make_image_set(lake, source, request, folder, connection, display)
    if to is None:
        lake.refresh_views()
    return made


def _index_this_month(of: Settings, lake: Lake, source: Source, connection: Any) -> None:
    """What the monthly job would have made; without it there is nothing to choose from."""
    from off_platform.images import monthly  # noqa: PLC0415 - only here

    month = f"{datetime.now(UTC):%Y-%m-01}"
    err.print(f"No month is indexed yet: the key list of {month[:7]} is copied and indexed first.")
    with shown_at_the_desk("key list") as display:
        monthly.sync_month(
            lake,
            source,
            monthly.Asked(month),
            connection,
            monthly.bounds_from(of),
            err.print,
            display,
        )
    with shown_at_the_desk("key index") as display:
        monthly.index_month(lake, month, connection, of.key_list_bytes_most, display)


def _tell_made(made: "Made") -> None:
    table = Table("kind", "status", "objects", "size", show_edge=False)
    for tally in made.contents.tallies:
        table.add_row(tally.kind, tally.status, f"{tally.objects:,}", size(tally.size))
    out.print(table)
    out.print(
        f"{made.contents.samples:,} of {made.candidates:,} candidates, key index of "
        f"{made.month[:7]}.\nThe set is in {made.folder.address()}; open gallery.html there.",
        highlight=False,
        soft_wrap=True,
    )
    for problem in made.contents.problems[:5]:
        err.print(escape(f"  {problem.status}: {problem.key}: {problem.reason}"), highlight=False)


def _lake(of: Settings) -> Lake:
    return Lake(of.lake, Access(of.lake_region, of.lake_endpoint, signed=True, retries=5))


def _images(of: Settings) -> Source:
    signed = of.sources_access == "signed"
    access = Access(of.images_region, of.sources_endpoint, signed, of.request_seconds)
    return Source(of.images_bucket, access)


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """What can go wrong for a user as one sentence and an exit code, never a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        _stop("Stopped. Run the same command again to go on.", 130)
    except OSError as error:
        _stop(_of_disk(error), OUT_OF_REACH)
    except (ValueError, LookupError) as error:
        if not type(error).__module__.startswith("off_platform"):
            raise
        _stop(str(error), WRONG)


def _of_disk(error: OSError) -> str:
    """Our own errors are sentences; the system's get what it was about."""
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
    with _errors_in_words():
        app()

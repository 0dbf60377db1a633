"""`off-platform plan`: its options; the work is in `plan_run.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from off_platform.cli.context import settings
from off_platform.cli.image_sets import options_of_wing
from off_platform.cli.set_names import WingOfSet, complete_sets
from off_platform.cli.set_options import taking
from off_platform.cli.written_files import demand_ending, demand_file

if TYPE_CHECKING:
    from off_platform.image_sets.declaration.options import Option


def _options() -> "list[Option]":
    """The options of both wings, each once."""
    options = [*options_of_wing("images"), *options_of_wing("bins")]
    return list({option.name: option for option in reversed(options)}.values())[::-1]


@taking(_options)
def plan(
    image_set: Annotated[
        str | None,
        typer.Argument(
            metavar="[SET]",
            help="Name of a set declared in image_sets.toml.",
            autocompletion=complete_sets,
        ),
    ] = None,
    *,
    wing: WingOfSet = None,
    bandwidth: Annotated[
        str, typer.Option(help="Of the connection to the bucket, such as 200Mbit.")
    ] = "1Gbit",
    requests: Annotated[
        bool, typer.Option(help="Ask the bucket for the sizes of up to 400 objects of each kind.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    s3_batch: Annotated[
        Path | None,
        typer.Option(
            help="Write the manifest of a job of S3 Batch Operations, which copies the objects as "
            "they are to another bucket (.csv).",
            metavar="FILE",
        ),
    ] = None,
    **varied: Any,
) -> None:
    """Show what building an image set takes: objects, bytes, hours, space, requests and dollars.

    Nothing is fetched or written. The objects are exact; the bytes of photos are estimated from
    the sizes of some, with a 95 % interval. Options override those of a declared SET; without SET,
    give --wing and options.

    Exit codes: 0 done, 1 the set does not fit on the disk, 3 sizes could not be requested (the
    rest is shown); for the others see `off-platform --help`.
    """
    if image_set is None and wing is None:
        raise typer.BadParameter("name a declared SET, or give --wing and options")
    demand_ending(s3_batch, ".csv")
    if s3_batch is not None:
        demand_file(s3_batch)
    from off_platform.cli.plan_run import Asked, show_plan

    asked = Asked(bandwidth, requests, as_json, s3_batch)
    raise typer.Exit(show_plan(settings(), image_set, wing, varied, asked))

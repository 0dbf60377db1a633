"""`off-platform images` and `bins`: their options; the work is in `image_sets_run.py`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from off_platform.cli.context import settings
from off_platform.cli.set_names import Named, Wing, complete_bins, complete_images
from off_platform.cli.set_options import taking
from off_platform.cli.written_files import folder
from off_platform.images.facets import Facet

if TYPE_CHECKING:
    from off_platform.image_sets.declaration.options import Option


def _set_argument(complete: Callable[[str], Named]) -> Any:
    return typer.Argument(
        metavar="[SET]",
        help="Name of a set declared in image_sets.toml.",
        autocompletion=complete,
    )


To = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Output folder; by default inside the lake.",
        parser=folder,
        metavar="FOLDER",
    ),
]


def options_of_wing(of: Wing) -> "list[Option]":
    """The options of a wing's command."""
    from off_platform.bins.choice import BinChoice
    from off_platform.image_sets.declaration.options import RunOptions, options_of
    from off_platform.images.choice import Choice, MonthOptions

    if of == "images":
        return [*options_of(Choice), *options_of(MonthOptions)]
    return [*options_of(BinChoice), *options_of(RunOptions)]


@taking(lambda: options_of_wing("images"))
def images(
    image_set: Annotated[str | None, _set_argument(complete_images)] = None,
    to: To = None,
    *,
    facets: Annotated[
        Facet | None,
        typer.Option(help="Build nothing; count the tags of the photos that can be chosen."),
    ] = None,
    like: Annotated[
        str, typer.Option(help="With --facets: only tags with this text, such as cheese.")
    ] = "",
    most: Annotated[
        int, typer.Option(min=1, max=100_000, help="With --facets: maximum number of tags.")
    ] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="With --facets: print JSON.")] = False,
    **varied: Any,
) -> None:
    """Build an image set: choose, fetch, verify, document. Run again to resume or refresh it.

    Options override those of a declared SET. Labels, and filters by facts of the products, need
    the table products. If an option is repeated, any of its values matches. With --facets, the
    tags that photos can be chosen by are counted, among those that fit the other options.
    """
    if facets is None and (like or as_json):
        raise typer.BadParameter("--like and --json need --facets")
    if facets is None:
        raise typer.Exit(_make("images", image_set, to, varied=varied))
    if to is not None:
        raise typer.BadParameter("--facets builds no set: omit --out")
    from off_platform.cli.facets_run import show_facets

    show_facets(settings(), image_set, varied, (facets, most, like), as_json=as_json)


@taking(lambda: options_of_wing("bins"))
def bins(
    image_set: Annotated[str | None, _set_argument(complete_bins)] = None,
    to: To = None,
    *,
    refresh: Annotated[
        bool,
        typer.Option(help="List the bucket first, and fetch new or changed metadata."),
    ] = True,
    **varied: Any,
) -> None:
    """Build an image set of bins: choose, fetch, verify, label. Run again to resume or refresh it.

    Options override those of a declared SET. The first run lists and fetches the metadata of all
    bins (1.1 GB). Later runs list the bucket and fetch what is new or changed.
    """
    raise typer.Exit(_make("bins", image_set, to, varied=varied, refresh=refresh))


def _make(of: Wing, image_set: str | None, to: Path | None, **given: Any) -> int:
    from off_platform.cli.image_sets_run import make_bins, make_images

    make: Callable[..., int] = make_images if of == "images" else make_bins
    return make(settings(), image_set, to, **given)

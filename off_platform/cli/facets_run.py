"""What `off-platform images --facets` does: counts the tags that photos can be chosen by."""

import json
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from off_platform.cli.configured import images_bucket, the_lake
from off_platform.cli.context import err, out
from off_platform.cli.image_sets_run import index_if_none, numbered
from off_platform.dumps.published_files import at_hand
from off_platform.image_sets.declaration.declared import UnusableChoiceError, declared_choice
from off_platform.images import image_set as photo_sets
from off_platform.images.categories import named_like
from off_platform.images.choice import WING, Choice
from off_platform.images.facets import Counted, Facet, Tables, counted
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.words import escaped


def show_facets(
    of: Settings,
    image_set: str | None,
    varied: dict[str, Any],
    asked: tuple[Facet, int, str],
    *,
    as_json: bool,
) -> None:
    """Prints the tags of a facet, those of most products first.

    Args:
        of: the settings.
        image_set: name of a declared set, whose options limit what is counted.
        varied: the options given, by name.
        asked: the facet, the maximum number of tags, and a text that they have.
        as_json: whether to print JSON instead of a table.
    """
    name, choice, description = "facets", Choice(), ""
    if image_set:
        name = image_set
        choice, description = declared_choice(of.image_sets, WING, Choice, image_set)
    request = photo_sets.request_from(of, name, choice, description, numbered(varied))
    lake, source = the_lake(of), images_bucket(of)
    if not all(lake.has(table.name) for table in (PRODUCTS, PRODUCT_PHOTOS)):
        raise UnusableChoiceError(
            "Facets need the table products: set OFF_PLATFORM_PRODUCTS_DUMP to a dump of Open Food "
            "Facts and materialise products."
        )
    facet, most, like = asked
    with lake.connect(of.duckdb_memory, of.threads) as connection:
        index_if_none(of, lake, source, connection)
        candidates = photo_sets.candidates_in(lake, source, request, connection)
        products, photos = (lake.rows_of(table.name) for table in (PRODUCTS, PRODUCT_PHOTOS))
        tables = Tables(products, photos, f"({candidates})")
        also = _named(of, lake, source, like) if facet == "categories" else ()
        found = counted(connection, tables, facet, most, like, also)
    if as_json:
        typer.echo(json.dumps([each._asdict() for each in found], ensure_ascii=False, indent=1))
    else:
        _print_table(facet, found)


def _named(of: Settings, lake: Lake, source: Source, like: str) -> tuple[str, ...]:
    """The categories whose names in the taxonomy, if there is one, have a text."""
    if not like or of.categories_taxonomy is None:
        return ()
    location, how = of.categories_taxonomy, (source.access, of.attempts)
    with at_hand(lake, location, "categories_taxonomy", *how) as file:
        return named_like(file, like)


def _print_table(facet: Facet, found: list[Counted]) -> None:
    if not found:
        err.print(f"No photo that can be chosen has such {facet.replace('_', ' ')}.")
        return
    table = Table(show_edge=False)
    table.add_column(facet, overflow="fold")
    table.add_column("products", justify="right")
    table.add_column("photos", justify="right")
    for tag, products, photos in found:
        table.add_row(escape(escaped(tag)), f"{products:,}", f"{photos:,}")
    out.print(table)

"""What photos can be chosen by: the tags of the products, counted.

The counts are over the candidates of a choice, or over a whole dump. Choosing is in `choice.py`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb

Facet = Literal[
    "categories",
    "countries",
    "languages",
    "product_labels",
    "brands",
    "nutriscore",
    "nova",
    "pictures",
]
FACETS: tuple[Facet, ...] = get_args(Facet)
"""The facets; all but brands are also options of a choice."""
# A picture counts with its language and without.
_KINDS = "list_transform(selected, lambda each: split_part(each, '_', 1))"
_SELECTED = f"unnest(list_distinct(list_concat(selected, {_KINDS})))"


class Counted(NamedTuple):
    """A tag, the products that have it, and their photos."""

    tag: str
    products: int
    photos: int


class Tables(NamedTuple):
    """SQL for rows, to use after FROM.

    Attributes:
        products: the table.
        product_photos: the table.
        candidates: photos that can be chosen: barcode, image_id; None for all of the dump.
    """

    products: str
    product_photos: str
    candidates: str | None = None


def counted(
    connection: "duckdb.DuckDBPyConnection",
    tables: Tables,
    facet: Facet,
    most: int,
    like: str = "",
    also: Iterable[str] = (),
) -> list[Counted]:
    """The tags of a facet, those of most products first.

    Args:
        connection: DuckDB that can read the tables.
        tables: what is counted. Without candidates, photos are those that the dump has.
        facet: which tags.
        most: maximum number of tags.
        like: part of the tags; case and accents do not matter, and a space is a dash.
        also: tags that are counted even if they are not like that.
    """
    tagged = _of_photos(tables) if facet == "pictures" else _of_products(tables, facet)
    plain = "replace(lower(strip_accents({0})), ' ', '-')"
    where = f"contains({plain.format('tag')}, {plain.format(literal(like))})"
    if named := ", ".join(map(literal, also)):
        where += f" OR tag IN ({named})"
    found = connection.execute(
        f"""SELECT tag, count(*), sum(photos)::BIGINT FROM ({tagged})
        WHERE tag <> '' AND ({where}) GROUP BY tag ORDER BY 2 DESC, 1 LIMIT {most}"""
    ).fetchall()
    return [Counted(*row) for row in found]


def _of_products(tables: Tables, facet: Facet) -> str:
    """SQL of tag and photos, one row per product and tag."""
    single = {"nutriscore": "nutriscore", "nova": "nova::VARCHAR"}
    tag = single.get(facet) or f"unnest(list_distinct({facet}))"
    if tables.candidates is None:
        return f"SELECT {tag} AS tag, coalesce(photos, 0) AS photos FROM {tables.products}"
    of_product = f"SELECT barcode, count(*) AS number FROM {tables.candidates} GROUP BY barcode"
    return f"""SELECT {tag} AS tag, number AS photos
        FROM {tables.products} JOIN ({of_product}) ON barcode = code"""


def _of_photos(tables: Tables) -> str:
    """The same for what photos were selected as."""
    photos = f"{tables.product_photos} AS shown"
    if tables.candidates is not None:
        photos += f""" SEMI JOIN {tables.candidates} AS candidates
            ON candidates.barcode = shown.code AND candidates.image_id = shown.image_id"""
    return f"""SELECT tag, count(*) AS photos
        FROM (SELECT code, {_SELECTED} AS tag FROM {photos}) GROUP BY code, tag"""

"""The labels of photos of Open Food Facts, the query that has them, and the manifest with them.

They are facts of the tables `products` and `product_photos`, which are made from a dump of Open
Food Facts. How a set stores its labels is in `image_sets/`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from off_platform.dumps.photos import PICTURES
from off_platform.image_sets.declaration.declared import UnusableChoiceError
from off_platform.image_sets.declaration.labels import Labels
from off_platform.image_sets.manifest import manifest_table
from off_platform.images import lineage
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.quality import Column, Table

if TYPE_CHECKING:
    import duckdb

    from off_platform.image_sets.declaration.options import SetChoice
    from off_platform.storage.lake import Lake

PRODUCT_LABELS = (
    *("name", "names", "brands", "categories", "category", "countries", "languages", "quantity"),
    *("product_labels", "nutriscore", "nova", "ingredients_text", "last_editor"),
)
_COLUMNS = {column.name: column for column in (*PRODUCTS.columns, *PRODUCT_PHOTOS.columns)}
# What a photo shows, by its first selection in the order of `PICTURES`.
_SHOWS = " ".join(
    f"WHEN len(list_filter(selected, lambda each: each[:{len(name)}] = '{name}')) > 0 THEN '{name}'"
    for name in PICTURES
)
_SELECTED_FOR = (
    "list_sort(list_distinct(list_filter(list_transform(selected, "
    "lambda each: split_part(each, '_', 2)), lambda code: code <> '')))"
)
# Those of the photo: the column, and its SQL over `product_photos`.
_OF_PHOTOS = (
    (
        Column(
            "picture",
            "string",
            f"What the photo was selected as: {', '.join(PICTURES[:-1])} or {PICTURES[-1]}.",
            nullable=True,
        ),
        f"CASE {_SHOWS} END",
    ),
    (
        Column(
            "picture_languages",
            "list<string>",
            "Codes of the languages that the photo was selected for.",
            nullable=True,
        ),
        _SELECTED_FOR,
    ),
    (
        Column("selected", "list<string>", _COLUMNS["selected"].description, nullable=True),
        "selected",
    ),
)
LABELS = {
    column.name: column
    for column in (*(_COLUMNS[name] for name in PRODUCT_LABELS), *(each for each, _ in _OF_PHOTOS))
}
"""Every label by name."""

DEFAULT = (
    *("name", "brands", "category", "categories", "countries", "languages"),
    *("nutriscore", "nova", "picture"),
)
NO_DUMP = (
    "The set is made without labels: they need the tables products and product_photos. Set "
    "OFF_PLATFORM_PRODUCTS_DUMP to a dump of Open Food Facts and materialise products."
)
"""What is said where the tables are missing."""


def labels_of(
    choice: "SetChoice", chosen: str, products: str | None, product_photos: str | None = None
) -> Labels | None:
    """The labels of the chosen photos.

    Args:
        choice: the options.
        chosen: SQL of the samples: stem, barcode, image_id.
        products: SQL for the rows of `products`, to use after FROM, if the table exists.
        product_photos: the same for `product_photos`.

    Returns:
        The labels that the set needs, null where a fact is unknown. None if no label is asked for,
        or if `products` is missing: then say `NO_DUMP`.

    Raises:
        UnusableChoiceError: a split or a folder needs a label, and `products` is missing.
    """
    asked = choice.columns_of_labels
    if products is None and (needed := choice.stratify or choice.class_folders):
        raise UnusableChoiceError(
            f"This set needs the label {needed}, which is in a dump of Open Food Facts: set "
            "OFF_PLATFORM_PRODUCTS_DUMP to one and materialise products."
        )
    if products is None or not asked:
        return None
    shown = ", ".join(f"{sql} AS {column.name}" for column, sql in _OF_PHOTOS)
    nothing = f"(SELECT code, 0 AS image_id, NULL::VARCHAR[] AS selected FROM {products} LIMIT 0)"
    of_photos = {column.name for column, _ in _OF_PHOTOS}
    columns = ", ".join(f"{'photo' if name in of_photos else 'product'}.{name}" for name in asked)
    return Labels(
        tuple(LABELS[name] for name in asked),
        f"""SELECT stem AS sample, {columns}
        FROM (SELECT DISTINCT stem, barcode, image_id FROM ({chosen})) AS chosen
        LEFT JOIN {products} AS product ON product.code = chosen.barcode
        LEFT JOIN (SELECT code, image_id, {shown} FROM {product_photos or nothing}) AS photo
            ON photo.code = chosen.barcode AND photo.image_id = chosen.image_id""",
    )


def labels_in(
    lake: "Lake", choice: "SetChoice", chosen: str, connection: "duckdb.DuckDBPyConnection"
) -> Labels | None:
    """The labels of the chosen photos, from the tables of a lake; see `labels_of`.

    Tables that an earlier version made lack columns, and count as missing.
    """
    rows = {
        table.name: lake.rows_of(table.name)
        for table in (PRODUCTS, PRODUCT_PHOTOS)
        if lake.has(table.name)
    }
    if "products" in rows and not columns_of(connection, rows["products"]) >= set(PRODUCT_LABELS):
        rows = {}
    return labels_of(choice, chosen, rows.get("products"), rows.get("product_photos"))


def columns_of(connection: "duckdb.DuckDBPyConnection", rows: str) -> set[str]:
    """The names of the columns of some rows, SQL to use after FROM."""
    return {str(name) for name, *_ in connection.execute(f"DESCRIBE FROM {rows}").fetchall()}


def set_manifest(missing_share_most: float = 0) -> Table:
    """The manifest of a set of photos: rules and lineage, with that of all labels.

    Args:
        missing_share_most: share of the objects that may be missing.
    """
    of_photos = tuple(column.name for column, _ in _OF_PHOTOS)
    made_of = lineage.image_set(PRODUCT_LABELS, of_photos)
    return replace(manifest_table(missing_share_most), made_of=made_of)

"""The labels of bins, the items that two bins may share, and the manifest of a set.

Captions name items by their cleaned names. How a set stores its labels is in `image_sets/`.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from off_platform.bins import lineage
from off_platform.bins.schemas import BIN_ITEMS, BINS, NEIGHBOURS_DIFFER
from off_platform.image_sets.declaration.labels import Labels
from off_platform.image_sets.manifest import manifest_table
from off_platform.quality import Column, Table

# A name has up to 500 characters, a bin up to 22 items.
NAME_MOST = 80
CAPTION_MOST = 600
_NO_ITEMS = "nothing"

_COLUMNS = {column.name: column for column in (*BINS.columns, *BIN_ITEMS.columns)}
OF_BINS = (
    *("id_space", "expected_quantity", "items_quantity", "difference", "skus", "difficulty"),
    "visit_id",
)
# Those of the items: the column, and its SQL over the bin's items in order.
_OF_ITEMS = (
    (
        Column(
            "caption",
            "string",
            f"The items as a sentence, such as `2 x Mug; 1 x Book`, up to {CAPTION_MOST} "
            f"characters; `{_NO_ITEMS}` if there are none.",
        ),
        None,
    ),
    (
        Column("item_names", "list<string>", "Names of the items, cleaned; null if unknown."),
        "list(clean_name ORDER BY fcsku)",
    ),
    (
        Column("item_asins", "list<string>", "ASINs of the items; null if unknown."),
        "list(asin ORDER BY fcsku)",
    ),
    (
        Column("item_quantities", "list<int64>", "Quantities of the items."),
        "list(quantity ORDER BY fcsku)",
    ),
    *(
        (
            Column(name, "list<double>", f"Of each item: {_COLUMNS[column].description}"),
            f"list({column} ORDER BY fcsku)",
        )
        for name, column in (
            ("item_lengths_mm", "length_mm"),
            ("item_widths_mm", "width_mm"),
            ("item_heights_mm", "height_mm"),
            ("item_weights_g", "weight_g"),
        )
    ),
)
LABELS = {
    column.name: column
    for column in (*(_COLUMNS[name] for name in OF_BINS), *(each for each, _ in _OF_ITEMS))
}
"""Every label by name; lists have one element per item, in the order of the items' FCSKUs."""

MADE_OF_ITEMS = {
    "caption": ("quantity", "clean_name", "asin", "fcsku"),
    "item_names": ("clean_name",),
    "item_asins": ("asin",),
    "item_quantities": ("quantity",),
    "item_lengths_mm": ("length_mm",),
    "item_widths_mm": ("width_mm",),
    "item_heights_mm": ("height_mm",),
    "item_weights_g": ("weight_g",),
}
"""The columns of `bin_items` that each label of the items is made of."""


def labels_of(samples: str, *, asked: Sequence[str], bins: str, bin_items: str) -> Labels | None:
    """The labels of bins; None if none is asked for.

    Args:
        samples: SQL for the bins: stem.
        asked: names of `LABELS`, in order.
        bins: SQL of `bins`, to use after FROM.
        bin_items: SQL of `bin_items`.
    """
    if not asked:
        return None
    shown = ", ".join(f"{_sql(name)} AS {name}" for name in asked)
    of_samples = f"SELECT * FROM {bin_items} WHERE bin_id IN (SELECT stem FROM ({samples}))"
    return Labels(
        tuple(LABELS[name] for name in asked),
        f"""SELECT b.id AS sample, {shown} FROM {bins} AS b
        SEMI JOIN ({samples}) AS s ON s.stem = b.id
        LEFT JOIN ({_items(asked, f"({of_samples})")}) AS i ON i.bin_id = b.id""",
    )


def links_query(bin_items: str) -> str:
    """The items of all bins, one row each: sample and link, the ASIN or else the FCSKU."""
    return f"SELECT bin_id AS sample, coalesce(asin, fcsku) AS link FROM {bin_items}"


def set_manifest(missing_share_most: float = 0) -> Table:
    """The manifest of a set of bins: rules and lineage, with that of all labels.

    Args:
        missing_share_most: share of the objects that may be missing.
    """
    table = manifest_table(missing_share_most)
    return replace(
        table,
        rules=(*table.rules, NEIGHBOURS_DIFFER),
        made_of=lineage.image_set(OF_BINS, MADE_OF_ITEMS),
    )


def _sql(name: str) -> str:
    if name in OF_BINS:
        return f"b.{name}"
    if name == "caption":
        return f"coalesce(i.caption, '{_NO_ITEMS}')"
    return f"coalesce(i.{name}, [])"


def _items(asked: Collection[str], bin_items: str) -> str:
    """For each bin with items those of its labels that are made of them."""
    made = [f"{sql} AS {column.name}" for column, sql in _OF_ITEMS if sql and column.name in asked]
    # An item without a name is called by its ASIN.
    named = "coalesce(clean_name, asin, fcsku)"
    # A semicolon separates items.
    each = f"quantity || ' x ' || replace({_shortened(named, NAME_MOST)}, ';', ',')"
    caption = f"string_agg({each}, '; ' ORDER BY quantity DESC, fcsku)"
    columns = ", ".join(("bin_id", f"{caption} AS caption", *made))
    return f"""
        SELECT * REPLACE ({_shortened("caption", CAPTION_MOST)} AS caption)
        FROM (SELECT {columns} FROM {bin_items} GROUP BY bin_id)"""


def _shortened(text: str, most: int) -> str:
    """SQL for a text of at most so many characters, with an ellipsis for the rest."""
    cut = f"left({text}, {most - 1}) || '\N{HORIZONTAL ELLIPSIS}'"
    return f"CASE WHEN length({text}) > {most} THEN {cut} ELSE {text} END"

"""The columns that each column of the bins wing's tables is made of, as `ASSET.COLUMN`.

Columns that are read outside the lake, such as the ETags of the bucket, have none.
"""

_JSON = ("bin_metadata.text",)
_SIDES = ("length", "width", "height")

BIN_METADATA = {name: (f"bin_objects.{name}",) for name in ("key", "id", "id_space")}
BIN_ODDITIES = {
    "key": ("bin_objects.key", "bin_metadata.key"),
    "id": ("bin_objects.id", "bin_metadata.id"),
    "oddity": ("bin_objects.id", "bin_objects.part", "bin_metadata.oddity"),
    "usable": ("bin_objects.id", "bin_objects.part", "bin_metadata.usable"),
    "reason": ("bin_objects.id", "bin_objects.part", "bin_metadata.reason"),
}
BIN_ITEMS = {
    "bin_id": ("bin_metadata.id",),
    "id_space": ("bin_metadata.id_space",),
    **dict.fromkeys(
        (
            *("fcsku", "asin", "quantity", "name", "normalized_name", "clean_name"),
            *(*_SIDES, *(f"{side}_mm" for side in _SIDES), "weight", "weight_g"),
            *("unit_length", "unit_weight"),
        ),
        _JSON,
    ),
}
BINS = {
    "id": ("bin_metadata.id",),
    "id_space": ("bin_metadata.id_space",),
    "position": ("bin_metadata.id",),
    "expected_quantity": _JSON,
    "items_quantity": ("bin_items.quantity",),
    "difference": (*_JSON, "bin_items.quantity"),
    "skus": ("bin_items.fcsku",),
    "empty": ("bin_items.fcsku",),
    "difficulty": _JSON,
    "image_key": ("bin_objects.key",),
    "etag": ("bin_objects.etag",),
    "metadata_md5": ("bin_metadata.md5",),
    "visit_id": ("bin_metadata.id", "bin_items.fcsku"),
}
_IN_INCHES = {side: (f"bin_items.{side}", f"bin_items.{side}_mm") for side in _SIDES}
_ALL_SIDES = tuple(source for sources in _IN_INCHES.values() for source in sources)
ITEMS = {
    "asin": ("bin_items.asin",),
    "bins": ("bin_items.bin_id",),
    "units": ("bin_items.quantity",),
    "name": ("bin_items.clean_name",),
    **_IN_INCHES,
    "variants": ("bin_items.clean_name", *_ALL_SIDES),
    "heaviest": ("bin_items.weight", "bin_items.weight_g"),
    "largest": _ALL_SIDES,
}
BIN_VISITS = {
    "visit_id": ("bins.visit_id",),
    "first": ("bins.id",),
    "last": ("bins.id",),
    "photos": ("bins.id",),
    "shared_items": ("bin_items.fcsku",),
    "sku_delta": ("bins.skus",),
    "quantity_delta": ("bins.expected_quantity",),
}
BIN_SPLITS = {
    **{name: (f"bins.{name}",) for name in ("id", "visit_id", "expected_quantity")},
    "split": ("bins.visit_id",),
    "random_split": ("bins.id",),
}


def image_set(
    of_bins: tuple[str, ...], of_items: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Of the manifest of a set of bins, and of its labels.

    Args:
        of_bins: labels that are columns of `bins`.
        of_items: the columns of `bin_items` that each other label is made of.
    """
    return {
        "sample": ("bins.id",),
        "key": ("bins.image_key", "bins.id"),
        # Splits keep visits together.
        **dict.fromkeys(("unit", "split"), ("bins.visit_id",)),
        **{name: (f"bins.{name}",) for name in of_bins},
        **{
            name: tuple(f"bin_items.{column}" for column in columns)
            for name, columns in of_items.items()
        },
    }

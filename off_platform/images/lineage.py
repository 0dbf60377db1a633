"""The columns that each column of the images wing's tables is made of, as `ASSET.COLUMN`.

Columns that are read outside the lake, such as facts of a dump, have none.
"""

_SAME_PHOTO = {name: (f"photos.{name}",) for name in ("barcode", "image_id")}
_PRODUCT = ("photos.barcode",)
_PHOTO = (*_PRODUCT, "photos.image_id")

SNAPSHOTS = {"keys": ("data_keys.key",)}
KEY_INDEX = dict.fromkeys(("key", "barcode", "image_id", "kind", "layout"), ("data_keys.key",))
KEY_INDEX_ODDITIES = dict.fromkeys(("line", "text", "reason"), ("data_keys.key",))
PHOTOS = dict.fromkeys(("slice", "barcode", "image_id", "kinds"), ("data_keys.key",))
KEY_CHANGES = {
    "barcode": ("key_index.barcode",),
    "kind": ("key_index.kind",),
    "change": ("key_index.key",),
    "objects": ("key_index.key",),
}
# A photo has a column of its objects; products that are new or gone are looked up in both indexes.
_KINDS, _CHANGED = ("photos.kinds",), ("key_changes.barcode", "key_index.barcode")
MONTH_FIGURES = {
    "since": ("key_changes.since",),
    "objects": ("key_index.key",),
    "products": ("photos.barcode",),
    **dict.fromkeys(("photos", "copies", "ocr", "photos_with_ocr"), _KINDS),
    **dict.fromkeys(("objects_added", "objects_removed"), ("key_changes.objects",)),
    **dict.fromkeys(("products_new", "products_gone"), _CHANGED),
}


def image_set(
    of_products: tuple[str, ...], of_photos: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Of the manifest of a set of photos, and of its labels.

    Args:
        of_products: labels that are columns of `products`.
        of_photos: labels that are made of the selections of a photo.
    """
    return {
        **_SAME_PHOTO,
        **dict.fromkeys(("sample", "url"), _PHOTO),
        "key": (*_PHOTO, "photos.kinds", "key_index.key"),
        "kind": ("photos.kinds",),
        # Splits keep products together.
        **dict.fromkeys(("unit", "split"), _PRODUCT),
        **{name: (f"products.{name}",) for name in of_products},
        **dict.fromkeys(of_photos, ("product_photos.selected",)),
    }

"""What is in the sandbox's images bucket in a month, before it is drawn. Pure.

Which products, which photos of them, what the key list says, and what is awkward on purpose. The
files are written by `images_bucket.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from off_platform.images.keys import KEY_LIST, Kind, Layout, key
from off_platform.sandbox.products import MONTH_SECONDS, Product, product
from off_platform.sandbox.seeds import chance

Flaw = Literal[
    "truncated_jpeg", "html_page", "ocr_error", "ocr_empty_responses", "ocr_without_responses"
]

KINDS: tuple[Kind, ...] = ("raw", "400", "ocr")
# Which objects of a photo a flaw is in; its other objects are sound.
SPOILT: dict[Flaw, tuple[Kind, ...]] = {
    "truncated_jpeg": ("raw", "400"),
    "html_page": ("raw", "400"),
    "ocr_error": ("ocr",),
    "ocr_empty_responses": ("ocr",),
    "ocr_without_responses": ("ocr",),
}

JUNK = "data/undefined/1.jpg"

# The products with the awkward cases, by number; ordinary ones follow.
_CODES: tuple[str | None, ...] = (
    "4012359114303",  # the document's own example
    "20483715",  # EAN-8
    "20065034",  # the document's example of a directory that is not split
    "12345670000017",  # GTIN-14
    "02012345600010",  # an EAN-13 with 14 digits
    "290530101113758688",  # 18 digits, as some shops use
    None,  # has the image ids 400 and 1400
    None,  # has broken files
    None,  # differs between list and bucket
)
LEAST_PRODUCTS = len(_CODES) + 3


@dataclass(frozen=True, slots=True)
class PhotoPlan:
    """One photo: its objects that exist and those that the key list names.

    `retaken_in` is the month in which its raw file was replaced, 0 for never.
    """

    product: Product
    image_id: int
    layout: Layout = "current"
    stored: tuple[Kind, ...] = KINDS
    listed: tuple[Kind, ...] = KINDS
    flaw: Flaw | None = None
    retaken_in: int = 0

    def keys(self, kinds: Iterable[Kind]) -> tuple[str, ...]:
        """The photo's keys of these kinds."""
        code, image_id, layout = self.product.code, self.image_id, self.layout
        return tuple(key(code, image_id, kind, layout) for kind in kinds)

    @property
    def uploaded_t(self) -> int:
        """When the contributor uploaded it, in seconds since 1970."""
        return self.product.created_t + 90 * min(self.image_id, 10)

    def written_t(self, kind: Kind) -> int:
        """When its object of a kind was last written, in seconds since 1970."""
        later = self.retaken_in if kind == "raw" else 0
        return self.uploaded_t + MONTH_SECONDS * later


@dataclass(frozen=True, slots=True)
class Plan:
    """A month's bucket: its photos, the lines of its key list, and its awkward cases by name."""

    photos: tuple[PhotoPlan, ...]
    listed: tuple[str, ...]
    awkward: dict[str, tuple[str, ...]]

    @property
    def stored(self) -> tuple[str, ...]:
        """The keys of all objects of photos in the bucket."""
        return tuple(stored for photo in self.photos for stored in photo.keys(photo.stored))


def plan(products: int, seed: int, month: int) -> Plan:
    """The bucket of a month.

    Args:
        products: in month 0; later months have more.
        seed: another one gives other products and photos.
        month: from 0; each adds products, removes photos and replaces one raw photo, as long as
            there are any.

    Raises:
        ValueError: fewer products than the awkward cases need, or a month before the first.
    """
    if products < LEAST_PRODUCTS:
        raise ValueError(f"A sandbox needs at least {LEAST_PRODUCTS} products, not {products}.")
    if month < 0:
        raise ValueError(f"The sandbox begins with month 0; there is no month {month}.")
    special = _special(seed)
    photos = [photo for _, photo in special]
    photos += _older(products, seed, month) + _newer(products, seed, month)
    listed = {line for photo in photos for line in photo.keys(photo.listed)}
    lines = sorted({*listed, KEY_LIST, JUNK}, key=str.encode)
    awkward = {name: _awkward_keys(photo) for name, photo in special if name}
    awkward |= {"list_names_itself": (KEY_LIST,), "junk_line": (JUNK,)}
    return Plan(tuple(photos), tuple(lines), awkward)


def _special(seed: int) -> list[tuple[str, PhotoPlan]]:
    """The photos of the awkward products; those that are awkward themselves have a name."""
    shelf = [product(seed, number, code=code) for number, code in enumerate(_CODES)]
    document, ean_8, unsplit, gtin_14, zero_14, long_code, many, broken, uneven = shelf
    no_ocr: tuple[Kind, ...] = ("raw", "400")
    return [
        ("document_barcode", PhotoPlan(document, 1)),
        ("", PhotoPlan(document, 2)),
        ("", PhotoPlan(document, 3)),
        ("ean_8", PhotoPlan(ean_8, 1)),
        ("", PhotoPlan(ean_8, 2)),
        ("unsplit_layout", PhotoPlan(unsplit, 1, "document")),
        ("", PhotoPlan(unsplit, 2)),
        ("fourteen_digits", PhotoPlan(gtin_14, 1)),
        ("fourteen_digits_leading_zero", PhotoPlan(zero_14, 1)),
        ("eighteen_digits", PhotoPlan(long_code, 1)),
        ("", PhotoPlan(many, 1)),
        ("image_id_400", PhotoPlan(many, 400)),
        ("image_id_1400", PhotoPlan(many, 1400)),
        ("truncated_jpeg", PhotoPlan(broken, 1, flaw="truncated_jpeg")),
        ("html_page", PhotoPlan(broken, 2, flaw="html_page")),
        ("ocr_error", PhotoPlan(broken, 3, flaw="ocr_error")),
        ("ocr_empty_responses", PhotoPlan(broken, 4, flaw="ocr_empty_responses")),
        ("listed_but_gone", PhotoPlan(uneven, 1, stored=())),
        ("stored_but_unlisted", PhotoPlan(uneven, 2, listed=())),
        ("without_ocr", PhotoPlan(uneven, 3, stored=no_ocr, listed=no_ocr)),
        ("ocr_without_responses", PhotoPlan(uneven, 4, flaw="ocr_without_responses")),
    ]


def _awkward_keys(photo: PhotoPlan) -> tuple[str, ...]:
    """The keys of what is awkward about a photo."""
    return photo.keys(SPOILT[photo.flaw] if photo.flaw else photo.listed or photo.stored)


def _older(products: int, seed: int, month: int) -> list[PhotoPlan]:
    """The photos of month 0's ordinary products that are left in this month."""
    shelf = range(len(_CODES), products)
    photos = [photo for number in shelf for photo in _photos(product(seed, number), seed)]
    order = chance(seed, "what happens to photos").sample(range(len(photos)), len(photos))
    # Replaced from one end and removed from the other, which meet only when few are left.
    for past, place in zip(range(1, month + 1), reversed(order), strict=False):
        photos[place] = replace(photos[place], retaken_in=past)
    removed = set(order[: max(1, len(photos) // 30) * month])
    return [photo for place, photo in enumerate(photos) if place not in removed]


def _newer(products: int, seed: int, month: int) -> list[PhotoPlan]:
    """The photos of the products added after month 0."""
    each_month = max(1, products // 20)
    newcomers = [
        product(seed, products + (past - 1) * each_month + place, month=past)
        for past in range(1, month + 1)
        for place in range(each_month)
    ]
    return [photo for newcomer in newcomers for photo in _photos(newcomer, seed)]


def _photos(owner: Product, seed: int) -> list[PhotoPlan]:
    """One to four photos of a product, most often one or two."""
    many = chance(seed, "photos", owner.number).choices((1, 2, 3, 4), (42, 32, 17, 9))[0]
    return [PhotoPlan(owner, image_id) for image_id in range(1, many + 1)]

"""A drawn photo as the files that the bucket has of it: raw, and the 400 px copy.

What is on the photo stands in `photos.py`; its OCR result is made in `ocr.py`.
"""

import io
from dataclasses import dataclass

from PIL import Image

from off_platform.sandbox.photos import Photo
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import chance, happens

# "a 400px resized version": its longer side.
SMALL_SIDE = 400

_QUALITY = 80
_ORIENTATION = 0x0112
# How a camera held on its side files an upright picture, by the EXIF value that turns it back.
_STORED_TURNED: dict[int, Image.Transpose] = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class Filing:
    """How a telephone files a photo: JPEG quality, progressive or not, EXIF orientation or none."""

    quality: int
    progressive: bool
    orientation: int | None


def filing(product: Product, image_id: int, retaken_in: int = 0) -> Filing:
    """How this photo was filed; some telephones file otherwise than most.

    Args:
        product: whose photo it is.
        image_id: of the photo.
        retaken_in: the month in which the file was replaced by a smaller one, 0 for never.
    """
    luck = chance("filing", product.code, image_id)
    orientation = luck.choice((3, 6, 8)) if happens(luck, 0.08) else None
    quality = _QUALITY + luck.randrange(-6, 7) - (9 if retaken_in else 0)
    return Filing(quality, happens(luck, 0.12), orientation)


def raw_file(photo: Photo, filed: Filing) -> bytes:
    """The JPEG as the contributor sent it, turned on its side where the EXIF data says so."""
    image, exif = photo.image, Image.Exif()
    if filed.orientation is not None:
        image = image.transpose(_STORED_TURNED[filed.orientation])
        exif[_ORIENTATION] = filed.orientation
    return _jpeg(image, filed.quality, progressive=filed.progressive, exif=exif)


def small_file(photo: Photo) -> bytes:
    """The JPEG 400 px copy: upright, without EXIF data."""
    # A copy, for Pillow shrinks a thumbnail in place.
    image = photo.image.copy()
    image.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return _jpeg(image, _QUALITY, progressive=False, exif=Image.Exif())


def _jpeg(image: Image.Image, quality: int, *, progressive: bool, exif: Image.Exif) -> bytes:
    written = io.BytesIO()
    image.save(written, "JPEG", quality=quality, progressive=progressive, exif=exif)
    return written.getvalue()

"""A drawn photo as the JPEG files that the bucket has of it: raw, and the 400 px copy."""

import io

from PIL import Image

from off_platform.sandbox.photos import Photo
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import chance, happens

# The longer side of the copy, in pixels: "a 400px resized version".
SMALL_SIDE = 400

ORIENTATION = 0x0112
_QUALITY = 80
# How a phone held sideways stores an upright picture, by the EXIF value that turns it back.
_STORED_TURNED: dict[int, Image.Transpose] = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def raw_file(photo: Photo, product: Product, image_id: int, retaken_in: int = 0) -> bytes:
    """The JPEG as the contributor sent it: one in twelve stored turned, one in eight progressive.

    Args:
        photo: as people see it.
        product: that it shows.
        image_id: of the photo.
        retaken_in: the month in which a smaller file replaced it, 0 for never.
    """
    luck, image, exif = chance("filing", product.code, image_id), photo.image, Image.Exif()
    if happens(luck, 0.08):
        exif[ORIENTATION] = luck.choice(tuple(_STORED_TURNED))
        image = image.transpose(_STORED_TURNED[exif[ORIENTATION]])
    quality = _QUALITY + luck.randrange(-6, 7) - (9 if retaken_in else 0)
    return _jpeg(image, quality, progressive=happens(luck, 0.12), exif=exif)


def small_file(photo: Photo) -> bytes:
    """The JPEG of the 400 px copy: upright, without EXIF data."""
    # Pillow shrinks a thumbnail in place.
    image = photo.image.copy()
    image.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return _jpeg(image, _QUALITY, progressive=False, exif=Image.Exif())


def _jpeg(image: Image.Image, quality: int, *, progressive: bool, exif: Image.Exif) -> bytes:
    written = io.BytesIO()
    image.save(written, "JPEG", quality=quality, progressive=progressive, exif=exif)
    return written.getvalue()

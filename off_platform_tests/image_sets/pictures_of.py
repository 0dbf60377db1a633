"""Pictures for tests of what photos look like: drawn, and changed as people change photos."""

from io import BytesIO

import numpy as np
from PIL import Image

ORIENTATION = 0x0112
_T = Image.Transpose
# How a photo is stored so that it is shown upright with an orientation.
STORED = {
    1: None,
    2: _T.FLIP_LEFT_RIGHT,
    3: _T.ROTATE_180,
    4: _T.FLIP_TOP_BOTTOM,
    5: _T.TRANSPOSE,
    6: _T.ROTATE_90,
    7: _T.TRANSVERSE,
    8: _T.ROTATE_270,
}


def picture(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Patches of colour with finer ones on them, others for each seed."""
    random = np.random.default_rng(seed)
    coarse, fine = (
        Image.fromarray(random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)).resize(
            size, Image.Resampling.BICUBIC
        )
        for rows, columns in ((6, 8), (24, 32))
    )
    return Image.blend(coarse, fine, 0.4)


def encoded(image: Image.Image, form: str = "JPEG", quality: int = 85) -> bytes:
    """The bytes of a file."""
    file = BytesIO()
    image.save(file, form, quality=quality)
    return file.getvalue()


def cropped(image: Image.Image, *sides: float) -> Image.Image:
    """Without a share of the left, top, right and bottom side."""
    left, top, right, bottom = sides
    width, height = image.size
    return image.crop(
        (round(width * left), round(height * top),
         round(width * (1 - right)), round(height * (1 - bottom)))
    )  # fmt: skip


def turned(image: Image.Image, orientation: int, quality: int = 85) -> bytes:
    """A JPEG that is shown as the image, but stored in an EXIF orientation."""
    turn = STORED[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = BytesIO()
    stored = image if turn is None else image.transpose(turn)
    stored.save(file, "JPEG", quality=quality, exif=exif)
    return file.getvalue()

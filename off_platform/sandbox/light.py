"""Pictures of light and shade: a few values, stretched smoothly over many pixels.

Where the light falls is decided in `packages.py` and `photos.py`.
"""

from collections.abc import Sequence

from PIL import Image, ImageChops

# Smooth curves are worked out so many times smaller; no eye tells the difference in a photo.
COARSE = 8


def row(values: Sequence[int]) -> Image.Image:
    """A picture one pixel high of values from 0 to 255, left to right."""
    return Image.frombytes("L", (len(values), 1), bytes(values))


def grid(columns: int, values: Sequence[float]) -> Image.Image:
    """A picture of shares from 0 to 1, line after line, as values from 0 to 255."""
    held = bytes(round(255 * min(1.0, max(0.0, value))) for value in values)
    return Image.frombytes("L", (columns, len(values) // columns), held)


def stretched(light: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The same light over a size in pixels, without the creases of a plain stretch."""
    coarse = (max(1, size[0] // COARSE), max(1, size[1] // COARSE))
    soft = light.resize(coarse, Image.Resampling.BICUBIC)
    return soft.resize(size, Image.Resampling.BILINEAR)


def fall_on(image: Image.Image, light: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Darken a box of the image, in pixels, to the share of light that reaches it."""
    soft = stretched(light, (box[2] - box[0], box[3] - box[1]))
    # Black, pasted as far as light is missing: the same as multiplying, and quicker.
    image.paste((0, 0, 0), box, ImageChops.invert(soft))

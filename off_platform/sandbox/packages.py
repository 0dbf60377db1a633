"""A package: a face with what is around it, cut out. Everything is flat.

`photos.py` and `bins_photos.py` place packages before their backgrounds.
"""

from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageDraw

from off_platform.sandbox.faces import WIDTH, Face, Rgb, mixed, rgb
from off_platform.sandbox.labels import PRINT, WHITE, palette
from off_platform.sandbox.products import Product

# Around a package in its picture, in units, so that its edges come out smooth when it is turned.
_MARGIN = 3
_METAL: Rgb = (186, 188, 192)
# How dark a package is from its left edge to its right one, of 255.
_FLAT = (17, 5, 0, 3, 15)
_ROUND = (159, 103, 49, 15, 0, 3, 11, 23, 39, 63, 97, 143)


class _Part(NamedTuple):
    """A rounded rectangle in units of the face; lower edges are counted from the face's lower."""

    colour: str
    left: float
    top: float
    right: float
    bottom: float
    radius: float


_PARTS: dict[str, tuple[_Part, ...]] = {
    "box": (_Part("ground", 0, -4, WIDTH, 4, 6), _Part("dark", WIDTH, 4, WIDTH + 12, 0, 3)),
    "bag": (
        _Part("ground", 3, -24, WIDTH - 3, 24, 8),
        _Part("dark", 3, -18, WIDTH - 3, -15, 0),
        _Part("dark", 3, -11, WIDTH - 3, -8, 0),
    ),
    "can": (_Part("metal", 4, -20, WIDTH - 4, 20, 12), _Part("ground", 0, -6, WIDTH, 6, 4)),
    "bottle": (
        _Part("food", 112, -176, WIDTH - 112, 0, 30),
        _Part("accent", 104, -190, WIDTH - 104, -150, 10),
        _Part("food", 0, -96, WIDTH, 36, 76),
    ),
    "jar": (
        _Part("food", -8, -56, WIDTH + 8, 34, 46),
        _Part("accent", 10, -92, WIDTH - 10, -44, 12),
    ),
}


@dataclass(frozen=True, slots=True)
class Package:
    """A package: `mask` is white where it is; `origin` is the face's corner, in units."""

    image: Image.Image
    mask: Image.Image
    face: Face
    origin: tuple[float, float]


def packed(product: Product, face: Face) -> Package:
    """The package that shows a face of a product."""
    parts, scale, colours = _PARTS[product.shape], face.scale, _colours(product)
    left = min(part.left for part in parts) - _MARGIN
    top = min(part.top for part in parts) - _MARGIN
    right = max(part.right for part in parts) + _MARGIN
    foot = max(part.bottom for part in parts) + _MARGIN
    size = (round((right - left) * scale), round((face.height + foot - top) * scale))
    # In one colour around the package too, which its edges take when it is turned.
    image, mask = Image.new("RGB", size, colours["ground"]), Image.new("L", size, 0)
    for part in parts:
        # A part that ends above the face has its lower edge there.
        bottom = part.bottom if part.bottom < 0 else face.height + part.bottom
        box = [part.left - left, part.top - top, part.right - left, bottom - top]
        edges = [edge * scale for edge in box]
        for drawn, fill in ((image, colours[part.colour]), (mask, 255)):
            ImageDraw.Draw(drawn).rounded_rectangle(edges, part.radius * scale, fill)
    corner = (round(-left * scale), round(-top * scale))
    image.paste(face.image, corner)
    mask.paste(255, (*corner, corner[0] + face.image.width, corner[1] + face.image.height))
    dark = _ROUND if product.shape in {"can", "bottle", "jar"} else _FLAT
    shade = Image.frombytes("L", (len(dark), 1), bytes(dark))
    image.paste((0, 0, 0), (0, 0), shade.resize(size, Image.Resampling.BILINEAR))
    return Package(image, mask, face, (-left, -top))


def _colours(product: Product) -> dict[str, Rgb]:
    colours = palette(product)
    return {
        "ground": colours.ground,
        "dark": mixed(colours.ground, PRINT, 0.35),
        "accent": colours.accent,
        "metal": _METAL,
        "food": mixed(rgb(product.food.colour), WHITE, 0.12),
    }

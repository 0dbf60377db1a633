"""A contributor's photo of one product: package on a table, light, shadow and noise.

What the package looks like stands in `packages.py`, the photo's files in `filing.py`; what a reader
of the photo would read there is handed on to `ocr.py` as words with their places.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

from PIL import Image, ImageDraw, ImageFilter

from off_platform.sandbox import backdrops, labels
from off_platform.sandbox.canvas import Package
from off_platform.sandbox.faces import WIDTH, Block, moved
from off_platform.sandbox.geometry import Corners, Perspective, Point, Window, around, perspective
from off_platform.sandbox.light import COARSE, fall_on, grid
from off_platform.sandbox.packages import packed
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import chance, happens

View = Literal["front", "nutrition", "ingredients", "back"]
VIEWS: tuple[View, ...] = ("front", "nutrition", "ingredients", "back")

# Letters of fewer pixels nobody reads, and no machine either.
_SMALLEST_PRINT = 7


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as a person sees it, and what is legible on it, in pixels of the image."""

    image: Image.Image
    blocks: list[Block]


def view_of(image_id: int) -> View:
    """What contributors photograph first, second, third: front, table, ingredients, back."""
    return VIEWS[(image_id - 1) % len(VIEWS)]


def photograph(product: Product, image_id: int) -> Photo:
    """Take the photo with this id: always the same one for the same product."""
    luck = chance("photo", product.code, image_id)
    view, size = view_of(image_id), product.camera
    draw = labels.front if view == "front" else labels.back
    # Pixels that one unit will fill in the photo, about: the face is drawn somewhat finer.
    fineness = 0.9 * min(size[0] / WIDTH, size[1] / 480)
    face = draw(product, min(3.0, max(1.6, 1.35 * fineness)))
    package = packed(product, face, luck)
    if package.scale >= 1.8 * fineness:
        package = package.halved()
    standing = view == "front" and package.upright
    lens = _pose(package, view, size, luck, standing=standing)
    # One contributor, one table: all photos of a product are taken there.
    table = chance("table", product.code)
    scene = _set(package, lens, size, (luck, table), standing=standing)
    return Photo(_lit(scene, luck), _legible(moved(package.blocks, lens), size))


def _pose(
    package: Package, view: View, size: tuple[int, int], luck: Random, *, standing: bool
) -> Perspective:
    """How the package comes to lie in the photo, whole or one window of it large."""
    width, height = package.size
    whole = view in {"front", "back"}
    window = Window(0, 0, width, height) if whole else package.windows[view]
    across, down = window.right - window.left, window.bottom - window.top
    fill = luck.uniform(0.74, 0.9) if whole else luck.uniform(0.92, 1.08)
    quarter = 0 if standing else _quarter_turns(size, luck)
    room = (size[1], size[0]) if quarter else size
    zoom = fill * min(room[0] / across, room[1] / down)
    aim = ((window.left + window.right) / 2, (window.top + window.bottom) / 2)
    turn = luck.gauss(0, 1.0 if standing else 3.5) + 90 * quarter
    centre = (size[0] * luck.uniform(0.47, 0.53),
              size[1] * (0.5 if not standing else luck.uniform(0.5, 0.53)))  # fmt: skip
    sine, cosine = math.sin(math.radians(turn)), math.cos(math.radians(turn))
    wobble = (0.008 if standing else 0.025) * zoom * min(width, height)

    def place(x: float, y: float) -> Point:
        x, y = (x - aim[0]) * zoom, (y - aim[1]) * zoom
        return (
            centre[0] + x * cosine - y * sine + luck.uniform(-wobble, wobble),
            centre[1] + x * sine + y * cosine + luck.uniform(-wobble, wobble),
        )

    corners = (place(0, 0), place(width, 0), place(width, height), place(0, height))
    return perspective(width, height, corners)


def _quarter_turns(size: tuple[int, int], luck: Random) -> int:
    """Whether what lies on the table was photographed from its side, as happens now and then."""
    often = 0.6 if size[0] > size[1] else 0.04
    return luck.choice((-1, 1)) if happens(luck, often) else 0


def _set(
    package: Package,
    lens: Perspective,
    size: tuple[int, int],
    lucks: tuple[Random, Random],
    *,
    standing: bool,
) -> Image.Image:
    """Put the package into its scene, shadow first."""
    width, height = package.size
    ends = (lens(0, 0), lens(width, 0), lens(width, height), lens(0, height))
    seen = around(ends)
    left, top = max(0, math.floor(seen.left)), max(0, math.floor(seen.top))
    part = (min(size[0], math.ceil(seen.right)) - left, min(size[1], math.ceil(seen.bottom)) - top)
    here = lens.shifted(-left, -top)
    mask = _silhouette(package, here, part)
    # Half as fine as the package: quicker, and out of focus as behind anything photographed.
    small = (size[0] // 2, size[1] // 2)
    scene = _behind(seen, small, lucks, standing=standing)
    _cast_shadow(scene, mask, (left, top), lucks[0], standing=standing)
    scene = scene.resize(size, Image.Resampling.BILINEAR)
    way_back = here.scaled(package.scale).backwards()
    how = (Image.Transform.PERSPECTIVE, way_back, Image.Resampling.BILINEAR)
    scene.paste(package.image.transform(part, *how), (left, top), mask)
    return scene


def _behind(
    seen: Window, small: tuple[int, int], lucks: tuple[Random, Random], *, standing: bool
) -> Image.Image:
    """The scene without the package, at half the photo's size."""
    luck, surface = lucks
    if not standing:
        return backdrops.table(surface, small)
    horizon = seen.bottom - (seen.bottom - seen.top) * luck.uniform(0.16, 0.4)
    return backdrops.room(surface, luck, small, round(horizon / 2))


def _silhouette(package: Package, lens: Perspective, size: tuple[int, int]) -> Image.Image:
    """White where the package is, drawn twice as large so that its edge comes out smooth."""
    drawn = Image.new("L", (2 * size[0], 2 * size[1]), 0)
    pen = ImageDraw.Draw(drawn)
    for polygon in package.outline:
        seen = [lens(x, y) for x, y in polygon]
        pen.polygon([(2 * x, 2 * y) for x, y in seen], 255)
    return drawn.reduce(2)


def _cast_shadow(
    scene: Image.Image, mask: Image.Image, corner: tuple[int, int], luck: Random, *, standing: bool
) -> None:
    """Darken the half-size scene beside the package; worked out smaller still, shadows are soft."""
    small = (2 * scene.width // COARSE, 2 * scene.height // COARSE)
    reach = small[0] / 60
    slide = (luck.uniform(-2, 2) * reach, (0.6 if standing else 1.6) * reach)
    shadow = Image.new("L", small, 0)
    dark = mask.reduce(COARSE).point([value * 6 // 10 for value in range(256)])
    at = (round(corner[0] / COARSE + slide[0]), round(corner[1] / COARSE + slide[1]))
    shadow.paste(dark, at)
    soft = shadow.filter(ImageFilter.GaussianBlur(reach))
    scene.paste((16, 13, 12), (0, 0), soft.resize(scene.size, Image.Resampling.BILINEAR))


def _lit(scene: Image.Image, luck: Random) -> Image.Image:
    """The light of the room, the camera's colour cast and its noise."""
    width, height = scene.size
    fall_on(scene, _light(luck), (0, 0, width, height))
    warm = luck.uniform(-0.05, 0.05)
    casts = [
        min(255, round(value * (1 + turn))) for turn in (warm, 0, -warm) for value in range(256)
    ]
    scene = scene.point(casts)
    if happens(luck, 0.1):
        scene = scene.filter(ImageFilter.BoxBlur(width / 700))
    speck = Image.frombytes("L", scene.size, luck.randbytes(width * height))
    return Image.blend(scene, Image.merge("RGB", (speck, speck, speck)), luck.uniform(0.012, 0.04))


def _light(luck: Random) -> Image.Image:
    """A window or lamp on one side: brighter there, darker towards the far corner."""
    lamp = (luck.uniform(-1, 6), luck.uniform(-2, 4))
    fall = luck.uniform(10, 22)
    shares = [
        max(0.66, min(1.0, 1.18 - math.dist(lamp, (column, line)) / fall * 0.4))
        for line in range(7)
        for column in range(6)
    ]
    return grid(6, shares)


def _legible(blocks: list[Block], size: tuple[int, int]) -> list[Block]:
    """The words that lie wholly within the photo and are not too small to be read."""

    def read(corners: Corners) -> bool:
        inside = all(0 <= x < size[0] and 0 <= y < size[1] for x, y in corners)
        return inside and math.dist(corners[0], corners[3]) >= _SMALLEST_PRINT

    kept = []
    for block in blocks:
        lines = [tuple(word for word in line if read(word.corners)) for line in block]
        kept.append(tuple(line for line in lines if line))
    return [block for block in kept if block]

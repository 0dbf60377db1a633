"""A contributor's photo of a product: the package before a soft background, with its shadow.

The package is drawn in `packages.py`. The words that can be read on the photo are returned with
their corners; `ocr.py` writes them down.
"""

from dataclasses import dataclass
from math import cos, dist, radians, sin
from random import Random
from typing import Literal

from PIL import Image, ImageFilter

from off_platform.sandbox import labels
from off_platform.sandbox.faces import WIDTH, Block, Box, Point, Word, rgb
from off_platform.sandbox.packages import Package, packed
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import chance, happens

View = Literal["front", "nutrition", "ingredients", "back"]
VIEWS: tuple[View, ...] = ("front", "nutrition", "ingredients", "back")

# In pixels of the photo; smaller print cannot be read.
_SMALLEST_PRINT = 7
# Shadows are blurred at a smaller size, which is faster.
_COARSE = 8
_SMOOTH = Image.Resampling.BILINEAR


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as people see it, and the words that can be read on it, in pixels of the image."""

    image: Image.Image
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a face is in a photo: the point at the middle, pixels per unit, and the turn.

    `turn` is in degrees, counterclockwise; `middle` is in pixels, `aim` in units of the face.
    """

    aim: Point
    middle: Point
    zoom: float
    turn: float

    def __call__(self, point: Point) -> Point:
        """Where a point of the face is in the photo."""
        x, y = (point[0] - self.aim[0]) * self.zoom, (point[1] - self.aim[1]) * self.zoom
        sine, cosine = sin(radians(self.turn)), cos(radians(self.turn))
        return self.middle[0] + x * cosine + y * sine, self.middle[1] - x * sine + y * cosine

    def backwards(self, origin: Point) -> tuple[float, float, float, float, float, float]:
        """Pillow's coefficients from the photo to a package with the face's corner at `origin`."""
        sine, cosine = sin(radians(self.turn)), cos(radians(self.turn))
        x, y = ((a + b) * self.zoom for a, b in zip(self.aim, origin, strict=True))
        across, down = self.middle
        return (
            *(cosine, -sine, x - cosine * across + sine * down),
            *(sine, cosine, y - sine * across - cosine * down),
        )


def view_of(image_id: int) -> View:
    """What contributors photograph first, second, third: front, table, ingredients, back."""
    return VIEWS[(image_id - 1) % len(VIEWS)]


def photograph(product: Product, image_id: int) -> Photo:
    """The photo with this id, always the same one for the same product."""
    luck, view, size = chance("photo", product.code, image_id), view_of(image_id), product.camera
    height = labels.HEIGHTS[product.shape]
    window: Box = (0, {"bottle": -190, "jar": -92}.get(product.shape, -4), WIDTH, height)
    if view in {"nutrition", "ingredients"}:
        window = labels.windows(product.shape)[view]
    pose = _pose(window, size, luck, whole=view in {"front", "back"})
    draw = labels.front if view == "front" else labels.back
    face = draw(product, pose.zoom)
    image = _background(product, size, luck)
    _place(image, packed(product, face), pose)
    return Photo(image, _legible(face.blocks, pose, size))


def _pose(window: Box, size: tuple[int, int], luck: Random, *, whole: bool) -> Pose:
    """The window of a face fills most of the photo, or a little more than it."""
    left, top, right, bottom = window
    sideways = happens(luck, 0.6 if size[0] > size[1] else 0.04)
    room = (size[1], size[0]) if sideways else size
    fill = luck.uniform(0.7, 0.84) if whole else luck.uniform(0.92, 1.08)
    return Pose(
        aim=((left + right) / 2, (top + bottom) / 2),
        middle=(size[0] * luck.uniform(0.47, 0.53), size[1] * luck.uniform(0.48, 0.52)),
        zoom=fill * min(room[0] / (right - left), room[1] / (bottom - top)),
        turn=luck.gauss(0, 2.5) + (luck.choice((-90, 90)) if sideways else 0),
    )


def _background(product: Product, size: tuple[int, int], luck: Random) -> Image.Image:
    """A plain surface in uneven light; all photos of a product are taken on the same one."""
    surface = chance("surface", product.code)
    hue, strength = surface.randrange(360), surface.randrange(8, 30)
    bright = surface.randrange(64, 90)
    shades = (bright + luck.randrange(-8, 9) for _ in range(9))
    colours = [rgb(f"hsl({hue}, {strength}%, {shade}%)") for shade in shades]
    light = Image.frombytes("RGB", (3, 3), bytes(part for colour in colours for part in colour))
    coarse = light.resize((size[0] // _COARSE, size[1] // _COARSE), Image.Resampling.BICUBIC)
    return coarse.resize(size, _SMOOTH)


def _place(image: Image.Image, package: Package, pose: Pose) -> None:
    """Puts a package into the photo, its shadow first."""
    seen, mask = (
        each.transform(image.size, Image.Transform.AFFINE, pose.backwards(package.origin), _SMOOTH)
        for each in (package.image, package.mask)
    )
    coarse = mask.reduce(_COARSE).point([value // 2 for value in range(256)])
    reach = coarse.width / 50
    shadow = Image.new("L", coarse.size)
    shadow.paste(coarse, (round(reach), round(2 * reach)))
    soft = shadow.filter(ImageFilter.GaussianBlur(reach)).resize(image.size, _SMOOTH)
    image.paste((24, 20, 18), (0, 0), soft)
    image.paste(seen, (0, 0), mask)


def _legible(blocks: list[Block], pose: Pose, size: tuple[int, int]) -> list[Block]:
    """The words that are whole on the photo and large enough, where they are on it."""

    def read(word: Word) -> bool:
        inside = all(0 <= x < size[0] and 0 <= y < size[1] for x, y in word.corners)
        return inside and dist(word.corners[0], word.corners[3]) >= _SMALLEST_PRINT

    def seen(word: Word) -> Word:
        a, b, c, d = word.corners
        return Word(word.text, (pose(a), pose(b), pose(c), pose(d)))

    kept = [tuple(tuple(filter(read, map(seen, line))) for line in block) for block in blocks]
    return [tuple(line for line in block if line) for block in kept if any(block)]

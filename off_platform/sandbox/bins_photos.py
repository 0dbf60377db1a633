"""A photo of a bin: a compartment of yellow cloth, elastic bands, and what stands behind them.

What lies in it stands in `bins_plan.py`; the packages are those of `packages.py`.
"""

import io
import math
from functools import lru_cache
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from off_platform.sandbox import labels
from off_platform.sandbox.backdrops import grain
from off_platform.sandbox.bins_metadata import PRODUCTS, stocked
from off_platform.sandbox.bins_plan import BinPlan
from off_platform.sandbox.faces import font
from off_platform.sandbox.geometry import Point, Window
from off_platform.sandbox.light import fall_on, grid
from off_platform.sandbox.motifs import Rgb, tinted
from off_platform.sandbox.packages import packed
from off_platform.sandbox.seeds import chance

# In pixels, the smaller genuine photos' sizes; most are broader than high.
WIDTHS, HEIGHTS, HIGHEST = (315, 501), (240, 420), 600
CLOTH: Rgb = (214, 191, 122)
ELASTIC: Rgb = (196, 188, 174)
TAGS: tuple[Rgb, ...] = ((38, 52, 106), (214, 120, 62), (122, 160, 204), (104, 34, 62))
QUALITY = 60
# More cannot be told apart behind the bands.
MOST_DRAWN = 18
# Packages in the front row, and in each behind it.
ROW = 6
_SPRITE = 180
_FAINT = [value // 3 for value in range(256)]


def photo_of(planned: BinPlan, seed: int) -> bytes:
    """The JPEG of a bin, as many packages in it as it has units, 18 at most."""
    luck = chance(seed, "bin photo", planned.id)
    size = _size(luck)
    opening = _opening(size, luck)
    scene = _cloth(size, luck, -0.42)
    numbers = [item.number for item in planned.items for _ in range(item.quantity)]
    _stock(scene, opening, numbers[:MOST_DRAWN], (luck, seed))
    _stretch_bands(scene, opening, luck)
    _hem(scene, opening, luck)
    return _jpeg(scene, luck)


def _size(luck: Random) -> tuple[int, int]:
    """Width and height; every seventh photo or so is higher than broad."""
    width, height = luck.randrange(*WIDTHS), luck.randrange(*HEIGHTS)
    return width, (min(HIGHEST, width + height // 3) if luck.randrange(7) == 0 else height)


def _opening(size: tuple[int, int], luck: Random) -> Window:
    """What of the photo is the opening; the camera is never held quite straight before it."""
    width, height = size
    return Window(
        width * luck.uniform(0.01, 0.07),
        height * luck.uniform(0.04, 0.12),
        width * luck.uniform(0.93, 0.99),
        height * luck.uniform(0.82, 0.9),
    )


def _cloth(size: tuple[int, int], luck: Random, tint: float) -> Image.Image:
    """Yellow cloth in uneven light."""
    colour = tinted(CLOTH, tint)
    cloth = Image.new("RGB", size, colour)
    cloth.paste(tinted(colour, -0.5), (0, 0), grain(luck, size, (7, 5)).point(_FAINT))
    fall_on(cloth, grid(3, [luck.uniform(0.72, 1.0) for _ in range(9)]), (0, 0, *size))
    return cloth


def _stock(
    scene: Image.Image, opening: Window, numbers: list[int], luck_and_seed: tuple[Random, int]
) -> None:
    """Put the packages in, the hindmost row first, each row in the shade of those before it."""
    luck, seed = luck_and_seed
    mixed = luck.sample(numbers, len(numbers))
    rows = [mixed[start : start + ROW] for start in range(0, len(mixed), ROW)]
    for depth, row in reversed(list(enumerate(rows))):
        for place, number in enumerate(row):
            share = (place + 0.5 + luck.uniform(-0.2, 0.2)) / len(row)
            at = opening.left + share * (opening.right - opening.left)
            _put_in(scene, _sprite(number, seed), (at, _floor(opening, depth)), opening, luck)
        if depth:
            scene.paste((18, 14, 8), (0, 0, *scene.size), Image.new("L", scene.size, 70))


def _floor(opening: Window, depth: int) -> float:
    """Where the packages of a row stand: those farther behind, higher."""
    height = opening.bottom - opening.top
    return opening.bottom + height * (0.03 - 0.09 * depth)


def _put_in(
    scene: Image.Image, sprite: Image.Image, foot: Point, opening: Window, luck: Random
) -> None:
    """One package, standing or lying on its side; `foot` is the middle of where it stands."""
    turned = sprite.rotate(
        luck.choice((0, 0, 0, 90)) + luck.gauss(0, 4), Image.Resampling.BILINEAR, expand=True
    )
    room = (opening.right - opening.left) * 0.45, (opening.bottom - opening.top) * 0.82
    zoom = luck.uniform(0.62, 1.0) * min(room[0] / turned.width, room[1] / turned.height)
    seen = (round(turned.width * zoom), round(turned.height * zoom))
    small = turned.resize(seen, Image.Resampling.BILINEAR)
    least, most = opening.left, max(opening.left, opening.right - small.width)
    left = min(most, max(least, foot[0] - small.width / 2))
    scene.paste(small, (round(left), round(foot[1] - small.height)), small)


@lru_cache(maxsize=4 * PRODUCTS)
def _sprite(number: int, seed: int) -> Image.Image:
    """A product's package cut out and small: it is drawn once and put into many bins."""
    product = stocked(number, seed)
    package = packed(product, labels.front(product, 1.0), chance(seed, "bin package", number))
    mask = Image.new("L", package.image.size, 0)
    pen = ImageDraw.Draw(mask)
    for polygon in package.outline:
        pen.polygon([(x * package.scale, y * package.scale) for x, y in polygon], 255)
    sprite = package.image.copy()
    sprite.putalpha(mask)
    sprite = sprite.crop(mask.getbbox())
    sprite.thumbnail((_SPRITE, _SPRITE))
    return sprite


def _stretch_bands(scene: Image.Image, opening: Window, luck: Random) -> None:
    """The elastic bands before the opening, of many thin threads one can see through."""
    threads = Image.new("L", scene.size, 0)
    pen = ImageDraw.Draw(threads)
    height, sag = opening.bottom - opening.top, luck.uniform(-6, 6)
    for middle in (0.3, 0.72):
        first = opening.top + height * (middle + luck.uniform(-0.06, 0.04) - 0.11)
        for thread in range(max(4, round(height * 0.2 / 4))):
            y = first + 4 * thread
            pen.line([(0, y), (scene.width, y + sag)], luck.randrange(70, 150), 2)
    scene.paste(ELASTIC, (0, 0), threads)


def _hem(scene: Image.Image, opening: Window, luck: Random) -> None:
    """The cloth around the opening, nearest to the camera, with the tag of the bin sewn on it."""
    frame = _cloth(scene.size, luck, 0.05)
    _sew_tag(frame, opening, luck)
    around = Image.new("L", scene.size, 255)
    sag = luck.uniform(0.0, 0.05) * scene.height
    shares = [step / 12 for step in range(13)]
    across = opening.right - opening.left
    above = [(opening.left + across * share, opening.top) for share in shares]
    below = [
        (opening.left + across * share, opening.bottom + sag * (math.sin(math.pi * share) - 1))
        for share in reversed(shares)
    ]
    ImageDraw.Draw(around).polygon([*above, *below], 0)
    scene.paste(frame, (0, 0), around)


def _sew_tag(frame: Image.Image, opening: Window, luck: Random) -> None:
    """A coloured strip with the bin's row and column, and beside it a code of squares."""
    pen = ImageDraw.Draw(frame)
    height = (frame.height - opening.bottom) * 0.72
    left = frame.width * luck.uniform(0.2, 0.5)
    top = opening.bottom + 0.2 * height
    pen.rectangle((left, top, left + 4.6 * height, top + height), luck.choice(TAGS))
    plate, inner = left + 0.3 * height, 0.8 * height
    pen.rectangle((plate, top + 0.1 * height, plate + 2.2 * height, top + inner), (236, 234, 226))
    text = f"{luck.randrange(1, 7)}{luck.choice('ABCDEFGHJK')}"
    middle = (plate + 1.1 * height, top + 0.45 * height)
    pen.text(middle, text, (24, 24, 26), font(max(8, round(0.6 * height))), "mm")
    code = Image.frombytes("L", (10, 10), bytes(luck.choices((24, 236), k=100)))
    side = max(10, round(inner))
    frame.paste(
        code.resize((side, side), Image.Resampling.NEAREST).convert("RGB"),
        (round(plate + 2.7 * height), round(top + 0.1 * height)),
    )


def _jpeg(scene: Image.Image, luck: Random) -> bytes:
    """The scene out of focus by chance, a little noisy, as the bucket holds it."""
    radius = luck.choices((0.4, 0.9, 1.6, 3.0), (40, 35, 18, 7))[0]
    blurred = scene.filter(ImageFilter.BoxBlur(radius))
    speck = Image.frombytes("L", scene.size, luck.randbytes(scene.width * scene.height))
    noisy = Image.blend(blurred, Image.merge("RGB", (speck, speck, speck)), 0.015)
    written = io.BytesIO()
    noisy.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()

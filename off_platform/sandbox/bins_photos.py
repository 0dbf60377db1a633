"""A photo of a bin: a compartment of yellow cloth, packages in it, elastic bands before them.

What is in a bin is in `bins_plan.py`; the packages are those of `packages.py`.
"""

import io
from functools import lru_cache
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from off_platform.sandbox import labels
from off_platform.sandbox.bins_metadata import PRODUCTS, stocked
from off_platform.sandbox.bins_plan import BinPlan
from off_platform.sandbox.faces import Box, Rgb, font, mixed
from off_platform.sandbox.packages import Package, packed
from off_platform.sandbox.seeds import chance

# The sizes of the smaller genuine photos, in pixels; most are wider than high.
WIDTHS, HEIGHTS, HIGHEST = (315, 501), (240, 420), 600
CLOTH: Rgb = (214, 191, 122)
ELASTIC: Rgb = (196, 188, 174)
DARK: Rgb = (40, 32, 18)
TAGS: tuple[Rgb, ...] = ((38, 52, 106), (214, 120, 62), (122, 160, 204), (104, 34, 62))
QUALITY = 60
# More cannot be told apart behind the bands.
MOST_DRAWN = 18
# Packages in the front row, and in each behind it.
ROW = 6
_SMOOTH = Image.Resampling.BILINEAR


def photo_of(planned: BinPlan, seed: int) -> bytes:
    """The JPEG of a bin, with one package per unit in it, 18 at most."""
    luck = chance(seed, "bin photo", planned.id)
    width, height = luck.randrange(*WIDTHS), luck.randrange(*HEIGHTS)
    if luck.randrange(7) == 0:
        height = min(HIGHEST, width + height // 3)
    scene = _cloth((width, height), luck, 0.5)
    # The camera is never held quite straight.
    left, right = width * luck.uniform(0.01, 0.07), width * luck.uniform(0.93, 0.99)
    opening = (left, height * luck.uniform(0.04, 0.12), right, height * luck.uniform(0.82, 0.9))
    numbers = [item.number for item in planned.items for _ in range(item.quantity)][:MOST_DRAWN]
    sprites = [_sprite(number, seed) for number in luck.sample(numbers, len(numbers))]
    for start in reversed(range(0, len(sprites), ROW)):
        _stand(scene, sprites[start : start + ROW], opening, start // ROW, luck)
    _bands(scene, opening, luck)
    frame = _cloth((width, height), luck, 0.0)
    _tag(frame, opening, luck)
    around = Image.new("L", scene.size, 255)
    ImageDraw.Draw(around).rounded_rectangle(opening, 8, 0)
    scene.paste(frame, (0, 0), around)
    return _jpeg(scene, luck)


def _cloth(size: tuple[int, int], luck: Random, shade: float) -> Image.Image:
    """Yellow cloth in uneven light, with a share of shade."""
    parts = (mixed(CLOTH, DARK, shade + luck.uniform(0, 0.22)) for _ in range(9))
    coarse = Image.frombytes("RGB", (3, 3), bytes(value for part in parts for value in part))
    return coarse.resize(size, Image.Resampling.BICUBIC)


@lru_cache(maxsize=4 * PRODUCTS)
def _sprite(number: int, seed: int) -> Package:
    """A product's package, small: it is drawn once and used in many bins."""
    product = stocked(number, seed)
    return packed(product, labels.front(product, 0.5))


def _stand(scene: Image.Image, row: list[Package], opening: Box, depth: int, luck: Random) -> None:
    """Puts a row of packages in, standing or lying; a row farther behind is higher and darker."""
    left, top, right, bottom = opening
    foot = bottom - (bottom - top) * (0.09 * depth - 0.01)
    for place, sprite in enumerate(row):
        lying = luck.choice((False, False, False, True))
        width, height = sprite.image.size[::-1] if lying else sprite.image.size
        zoom = luck.uniform(0.62, 1.0) * min(
            (right - left) * 0.42 / width, (bottom - top) * 0.78 / height
        )
        turn, size = (
            luck.gauss(0, 4) + 90 * lying,
            [round(zoom * each) for each in sprite.image.size],
        )
        small, mask = (
            each.resize((size[0], size[1]), _SMOOTH).rotate(turn, _SMOOTH, expand=True)
            for each in (sprite.image, sprite.mask)
        )
        middle = left + (right - left) * (place + 0.5 + luck.uniform(-0.2, 0.2)) / len(row)
        at = min(right - small.width, max(left, middle - small.width / 2))
        scene.paste(small, (round(at), round(foot - small.height)), mask)
    if depth:
        scene.paste(DARK, (0, 0, *scene.size), Image.new("L", scene.size, 70))


def _bands(scene: Image.Image, opening: Box, luck: Random) -> None:
    """Two elastic bands before the opening, of threads that one can see between."""
    threads = Image.new("L", scene.size, 0)
    pen, height, sag = ImageDraw.Draw(threads), opening[3] - opening[1], luck.uniform(-6, 6)
    for middle in (0.3, 0.72):
        first = opening[1] + height * (middle + luck.uniform(-0.17, -0.07))
        for thread in range(round(height * 0.05)):
            y = first + 4 * thread
            pen.line([(0, y), (scene.width, y + sag)], luck.randrange(70, 150), 2)
    scene.paste(ELASTIC, (0, 0), threads)


def _tag(frame: Image.Image, opening: Box, luck: Random) -> None:
    """A coloured tag below the opening with the bin's row and column, and a code of squares."""
    pen, height = ImageDraw.Draw(frame), (frame.height - opening[3]) * 0.72
    left, top = frame.width * luck.uniform(0.2, 0.5), opening[3] + 0.2 * height
    pen.rectangle((left, top, left + 4.6 * height, top + height), luck.choice(TAGS))
    plate = (left + 0.3 * height, top + 0.1 * height, left + 2.5 * height, top + 0.9 * height)
    pen.rectangle(plate, labels.WHITE)
    text = f"{luck.randrange(1, 7)}{luck.choice('ABCDEFGHJK')}"
    at = (left + 1.4 * height, top + 0.5 * height)
    pen.text(at, text, labels.PRINT, font(max(8, round(0.6 * height)), bold=True), "mm")
    code = Image.frombytes("L", (10, 10), bytes(luck.choices((24, 236), k=100)))
    side = max(10, round(0.8 * height))
    squares = code.resize((side, side), Image.Resampling.NEAREST)
    frame.paste(squares.convert("RGB"), (round(left + 3 * height), round(top + 0.1 * height)))


def _jpeg(scene: Image.Image, luck: Random) -> bytes:
    """The scene more or less in focus, as the bucket stores it."""
    radius = luck.choices((0.4, 0.9, 1.6, 3.0), (40, 35, 18, 7))[0]
    written = io.BytesIO()
    scene.filter(ImageFilter.BoxBlur(radius)).save(written, "JPEG", quality=QUALITY)
    return written.getvalue()

"""What lies behind a package: wood, stone, cloth or metal below, a blurred room above.

The package and its shadow are added by `photos.py`.
"""

from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from off_platform.sandbox.light import row
from off_platform.sandbox.motifs import Rgb, rgb, tinted

Size = tuple[int, int]

_WOODS = ("#8a5a34", "#b98a56", "#5c3d28", "#c9a779", "#7a6654")
_STONES = ("#8b8b8a", "#5a5b5e", "#d8d5cf", "#3d3e42", "#b7aea2")
_CLOTHS = ("#b8413b", "#3f6ea3", "#5d8a5a", "#c9a24a", "#8c8f96")
_WALLS = ("#d9d2c5", "#c7cdd0", "#e3dccb", "#b9b3a7", "#cfd6cd")


def grain(luck: Random, size: Size, coarse: Size) -> Image.Image:
    """Grey chance of a given coarseness, smoothed up to a size: a few cells make soft clouds."""
    cells = Image.frombytes("L", coarse, luck.randbytes(coarse[0] * coarse[1]))
    return cells.resize(size, Image.Resampling.BICUBIC)


def _toned(grey: Image.Image, colour: Rgb, dark: float, light: float) -> Image.Image:
    return ImageOps.colorize(grey, tinted(colour, dark), tinted(colour, light), mid=colour)


def _wood(luck: Random, size: Size) -> Image.Image:
    """Planks with a grain along them and dark joints between."""
    width, height = size
    long = grain(luck, size, (5, max(8, height // 5)))
    fine = grain(luck, size, (9, max(8, height // 2)))
    board = _toned(Image.blend(long, fine, 0.4), rgb(luck.choice(_WOODS)), -0.35, 0.22)
    draw = ImageDraw.Draw(board)
    plank = height / luck.choice((2.5, 3.3, 4.2))
    joint = luck.uniform(0.2, 0.9) * plank
    while joint < height:
        draw.line([(0, joint), (width, joint)], (44, 30, 20), max(1, height // 220))
        joint += plank
    return board


def _stone(luck: Random, size: Size) -> Image.Image:
    """A worktop: broad clouds under fine specks."""
    width, height = size
    clouds = grain(luck, size, (6, 8))
    specks = grain(luck, size, (width // 2, height // 2))
    return _toned(Image.blend(clouds, specks, 0.6), rgb(luck.choice(_STONES)), -0.3, 0.28)


def _cloth(luck: Random, size: Size) -> Image.Image:
    """A checked tablecloth with a weave."""
    width, height = size
    colour = rgb(luck.choice(_CLOTHS))
    field = round(width / luck.uniform(6, 10))
    weave = grain(luck, size, (width, height))
    cloth = _toned(weave, (238, 236, 229), -0.08, 0.0)
    stripe = Image.new("L", size, 0)
    draw = ImageDraw.Draw(stripe)
    for start in range(0, width, 2 * field):
        draw.rectangle([start, 0, start + field, height], 110)
    across = Image.new("L", size, 0)
    draw = ImageDraw.Draw(across)
    for start in range(0, height, 2 * field):
        draw.rectangle([0, start, width, start + field], 110)
    cloth.paste(colour, mask=ImageChops.add(stripe, across))
    return cloth


def _metal(luck: Random, size: Size) -> Image.Image:
    """Brushed steel or a plain dark table."""
    brushed = grain(luck, size, (size[0] // 20, size[1]))
    return _toned(brushed, rgb(luck.choice(("#8f9396", "#4a4d52", "#2f3033"))), -0.14, 0.14)


def table(luck: Random, size: Size) -> Image.Image:
    """A table seen from above, filling the size in pixels."""
    draw = luck.choices((_wood, _stone, _cloth, _metal), (5, 4, 2, 2))[0]
    return draw(luck, size)


def room(surface: Random, luck: Random, size: Size, horizon: int) -> Image.Image:
    """A table from the front with the room behind it out of focus.

    Args:
        surface: the chance that the table is drawn by.
        luck: the chance that the room is drawn by.
        size: width and height in pixels.
        horizon: where the table ends, in pixels from the top.
    """
    width, height = size
    scene = table(surface, size)
    scene.paste(_wall(luck, (width, horizon)), (0, 0))
    thick = max(5, height // 60)
    edge = row((10, 30, 60, 95, 120, 90, 50, 22, 8)).transpose(Image.Transpose.ROTATE_270)
    scene.paste((30, 24, 20), (0, horizon - thick // 2), edge.resize((width, thick)))
    return scene


def _wall(luck: Random, size: Size) -> Image.Image:
    """A kitchen nobody looks at: cupboards, jars and a lamp, drawn small and blurred large."""
    small = (64, max(8, 64 * size[1] // size[0]))
    wall = Image.new("RGB", small, rgb(luck.choice(_WALLS)))
    draw = ImageDraw.Draw(wall)
    shelf = luck.randrange(small[1] // 4, small[1])
    for _ in range(luck.randrange(5, 11)):
        left, wide = luck.randrange(-6, 64), luck.randrange(4, 13)
        colour = tinted(rgb(f"hsl({luck.randrange(360)},{luck.randrange(8, 45)}%,50%)"),
                        luck.uniform(-0.4, 0.5))  # fmt: skip
        draw.rectangle([left, shelf - luck.randrange(6, 22), left + wide, shelf], colour)
    draw.rectangle([0, shelf, 64, shelf + 2], tinted(rgb(luck.choice(_WOODS)), 0.1))
    lamp = (luck.randrange(64), luck.randrange(max(1, small[1] // 3)))
    draw.ellipse([lamp[0] - 5, lamp[1] - 5, lamp[0] + 5, lamp[1] + 5], (255, 246, 222))
    return wall.filter(ImageFilter.GaussianBlur(1.7)).resize(size, Image.Resampling.BICUBIC)

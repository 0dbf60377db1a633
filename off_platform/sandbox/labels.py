"""What is printed on a package: three fronts to choose from, and the back with its small print.

The surface itself stands in `faces.py`, the words in `assortment.py`.
"""

import colorsys
import math
from dataclasses import dataclass
from random import Random

from off_platform.sandbox.assortment import WORDINGS, Shape
from off_platform.sandbox.bars import dark_runs, modules
from off_platform.sandbox.faces import WIDTH, Face, Line, Pen
from off_platform.sandbox.geometry import Point, Window
from off_platform.sandbox.motifs import Rgb, rgb, strew, tinted
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import chance, happens

# Heights in units of a face, by the package it goes on.
HEIGHTS: dict[Shape, float] = {"box": 500, "bag": 470, "can": 390, "bottle": 340, "jar": 310}

_WHITE: Rgb = (252, 251, 247)
_BLACK: Rgb = (16, 16, 16)
_PRINT: Rgb = (38, 36, 34)
_MIDDLE = WIDTH / 2


@dataclass(frozen=True, slots=True)
class Palette:
    """A product's colours: its ground, darker and lighter, and one that stands out from it."""

    ground: Rgb
    dark: Rgb
    light: Rgb
    accent: Rgb


def palette(product: Product) -> Palette:
    """The colours of a product, the same on all its sides."""
    luck = chance("palette", product.code)

    def shade(turn: int, lightness: float, strength: float) -> Rgb:
        parts = colorsys.hls_to_rgb((product.hue + turn) % 360 / 360, lightness, strength)
        red, green, blue = (round(255 * part) for part in parts)
        return red, green, blue

    return Palette(
        ground=shade(0, luck.uniform(0.36, 0.52), luck.uniform(0.42, 0.72)),
        dark=shade(0, 0.17, 0.5),
        light=shade(luck.choice((0, 20)), 0.92, 0.55),
        accent=shade(luck.choice((150, 180, 210)), 0.5, 0.68),
    )


def front(product: Product, scale: float) -> Face:
    """The face one sees in the shop, at `scale` pixels a unit."""
    luck = chance("front", product.code)
    face = Face(HEIGHTS[product.shape], scale, palette(product).ground)
    luck.choice((_banner_front, _framed_front, _split_front))(face, product, luck)
    face.windows["front"] = Window(0, 0, WIDTH, face.height)
    return face


def _name_lines(face: Face, name: str, width: float, largest: float) -> list[tuple[str, float]]:
    """The name in one line or two, whichever lets the letters be larger."""
    words = name.split()
    halves = [" ".join(part) for part in (words[: len(words) // 2], words[len(words) // 2 :])]
    lines = [name] if len(words) == 1 else halves
    size = min(face.fitting(line, width, largest) for line in lines)
    if face.fitting(name, width, largest) >= size:
        lines, size = [name], face.fitting(name, width, largest)
    return [(line, size) for line in lines]


def _write_name(face: Face, product: Product, at: Point, width: float, fill: Rgb) -> float:
    """Write the name around a middle, as one block; returns where its last line stands."""
    lines: list[Line] = []
    foot = at[1]
    for text, size in _name_lines(face, product.name, width, min(46, face.height * 0.1)):
        foot += size * 1.06
        line = face.write(text, (at[0], foot), Pen(size, fill, size * 0.022), "middle")
        lines.append(line)
    face.blocks.append(tuple(lines))
    return foot


def _write_brand(face: Face, product: Product, at: Point, size: float, fill: Rgb) -> None:
    size = face.fitting(product.brand, 200, min(size, face.height * 0.085))
    line = face.write(product.brand, at, Pen(size, fill, size * 0.045), "middle")
    face.blocks.append((line,))


def _write_claim(face: Face, product: Product, at: Point, colours: tuple[Rgb, Rgb]) -> None:
    """A round sticker with the product's claim, a word a line."""
    ground, ink = colours
    words = WORDINGS[product.language].claims[product.claim].split()
    face.ellipse((at[0] + 1.5, at[1] + 2), 40, 40, tinted(ground, -0.4))
    face.ellipse(at, 40, 40, ground)
    size = min(face.fitting(word, 62, 15) for word in words)
    foot = at[1] - size * 1.1 * len(words) / 2 + size * 0.85
    lines = []
    for word in words:
        lines.append(face.write(word, (at[0], foot), Pen(size, ink, 0.3), "middle"))
        foot += size * 1.1
    face.blocks.append(tuple(lines))


def _write_quantity(face: Face, product: Product, at: Point, fill: Rgb) -> None:
    face.blocks.append((face.write(product.quantity, at, Pen(17, fill, 0.3), "right"),))


def _banner_front(face: Face, product: Product, luck: Random) -> None:
    """Ground colour, brand in an oval, the food heaped up behind a curved edge below."""
    colours, high = palette(product), face.height
    shore = high * 0.6
    curve = [(x * 12.0, shore + 22 * math.sin(x / 30 * math.pi + 0.4)) for x in range(31)]
    face.polygon([*curve, (WIDTH, high), (0, high)], tinted(colours.light, -0.06))
    food = rgb(product.sort.food)
    strew(face, product.sort.motif, food, Window(-10, shore + 42, WIDTH + 20, high + 10), luck)
    face.line([(x, y - 3) for x, y in curve], colours.accent, 6)
    face.ellipse((_MIDDLE, high * 0.12), 122, high * 0.075, _WHITE)
    face.ellipse((_MIDDLE, high * 0.12), 117, high * 0.067, colours.dark)
    _write_brand(face, product, (_MIDDLE, high * 0.12 + 11), 33, _WHITE)
    _write_name(face, product, (_MIDDLE, high * 0.225), WIDTH - 84, _WHITE)
    _write_claim(face, product, (WIDTH - 88, high * 0.57), (colours.accent, _WHITE))
    _write_quantity(face, product, (118, high * 0.575), _WHITE)


def _framed_front(face: Face, product: Product, luck: Random) -> None:
    """A light ground in a coloured frame, the food in a round picture in the middle."""
    colours, high = palette(product), face.height
    face.rectangle(Window(16, 16, WIDTH - 16, high - 16), colours.light, 14)
    face.rectangle(Window(22, 22, WIDTH - 22, high - 22), colours.ground, 10)
    face.rectangle(Window(24, 24, WIDTH - 24, high - 24), colours.light, 9)
    radius = high * 0.22 - 6
    middle = (_MIDDLE, high * 0.63)
    plate = Window(middle[0] - radius * 0.6, middle[1] - radius * 0.6,
                   middle[0] + radius * 0.75, middle[1] + radius * 0.6)  # fmt: skip
    face.ellipse(middle, radius * 1.1, radius * 1.1, tinted(colours.ground, 0.45))
    face.ellipse(middle, radius, radius, _WHITE)
    strew(face, product.sort.motif, rgb(product.sort.food), plate, luck)
    _write_brand(face, product, (_MIDDLE, 24 + high * 0.08), 35, colours.ground)
    rule = 24 + high * 0.098
    face.line([(96, rule), (WIDTH - 96, rule)], colours.accent, 2)
    _write_name(face, product, (_MIDDLE, rule), WIDTH - 100, colours.dark)
    ribbon = Window(60, high * 0.9 - 24, WIDTH - 60, high * 0.9 + 6)
    face.rectangle(ribbon, colours.accent, 15)
    claim = WORDINGS[product.language].claims[product.claim]
    line = face.write(claim, (_MIDDLE - 34, ribbon.top + 20), Pen(15, _WHITE, 0.3), "middle")
    face.blocks.append((line,))
    _write_quantity(face, product, (WIDTH - 76, ribbon.top + 21), _WHITE)


def _split_front(face: Face, product: Product, luck: Random) -> None:
    """Two colours across, stripes between, food above and words on the dark half below."""
    colours, high = palette(product), face.height
    face.rectangle(Window(0, 0, WIDTH, high), tinted(colours.light, 0.2))
    food = Window(-10, high * 0.15, WIDTH + 20, high * 0.5)
    strew(face, product.sort.motif, rgb(product.sort.food), food, luck)
    for place, colour in ((0.0, colours.accent), (0.02, _WHITE), (0.034, colours.dark)):
        left, right = high * (0.56 + place), high * (0.47 + place)
        face.polygon([(0, left), (WIDTH, right), (WIDTH, high), (0, high)], colour)
    face.rectangle(Window(60, -10, WIDTH - 60, high * 0.06 + 38), colours.ground, 12)
    _write_brand(face, product, (_MIDDLE, high * 0.05 + 30), 34, _WHITE)
    _write_name(face, product, (_MIDDLE, high * 0.63), WIDTH - 90, _WHITE)
    _write_claim(face, product, (92, high * 0.49), (colours.ground, _WHITE))
    _write_quantity(face, product, (WIDTH - 60, high * 0.95), colours.light)


def back(product: Product, scale: float) -> Face:
    """The face with the small print; its windows tell where on it things are."""
    colours = palette(product)
    face = Face(HEIGHTS[product.shape], scale, colours.ground)
    # So that heading, table, text and barcode together just fill it.
    size = min(14.0, (face.height - 120) / 22)
    light = happens(chance("back", product.code), 0.7)
    ink = _PRINT if light else _WHITE
    if light:
        face.rectangle(Window(12, 10, WIDTH - 12, face.height - 10), colours.light, 8)
    heading = f"{product.brand} {product.name}"
    title = face.fitting(heading, WIDTH - 76, size * 1.5)
    pen = Pen(title, colours.dark if light else ink, 0.4)
    line = face.write(heading, (36, 22 + title), pen)
    face.blocks.append((line,))
    after = _table(face, product, 34 + title, size)
    after = _ingredients(face, product, after + size * 1.1, Pen(size, ink))
    _foot(face, product, after + size * 1.5, Pen(size, ink))
    face.windows["back"] = Window(0, 0, WIDTH, face.height)
    return face


def _figures(product: Product) -> list[tuple[str, str]]:
    wording, decimal = WORDINGS[product.language], "." if product.language == "en" else ","
    kilojoules, kilocalories = product.energy
    rows = [(wording.energy, f"{kilojoules} kJ / {kilocalories} kcal")]
    for name, grams in zip(wording.nutrients, product.per_100, strict=True):
        rows.append((name, f"{grams:.{1 if grams >= 1 else 2}f} g".replace(".", decimal)))
    return rows


def _table(face: Face, product: Product, top: float, size: float) -> float:
    """The nutrition table; returns its lower edge."""
    wording, rows, row = WORDINGS[product.language], _figures(product), size * 1.5
    bottom = top + row * (len(rows) + 1) + 6
    face.rectangle(Window(32, top, WIDTH - 32, bottom), _PRINT, 3)
    face.rectangle(Window(33, top + row + 3, WIDTH - 33, bottom - 1), _WHITE, 2)
    unit = "ml" if product.quantity.endswith("l") else "g"
    header = (wording.nutrition, f"{wording.per_100} {unit}")
    foot = top + row * 0.78 + 1
    lines = []
    for place, (name, figure) in enumerate([header, *rows]):
        ink = _PRINT if place else _WHITE
        # "of which ..." stands indented in every language, under the fat and the carbohydrate.
        indent = 8 if place in (3, 5) else 0
        pen = Pen(size, ink, 0.0 if indent else 0.25)
        left = face.write(name, (40 + indent, foot), pen)
        right = face.write(figure, (WIDTH - 40, foot), pen, "right")
        lines.append((*left, *right))
        if place:
            face.line([(36, foot + size * 0.4), (WIDTH - 36, foot + size * 0.4)], (190, 188, 184))
        foot += row + (2 if place == 0 else 0)
    face.blocks.append(tuple(lines))
    face.windows["nutrition"] = Window(14, top - size * 2, WIDTH - 14, bottom + size)
    return bottom


def _ingredients(face: Face, product: Product, top: float, pen: Pen) -> float:
    """The ingredients and what may be in it besides; returns where the last line stands."""
    wording = WORDINGS[product.language]
    listed = ", ".join(product.ingredients)
    text = f"{wording.ingredients}: {listed}. {wording.traces} {wording.keep}"
    foot = face.paragraph(text, Window(36, top, WIDTH - 36, face.height), pen)
    face.windows["ingredients"] = Window(14, top - pen.size * 3, WIDTH - 14, face.height - 6)
    return foot


def _foot(face: Face, product: Product, top: float, pen: Pen) -> None:
    """The barcode to the right, the maker's address and the date beside it."""
    box = Window(WIDTH - 36 - 134, top, WIDTH - 36, min(top + 96, face.height - 16))
    _bars(face, product.code, box)
    day = chance("best before", product.code)
    address = f"{product.brand} & Co. {product.country}"
    date = f"{day.randrange(1, 29):02d}.{day.randrange(1, 13):02d}.2027 L{day.randrange(10**4):04d}"
    left = Window(36, top + 2, box.left - 14, face.height)
    after = face.paragraph(address, left, pen)
    if after + pen.size * 2.2 < face.height - 14:
        face.paragraph(date, Window(36, after + pen.size, left.right, face.height), pen)


def _bars(face: Face, code: str, box: Window) -> None:
    face.windows["barcode"] = box
    pattern = modules(code)
    face.rectangle(box, (255, 255, 255), 3)
    module = (box.right - box.left - 16) / len(pattern)
    foot = box.bottom - 15
    for start, end in dark_runs(pattern):
        left = box.left + 8 + start * module
        # Whole pixels, lest neighbouring bars of one width come out different.
        bar = Window(left, box.top + 6, left + (end - start) * module - 1 / face.scale, foot)
        face.rectangle(bar, _BLACK)
    size = face.fitting(code, box.right - box.left - 20, 12)
    middle = ((box.left + box.right) / 2, box.bottom - 4)
    face.blocks.append((face.write(code, middle, Pen(size, _BLACK), "middle"),))

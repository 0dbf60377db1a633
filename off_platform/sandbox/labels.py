"""What is printed on a package: a front in four designs, and a back with the small print.

The words are in `assortment.py`, the food on the front is drawn in `pieces.py`.
"""

from typing import NamedTuple

from off_platform.sandbox.assortment import NUTRIENTS, in_language
from off_platform.sandbox.faces import WIDTH, Box, Face, Line, Rgb, mixed, rgb
from off_platform.sandbox.pieces import strew
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import chance

# Heights of a face in units, by the package it is on.
HEIGHTS = {"box": 500, "bag": 470, "can": 390, "bottle": 340, "jar": 310}

WHITE: Rgb = (252, 251, 247)
PRINT: Rgb = (38, 36, 34)
_MIDDLE = WIDTH / 2
# In letters; longer names have two lines.
_LONG_NAME = 12

# The upper edge of the nutrition table in units, and its height in units of the print's size.
_TABLE_TOP, _ROW = 50.0, 1.5
_TABLE_HEIGHT = _ROW * (len(NUTRIENTS) + 2)
_SMALL_PRINT = (
    "Ingredients",
    "May contain traces of nuts and milk.",
    "Store in a cool, dry place.",
)


class Palette(NamedTuple):
    """A product's colours: the ground, a darker and a lighter one, and one in contrast to them."""

    ground: Rgb
    dark: Rgb
    light: Rgb
    accent: Rgb


class _Design(NamedTuple):
    """Where brand, name and picture have their middle, as shares of the height."""

    brand: float
    name: float
    picture: float
    on_plate: bool
    light: bool


_DESIGNS = (
    _Design(0.1, 0.31, 0.74, on_plate=False, light=False),
    _Design(0.12, 0.28, 0.65, on_plate=True, light=True),
    _Design(0.12, 0.82, 0.43, on_plate=False, light=True),
    _Design(0.89, 0.71, 0.32, on_plate=True, light=False),
)


def palette(product: Product) -> Palette:
    """The colours of a product, the same on all its faces."""
    luck, hue = chance("palette", product.code), product.hue
    return Palette(
        ground=rgb(f"hsl({hue}, {luck.randrange(45, 70)}%, {luck.randrange(36, 50)}%)"),
        dark=rgb(f"hsl({hue}, 50%, 17%)"),
        light=rgb(f"hsl({hue}, 55%, 93%)"),
        accent=rgb(f"hsl({(hue + luck.choice((150, 180, 210))) % 360}, 65%, 48%)"),
    )


def front(product: Product, scale: float) -> Face:
    """The face that customers see, at `scale` pixels per unit."""
    colours, design = palette(product), _DESIGNS[product.design]
    face = Face(HEIGHTS[product.shape], scale, colours.ground)
    high = face.height
    if design.light:
        face.rectangle((14, 14, WIDTH - 14, high - 14), colours.light, 12)
    _picture(face, product, design)
    half = high * 0.055
    plate = (50, high * design.brand - half, WIDTH - 50, high * design.brand + half)
    face.rectangle(plate, colours.accent if design.on_plate else WHITE, half)
    ink = WHITE if design.on_plate else colours.dark
    at = (_MIDDLE, high * design.brand)
    face.blocks.append((face.centred(product.brand, at, (230, high * 0.07), ink),))
    _name(face, product, high * design.name, colours.dark if design.light else WHITE)
    x, y = WIDTH - 66, high * (design.picture + 0.15)
    face.ellipse((x - 42, y - 42, x + 42, y + 42), WHITE)
    face.ellipse((x - 39, y - 39, x + 39, y + 39), colours.dark)
    face.blocks.append((face.centred(product.quantity, (x, y), (66, 20), WHITE),))
    return face


def _picture(face: Face, product: Product, design: _Design) -> None:
    """The food, on a round plate or in a band across the face."""
    colours, luck = palette(product), chance("front", product.code)
    middle, half = face.height * design.picture, face.height * 0.21
    inset = 14 if design.light else 0
    box: Box = (inset, middle - half, WIDTH - inset, middle + half)
    if design.on_plate:
        box = (_MIDDLE - half, middle - half, _MIDDLE + half, middle + half)
        rim = (box[0] - 8, box[1] - 8, box[2] + 8, box[3] + 8)
        face.ellipse(rim, mixed(colours.ground, WHITE, 0.5))
        face.ellipse(box, WHITE)
    else:
        face.rectangle((box[0], box[1] - 6, box[2], box[3] + 6), colours.accent)
        face.rectangle(box, mixed(colours.light, WHITE, 0.4))
    strew(face, product.food, box, luck, round_=design.on_plate)


def _name(face: Face, product: Product, middle: float, ink: Rgb) -> None:
    """The name around a middle, in two lines where it is long."""
    words, half = product.name.split(), (product.name.count(" ") + 2) // 2
    long = len(words) > 1 and len(product.name) > _LONG_NAME
    lines = [" ".join(words[:half]), " ".join(words[half:])] if long else [product.name]
    row = face.height * 0.1
    first = middle - row * (len(lines) - 1) / 2
    room = (WIDTH - 70, face.height * 0.085)
    face.blocks.append(
        tuple(
            face.centred(line, (_MIDDLE, first + row * place), room, ink)
            for place, line in enumerate(lines)
        )
    )


def windows(shape: str) -> dict[str, Box]:
    """The boxes of table and ingredients on the back of a package of this shape."""
    high, size = HEIGHTS[shape], _print_size(shape)
    bottom = _TABLE_TOP + _TABLE_HEIGHT * size
    return {
        "nutrition": (14, 10, WIDTH - 14, bottom + size),
        "ingredients": (14, bottom - size, WIDTH - 14, high - 6),
    }


def _print_size(shape: str) -> float:
    """The size at which heading, table, ingredients and barcode together fill the height."""
    return min(13.0, (HEIGHTS[shape] - 100) / 22)


def back(product: Product, scale: float) -> Face:
    """The face with the small print, at `scale` pixels per unit."""
    colours, size = palette(product), _print_size(product.shape)
    face = Face(HEIGHTS[product.shape], scale, colours.ground)
    face.rectangle((12, 10, WIDTH - 12, face.height - 10), colours.light, 8)
    heading = f"{product.brand} {product.name}"
    title = face.fitting(heading, WIDTH - 72, size * 1.5)
    line = face.write(heading, (36, _TABLE_TOP - 10), title, colours.dark, bold=True)
    face.blocks.append((line,))
    bottom = _table(face, product, _TABLE_TOP, size)
    said = [in_language(words, product.language) for words in _SMALL_PRINT]
    text = f"{said[0]}: {', '.join(product.ingredients)}. {said[1]} {said[2]}"
    edge = face.height - 14
    after = face.paragraph(text, (36, bottom + size, WIDTH - 36, edge), size, PRINT)
    _barcode(face, product, (WIDTH - 170, after + size, WIDTH - 36, edge))
    address = f"{product.brand} & Co. {product.country}"
    face.paragraph(address, (36, after + size * 1.5, WIDTH - 180, edge), size, PRINT)
    return face


def _figures(product: Product) -> list[tuple[str, str]]:
    """The rows of the nutrition table, its header first."""
    kilojoules, kilocalories = product.energy
    unit = "ml" if product.quantity.endswith("l") else "g"
    decimal = "." if product.language == "en" else ","

    def said(words: str) -> str:
        return in_language(words, product.language)

    return [
        (said("Nutrition Information"), f"{said('per 100')} {unit}"),
        (said("Energy"), f"{kilojoules} kJ / {kilocalories} kcal"),
        *(
            (said(words), f"{grams:.{1 if grams >= 1 else 2}f} g".replace(".", decimal))
            for words, grams in zip(NUTRIENTS.values(), product.per_100, strict=True)
        ),
    ]


def _table(face: Face, product: Product, top: float, size: float) -> float:
    """The nutrition table; returns its lower edge."""
    rows, row = _figures(product), size * _ROW
    bottom = top + row * len(rows)
    face.rectangle((32, top, WIDTH - 32, bottom), PRINT)
    face.rectangle((33, top + row, WIDTH - 33, bottom - 1), WHITE)
    lines: list[Line] = []
    for place, (name, figure) in enumerate(rows):
        foot = top + row * (place + 0.72)
        ink, bold = PRINT if place else WHITE, place in {0, 2, 4}
        left = face.write(name, (40, foot), face.fitting(name, 165, size), ink, bold=bold)
        right = face.write(figure, (WIDTH - 40, foot), size, ink, align="r", bold=bold)
        lines.append((*left, *right))
        rule = top + row * (place + 1)
        face.rectangle((33, rule - 1, WIDTH - 33, rule - 0.5), mixed(PRINT, WHITE, 0.7))
    face.blocks.append(tuple(lines))
    return bottom


def _barcode(face: Face, product: Product, box: Box) -> None:
    """Bars that follow from the digits, but are of no standard; below them the digits."""
    left, top, right, bottom = box
    face.rectangle(box, WHITE, 3)
    bars = "101" + "".join(f"{7 * int(digit) + 65:07b}" for digit in product.code) + "101"
    module = (right - left - 16) / len(bars)
    for place, bar in enumerate(bars):
        if bar == "1":
            start = left + 8 + place * module
            face.rectangle((start, top + 6, start + module, bottom - 18), PRINT)
    at = ((left + right) / 2, bottom - 9)
    face.blocks.append((face.centred(product.code, at, (right - left - 20, 12), PRINT),))

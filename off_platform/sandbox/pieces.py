"""Pieces of food as small pictures, and many of them strewn over a part of a face."""

from functools import lru_cache
from math import hypot
from random import Random

from PIL import Image, ImageDraw

from off_platform.sandbox.assortment import Food
from off_platform.sandbox.faces import Box, Face, mixed, rgb

# In units; pieces are drawn four times as large for smooth edges.
_SIDE, _FINER = 46, 4
_TURNS = 5


def strew(face: Face, food: Food, box: Box, luck: Random, *, round_: bool) -> None:
    """Covers a box, or the circle in it, with pieces of a food that overlap a little."""
    left, top, right, bottom = (
        edge + inwards * _SIDE / 2 for edge, inwards in zip(box, (1, 1, -1, -1), strict=True)
    )
    middle, radius = ((left + right) / 2, (top + bottom) / 2), (bottom - top) / 2
    rows = max(1, round((bottom - top) / (0.72 * _SIDE)))
    columns = max(1, round((right - left) / (0.8 * _SIDE)))
    pictures = _turned(food.piece, food.colour, round(_SIDE * face.scale))
    for row in range(rows + 1):
        for column in range(columns + 1):
            x = left + (right - left) * min(1.0, (column + 0.5 * (row % 2)) / columns)
            y = top + (bottom - top) * row / rows
            picture = luck.choice(pictures)
            if not round_ or hypot(x - middle[0], y - middle[1]) <= radius:
                face.paste(picture, (x + luck.uniform(-3, 3), y + luck.uniform(-3, 3)))


@lru_cache(maxsize=256)
def _turned(piece: str, colour: str, pixels: int) -> tuple[Image.Image, ...]:
    """One piece in several directions."""
    side = _FINER * pixels
    drawn = Image.new("RGBA", (side, side))
    _draw(ImageDraw.Draw(drawn), piece, colour, side)
    turns = (drawn.rotate(180 * turn / _TURNS) for turn in range(_TURNS))
    return tuple(turned.resize((pixels, pixels), Image.Resampling.BOX) for turned in turns)


def _draw(pen: ImageDraw.ImageDraw, piece: str, colour: str, side: int) -> None:
    fill = rgb(colour)
    edge, shine = mixed(fill, (30, 16, 8), 0.45), mixed(fill, (255, 255, 255), 0.4)
    width = side // 24

    def box(left: float, top: float, right: float, bottom: float) -> Box:
        return left * side, top * side, right * side, bottom * side

    if piece == "ring":
        pen.ellipse(box(0.02, 0.02, 0.98, 0.98), fill, edge, width)
        pen.ellipse(box(0.1, 0.1, 0.9, 0.9), mixed(fill, (255, 255, 255), 0.75))
        for start in range(0, 360, 45):
            pen.pieslice(box(0.13, 0.13, 0.87, 0.87), start + 4, start + 41, fill)
    elif piece == "hexagon":
        pen.regular_polygon((side / 2, side / 2, 0.48 * side), 6, fill=fill, outline=edge)
        pen.regular_polygon((side / 2, side / 2, 0.34 * side), 6, fill=shine)
    elif piece in {"square", "stick"}:
        inset = 0.16 if piece == "square" else 0.34
        pen.rounded_rectangle(box(inset, 0.08, 1 - inset, 0.92), side // 12, fill, edge, width)
        pen.rounded_rectangle(box(inset + 0.1, 0.18, 0.8 - inset, 0.8), side // 16, shine)
    else:
        inset = {"disc": 0.04, "oval": 0.18, "leaf": 0.27}[piece]
        pen.ellipse(box(inset, 0.04, 1 - inset, 0.96), fill, edge, width)
        vein = box(0.49, 0.1, 0.51, 0.9) if piece == "leaf" else box(0.36, 0.24, 0.5, 0.46)
        pen.ellipse(vein, shine)

"""Packages that lie flat, carton and pouch, and the one door to every shape.

A package still lies before a plain ground; `photos.py` sets it into a scene. What is round stands
in `round_packages.py`.
"""

import math
from random import Random

from PIL import Image

from off_platform.sandbox.canvas import Canvas, Package
from off_platform.sandbox.faces import WIDTH, Face
from off_platform.sandbox.geometry import Point, Window
from off_platform.sandbox.labels import palette
from off_platform.sandbox.light import grid
from off_platform.sandbox.motifs import Rgb, tinted
from off_platform.sandbox.products import Product
from off_platform.sandbox.round_packages import bottle, can, jar
from off_platform.sandbox.seeds import happens


def packed(product: Product, face: Face, luck: Random) -> Package:
    """The package that shows this face of the product."""
    makers = {"box": _box, "bag": _bag, "can": can, "bottle": bottle, "jar": jar}
    return makers[product.shape](product, face, luck)


def _box(product: Product, face: Face, luck: Random) -> Package:
    """A carton: its face and one narrow side, seen from that side."""
    depth = luck.uniform(34, 60)
    rise = depth * 0.16
    width, height = WIDTH + depth, face.height
    colours = palette(product)
    canvas = Canvas((width, height), face.scale, colours.ground)
    side_on_left = happens(luck, 0.5)
    left = depth if side_on_left else 0.0
    canvas.image.paste(face.image, (round(left * face.scale), 0))
    outer, inner = (0.0, depth) if side_on_left else (width, WIDTH)
    side = tinted(colours.ground, -0.38)
    canvas.polygon([(outer, rise), (inner, 0), (inner, height), (outer, height - rise)], side)
    _side_lines(canvas, (outer, inner), height, tinted(side, 0.25))
    front = Window(left, 0, left + WIDTH, height)
    canvas.outline.append(list(front.corners))
    canvas.shade(_sheen(luck), front)
    return canvas.done(face, lambda x, y: (x + left, y), upright=happens(luck, 0.5))


def _side_lines(canvas: Canvas, edges: tuple[float, float], height: float, colour: Rgb) -> None:
    """Print on a carton's side, too slanted to be read."""
    outer, inner = edges
    near, far = inner + (outer - inner) * 0.25, inner + (outer - inner) * 0.75
    for line in range(9):
        y = height * (0.3 + 0.045 * line)
        canvas.line([(near, y), (far, y - 1)], colour, 3)


def _sheen(luck: Random) -> Image.Image:
    """The uneven light on a flat front: a few broad patches."""
    return grid(3, [luck.uniform(0.84, 1.0) for _ in range(12)])


def _bag(product: Product, face: Face, luck: Random) -> Package:
    """A pouch: pinched seams above and below, sides that swell, and folds that catch the light."""
    seam, scale = 22.0, face.scale
    width, height = WIDTH, face.height + 2 * seam
    colours = palette(product)
    canvas = Canvas((width, height), scale, colours.ground)
    canvas.image.paste(face.image, (0, round(seam * scale)))
    ground = tinted(colours.ground, -0.08)
    for top in (0.0, height - seam):
        canvas.polygon([(0, top), (width, top), (width, top + seam), (0, top + seam)], ground)
        for line in range(4):
            y = top + seam * (0.2 + 0.2 * line)
            canvas.line([(0, y), (width, y)], tinted(ground, 0.22 if line % 2 else -0.2), 1.6)
    canvas.outline[:] = [_swollen(width, height, luck)]
    canvas.shade(_folds(luck), Window(0, 0, width, height))
    return canvas.done(face, lambda x, y: (x, y + seam), upright=False)


def _swollen(width: float, height: float, luck: Random) -> list[Point]:
    """A pouch's outline: toothed ends, sides drawn in towards the seams."""
    steps = [step / 30 for step in range(31)]
    draw_in, lean = luck.uniform(8, 14), luck.uniform(0, math.tau)

    def inset(share: float) -> float:
        wrinkle = 1.3 * math.sin(share * 19 + lean)
        return draw_in * (1 - math.pow(math.sin(math.pi * share), 0.6)) + 1.5 + wrinkle

    teeth = [width * step / 72 for step in range(73)]
    inner = [x for x in teeth if inset(0) < x < width - inset(0)]
    top = [(x, 3.0 * (place % 2)) for place, x in enumerate(inner)]
    bottom = [(x, height - 3.0 * (place % 2)) for place, x in enumerate(inner)]
    right = [(width - inset(share), 4 + share * (height - 8)) for share in steps]
    left = [(inset(share), 4 + share * (height - 8)) for share in steps]
    return [*top, *right, *reversed(bottom), *reversed(left)]


def _folds(luck: Random) -> Image.Image:
    """Light on a crumpled pouch: dark towards the sides, streaks that run from the seams."""
    light = []
    for line in range(9):
        for column in range(7):
            rim = 1 - abs(column - 3) ** 2 / 16
            streak = luck.uniform(0.72, 1.0) if line in {0, 1, 7, 8} else luck.uniform(0.88, 1.0)
            light.append(rim**0.7 * streak)
    return grid(7, light)

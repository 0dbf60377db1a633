"""Packages that are turned on a lathe: can, bottle and jar, the label wrapped around.

What lies flat stands in `packages.py`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from random import Random

from PIL import Image, ImageDraw

from off_platform.sandbox.canvas import Canvas, Package
from off_platform.sandbox.faces import WIDTH, Face
from off_platform.sandbox.geometry import Mapping, Point, Window
from off_platform.sandbox.labels import Palette, palette
from off_platform.sandbox.light import row
from off_platform.sandbox.motifs import Rgb, rgb, tinted
from off_platform.sandbox.products import Product
from off_platform.sandbox.seeds import happens

# How much of a round package's front the label's width covers, left and right of the middle.
_REACH = math.radians(70)
_RADIUS = WIDTH / (2 * _REACH)
# How far the edge of a round thing sinks in its middle, seen from a little above.
_SAG = 11.0


# Light on a round thing from the left and from behind: dark rims, a bright stripe, a reflection.
_ROUND = (96, 140, 196, 240, 255, 252, 240, 226, 214, 204, 192, 176, 156, 140, 128, 96)


def _wrapped(canvas: Canvas, face: Face, middle: float, top: float) -> Mapping:
    """Wrap a face around a cylinder; returns where each of its points comes to lie.

    Vertical strips of the face are drawn as narrow as their turn away from the eye demands, each
    a little lower towards the middle.
    """
    scale, strips = face.scale, 20

    def place(x: float, y: float) -> Point:
        turn = (x / WIDTH * 2 - 1) * _REACH
        return middle + _RADIUS * math.sin(turn), top + y + _SAG * math.cos(turn)

    size = (round(2 * _RADIUS * scale), round((face.height + _SAG) * scale))
    meshes = []
    for strip in range(strips):
        ends = []
        for edge in (strip, strip + 1):
            x = WIDTH * edge / strips
            at = place(x, 0)
            ends.append(
                (x * scale, round((at[0] - middle + _RADIUS) * scale), (at[1] - top) * scale)
            )
        (u0, x0, sag0), (u1, x1, sag1) = ends
        quad = (u0, -sag0, u0, size[1] - sag0, u1, size[1] - sag1, u1, -sag1)
        meshes.append(((x0, 0, x1, size[1]), quad))
    label = face.image.transform(size, Image.Transform.MESH, meshes, Image.Resampling.BILINEAR)
    cover = Image.new("L", size, 0)
    edges = [place(WIDTH * step / strips, 0) for step in range(strips + 1)]
    # A pixel less above and below, where the strips have nothing to draw from.
    upper = [((x - middle + _RADIUS) * scale, (y - top) * scale + 1) for x, y in edges]
    lower = [(x, y + face.height * scale - 3) for x, y in reversed(upper)]
    ImageDraw.Draw(cover).polygon([*upper, *lower], 255)
    corner = (round((middle - _RADIUS) * scale), round(top * scale))
    canvas.image.paste(label, corner, cover)
    return place


def can(product: Product, face: Face, luck: Random) -> Package:
    """A tin: metal rims, a lid seen a little from above, the label all around."""
    colours, rim = palette(product), 14.0
    metal = (176, 178, 182)
    width, height = 2 * _RADIUS, face.height + 2 * rim + 2 * _SAG
    canvas = Canvas((width, height), face.scale, colours.ground)
    foot = height - _SAG
    canvas.rim((_RADIUS, foot), (_RADIUS - 3, _SAG), metal)
    canvas.polygon([(3, _SAG), (width - 3, _SAG), (width - 3, foot), (3, foot)], metal)
    top = _SAG + rim
    _tube(canvas, Window(0, top, width, top + face.height), colours.ground)
    mapping = _wrapped(canvas, face, _RADIUS, top)
    canvas.shade(row(_ROUND), Window(0, 0, width, height))
    canvas.rim((_RADIUS, _SAG + 1), (_RADIUS - 2, _SAG), (208, 210, 213))
    canvas.ellipse((_RADIUS, _SAG + 2), (_RADIUS - 14, _SAG - 3.5), (164, 166, 170))
    canvas.ellipse((_RADIUS + luck.uniform(-30, 30), _SAG + 1), (34, 3), (196, 198, 202))
    return canvas.done(face, mapping, upright=True)


def _tube(canvas: Canvas, window: Window, colour: Rgb) -> None:
    """A cylinder's outside: straight sides, the lower edge sunk in the middle like the upper."""
    middle, half = (window.left + window.right) / 2, (window.right - window.left) / 2
    angles = [math.pi * step / 24 for step in range(25)]
    upper = [(middle - half * math.cos(a), window.top + _SAG * math.sin(a)) for a in angles]
    lower = [(middle + half * math.cos(a), window.bottom + _SAG * math.sin(a)) for a in angles]
    canvas.polygon([*upper, *lower], colour)


def _curve(profile: Sequence[Point]) -> list[Point]:
    """Heights and half widths of a profile, joined by soft curves in steps of about four units."""
    points = [profile[0]]
    for (y0, half0), (y1, half1) in pairwise(profile):
        steps = max(1, round((y1 - y0) / 4)) if half0 != half1 else 1
        for step in range(1, steps + 1):
            share = step / steps
            soft = share * share * (3 - 2 * share)
            points.append((y0 + (y1 - y0) * share, half0 + (half1 - half0) * soft))
    return points


def _turned_body(canvas: Canvas, middle: float, profile: Sequence[Point], colour: Rgb) -> None:
    """A body turned on a lathe, given by half widths at heights."""
    curve = _curve(profile)
    right = [(middle + half, y) for y, half in curve]
    left = [(middle - half, y) for y, half in reversed(curve)]
    canvas.polygon([*right, *left], colour)
    last_y, last_half = profile[-1]
    canvas.rim((middle, last_y), (last_half, _SAG), colour)


def _light_up(canvas: Canvas, middle: float, profile: Sequence[Point]) -> None:
    """Let the light fall on a turned body, band by band as wide as it is there."""
    light = row(_ROUND)
    last = len(_curve(profile)) - 2
    for place, ((y0, half0), (y1, half1)) in enumerate(pairwise(_curve(profile))):
        half, foot = (half0 + half1) / 2 + 1, y1 + (_SAG if place == last else 0)
        canvas.shade(light, Window(max(0.0, middle - half), y0, middle + half, foot))


def bottle(product: Product, face: Face, luck: Random) -> Package:
    """A bottle: cap, neck, shoulder, the drink behind the glass, the label around its belly."""
    colours = palette(product)
    drink = rgb(product.sort.food)
    neck, shoulder, belly = 58.0, 150.0, 34.0
    cap = 40.0
    width, label_top = 2 * _RADIUS, cap + neck + shoulder + belly
    foot = label_top + face.height + 50
    canvas = Canvas((width, foot + _SAG), face.scale, drink)
    half, throat = _RADIUS, 42.0
    profile = [(cap, throat), (cap + neck, throat), (cap + neck + shoulder, half),
               (foot - 14, half), (foot - 2, half - 10)]  # fmt: skip
    _turned_body(canvas, _RADIUS, profile, drink)
    glass = tinted(drink, 0.55)
    _turned_body(canvas, _RADIUS, [(cap, throat), (cap + neck * 0.7, throat)], glass)
    mapping = _wrapped(canvas, face, _RADIUS, label_top)
    _light_up(canvas, _RADIUS, profile)
    _lid(canvas, Window(_RADIUS - throat - 6, 4, _RADIUS + throat + 6, cap), colours)
    gleam = [(0.3, 0.9), (0.37, 0.84), (0.37, 1.12), (0.3, 1.12)]
    corners = [(half * x, cap + neck + shoulder * y) for x, y in gleam]
    canvas.polygon(corners, tinted(drink, 0.45))
    return canvas.done(face, mapping, upright=happens(luck, 0.85))


def jar(product: Product, face: Face, luck: Random) -> Package:
    """A preserving jar: a broad lid, the food behind the glass, the label in the middle."""
    colours = palette(product)
    food = rgb(product.sort.food)
    lid, label_top = 52.0, 108.0
    width, foot = 2 * _RADIUS + 8, label_top + face.height + 34
    middle = width / 2
    canvas = Canvas((width, foot + _SAG), face.scale, food)
    profile = [(lid - 6, _RADIUS - 26), (lid + 8, _RADIUS - 24), (lid + 40, _RADIUS + 2),
               (foot - 24, _RADIUS + 2), (foot - 2, _RADIUS - 16)]  # fmt: skip
    _turned_body(canvas, middle, profile, tinted(food, 0.05))
    for _ in range(60):
        spot = (luck.uniform(30, width - 30), luck.uniform(lid + 30, foot - 10))
        shade = tinted(food, luck.uniform(-0.25, 0.3))
        canvas.ellipse(spot, (luck.uniform(3, 12), luck.uniform(3, 9)), shade)
    mapping = _wrapped(canvas, face, middle, label_top)
    canvas.shade(row(_ROUND), Window(0, 0, width, foot + _SAG))
    _lid(canvas, Window(middle - _RADIUS + 14, 4, middle + _RADIUS - 14, lid), colours)
    return canvas.done(face, mapping, upright=True)


def _lid(canvas: Canvas, window: Window, colours: Palette) -> None:
    """A screw cap: a ribbed rim and a top seen from a little above."""
    middle, half = (window.left + window.right) / 2, (window.right - window.left) / 2
    sag = _SAG * half / _RADIUS
    canvas.rim((middle, window.bottom), (half, sag), colours.accent)
    rim = [(window.left, window.top + sag), (window.right, window.top + sag),
           (window.right, window.bottom), (window.left, window.bottom)]  # fmt: skip
    canvas.polygon(rim, colours.accent)
    for rib in range(1, 30):
        turn = math.pi * rib / 30
        x, drop = middle - half * math.cos(turn), sag * math.sin(turn)
        dark = tinted(colours.accent, -0.22)
        canvas.line([(x, window.top + sag + drop + 4), (x, window.bottom + drop - 2)], dark, 1.6)
    canvas.shade(row(_ROUND), Window(window.left, window.top, window.right, window.bottom + sag))
    canvas.rim((middle, window.top + sag), (half, sag), tinted(colours.accent, 0.22))

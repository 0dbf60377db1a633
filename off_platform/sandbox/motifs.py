"""Food as printed on a package: one small drawing for each motif, strewn over a window.

Colours and places are given; which food a product shows stands in `assortment.py`.
"""

import math
from collections.abc import Callable
from random import Random

from PIL import ImageColor

from off_platform.sandbox.assortment import Motif
from off_platform.sandbox.faces import Face
from off_platform.sandbox.geometry import Point, Window

Rgb = tuple[int, int, int]
Drawing = Callable[[Face, Point, float, float, Rgb], None]


def rgb(colour: str) -> Rgb:
    """A colour's red, green and blue, 0 to 255; any spelling that Pillow knows."""
    red, green, blue, *_ = ImageColor.getrgb(colour)
    return red, green, blue


def tinted(colour: Rgb, share: float) -> Rgb:
    """A colour moved towards white (share above 0) or black (below 0)."""
    towards, part = (255, share) if share > 0 else (0, -share)
    red, green, blue = (round(each + (towards - each) * part) for each in colour)
    return red, green, blue


def _turned(centre: Point, points: list[Point], angle: float) -> list[Point]:
    sine, cosine = math.sin(angle), math.cos(angle)
    return [
        (centre[0] + x * cosine - y * sine, centre[1] + x * sine + y * cosine) for x, y in points
    ]


def _round(centre: Point, across: float, down: float, angle: float) -> list[Point]:
    steps = [math.tau * step / 24 for step in range(24)]
    return _turned(centre, [(across * math.cos(s), down * math.sin(s)) for s in steps], angle)


def _biscuit(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    face.ellipse((at[0] + 2, at[1] + 3), size, size, tinted(colour, -0.45))
    edge = [
        (size * (1 + 0.05 * (step % 2)) * math.cos(step * math.tau / 32),
         size * (1 + 0.05 * (step % 2)) * math.sin(step * math.tau / 32))
        for step in range(32)
    ]  # fmt: skip
    face.polygon(_turned(at, edge, angle), tinted(colour, -0.12))
    face.ellipse(at, size * 0.86, size * 0.86, colour)
    for spot in range(7):
        far = size * (0.25 + 0.4 * (spot % 2))
        spread = angle + spot * math.tau / 7
        spot_at = (at[0] + far * math.cos(spread), at[1] + far * math.sin(spread))
        face.ellipse(spot_at, size * 0.07, size * 0.07, tinted(colour, -0.4))


def _grain(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    face.polygon(
        _round((at[0] + 1, at[1] + 2), size * 0.8, size * 0.4, angle), tinted(colour, -0.5)
    )
    face.polygon(_round(at, size * 0.8, size * 0.4, angle), colour)
    face.line(_turned(at, [(-size * 0.6, 0), (size * 0.6, 0)], angle), tinted(colour, -0.3), 1.2)
    face.polygon(
        _round((at[0] - 1, at[1] - size * 0.12), size * 0.5, size * 0.12, angle),
        tinted(colour, 0.35),
    )


def _leaf(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    half = [(-size + 2 * size * step / 10, size * 0.42 * math.sin(math.pi * step / 10))
            for step in range(11)]  # fmt: skip
    whole = half + [(x, -y) for x, y in reversed(half)]
    face.polygon(_turned(at, whole, angle), colour)
    face.polygon(_turned(at, half, angle), tinted(colour, -0.18))
    face.line(_turned(at, [(-size * 1.25, 0), (size * 0.9, 0)], angle), tinted(colour, -0.4), 1.4)


def _cube(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    for reach, share in ((1.0, -0.35), (0.92, 0.0), (0.62, 0.14)):
        half = size * reach * 0.8
        corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
        face.polygon(_turned(at, corners, angle), tinted(colour, share))


def _berry(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    face.ellipse((at[0] + 2, at[1] + 3), size, size, tinted(colour, -0.5))
    face.ellipse(at, size, size, tinted(colour, -0.15))
    face.ellipse((at[0] - size * 0.1, at[1] - size * 0.1), size * 0.82, size * 0.8, colour)
    shine = (at[0] - size * 0.38, at[1] - size * 0.42)
    face.ellipse(shine, size * 0.24, size * 0.16, tinted(colour, 0.65))
    for turn in range(5):
        tip = (at[0], at[1] - size * 0.92)
        sepal = [(0, -size * 0.12), (size * 0.5, 0), (0, size * 0.12)]
        face.polygon(_turned(tip, sepal, angle * 0.1 + turn * math.tau / 5), (74, 128, 52))


def _bramble(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    face.ellipse((at[0] + 2, at[1] + 3), size * 0.8, size * 0.9, tinted(colour, -0.55))
    for line, (beads, y) in enumerate(((3, -0.55), (4, -0.2), (3, 0.15), (2, 0.5), (1, 0.78))):
        for bead in range(beads):
            x = (bead - (beads - 1) / 2) * 0.42
            centre = _turned(at, [(x * size, y * size)], angle * 0.15)[0]
            face.ellipse(centre, size * 0.25, size * 0.25, tinted(colour, -0.3))
            face.ellipse(centre, size * 0.21, size * 0.21, tinted(colour, 0.06 * (line % 2)))
            glow = (centre[0] - size * 0.07, centre[1] - size * 0.08)
            face.ellipse(glow, size * 0.07, size * 0.06, tinted(colour, 0.55))
    for turn in range(3):
        tip = (at[0], at[1] - size * 0.78)
        face.polygon(_turned(tip, [(0, -4), (size * 0.4, 0), (0, 4)], turn * math.tau / 3 + 0.5),
                     (74, 128, 52))  # fmt: skip


def _drop(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    for reach, share in ((1.0, -0.3), (0.88, 0.0), (0.6, 0.25)):
        steps = [math.tau * step / 6 + angle * 0.05 for step in range(6)]
        cell = [(size * reach * math.cos(s), size * reach * math.sin(s)) for s in steps]
        face.polygon(_turned(at, cell, 0), tinted(colour, share))


def _citrus(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    face.ellipse((at[0] + 2, at[1] + 3), size, size, tinted(colour, -0.5))
    face.ellipse(at, size, size, colour)
    face.ellipse(at, size * 0.88, size * 0.88, tinted(colour, 0.82))
    for part in range(9):
        middle = angle + part * math.tau / 9
        wedge = [(0.08, 0.0), (0.8, -0.24), (0.84, 0.0), (0.8, 0.24)]
        face.polygon(_turned(at, [(x * size, y * size) for x, y in wedge], middle),
                     tinted(colour, 0.14))  # fmt: skip


def _pasta(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    tube = [
        (-size, -size * 0.3),
        (size * 0.8, -size * 0.3),
        (size, size * 0.3),
        (-size * 0.8, size * 0.3),
    ]
    face.polygon(_turned((at[0] + 1.5, at[1] + 3), tube, angle), tinted(colour, -0.45))
    face.polygon(_turned(at, tube, angle), colour)
    for share, place in ((0.4, -0.16), (-0.14, 0.04), (-0.22, 0.2)):
        rib = [(-size * 0.9, size * place), (size * 0.88, size * place)]
        face.line(_turned(at, rib, angle), tinted(colour, share), max(1.0, size * 0.08))


def _chip(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    face.polygon(_round((at[0] + 2, at[1] + 4), size, size * 0.68, angle), tinted(colour, -0.5))
    face.polygon(_round(at, size, size * 0.68, angle), tinted(colour, -0.2))
    face.polygon(_round((at[0], at[1] - 1.5), size * 0.9, size * 0.56, angle), colour)
    glow = _turned(at, [(-size * 0.2, -size * 0.1)], angle)[0]
    face.polygon(_round(glow, size * 0.5, size * 0.24, angle), tinted(colour, 0.3))


def _nut(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    face.polygon(_round((at[0] + 2, at[1] + 3), size, size * 0.62, angle), tinted(colour, -0.55))
    face.polygon(_round(at, size, size * 0.62, angle), tinted(colour, -0.15))
    face.polygon(_round((at[0] - 1, at[1] - 1.5), size * 0.85, size * 0.48, angle), colour)
    for place in (-0.25, 0.0, 0.25):
        vein = [(-size * 0.7, size * place), (size * 0.7, size * place * 0.6)]
        face.line(_turned(at, vein, angle), tinted(colour, -0.25), 1.0)


def _bean(face: Face, at: Point, size: float, angle: float, colour: Rgb) -> None:
    face.polygon(
        _round((at[0] + 1.5, at[1] + 2.5), size * 0.8, size * 0.6, angle), tinted(colour, -0.55)
    )
    face.polygon(_round(at, size * 0.8, size * 0.6, angle), colour)
    glow = _turned(at, [(-size * 0.15, -size * 0.22)], angle)[0]
    face.polygon(_round(glow, size * 0.4, size * 0.16, angle), tinted(colour, 0.3))
    seam = [
        (-size * 0.7, 0),
        (-size * 0.2, size * 0.1),
        (size * 0.2, -size * 0.06),
        (size * 0.7, 0),
    ]
    face.line(_turned(at, seam, angle), tinted(colour, -0.45), max(1.0, size * 0.1))


_DRAWINGS: dict[Motif, tuple[Drawing, float]] = {
    "biscuit": (_biscuit, 44),
    "grain": (_grain, 19),
    "leaf": (_leaf, 34),
    "cube": (_cube, 33),
    "berry": (_berry, 31),
    "drop": (_drop, 24),
    "citrus": (_citrus, 50),
    "pasta": (_pasta, 30),
    "chip": (_chip, 42),
    "nut": (_nut, 25),
    "bean": (_bean, 22),
    "bramble": (_bramble, 30),
}


def strew(face: Face, motif: Motif, colour: Rgb, window: Window, luck: Random) -> None:
    """Draw a heap of one food: its pieces lie on a jittered grid, centres within the window."""
    draw, size = _DRAWINGS[motif]
    step = size * 1.35
    rows = max(1, round((window.bottom - window.top) / (step * 0.8)))
    columns = max(1, round((window.right - window.left) / step))
    for row in range(rows):
        for column in range(columns):
            x = window.left + (column + 0.25 + 0.5 * (row % 2) + luck.uniform(-0.2, 0.2)) * step
            y = window.top + (row + 0.5 + luck.uniform(-0.2, 0.2)) * step * 0.8
            shade = tinted(colour, luck.uniform(-0.12, 0.12))
            draw(face, (x, y), size * luck.uniform(0.85, 1.1), luck.uniform(0, math.tau), shade)

"""A package in the making: colour, light and outline, in units, and the package it becomes.

The shapes drawn on it stand in `packages.py` and `round_packages.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from off_platform.sandbox.faces import Block, Face, moved
from off_platform.sandbox.geometry import Mapping, Point, Window, around
from off_platform.sandbox.light import fall_on
from off_platform.sandbox.motifs import Rgb


@dataclass(frozen=True, slots=True)
class Package:
    """A package drawn flat.

    Where it is, the polygons of `outline` tell; the rest of the image has the package's colour too.
    `outline`, `blocks` and `windows` are in units of which `scale` pixels make one; `upright` tells
    that it stands rather than lies.
    """

    image: Image.Image
    outline: list[list[Point]]
    scale: float
    blocks: list[Block]
    windows: dict[str, Window]
    upright: bool

    @property
    def size(self) -> Point:
        """Width and height in units."""
        return self.image.width / self.scale, self.image.height / self.scale

    def halved(self) -> "Package":
        """The same package with half as many pixels a unit."""
        return replace(self, image=self.image.reduce(2), scale=self.scale / 2)


class Canvas:
    """A ground of one colour on which a package is drawn, at `scale` pixels a unit."""

    def __init__(self, size: Point, scale: float, colour: Rgb) -> None:
        """An empty canvas; `size` is width and height in units."""
        self.scale = scale
        pixels = (round(size[0] * scale), round(size[1] * scale))
        self.image = Image.new("RGB", pixels, colour)
        self.outline: list[list[Point]] = []
        self._draw = ImageDraw.Draw(self.image)

    def polygon(self, points: Sequence[Point], colour: Rgb) -> None:
        """A filled polygon that belongs to the package."""
        self.outline.append(list(points))
        self._draw.polygon([(x * self.scale, y * self.scale) for x, y in points], colour)

    def ellipse(self, centre: Point, radii: Point, colour: Rgb) -> None:
        """A filled ellipse upon what belongs to the package already."""
        (x, y), (across, down), s = centre, radii, self.scale
        self._draw.ellipse(
            [(x - across) * s, (y - down) * s, (x + across) * s, (y + down) * s], colour
        )

    def rim(self, centre: Point, radii: Point, colour: Rgb) -> None:
        """A filled ellipse that reaches beyond what is drawn so far."""
        self.ellipse(centre, radii, colour)
        turns = [math.tau * step / 60 for step in range(60)]
        self.outline.append(
            [
                (centre[0] + radii[0] * math.cos(turn), centre[1] + radii[1] * math.sin(turn))
                for turn in turns
            ]
        )

    def line(self, points: Sequence[Point], colour: Rgb, width: float) -> None:
        """A stroke upon what belongs to the package already; `width` in units."""
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self._draw.line(scaled, colour, max(1, round(width * self.scale)))

    def shade(self, light: Image.Image, window: Window) -> None:
        """Let a small picture of the light fall on a window, stretched over it."""
        left, top, right, bottom = (
            round(edge * self.scale)
            for edge in (window.left, window.top, window.right, window.bottom)
        )
        fall_on(self.image, light, (left, top, right, bottom))

    def done(self, face: Face, mapping: Mapping, *, upright: bool) -> Package:
        """The package, with the words and windows of the face where the mapping has put them."""
        windows = {}
        for name, window in face.windows.items():
            a, b, c, d = window.corners
            windows[name] = around((mapping(*a), mapping(*b), mapping(*c), mapping(*d)))
        blocks = moved(face.blocks, mapping)
        return Package(self.image, self.outline, self.scale, blocks, windows, upright)

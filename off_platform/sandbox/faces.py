"""A flat printed surface: shapes and lettering in units of its own, every word's place remembered.

What is printed on it stands in `labels.py`; how it becomes a package in `packages.py`.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from off_platform.sandbox.geometry import Corners, Mapping, Point, Window

# All faces have this width; a size of 10 is small print, 40 a product's name.
WIDTH = 360

Ink = str | tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Word:
    """A word as printed and the four corners it fills."""

    text: str
    corners: Corners


@dataclass(frozen=True, slots=True)
class Pen:
    """How letters look: size in units, colour, and the thickness added around each, in units."""

    size: float
    ink: Ink
    bold: float = 0.0


Line = tuple[Word, ...]
Block = tuple[Line, ...]


def moved(blocks: Iterable[Block], mapping: Mapping) -> list[Block]:
    """The same words with every corner where the mapping takes it."""
    return [
        tuple(tuple(Word(word.text, _moved(word.corners, mapping)) for word in line) for line in b)
        for b in blocks
    ]


def _moved(corners: Corners, mapping: Mapping) -> Corners:
    a, b, c, d = corners
    return mapping(*a), mapping(*b), mapping(*c), mapping(*d)


@lru_cache(maxsize=256)
def font(pixels: int) -> ImageFont.FreeTypeFont:
    """Pillow's own letters at a height in pixels; it has them built in, there is no font file."""
    found = ImageFont.load_default(pixels)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType: the sandbox cannot write on packages.")
    return found


@lru_cache(maxsize=16_384)
def _run(plain: str, pixels: int) -> float:
    """How many pixels a text runs; asked several times for every word of every photo."""
    return font(pixels).getlength(plain)


@lru_cache(maxsize=4096)
def letters(text: str) -> tuple[str, tuple[tuple[int, str], ...]]:
    """The text without its accents, and each accent with the place of its letter.

    Pillow's built-in letters are those of ASCII, so that accents have to be drawn by hand.
    """
    plain: list[str] = []
    marks: list[tuple[int, str]] = []
    for place, letter in enumerate(text):
        parts = unicodedata.normalize("NFD", letter)
        plain.append(parts[0])
        marks.extend((place, mark) for mark in parts[1:])
    return "".join(plain), tuple(marks)


# Strokes of an accent: points in tenths of the letters' size, right and up from the middle of the
# letter's top; the cedilla hangs from the line the letters stand on.
_STROKES: dict[str, tuple[tuple[Point, ...], ...]] = {
    "\N{COMBINING GRAVE ACCENT}": (((-1.2, 2.1), (0.5, 0.7)),),
    "\N{COMBINING ACUTE ACCENT}": (((1.2, 2.1), (-0.5, 0.7)),),
    "\N{COMBINING CIRCUMFLEX ACCENT}": (((-1.3, 0.7), (0, 1.9), (1.3, 0.7)),),
    "\N{COMBINING TILDE}": (((-1.5, 0.9), (-0.6, 1.6), (0.6, 0.9), (1.5, 1.6)),),
    "\N{COMBINING DIAERESIS}": (((-1.4, 1.2), (-0.9, 1.2)), ((0.9, 1.2), (1.4, 1.2))),
    "\N{COMBINING CEDILLA}": (((0.1, 0), (0.5, -1.1), (-0.7, -1.8)),),
}
_CAPITAL, _SMALL, _DESCENT = 0.72, 0.53, 0.2


class Face:
    """A surface `WIDTH` units wide, drawn at `scale` pixels a unit."""

    def __init__(self, height: float, scale: float, colour: Ink) -> None:
        """A blank surface of one colour; `height` in units."""
        self.height = height
        self.scale = scale
        self.image = Image.new("RGB", (round(WIDTH * scale), round(height * scale)), colour)
        self.blocks: list[Block] = []
        self.windows: dict[str, Window] = {}
        self._draw = ImageDraw.Draw(self.image)

    def _pixels(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.scale, y * self.scale) for x, y in points]

    def rectangle(self, window: Window, fill: Ink, radius: float = 0) -> None:
        """A filled rectangle, its corners rounded by a radius in units."""
        box = self._pixels([(window.left, window.top), (window.right, window.bottom)])
        self._draw.rounded_rectangle([*box[0], *box[1]], radius * self.scale, fill)

    def ellipse(self, centre: Point, across: float, down: float, fill: Ink) -> None:
        """A filled ellipse with its two radii in units."""
        (x, y), s = centre, self.scale
        self._draw.ellipse(
            [(x - across) * s, (y - down) * s, (x + across) * s, (y + down) * s], fill
        )

    def polygon(self, points: Sequence[Point], fill: Ink) -> None:
        """A filled polygon."""
        self._draw.polygon(self._pixels(points), fill)

    def line(self, points: Sequence[Point], fill: Ink, width: float = 1) -> None:
        """A stroke through points, `width` in units."""
        self._draw.line(
            self._pixels(points), fill, max(1, round(width * self.scale)), joint="curve"
        )

    def length(self, text: str, size: float) -> float:
        """How far a text runs at a size, in units."""
        return _run(letters(text)[0], round(size * self.scale)) / self.scale

    def fitting(self, text: str, width: float, largest: float) -> float:
        """The size, `largest` at most, at which a text is no longer than a width."""
        return min(largest, largest * width / max(1.0, self.length(text, largest)))

    def write(
        self, text: str, at: Point, pen: Pen, align: Literal["left", "middle", "right"] = "left"
    ) -> Line:
        """Write one line and return its words with their places; it joins no block by itself.

        Args:
            text: letters of the Latin alphabet, with or without accents.
            at: where the line begins, has its middle or ends, on the line the letters stand on.
            pen: how it looks.
            align: what `at` means.
        """
        plain, marks = letters(text)
        share = {"left": 0.0, "middle": 0.5, "right": 1.0}[align]
        left, foot = at[0] - share * self.length(text, pen.size), at[1]
        of_size = font(round(pen.size * self.scale))
        where = (left * self.scale, foot * self.scale)
        self._draw.text(where, plain, pen.ink, of_size, "ls", stroke_width=pen.bold * self.scale)
        for place, mark in marks:
            before = self.length(plain[:place], pen.size)
            middle = left + (before + self.length(plain[: place + 1], pen.size)) / 2
            self._accent(mark, plain[place], (middle, foot), pen)
        return self._words(text, (left, foot), pen.size)

    def _accent(self, mark: str, letter: str, foot: Point, pen: Pen) -> None:
        top = 0.0 if mark == "\N{COMBINING CEDILLA}" else _CAPITAL if letter.isupper() else _SMALL
        width = max(0.09 * pen.size, 0.8) + 2 * pen.bold
        for stroke in _STROKES.get(mark, ()):
            points = [
                (foot[0] + x * pen.size / 10, foot[1] - (top + y / 10) * pen.size)
                for x, y in stroke
            ]
            self.line(points, pen.ink, width)

    def _words(self, text: str, at: Point, size: float) -> Line:
        left, foot = at
        words, place = [], 0
        for word in text.split(" "):
            start = left + self.length(text[:place], size)
            end = left + self.length(text[: place + len(word)], size)
            box = Window(start, foot - _CAPITAL * size, end, foot + _DESCENT * size)
            words.append(Word(word, box.corners))
            place += len(word) + 1
        return tuple(words)

    def paragraph(self, text: str, window: Window, pen: Pen) -> float:
        """Write a text in as many lines as the window's width asks for, as one block.

        Returns:
            Where the last line stands, in units from the top; the window's bottom is not heeded.
        """
        foot, lines, line = window.top + pen.size, [], ""
        for word in text.split():
            longer = f"{line} {word}".strip()
            if line and self.length(longer, pen.size) > window.right - window.left:
                lines.append(self.write(line, (window.left, foot), pen))
                foot, longer = foot + 1.25 * pen.size, word
            line = longer
        lines.append(self.write(line, (window.left, foot), pen))
        self.blocks.append(tuple(lines))
        return foot

"""A flat printed surface: shapes and text in units of its own, with the place of every word.

What is printed is in `labels.py`.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from matplotlib import get_data_path
from PIL import Image, ImageColor, ImageDraw, ImageFont

# How far the letters reach above and below their baseline, accents on capitals included.
_ASCENT, _DESCENT = 0.93, 0.24
# All faces have this width in units; a size of 10 is small print, 40 a product's name.
WIDTH = 360

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Corners = tuple[Point, Point, Point, Point]
Rgb = tuple[int, int, int]


class Word(NamedTuple):
    """A printed word and its corners, clockwise from the upper left one as the word is read."""

    text: str
    corners: Corners


Line = tuple[Word, ...]
Block = tuple[Line, ...]


def rgb(colour: str) -> Rgb:
    """A colour as Pillow names it, such as `#cf9a52` or `hsl(20, 50%, 40%)`."""
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def mixed(colour: Rgb, other: Rgb, share: float) -> Rgb:
    """A colour with a share, 0 to 1, of another one."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


@lru_cache(maxsize=256)
def font(pixels: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: Pillow's own font has no accents."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", name), pixels)


@lru_cache(maxsize=16_384)
def _run(text: str, pixels: int, *, bold: bool) -> float:
    return font(pixels, bold=bold).getlength(text)


class Face:
    """A surface, `WIDTH` units wide, drawn at `scale` pixels per unit."""

    def __init__(self, height: float, scale: float, colour: Rgb) -> None:
        """A blank surface of one colour; `height` in units."""
        self.height, self.scale = height, scale
        self.image = Image.new("RGB", (round(WIDTH * scale), round(height * scale)), colour)
        self.blocks: list[Block] = []
        self._draw = ImageDraw.Draw(self.image)

    def rectangle(self, box: Box, fill: Rgb, radius: float = 0) -> None:
        """A filled rectangle with round corners."""
        self._draw.rounded_rectangle(self._pixels(box), radius * self.scale, fill)

    def ellipse(self, box: Box, fill: Rgb) -> None:
        """A filled ellipse."""
        self._draw.ellipse(self._pixels(box), fill)

    def paste(self, image: Image.Image, middle: Point) -> None:
        """A picture with transparency, its size in pixels."""
        at = (round(middle[0] * self.scale), round(middle[1] * self.scale))
        self.image.paste(image, (at[0] - image.width // 2, at[1] - image.height // 2), image)

    def fitting(self, text: str, width: float, largest: float) -> float:
        """The size, `largest` at most, at which bold text is not wider than a width."""
        full = _run(text, round(largest * self.scale), bold=True) / self.scale
        return min(largest, 0.97 * largest * width / max(1.0, full))

    def write(
        self, text: str, at: Point, size: float, ink: Rgb, *, align: str = "l", bold: bool = False
    ) -> Line:
        """Writes one line.

        Args:
            text: in the Latin alphabet.
            at: where the line starts, has its middle or ends, on the baseline.
            size: of the font, in units.
            ink: the colour.
            align: what `at` is: `l`, `m` or `r`.
            bold: whether to use the bold font.

        Returns:
            Its words and their places in units; they are in no block yet.
        """
        pixels = max(1, round(size * self.scale))
        run, letters = _run(text, pixels, bold=bold), font(pixels, bold=bold)
        start = at[0] * self.scale - run * {"l": 0.0, "m": 0.5, "r": 1.0}[align]
        foot = at[1] * self.scale
        self._draw.text((start, foot), text, ink, letters, "ls")
        top, bottom = foot - _ASCENT * pixels - 1, foot + _DESCENT * pixels + 1
        words, place = [], 0
        for word in text.split(" "):
            before = start + _run(text[:place], pixels, bold=bold)
            left, _, right, _ = letters.getbbox(word, anchor="ls")
            a, b, c, d = (
                edge / self.scale for edge in (before + left - 1, top, before + right + 1, bottom)
            )
            words.append(Word(word, ((a, b), (c, b), (c, d), (a, d))))
            place += len(word) + 1
        return tuple(words)

    def centred(self, text: str, middle: Point, room: Point, ink: Rgb) -> Line:
        """Writes one bold line around a middle, as large as a width and a size allow."""
        size = self.fitting(text, *room)
        at = (middle[0], middle[1] + 0.36 * size)
        return self.write(text, at, size, ink, align="m", bold=True)

    def paragraph(self, text: str, box: Box, size: float, ink: Rgb) -> float:
        """Writes text as one block, in as many lines as the width of the box requires.

        Returns:
            The baseline of the last line, in units; the lower edge of the box does not count.
        """
        left, top, right, _ = box
        wrapped, pixels = [""], max(1, round(size * self.scale))
        for word in text.split():
            longer = f"{wrapped[-1]} {word}".strip()
            fits = _run(longer, pixels, bold=False) <= (right - left) * self.scale
            wrapped = [*wrapped[:-1], longer] if fits else [*wrapped, word]
        foots = [top + size * (1 + 1.25 * place) for place in range(len(wrapped))]
        lines = zip(wrapped, foots, strict=True)
        self.blocks.append(tuple(self.write(line, (left, foot), size, ink) for line, foot in lines))
        return foots[-1]

    def _pixels(self, box: Box) -> Box:
        left, top, right, bottom = (edge * self.scale for edge in box)
        return left, top, right, bottom

"""Points, and the perspective that carries a flat rectangle into a photo. Pure; draws nothing."""

from collections.abc import Callable
from dataclasses import dataclass

Point = tuple[float, float]
Mapping = Callable[[float, float], Point]

# Clockwise from the upper left, the order in which Cloud Vision gives vertices.
Corners = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Window:
    """An upright rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def corners(self) -> Corners:
        """Its four corners, clockwise from the upper left."""
        return (
            (self.left, self.top),
            (self.right, self.top),
            (self.right, self.bottom),
            (self.left, self.bottom),
        )


def around(points: Corners) -> Window:
    """The smallest window that holds four corners."""
    across = [x for x, _ in points]
    down = [y for _, y in points]
    return Window(min(across), min(down), max(across), max(down))


@dataclass(frozen=True, slots=True)
class Perspective:
    """A projective map of the plane, row by row of its 3 x 3 matrix."""

    rows: tuple[float, float, float, float, float, float, float, float, float]

    def __call__(self, x: float, y: float) -> Point:
        """Where a point comes to lie."""
        a, b, c, d, e, f, g, h, i = self.rows
        depth = g * x + h * y + i
        return (a * x + b * y + c) / depth, (d * x + e * y + f) / depth

    def scaled(self, across: float) -> "Perspective":
        """The same map for points given in units `across` times smaller."""
        a, b, c, d, e, f, g, h, i = self.rows
        return Perspective(
            (a / across, b / across, c, d / across, e / across, f, g / across, h / across, i)
        )

    def shifted(self, across: float, down: float) -> "Perspective":
        """The same map with every point moved on, after it, by so much."""
        a, b, c, d, e, f, g, h, i = self.rows
        rows = (a + across * g, b + across * h, c + across * i,
                d + down * g, e + down * h, f + down * i, g, h, i)  # fmt: skip
        return Perspective(rows)

    def backwards(self) -> tuple[float, float, float, float, float, float, float, float]:
        """The eight coefficients of the way back, as Pillow's perspective transform takes them."""
        a, b, c, d, e, f, g, h, i = self.rows
        last = a * e - b * d
        inverse = (
            e * i - f * h,
            c * h - b * i,
            b * f - c * e,
            f * g - d * i,
            a * i - c * g,
            c * d - a * f,
            d * h - e * g,
            b * g - a * h,
        )
        p, q, r, s, t, u, v, w = (each / last for each in inverse)
        return p, q, r, s, t, u, v, w


def perspective(width: float, height: float, corners: Corners) -> Perspective:
    """The map of the rectangle (0, 0, width, height) onto four corners.

    Heckbert's closed form; the corners must be those of a convex quadrilateral.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    across, down = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    area = (x1 - x2) * (y3 - y2) - (x3 - x2) * (y1 - y2)
    g = (across * (y3 - y2) - (x3 - x2) * down) / area
    h = ((x1 - x2) * down - across * (y1 - y2)) / area
    return Perspective(
        (
            (x1 - x0 + g * x1) / width,
            (x3 - x0 + h * x3) / height,
            x0,
            (y1 - y0 + g * y1) / width,
            (y3 - y0 + h * y3) / height,
            y0,
            g / width,
            h / height,
            1.0,
        )
    )

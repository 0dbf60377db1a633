"""Perspective: corners go where they should, and the way back is the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.sandbox.geometry import Corners, Window, around, perspective

OFFSETS = st.floats(-20, 20)
POINTS = st.tuples(OFFSETS, OFFSETS)
INSIDE = st.tuples(st.floats(0, 300), st.floats(0, 200))


def corners_near_a_rectangle(shifts: tuple[tuple[float, float], ...]) -> Corners:
    (a, b), (c, d), (e, f), (g, h) = shifts
    return (10 + a, 10 + b), (310 + c, 10 + d), (310 + e, 210 + f), (10 + g, 210 + h)


@given(st.tuples(POINTS, POINTS, POINTS, POINTS))
def test_the_rectangles_corners_come_to_lie_on_the_given_ones(
    shifts: tuple[tuple[float, float], ...],
) -> None:
    corners = corners_near_a_rectangle(shifts)
    lens = perspective(300, 200, corners)
    for start, end in zip(Window(0, 0, 300, 200).corners, corners, strict=True):
        assert lens(*start) == pytest.approx(end, abs=1e-6)


@given(st.tuples(POINTS, POINTS, POINTS, POINTS), INSIDE)
def test_the_way_back_undoes_the_way_there(
    shifts: tuple[tuple[float, float], ...], point: tuple[float, float]
) -> None:
    lens = perspective(300, 200, corners_near_a_rectangle(shifts)).shifted(7, -3).scaled(2)
    x, y = lens(2 * point[0], 2 * point[1])
    a, b, c, d, e, f, g, h = lens.backwards()
    depth = g * x + h * y + 1
    back = ((a * x + b * y + c) / depth, (d * x + e * y + f) / depth)
    assert back == pytest.approx((2 * point[0], 2 * point[1]), abs=1e-6)


def test_around_is_the_smallest_upright_rectangle() -> None:
    assert around(((3, 1), (9, 2), (8, 7), (2, 6))) == Window(2, 1, 9, 7)

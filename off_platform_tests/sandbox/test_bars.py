"""Barcodes: the bars are those of the standards, as patterns and as drawn on a package."""

import pytest

from off_platform.sandbox import labels
from off_platform.sandbox.bars import dark_runs, ean_8, ean_13, interleaved, modules
from off_platform.sandbox.products import product


def test_ean_13_as_in_the_standard() -> None:
    left = "0001011 0100111 0110011 0010011 0111101 0011101".replace(" ", "")
    right = "1100110 1101100 1000010 1011100 1001110 1000100".replace(" ", "")
    assert ean_13("5901234123457") == f"101{left}01010{right}101"


def test_ean_8_as_in_the_standard() -> None:
    left = "0001011 0101111 0111101 0110111".replace(" ", "")
    right = "1001110 1110010 1000100 1011100".replace(" ", "")
    assert ean_8("96385074") == f"101{left}01010{right}101"


def test_interleaved_2_of_5_as_in_the_standard() -> None:
    assert interleaved("12") == "1010" + "1110" + "1000" + "10" + "10" + "111000" + "11101"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("20065034", ean_8("20065034")),
        ("4012359114303", ean_13("4012359114303")),
        ("02012345600010", ean_13("2012345600010")),
        ("212345678903", ean_13("0212345678903")),
        ("12345670000017", interleaved("12345670000017")),
        ("290530101113758688", interleaved("290530101113758688")),
    ],
)
def test_each_length_has_its_kind_of_bars(code: str, expected: str) -> None:
    assert modules(code) == expected


def test_dark_runs_are_the_bars() -> None:
    assert dark_runs("1011001") == [(0, 1), (2, 4), (6, 7)]
    assert dark_runs("0") == []


@pytest.mark.parametrize("number", [0, 3, 6])
def test_the_bars_on_a_package_read_as_its_code(number: int) -> None:
    scale = 3.0
    shown = product(1, number)
    face = labels.back(shown, scale)
    box = face.windows["barcode"]
    line = round((box.top + 20) * scale)
    row = [
        face.image.getpixel((x, line))
        for x in range(round(box.left * scale), round(box.right * scale))
    ]
    dark = [isinstance(pixel, tuple) and pixel[0] < 128 for pixel in row]
    first, last = dark.index(True), len(dark) - dark[::-1].index(True)
    module = (last - first) / 95
    read = "".join(str(int(dark[int(first + (place + 0.5) * module)])) for place in range(95))
    assert read == ean_13(shown.code)

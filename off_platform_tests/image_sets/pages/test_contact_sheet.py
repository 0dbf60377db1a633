"""The contact sheet: bounded, deterministic, and undisturbed by photos that are none."""

from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from itertools import repeat
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from off_platform.image_sets.pages.contact_sheet import (
    MARKDOWN_BELOW,
    NotDrawableError,
    as_markdown,
    contact_sheet,
    encoded,
    thumbnail,
)

RED, BLUE = (220, 20, 20), (20, 20, 220)


def jpeg(size: tuple[int, int] = (40, 30), colour: tuple[int, int, int] = RED) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG", quality=95)
    return file.getvalue()


def noise(seed: int, side: int = 120) -> bytes:
    file = BytesIO()
    Image.frombytes("RGB", (side, side), Random(seed).randbytes(side * side * 3)).save(file, "JPEG")
    return file.getvalue()


def four_corners(orientation: int) -> bytes:
    image = Image.new("RGB", (64, 48), (10, 10, 10))
    for corner, colour in {(0, 0): RED, (32, 0): BLUE, (0, 24): (240, 240, 240)}.items():
        image.paste(colour, (*corner, corner[0] + 32, corner[1] + 24))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    image.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def with_dimensions(width: int, height: int) -> bytes:
    data = bytearray(jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data), formats=("JPEG",))
    image.load()
    return image.convert("RGB")


def near(left: tuple[int, ...], right: tuple[int, ...], apart: int = 30) -> bool:
    return all(abs(a - b) <= apart for a, b in zip(left, right, strict=True))


def pixel(image: Image.Image, place: tuple[int, int]) -> tuple[int, ...]:
    value = image.getpixel(place)
    assert isinstance(value, tuple)
    return value


def test_a_full_sheet_of_noise_stays_below_the_bound() -> None:
    sheet = contact_sheet(noise(seed) for seed in range(60))
    assert len(sheet) < 100_000
    assert opened(sheet).width > 400


@pytest.mark.parametrize("max_bytes", [1_000, 5_000, 20_000])
def test_a_smaller_bound_is_met_too(max_bytes: int) -> None:
    sheet = contact_sheet((noise(seed) for seed in range(12)), max_bytes=max_bytes)
    assert len(sheet) < max_bytes
    opened(sheet)


def test_a_bound_that_no_sheet_meets_is_refused() -> None:
    with pytest.raises(ValueError, match="fits into 100 bytes"):
        contact_sheet([jpeg()], max_bytes=100)


def test_the_same_photos_give_the_same_bytes() -> None:
    photos = [noise(1), b"no photo", jpeg()]
    assert contact_sheet(photos) == contact_sheet(iter(photos))


def test_only_the_first_photos_are_read() -> None:
    asked = 0

    def photos() -> Iterator[bytes]:
        nonlocal asked
        for photo in repeat(jpeg(), 100):
            asked += 1
            yield photo

    contact_sheet(photos(), most=7)
    assert asked == 7


def test_cells_stand_in_rows() -> None:
    sheet = opened(contact_sheet([jpeg((50, 50))] * 5, columns=3, side=50))
    assert sheet.size == (3 * 54 + 4, 2 * 54 + 4)
    assert near(pixel(sheet, (29, 83)), RED)
    assert not near(pixel(sheet, (137, 83)), RED)


def test_photos_keep_their_proportions_in_the_middle_of_their_cell() -> None:
    sheet = opened(contact_sheet([jpeg((192, 48))], side=96))
    assert near(pixel(sheet, (52, 52)), RED)
    assert near(pixel(sheet, (52, 12)), (236, 236, 233))
    assert near(pixel(sheet, (52, 92)), (236, 236, 233))


@pytest.mark.parametrize("photo", [b"", b"<html>no photo</html>", jpeg()[:200]])
def test_a_file_that_is_not_a_photo_is_a_grey_crossed_cell(photo: bytes) -> None:
    sheet = opened(contact_sheet([photo, jpeg((96, 96))], side=96))
    assert near(pixel(sheet, (52, 52)), (128, 128, 124))
    assert near(pixel(sheet, (52, 16)), (208, 208, 205), 12)
    assert near(pixel(sheet, (152, 52)), RED)


def test_without_photos_there_is_a_small_sheet() -> None:
    sheet = contact_sheet([])
    assert len(sheet) < 10_000
    assert opened(sheet).convert("L").getextrema()[0] < 180


@pytest.mark.parametrize("name", ["columns", "side", "most", "max_bytes"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        contact_sheet([jpeg()], **{name: 0})


def test_a_sheet_too_large_for_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="pixels"):
        contact_sheet([jpeg()], side=10_000)


def test_markdown_carries_the_sheet() -> None:
    sheet = contact_sheet([jpeg()])
    markdown = as_markdown(sheet)
    assert markdown.startswith("![contact sheet](data:image/jpeg;base64,")
    assert b64decode(markdown.partition("base64,")[2].removesuffix(")")) == sheet


@pytest.mark.parametrize("max_bytes", [75_000, 100_000, 400_000])
def test_markdown_stays_below_its_bound_with_any_sheet(max_bytes: int) -> None:
    sheet = contact_sheet((noise(seed) for seed in range(60)), max_bytes=max_bytes)
    markdown = as_markdown(sheet)
    assert len(markdown) < MARKDOWN_BELOW == 100_000
    opened(b64decode(markdown.partition("base64,")[2].removesuffix(")")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_thumbnail_is_turned_as_exif_says(orientation: int) -> None:
    photo = four_corners(orientation)
    with Image.open(BytesIO(photo)) as original:
        upright = ImageOps.exif_transpose(original).convert("RGB")
    assert thumbnail(photo, 64).tobytes() == upright.tobytes()


def test_a_thumbnail_is_made_smaller_and_never_larger() -> None:
    assert thumbnail(jpeg((640, 480)), 240).size == (240, 180)
    assert thumbnail(jpeg((40, 30)), 240).size == (40, 30)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_hide_the_photo() -> None:
    file = BytesIO()
    Image.new("RGB", (40, 30), RED).save(file, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert thumbnail(file.getvalue(), 96).size == (40, 30)


def test_only_the_pixels_of_a_photo_are_kept() -> None:
    file = BytesIO()
    Image.new("RGB", (40, 30)).save(file, "JPEG", comment=b"a word from outside " * 1000)
    assert b"outside" not in encoded(thumbnail(file.getvalue(), 96), 70)


@pytest.mark.parametrize(
    ("photo", "sentence"),
    [
        (b"", "not a JPEG"),
        (b"\x89PNG\r\n\x1a\n", "not a JPEG"),
        (noise(3)[:-2000], "damaged: image file is truncated"),
        (with_dimensions(10_000, 7_000), "10,000 \u00d7 7,000 pixels are more than"),
        (with_dimensions(60_000, 60_000), "more than the 64,000,000"),
    ],
)
def test_an_undrawable_photo_says_why(photo: bytes, sentence: str) -> None:
    with pytest.raises(NotDrawableError, match=sentence):
        thumbnail(photo, 96)


@given(
    cut=st.integers(0, 900),
    changes=st.lists(st.tuples(st.integers(0, 899), st.integers(0, 255)), max_size=6),
)
def test_damaged_bytes_are_drawn_or_refused_and_nothing_else(
    cut: int, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(four_corners(6)[: cut or None])
    for place, value in changes:
        if place < len(data):
            data[place] = value
    with suppress(NotDrawableError):
        assert max(thumbnail(bytes(data), 96).size) <= 96


def test_real_photos_fill_a_sheet(real_data: Callable[[str], Path]) -> None:
    photos = [path.read_bytes() for path in sorted(real_data("off/images").glob("*.jpg"))]
    sheet = contact_sheet(photos, columns=4)
    assert opened(sheet).size == (404, 204)
    assert len(sheet) < 100_000

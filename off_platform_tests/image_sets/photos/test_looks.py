"""What a photo looks like: hash and sharpness from its bytes, whatever these are."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from off_platform.image_sets.division.near_duplicates import near_pairs
from off_platform.image_sets.photos.looks import Looks, drawn_size, looks_of
from off_platform.image_sets.photos.perceptual_hash import DIGITS, SIDE, perceptual_hash, words_of
from off_platform_tests.image_sets.pictures_of import STORED, cropped, encoded, picture, turned


def alike(one: bytes, other: bytes) -> bool:
    hashes = [looks_of(data).perceptual_hash for data in (one, other)]
    assert all(hashes)
    return len(near_pairs(words_of([each for each in hashes if each])).earlier) == 1


def test_the_hash_of_the_whole_photo_is_that_of_imagehash() -> None:
    """`imagehash.phash(image, hash_size=16)` of version 4.3 gave these digits."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    steps = (rows // 9) * (columns // 11) * 40
    grey = (rows * rows * 3 + columns * columns * 5 + rows * columns * 7 + steps) % 251
    found = perceptual_hash(grey.astype(np.uint8))
    assert found is not None
    assert len(found) == DIGITS
    assert found.startswith("ab40556fa8a860024556a83e515443bfd54f8021d72aeefdd0aee9957d531d5f")


@pytest.mark.parametrize("orientation", STORED)
def test_a_photo_is_looked_at_as_it_is_shown(orientation: int) -> None:
    photo = picture(1)
    shown, stored = looks_of(encoded(photo)), looks_of(turned(photo, orientation))
    assert alike(encoded(photo), turned(photo, orientation))
    assert shown.sharpness == pytest.approx(stored.sharpness, rel=0.05)


def test_a_turned_photo_without_the_note_is_another() -> None:
    assert not alike(encoded(picture(1)), encoded(picture(1).rotate(180)))


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "smaller": lambda photo: encoded(photo.resize((112, 84))),
    "larger": lambda photo: encoded(photo.resize((900, 675))),
    "square": lambda photo: encoded(photo.resize((224, 224))),
    "worse": lambda photo: encoded(photo, quality=30),
    "darker": lambda photo: encoded(photo.point(lambda value: value * 0.7)),
    "grey": lambda photo: encoded(photo.convert("L")),
    "CMYK": lambda photo: encoded(photo.convert("CMYK")),
    "PNG": lambda photo: encoded(photo, "PNG"),
    "WebP": lambda photo: encoded(photo, "WEBP"),
    "GIF": lambda photo: encoded(photo.convert("P"), "GIF"),
    "without a border": lambda photo: encoded(cropped(photo, 0.05, 0.05, 0.05, 0.05)),
    "without half a border": lambda photo: encoded(cropped(photo, 0.025, 0.025, 0.025, 0.025)),
    "without its left": lambda photo: encoded(cropped(photo, 0.05, 0, 0, 0)),
    "without its top": lambda photo: encoded(cropped(photo, 0, 0.05, 0, 0)),
    "without its right": lambda photo: encoded(cropped(photo, 0, 0, 0.05, 0)),
    "without its bottom": lambda photo: encoded(cropped(photo, 0, 0, 0, 0.05)),
    "all of it": lambda photo: turned(cropped(photo, 0.05, 0, 0, 0).resize((224, 170)), 6, 50),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_photo_is_alike(change: str) -> None:
    assert alike(encoded(picture(1)), CHANGES[change](picture(1)))


def test_other_photos_are_not_alike() -> None:
    hashes = [looks_of(encoded(picture(seed))).perceptual_hash for seed in range(60)]
    assert len(near_pairs(words_of([each for each in hashes if each])).earlier) == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (2, 300), (64, 64), (400, 300)])
def test_a_photo_of_one_colour_has_no_hash(size: tuple[int, int], form: str) -> None:
    found = looks_of(encoded(Image.new("RGB", size, (200, 30, 90)), form))
    assert found.perceptual_hash is None
    assert found.problem is None
    assert found.decoded
    assert found.sharpness == (None if min(size) < 3 else 0)


def test_a_blurred_photo_is_less_sharp_whatever_its_size() -> None:
    sharp = picture(1).effect_spread(4)
    blurred = sharp.filter(ImageFilter.GaussianBlur(3))
    for size in ((400, 300), (800, 600), (300, 1200)):
        values = [looks_of(encoded(each.resize(size))).sharpness for each in (sharp, blurred)]
        assert None not in values
        assert (values[1] or 0) < (values[0] or 0) / 2
    large = sharp.resize((1600, 1200))
    values = [looks_of(encoded(each)).sharpness for each in (large, large.reduce(4))]
    assert values[0] == pytest.approx(values[1], rel=0.2)


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    grey = np.random.default_rng(3).integers(0, 256, (40, 50), dtype=np.uint8)
    values = grey.astype(float)
    laplacian = [
        values[row - 1, column] + values[row + 1, column] + values[row, column - 1]
        + values[row, column + 1] - 4 * values[row, column]
        for row in range(1, 39)
        for column in range(1, 49)
    ]  # fmt: skip
    found = looks_of(encoded(Image.fromarray(grey), "PNG")).sharpness
    assert found == pytest.approx(np.var(laplacian), rel=1e-3)


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((400, 300), (200, 150)), ((120, 90), (120, 90)), ((4000, 10), (200, 1)), ((1, 1), (1, 1))],
)
def test_photos_are_drawn_to_one_size(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    assert drawn_size(*size) == drawn


def test_a_damaged_photo_has_a_problem_and_no_looks() -> None:
    photo = encoded(picture(1))
    for data in (photo[:2000], photo.replace(b"\xff\xda", b"\xff\xd0"), b"", b"no photo"):
        found = looks_of(data)
        assert found == Looks(problem=found.problem)
        assert found.problem
    png = encoded(picture(1), "PNG")
    assert looks_of(png[:-100]).problem == "the PNG cannot be decoded"


def test_a_photo_of_too_many_pixels_is_not_decoded() -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    assert looks_of(png).problem == (
        "the PNG has 100,000 x 100,000 pixels, and 1 to 64,000,000 are allowed"
    )


FORMS = [encoded(picture(2, (48, 40)), form) for form in ("JPEG", "PNG", "WEBP", "GIF")]


@given(
    st.sampled_from(FORMS),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=9),
)
def test_no_bytes_raise(data: bytes, changes: list[tuple[float, int]]) -> None:
    changed = bytearray(data)
    for place, value in changes:
        changed[int(place * len(changed))] = value
    found = looks_of(bytes(changed))
    assert found.decoded == (found.problem is None)
    assert found.perceptual_hash is None or len(found.perceptual_hash) == DIGITS


def test_genuine_photos(real_data: Callable[[str], Path]) -> None:
    """Each is alike to its smaller, worse and cropped copies, and to no photo of anything else."""
    photos = [*real_data("off/images").glob("*.jpg"), *real_data("bins/images").glob("0*.jpg")]
    hashes: list[str] = []
    of: list[int] = []
    for number, path in enumerate(sorted(photos)):
        with Image.open(path) as opened:
            photo = opened.convert("RGB")
        copies = (photo.resize((224, 224)), cropped(photo, 0.05, 0.05, 0.05, 0.05))
        for data in (path.read_bytes(), *(encoded(copy, quality=60) for copy in copies)):
            found = looks_of(data).perceptual_hash
            assert found
            hashes.append(found)
            of.append(number)
    owners = np.array(of)
    found = near_pairs(words_of(hashes))
    earlier, later = owners[found.earlier], owners[found.later]
    assert (earlier == later).sum() >= 0.97 * 3 * len(photos)
    # Each of these pairs is a visit: the same bin, moments apart.
    names = [path.stem for path in sorted(photos)]
    others = {(names[one], names[two]) for one, two in zip(earlier, later, strict=True)}
    visits = {("00015", "00016"), ("00020", "00021"), ("00032", "00033"), ("00050", "00051")}
    assert {pair for pair in others if pair[0] != pair[1]} <= visits

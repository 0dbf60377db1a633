"""Files of a photo: turned or not, progressive or not, and small."""

import io
from collections import Counter

from PIL import Image, ImageOps

from off_platform.sandbox import filing, photos
from off_platform.sandbox.products import product


def test_a_photo_filed_on_its_side_is_turned_back_by_its_orientation() -> None:
    photo = photos.photograph(product(1, 10), 1)
    for orientation in (3, 6, 8):
        content = filing.raw_file(
            photo, filing.Filing(90, progressive=False, orientation=orientation)
        )
        with Image.open(io.BytesIO(content)) as stored:
            assert stored.getexif()[0x0112] == orientation
            upright = ImageOps.exif_transpose(stored)
        assert upright.size == photo.image.size
        difference = ImageOps.grayscale(upright.resize((16, 16))).tobytes()
        expected = ImageOps.grayscale(photo.image.resize((16, 16))).tobytes()
        assert max(abs(a - b) for a, b in zip(difference, expected, strict=True)) < 16


def test_photos_are_filed_in_several_ways() -> None:
    ways = [filing.filing(product(1, number), 1) for number in range(200)]
    assert Counter(way.progressive for way in ways)[True] > 5
    assert {way.orientation for way in ways} == {None, 3, 6, 8}
    assert filing.filing(product(1, 3), 1, 1) != filing.filing(product(1, 3), 1)

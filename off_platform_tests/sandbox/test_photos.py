"""Photos: the words on them are where their corners say, and files keep them upright."""

import io
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageOps

from off_platform.sandbox import photo_files, photos
from off_platform.sandbox.assortment import LANGUAGES, WORDS, in_language
from off_platform.sandbox.faces import Block, Face, Word
from off_platform.sandbox.products import Product, product

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
POINTS = st.tuples(st.floats(-500, 500), st.floats(-500, 500))
SHELF = [product(1, number) for number in range(60)]


def words_of(blocks: list[Block]) -> list[Word]:
    return [word for block in blocks for line in block for word in line]


def said(blocks: list[Block]) -> str:
    return " ".join(word.text for word in words_of(blocks))


def of_shape(shape: str) -> Product:
    return next(each for each in SHELF if each.shape == shape)


def outside(image: Image.Image, words: list[Word]) -> Image.Image:
    """The image with the words' corners filled with black."""
    left = image.copy()
    for word in words:
        ImageDraw.Draw(left).polygon(word.corners, 0)
    return left


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("size", "bold"), [(10, False), (22, True), (60, True)])
def test_every_word_is_drawn_within_its_corners(language: str, size: int, bold: bool) -> None:  # noqa: FBT001
    for row in WORDS.values():
        face = Face(size * 2, 1.0, WHITE)
        words = list(face.write(row[language], (9, size * 1.4), size, BLACK, bold=bold))
        ink = ImageOps.invert(face.image.convert("L"))
        assert outside(ink, words).getextrema()[1] == 0
        assert outside(ink, words[1:]).getbbox() is not None


@pytest.mark.parametrize("shape", ["box", "bag", "can", "bottle", "jar"])
def test_changing_the_name_changes_the_photo_only_within_the_names_corners(shape: str) -> None:
    shown = of_shape(shape)
    first, second = (photos.photograph(replace(shown, name=name), 1) for name in ("Eis", "Brot"))
    assert {shown.brand, "Eis"} <= set(said(first.blocks).split())
    names = [word for photo in (first, second) for word in words_of(photo.blocks)
             if word.text in {"Eis", "Brot"}]  # fmt: skip
    assert len(names) == 2
    changed = ImageChops.difference(first.image, second.image).convert("L")
    assert changed.getextrema()[1] > 60
    assert outside(changed, names).getextrema()[1] < 12
    assert first.image.size == shown.camera


@given(POINTS, POINTS, POINTS, st.floats(0.2, 4), st.floats(-180, 180))
def test_pixels_and_corners_move_the_same_way(
    aim: tuple[float, float], middle: tuple[float, float], point: tuple[float, float],
    zoom: float, turn: float,
) -> None:  # fmt: skip
    pose = photos.Pose(aim, middle, zoom, turn)
    x, y = pose(point)
    a, b, c, d, e, f = pose.backwards((3, 5))
    back = (a * x + b * y + c, d * x + e * y + f)
    assert back == pytest.approx(((point[0] + 3) * zoom, (point[1] + 5) * zoom), abs=1e-6)


@pytest.mark.parametrize("shape", ["box", "jar"])
def test_the_second_photo_shows_the_table_and_the_third_the_ingredients(shape: str) -> None:
    shown = of_shape(shape)
    table, ingredients = (said(photos.photograph(shown, number).blocks) for number in (2, 3))
    assert in_language("Energy", shown.language) in table
    assert in_language("Ingredients", shown.language) in ingredients
    assert photos.view_of(1400) == photos.view_of(400) == "back"


def test_photos_are_reproducible_and_differ() -> None:
    shown = of_shape("jar")
    first, again, other = (photos.photograph(shown, n).image.tobytes() for n in (1, 1, 2))
    assert first == again != other


def test_products_differ_in_size_shape_language_and_country() -> None:
    assert len({each.camera for each in SHELF}) >= 5
    assert {each.shape for each in SHELF} == {"box", "bag", "can", "bottle", "jar"}
    assert {each.language for each in SHELF} == set(LANGUAGES)
    assert len({each.country for each in SHELF}) >= 6
    assert {each.food.name for each in SHELF} <= WORDS.keys()
    assert all({*each.food.ingredients} <= WORDS.keys() for each in SHELF)


def test_some_photos_are_stored_turned_and_some_progressive() -> None:
    picture = Image.linear_gradient("L").resize((30, 40)).convert("RGB")
    turned, progressive = Counter[int](), 0
    for number in range(200):
        content = photo_files.raw_file(photos.Photo(picture, []), product(1, number), 1)
        with Image.open(io.BytesIO(content)) as stored:
            turned[stored.getexif().get(photo_files.ORIENTATION, 1)] += 1
            progressive += bool(stored.info.get("progressive"))
            upright = ImageOps.exif_transpose(stored)
        assert upright.size == (30, 40)
        assert max(ImageChops.difference(upright, picture).getextrema()[0]) < 24
    assert turned.keys() == {1, 3, 6, 8}
    assert turned[1] > 150
    assert 5 < progressive < 60

"""Photos: what is seen on them, and where their words lie."""

import math

import pytest
from PIL import ImageOps

from off_platform.sandbox import photos
from off_platform.sandbox.assortment import INGREDIENTS, LANGUAGES, SORTS, WORDINGS
from off_platform.sandbox.faces import Block, font, letters
from off_platform.sandbox.products import Product, product


def said(blocks: list[Block]) -> str:
    return " ".join(word.text for block in blocks for line in block for word in line)


def of_shape(shape: str) -> Product:
    return next(each for each in (product(1, n) for n in range(200)) if each.shape == shape)


@pytest.mark.parametrize("shape", ["box", "bag", "can", "bottle", "jar"])
def test_the_front_shows_brand_name_and_quantity(shape: str) -> None:
    shown = of_shape(shape)
    photo = photos.photograph(shown, 1)
    assert photo.image.size == shown.camera
    text = said(photo.blocks)
    assert shown.brand in text
    assert shown.name in text


@pytest.mark.parametrize("shape", ["box", "can"])
def test_the_second_photo_shows_the_table_and_the_third_the_ingredients(shape: str) -> None:
    shown = of_shape(shape)
    wording = WORDINGS[shown.language]
    assert wording.energy in said(photos.photograph(shown, 2).blocks)
    assert wording.ingredients in said(photos.photograph(shown, 3).blocks)
    assert photos.view_of(1400) == photos.view_of(400) == "back"


def test_words_lie_within_the_photo_and_on_ink() -> None:
    shown = of_shape("box")
    photo = photos.photograph(shown, 2)
    grey = ImageOps.grayscale(photo.image)
    contrasts = []
    for block in photo.blocks:
        for line in block:
            for word in line:
                across, down = zip(*word.corners, strict=True)
                assert 0 <= min(across) < max(across) < photo.image.width
                assert 0 <= min(down) < max(down) < photo.image.height
                box = (math.floor(min(across)), math.floor(min(down)), math.ceil(max(across)),
                       math.ceil(max(down)))  # fmt: skip
                low, high = grey.crop(box).getextrema()
                contrasts.append(int(high) - int(low))  # type: ignore[arg-type]
    assert len(contrasts) > 20
    assert min(contrasts) > 60


def test_the_same_photo_comes_out_the_same_and_another_differs() -> None:
    shown = of_shape("jar")
    first, again, other = (photos.photograph(shown, n).image.tobytes() for n in (1, 1, 2))
    assert first == again != other


def test_products_differ_in_size_shape_language_and_country() -> None:
    shelf = [product(1, number) for number in range(60)]
    assert len({each.camera for each in shelf}) >= 5
    assert {each.shape for each in shelf} == {"box", "bag", "can", "bottle", "jar"}
    assert {each.language for each in shelf} == set(LANGUAGES)
    assert len({each.country for each in shelf}) >= 6
    assert len({each.editor for each in shelf}) >= 4


def test_every_word_can_be_printed_with_the_letters_there_are() -> None:
    words = [word for sort in SORTS for word in (*sort.names, *sort.quantities, *sort.ingredients)]
    words += [word for others in INGREDIENTS.values() for word in others]
    for wording in WORDINGS.values():
        words += [wording.nutrition, wording.energy, wording.traces, wording.keep]
        words += [*wording.nutrients, *wording.claims]
    assert all(letters(word)[0].isascii() for word in words)
    assert all(name in INGREDIENTS for sort in SORTS for name in sort.ingredients)


def test_accents_are_kept_apart_with_their_places() -> None:
    assert letters("Café à") == ("Cafe a", ((3, "\u0301"), (5, "\u0300")))


def test_letters_are_built_in() -> None:
    assert font(20).getlength("Ab") > font(10).getlength("Ab") > 0
